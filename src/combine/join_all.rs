//! The children of a combinator and the engine that polls them, as one: the crew.
//!
//! Here lives what every combinator over futures promises when something goes wrong, and the one place where a branch
//! is dropped. It is not a future; [`Gather`](super::Gather) and its siblings are. Floor: F4.
//!
//! ```text
//!            a child panics, fails, or resumes a cancellation ─┐
//!   at work ─ a cancellation comes from outside ───────────────┴▶ winding up: those without a catch point are dropped,
//!     │                                                               │        the others clean up
//!     │ poll: all have ended                                          │ all have ended, and the tasks that dropped
//!     ▼                                                               ▼ ones were awaiting, too
//!   ended: the driver takes the outputs           the panic goes on, or the cancellation, or the driver has its error
//!
//!   dropped at any time: all children and outputs with it
//! ```
//!
//! A branch that was told and ends its poll pending, not woken again, with a catch point in it that
//! was not polled: that is passed by (C26), and the branch is dropped.
//!
//! A crew is a `Join` in the tree of scopes and its children are branches of it, opened when something in a child opens a
//! catch point. One in which nobody does pays nothing for that, and a cancellation drops it whole.

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
    /// Children and their engine.
    #[project = JoinAllProj]
    pub(super) struct JoinAll<S: Set> {
        // The children.
        #[pin]
        set: S,
        // Who is polled when.
        engine: Engine,
        // Whether futures or outputs may be left in the set.
        live: bool,
        // Whether nothing is polled any more.
        finished: bool,
        // Their places in the tree of scopes, and how it will end. After the set, so that it closes last.
        branch_scopes: BranchScopes,
    }

    impl<S: Set> PinnedDrop for JoinAll<S> {
        fn drop(this: Pin<&mut Self>) {
            let dismissed = this.clear();
            if let Err(panic) = dismissed {
                go_on(panic);
            }
        }
    }
}

impl<S: Set> JoinAll<S> {
    /// A crew that has not begun.
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

    /// Bounds how many children run at once.
    pub(super) fn set_limit(&mut self, what: &str, limit: usize) {
        assert!(
            limit > 0,
            "{what}: `limit(0)` would never start a future; ask for at least 1"
        );
        self.engine.set_limit(limit);
    }

    /// How many children there are, and how many have not ended.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.set.count(), self.engine.left())
    }

    /// Whether nothing is polled any more.
    pub(super) fn has_ended(&self) -> bool {
        self.finished
    }

    /// Whether a cancellation has gone on outwards, so that whoever polls must wait to be dropped.
    pub(super) fn has_passed(&self) -> bool {
        self.branch_scopes.has_passed()
    }

    /// A cancellation has gone on outwards: waits to be dropped.
    ///
    /// # Panics
    /// If the cancellation was given out.
    pub(super) fn wait_to_be_dropped<T>(&self) -> Poll<T> {
        self.branch_scopes.wait_to_be_dropped()
    }

    /// Whoever polled has been dropped: one in which a cancellation has gone on outwards is over for whoever comes next.
    pub(super) fn be_over(&mut self) {
        self.branch_scopes.be_over();
    }

    /// The children, all of which have ended, for the driver to take every output.
    pub(super) fn into_set(self: Pin<&mut Self>) -> Pin<&mut S> {
        let this = self.project();
        *this.live = false;
        this.set
    }

    /// The children.
    pub(super) fn set(self: Pin<&mut Self>) -> Pin<&mut S> {
        self.project().set
    }

    /// Nobody will poll it until the next poll: what is delivered inside would not be heard.
    pub(super) fn set_aside(&mut self) {
        self.branch_scopes.join.set_aside();
    }

    /// Polls the children that were woken; `judge` sees each that has just ended, and may break the whole off.
    ///
    /// `Ready(Continue)` when all have ended, `Ready(Break)` when they have after `judge` broke off. A panic of a child goes
    /// on when the others are gone, and so does a cancellation.
    pub(super) fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut judge: impl FnMut(Pin<&mut S>, usize) -> ControlFlow<()>,
    ) -> Poll<ControlFlow<()>> {
        if self.branch_scopes.has_passed() {
            return self.branch_scopes.wait_to_be_dropped();
        }
        while !self.engine.has_ended() {
            let mut this = self.as_mut().project();
            if this.branch_scopes.hear(cx.waker()) {
                drop_uncaught(this.set.as_mut(), this.engine, this.branch_scopes);
            }
            match this.round(cx, &mut judge) {
                Poll::Pending if self.as_mut().project().rests(cx.waker()) => {
                    return Poll::Pending;
                }
                Poll::Pending | Poll::Ready(ControlFlow::Continue(())) => {}
                Poll::Ready(ControlFlow::Break(end)) => self.as_mut().begin_exit(end),
            }
        }
        self.finish(cx)
    }

    /// Begins to end, for a reason that lies inside.
    fn begin_exit(self: Pin<&mut Self>, end: Exit) {
        let this = self.project();
        this.branch_scopes.begin_exit(end);
        drop_uncaught(this.set, this.engine, this.branch_scopes);
    }

    /// All have ended: draws the consequence.
    fn finish(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ControlFlow<()>> {
        let this = self.as_mut().project();
        let branch_scopes = this.branch_scopes;
        if !branch_scopes.awaited.is_over() {
            // A shield that was the last to end has let out what the crew knows: nobody else is to hear of that.
            branch_scopes.hear(cx.waker());
        }
        ready!(branch_scopes.awaited.poll(cx.waker()));
        *this.finished = true;
        branch_scopes.close();
        let Some(end) = branch_scopes.end.take() else {
            return Poll::Ready(ControlFlow::Continue(()));
        };
        let dismissed = self.as_mut().clear();
        match (end, dismissed) {
            (Exit::Panicked(panic), dismissed) => {
                drop_quietly(dismissed);
                panic.resume()
            }
            (_, Err(panic)) => resume_unwind(panic),
            (Exit::Cancelled(cancelled), Ok(())) => {
                self.project().branch_scopes.pass(cancelled, cx.waker());
                Poll::Pending
            }
            (Exit::Broken, Ok(())) => Poll::Ready(ControlFlow::Break(())),
        }
    }

    /// Drops every branch that is left, and every output, in argument order.
    ///
    /// Each one is dropped whatever the destructors of the others do.
    ///
    /// # Errors
    ///
    /// The first panic of a destructor.
    fn clear(self: Pin<&mut Self>) -> Result<(), Payload> {
        let this = self.project();
        let mut set = this.set;
        this.engine.close();
        let count = match std::mem::take(this.live) {
            true => set.count(),
            false => 0,
        };
        let mut outcome = Ok(());
        for index in 0..count {
            let dropped = caught(|| set.as_mut().clear_child(index));
            match outcome {
                Ok(()) => outcome = dropped,
                Err(_) => drop_quietly(dropped),
            }
        }
        outcome
    }
}

/// One child's turn.
struct Turn<'a, 'p, S> {
    /// The children.
    set: Pin<&'a mut S>,
    /// Which of them.
    index: usize,
    /// What stands for the branches that are not open.
    promise: Option<&'a DeferredOpen<'p>>,
}

/// Polls a child once, and sees what has become of it. Breaks off when the driver does, or with a cancellation in `resumed`.
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
        promise,
    } = turn;
    if branch_scopes.has_places() && branch_scopes.has_arrived_at(index) {
        return end_of(set, index, branch_scopes);
    }
    let polled = branch_scopes.visit(index, cx, promise, |cx| set.as_mut().poll_child(index, cx));
    if polled.is_pending() {
        return match branch_scopes.has_places() {
            true => end_of(set, index, branch_scopes),
            false => Poll::Pending,
        };
    }
    if branch_scopes.has_places() {
        branch_scopes.leave(index);
    }
    match branch_scopes.end {
        Some(_) => Poll::Ready(ControlFlow::Continue(())),
        None => Poll::Ready(judge(set, index)),
    }
}

/// Drops a child that is pending, if a cancellation ends it.
#[cold]
fn end_of<S: Set>(
    set: Pin<&mut S>,
    index: usize,
    branch_scopes: &mut BranchScopes,
) -> Poll<ControlFlow<()>> {
    let Some(cancelled) = branch_scopes.arrived_at(index) else {
        return Poll::Pending;
    };
    branch_scopes.cut(index, &cancelled, set);
    if branch_scopes.expects(&cancelled) {
        return Poll::Ready(ControlFlow::Continue(()));
    }
    branch_scopes.resumed = Some(cancelled);
    Poll::Ready(ControlFlow::Break(()))
}

impl<S: Set> JoinAllProj<'_, S> {
    /// Ends a poll in which nothing more can be done; `false` when there is something to be heard
    /// yet.
    fn rests(self, waker: &Waker) -> bool {
        self.branch_scopes.rest(waker, self.engine)
    }

    /// Polls the children that were woken, until one of them says stop.
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
            ScopeHandle::with_branches(branch_scopes.join.node(), |promise| {
                engine.poll(cx, |index, cx| {
                    let set = set.as_mut();
                    let turn = Turn {
                        set,
                        index,
                        promise,
                    };
                    step(turn, branch_scopes, cx, judge)
                })
            })
        });
        match polled {
            Ok(Poll::Ready(ControlFlow::Break(()))) => {
                let resumed = branch_scopes.resumed.take();
                let end = resumed.map_or(Exit::Broken, Exit::Cancelled);
                Poll::Ready(ControlFlow::Break(end))
            }
            Ok(Poll::Ready(ControlFlow::Continue(()))) => Poll::Ready(ControlFlow::Continue(())),
            Ok(Poll::Pending) => Poll::Pending,
            Err(panic) => {
                let Some(index) = engine.go_on_after_panic() else {
                    resume_unwind(panic);
                };
                branch_scopes.cut(index, &branch_scopes.reason(), set);
                let end = Exit::Panicked(Panic::new(panic));
                Poll::Ready(ControlFlow::Break(end))
            }
        }
    }
}

/// Drops the children in which nobody catches, in argument order, and those that never began.
fn drop_uncaught<S: Set>(
    mut set: Pin<&mut S>,
    engine: &mut Engine,
    branch_scopes: &mut BranchScopes,
) {
    let never_begun = engine.begin_no_more();
    for index in 0..never_begun.end {
        let is_running = engine.is_running(index);
        if !(is_running || never_begun.contains(&index)) || branch_scopes.has_place(index) {
            continue;
        }
        branch_scopes.cut(index, &branch_scopes.reason(), set.as_mut());
        if is_running {
            engine.end(index);
        }
    }
}
