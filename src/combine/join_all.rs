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

use super::engine::Engine;
use super::slot::Set;
use crate::runtime::{DeferredOpen, Nursery};
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
        // Whether the driver's judgement broke off.
        broken: bool,
        // Declared after the set, so that the scopes close last.
        nursery: Nursery,
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
            broken: false,
            nursery: Nursery::default(),
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

    /// Returns the scopes of the children.
    pub(super) fn nursery(&mut self) -> &mut Nursery {
        &mut self.nursery
    }

    /// Returns `true` if a cancellation propagates, so that the future around must wait to be
    /// dropped.
    pub(super) fn is_propagating(&self) -> bool {
        self.nursery.is_propagating()
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
        if self.nursery.is_propagating() {
            return self.nursery.wait_to_be_dropped();
        }
        while !self.engine.has_ended() {
            let mut this = self.as_mut().project();
            this.nursery.visit(cx.waker());
            if this.nursery.receive(false) {
                this.drop_uncaught();
            }
            match this.round(cx, &mut judge) {
                Poll::Pending => {
                    this.nursery.pass_by(|index| this.engine.is_woken(index));
                    if this.nursery.end_poll(cx.waker()) {
                        return Poll::Pending;
                    }
                }
                Poll::Ready(ControlFlow::Continue(())) => {}
                Poll::Ready(ControlFlow::Break(())) => this.drop_uncaught(),
            }
        }
        self.finish(cx.waker())
    }

    /// Completes, or exits: all children have ended.
    fn finish(mut self: Pin<&mut Self>, waker: &Waker) -> Poll<ControlFlow<()>> {
        let this = self.as_mut().project();
        let nursery = this.nursery;
        if !nursery.has_no_joins() {
            // A shield that ended last may have released a cancellation that is recorded already.
            // Taking it here keeps it from scopes further out.
            nursery.visit(waker);
            nursery.receive(false);
        }
        ready!(nursery.poll_joins(waker));
        *this.finished = true;
        nursery.close();
        let panic = nursery.take_panic();
        if panic.is_none() && !*this.broken && !nursery.is_exiting() {
            return Poll::Ready(ControlFlow::Continue(()));
        }
        let dropped = self.as_mut().clear();
        if let Some(panic) = panic {
            drop_quietly(dropped);
            panic.resume();
        }
        dropped.unwrap_or_else(|payload| resume_unwind(payload));
        if self.project().nursery.propagate(waker) {
            return Poll::Pending;
        }
        Poll::Ready(ControlFlow::Break(()))
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

/// Polls a child once. Breaks if `judge` does, or if the child resumed a cancellation.
#[inline]
fn step<S: Set>(
    turn: Turn<'_, '_, S>,
    nursery: &mut Nursery,
    cx: &mut Context<'_>,
    judge: &mut impl FnMut(Pin<&mut S>, usize) -> ControlFlow<()>,
) -> Poll<ControlFlow<()>> {
    let Turn {
        mut set,
        index,
        deferred,
    } = turn;
    if nursery.has_scopes() && nursery.has_arrived_at(index) {
        return nursery.end_cancelled(index, || set.as_mut().clear_child(index));
    }
    let polled = nursery.poll_inside(index, cx, deferred, |cx| set.as_mut().poll_child(index, cx));
    if polled.is_pending() {
        return if nursery.has_scopes() {
            nursery.end_cancelled(index, || set.as_mut().clear_child(index))
        } else {
            Poll::Pending
        };
    }
    if nursery.has_scopes() {
        nursery.close_branch(index);
    }
    if nursery.is_exiting() {
        return Poll::Ready(ControlFlow::Continue(()));
    }
    Poll::Ready(judge(set, index))
}

impl<S: Set> JoinAllProj<'_, S> {
    /// Runs one poll of the engine. Breaks if the other children were cancelled; the caller drops
    /// those without a catch point.
    fn round(
        &mut self,
        cx: &mut Context<'_>,
        judge: &mut impl FnMut(Pin<&mut S>, usize) -> ControlFlow<()>,
    ) -> Poll<ControlFlow<()>> {
        let Self {
            set,
            engine,
            broken,
            nursery,
            ..
        } = self;
        let polled = caught(|| {
            DeferredOpen::with_branches(nursery.node(), |deferred| {
                engine.poll(cx, |index, cx| {
                    let set = set.as_mut();
                    let turn = Turn {
                        set,
                        index,
                        deferred,
                    };
                    step(turn, nursery, cx, judge)
                })
            })
        });
        match polled {
            Ok(polled) => {
                // If a child resumed a cancellation, the nursery is exiting.
                if polled == Poll::Ready(ControlFlow::Break(())) && !nursery.is_exiting() {
                    **broken = true;
                    nursery.fail();
                }
                polled
            }
            Err(panic) => {
                let Some(index) = engine.resume_after_panic() else {
                    resume_unwind(panic);
                };
                let reason = nursery.reason();
                nursery.drop_child(index, &reason, || set.as_mut().clear_child(index));
                nursery.panicked(panic);
                nursery.fail();
                Poll::Ready(ControlFlow::Break(()))
            }
        }
    }

    /// Drops the children without a catch point, and those that have not begun, in argument order.
    fn drop_uncaught(&mut self) {
        let Self {
            set,
            engine,
            nursery,
            ..
        } = self;
        let never_begun = engine.stop_beginning();
        for index in 0..never_begun.end {
            let is_running = engine.is_running(index);
            if !(is_running || never_begun.contains(&index)) || nursery.has_scope(index) {
                continue;
            }
            let reason = nursery.reason();
            nursery.drop_child(index, &reason, || set.as_mut().clear_child(index));
            if is_running {
                engine.end(index);
            }
        }
    }
}
