//! The children of a combinator and the engine that polls them, as one: [`JoinAll`].
//!
//! It implements what every combinator over futures does on a failure, and is the only place that
//! drops a branch. It is not a future; [`Gather`](super::Gather) and its siblings are.
//!
//! ```text
//!            a child panics, fails, or resumes a cancellation
//!            a cancellation comes from outside
//!   running ──────────────────────────────────────────────────▶ exiting
//!     │                                          drop_uncaught: children without a
//!     │                                          catch point; the others clean up
//!     │ poll: all have ended                                       │
//!     │                          all have ended, and the joins that│
//!     ▼                          were pending in dropped children  ▼
//!   ended                                             finish: the panic propagates,
//!     into_set: the driver                            or the cancellation, or the
//!     takes the outputs                               driver returns its error
//!
//!   dropped at any time: clear drops all children and outputs
//! ```
//!
//! A branch may receive a cancellation and end its poll pending, without a wake and without polling
//! its catch point. Then the cancellation passes by the catch point (C26), and the branch is
//! dropped.
//!
//! A `JoinAll` is a `Join` node in the tree of scopes and its children are branches of it. These
//! nodes are opened when a catch point opens in a child. Without one they cost nothing, and a
//! cancellation drops the `JoinAll` as a whole.

use super::branch_scopes::{BranchScopes, Exit};
use super::engine::Engine;
use super::slot::Set;
use crate::error::Panic;
use crate::runtime::{DeferredOpen, ScopeHandle};
use crate::util::{Payload, caught, drop_quietly, go_on};
use pin_project_lite::pin_project;
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

pin_project! {
    #[project = JoinAllProj]
    pub(super) struct JoinAll<S: Set> {
        #[pin]
        set: S,
        engine: Engine,
        // Whether the set may contain futures or outputs.
        live: bool,
        // Whether all children have ended.
        finished: bool,
        // Declared after the set, so that the scopes close last.
        branch_scopes: BranchScopes,
    }

    impl<S: Set> PinnedDrop for JoinAll<S> {
        fn drop(this: Pin<&mut Self>) {
            let dropped = this.clear();
            if let Err(panic) = dropped {
                go_on(panic);
            }
        }
    }
}

impl<S: Set> JoinAll<S> {
    pub(super) fn new(set: S) -> Self {
        let engine = Engine::new(set.count());
        Self {
            set,
            engine,
            live: true,
            finished: false,
            branch_scopes: BranchScopes::default(),
        }
    }

    /// Limits how many children run at once.
    pub(super) fn set_limit(&mut self, what: &str, limit: usize) {
        assert!(
            limit > 0,
            "{what}: `limit(0)` would never start a future; ask for at least 1"
        );
        self.engine.set_limit(limit);
    }

    /// Returns the number of children, and the number of those that have not ended.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.set.count(), self.engine.left())
    }

    /// Returns `true` if no child will be polled again.
    pub(super) fn has_ended(&self) -> bool {
        self.finished
    }

    /// Returns `true` if a cancellation propagates, so that the future around must wait to be
    /// dropped.
    pub(super) fn is_propagating(&self) -> bool {
        self.branch_scopes.is_propagating()
    }

    /// Waits to be dropped while a cancellation propagates.
    ///
    /// # Panics
    /// If `catch_cancel` has returned the cancellation already.
    pub(super) fn wait_to_be_dropped<T>(&self) -> Poll<T> {
        self.branch_scopes.wait_to_be_dropped()
    }

    /// Ends the propagation of a cancellation: the future that polled was dropped.
    pub(super) fn forget_propagating(&mut self) {
        self.branch_scopes.forget_propagating();
    }

    /// Returns the children, all of which have ended. The driver takes every output.
    pub(super) fn into_set(self: Pin<&mut Self>) -> Pin<&mut S> {
        let this = self.project();
        *this.live = false;
        this.set
    }

    pub(super) fn set(self: Pin<&mut Self>) -> Pin<&mut S> {
        self.project().set
    }

    /// Suspends the scope until the next poll: until then, a cancellation is not delivered inside.
    pub(super) fn suspend(&mut self) {
        self.branch_scopes.join.set_aside();
    }

    /// Polls the children that were woken. Calls `judge` for each that has ended; a `Break` of it
    /// cancels the others.
    ///
    /// Returns `Ready(Continue)` when all have ended, and `Ready(Break)` when
    /// they have after a `Break` of `judge`. A panic of a child, or a cancellation, propagates when
    /// the others have ended.
    pub(super) fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut judge: impl FnMut(Pin<&mut S>, usize) -> ControlFlow<()>,
    ) -> Poll<ControlFlow<()>> {
        if self.branch_scopes.is_propagating() {
            return self.branch_scopes.wait_to_be_dropped();
        }
        while !self.engine.has_ended() {
            let mut this = self.as_mut().project();
            if this.branch_scopes.begin_poll(cx.waker()) {
                drop_uncaught(this.set.as_mut(), this.engine, this.branch_scopes);
            }
            match this.round(cx, &mut judge) {
                Poll::Pending if self.as_mut().project().end_poll(cx.waker()) => {
                    return Poll::Pending;
                }
                Poll::Pending | Poll::Ready(ControlFlow::Continue(())) => {}
                Poll::Ready(ControlFlow::Break(exit)) => self.as_mut().begin_exit(exit),
            }
        }
        self.finish(cx)
    }

    /// Begins to exit for a reason inside, and drops the children without a catch point.
    fn begin_exit(self: Pin<&mut Self>, exit: Exit) {
        let this = self.project();
        this.branch_scopes.begin_exit(exit);
        drop_uncaught(this.set, this.engine, this.branch_scopes);
    }

    /// Completes, or exits: all children have ended.
    fn finish(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ControlFlow<()>> {
        let this = self.as_mut().project();
        let branch_scopes = this.branch_scopes;
        if !branch_scopes.pending_joins.is_over() {
            // A shield that ended last may have released a cancellation that is recorded already.
            // Taking it here keeps it from scopes further out.
            branch_scopes.begin_poll(cx.waker());
        }
        ready!(branch_scopes.pending_joins.poll(cx.waker()));
        *this.finished = true;
        branch_scopes.close();
        let Some(exit) = branch_scopes.exit.take() else {
            return Poll::Ready(ControlFlow::Continue(()));
        };
        let dropped = self.as_mut().clear();
        match (exit, dropped) {
            (Exit::Panicked(panic), dropped) => {
                drop_quietly(dropped);
                panic.resume()
            }
            (_, Err(panic)) => resume_unwind(panic),
            (Exit::Cancelled(cancelled), Ok(())) => {
                self.project()
                    .branch_scopes
                    .propagate(cancelled, cx.waker());
                Poll::Pending
            }
            (Exit::Broken, Ok(())) => Poll::Ready(ControlFlow::Break(())),
        }
    }

    /// Drops the remaining children and outputs, in argument order.
    ///
    /// A panic of one destructor does not keep the others from being dropped.
    ///
    /// # Errors
    ///
    /// The first panic of a destructor.
    fn clear(self: Pin<&mut Self>) -> Result<(), Payload> {
        let this = self.project();
        let mut set = this.set;
        this.engine.close();
        let count = if std::mem::take(this.live) {
            set.count()
        } else {
            0
        };
        let mut first = Ok(());
        for index in 0..count {
            let dropped = caught(|| set.as_mut().clear_child(index));
            match first {
                Ok(()) => first = dropped,
                Err(_) => drop_quietly(dropped),
            }
        }
        first
    }
}

/// The arguments of [`step`] that concern its child.
struct Turn<'a, 'p, S> {
    set: Pin<&'a mut S>,
    index: usize,
    /// Opens the scope of the child if its code needs it.
    deferred: Option<&'a DeferredOpen<'p>>,
}

/// Polls a child once. Breaks if `judge` does, or if the child resumed a cancellation, which is
/// then in `resumed`.
#[inline]
fn step<S: Set>(
    turn: Turn<'_, '_, S>,
    branch_scopes: &mut BranchScopes,
    cx: &mut Context<'_>,
    judge: &mut impl FnMut(Pin<&mut S>, usize) -> ControlFlow<()>,
) -> Poll<ControlFlow<()>> {
    let Turn {
        mut set,
        index,
        deferred,
    } = turn;
    if branch_scopes.has_scopes() && branch_scopes.has_arrived_at(index) {
        return end_cancelled(set, index, branch_scopes);
    }
    let polled =
        branch_scopes.poll_inside(index, cx, deferred, |cx| set.as_mut().poll_child(index, cx));
    if polled.is_pending() {
        return if branch_scopes.has_scopes() {
            end_cancelled(set, index, branch_scopes)
        } else {
            Poll::Pending
        };
    }
    if branch_scopes.has_scopes() {
        branch_scopes.close_branch(index);
    }
    match branch_scopes.exit {
        Some(_) => Poll::Ready(ControlFlow::Continue(())),
        None => Poll::Ready(judge(set, index)),
    }
}

/// Drops a pending child if a cancellation ends it.
///
/// Cold: most children open no scope (bench `gather_yield_10000`).
#[cold]
fn end_cancelled<S: Set>(
    set: Pin<&mut S>,
    index: usize,
    branch_scopes: &mut BranchScopes,
) -> Poll<ControlFlow<()>> {
    let Some(cancelled) = branch_scopes.arrived_at(index) else {
        return Poll::Pending;
    };
    branch_scopes.drop_child(index, &cancelled, set);
    if branch_scopes.expects(&cancelled) {
        return Poll::Ready(ControlFlow::Continue(()));
    }
    branch_scopes.resumed = Some(cancelled);
    Poll::Ready(ControlFlow::Break(()))
}

impl<S: Set> JoinAllProj<'_, S> {
    /// Ends a poll that is pending. Returns `false` if a cancellation has arrived meanwhile and the
    /// poll must continue.
    fn end_poll(self, waker: &Waker) -> bool {
        self.branch_scopes.end_poll(waker, self.engine)
    }

    /// Runs one poll of the engine. Breaks with the exit that a child causes.
    fn round(
        self,
        cx: &mut Context<'_>,
        judge: &mut impl FnMut(Pin<&mut S>, usize) -> ControlFlow<()>,
    ) -> Poll<ControlFlow<Exit>> {
        let Self {
            mut set,
            engine,
            branch_scopes,
            ..
        } = self;
        let polled = caught(|| {
            ScopeHandle::with_branches(branch_scopes.join.node(), |deferred| {
                engine.poll(cx, |index, cx| {
                    let set = set.as_mut();
                    let turn = Turn {
                        set,
                        index,
                        deferred,
                    };
                    step(turn, branch_scopes, cx, judge)
                })
            })
        });
        match polled {
            Ok(Poll::Ready(ControlFlow::Break(()))) => {
                let resumed = branch_scopes.resumed.take();
                let exit = resumed.map_or(Exit::Broken, Exit::Cancelled);
                Poll::Ready(ControlFlow::Break(exit))
            }
            Ok(Poll::Ready(ControlFlow::Continue(()))) => Poll::Ready(ControlFlow::Continue(())),
            Ok(Poll::Pending) => Poll::Pending,
            Err(panic) => {
                let Some(index) = engine.resume_after_panic() else {
                    resume_unwind(panic);
                };
                branch_scopes.drop_child(index, &branch_scopes.reason(), set);
                let exit = Exit::Panicked(Panic::new(panic));
                Poll::Ready(ControlFlow::Break(exit))
            }
        }
    }
}

/// Drops the children without a catch point, and those that have not begun, in argument order.
fn drop_uncaught<S: Set>(
    mut set: Pin<&mut S>,
    engine: &mut Engine,
    branch_scopes: &mut BranchScopes,
) {
    let never_begun = engine.stop_beginning();
    for index in 0..never_begun.end {
        let is_running = engine.is_running(index);
        if !(is_running || never_begun.contains(&index)) || branch_scopes.has_scope(index) {
            continue;
        }
        branch_scopes.drop_child(index, &branch_scopes.reason(), set.as_mut());
        if is_running {
            engine.end(index);
        }
    }
}
