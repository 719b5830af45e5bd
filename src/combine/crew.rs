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
//! A crew is a `Join` in the tree of scopes and its children are branches of it, opened when something in a child opens a
//! catch point. One in which nobody does pays nothing for that, and a cancellation drops it whole.

use super::engine::Engine;
use super::slot::Set;
use super::winding::{End, Family};
use crate::error::{Cancelled, Panic};
use crate::util::{Payload, caught, drop_quietly};
use pin_project_lite::pin_project;
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project! {
    /// Children and their engine.
    pub(super) struct Crew<S: Set> {
        // The children.
        #[pin]
        set: S,
        // Who is polled when.
        engine: Engine,
        // Whether futures or outputs may be left in the set.
        manned: bool,
        // Whether nothing is polled any more.
        finished: bool,
        // Their places in the tree of scopes, and how it will end. After the set, so that it closes last.
        family: Family,
    }

    impl<S: Set> PinnedDrop for Crew<S> {
        fn drop(this: Pin<&mut Self>) {
            let dismissed = this.dismiss();
            if let Err(panic) = dismissed {
                go_on(panic);
            }
        }
    }
}

/// Lets a panic out of a destructor go on, unless another one is under way.
fn go_on(panic: Payload) {
    if std::thread::panicking() {
        drop_quietly(panic);
    } else {
        resume_unwind(panic);
    }
}

/// Why a round of the engine was broken off.
enum Stop {
    /// The driver said so.
    Judged,
    /// A child panicked.
    Panicked(Payload),
    /// A child resumed a cancellation, which it did not get from here.
    Resumed(Cancelled),
}

impl<S: Set> Crew<S> {
    /// A crew that has not begun.
    pub(super) fn new(set: S) -> Self {
        let engine = Engine::new(set.count());
        Self {
            set,
            engine,
            manned: true,
            finished: false,
            family: Family::default(),
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

    /// The children, all of which have ended, for the driver to take every output.
    pub(super) fn disband(self: Pin<&mut Self>) -> Pin<&mut S> {
        let this = self.project();
        *this.manned = false;
        this.set
    }

    /// The children.
    pub(super) fn set(self: Pin<&mut Self>) -> Pin<&mut S> {
        self.project().set
    }

    /// Nobody will poll it until the next poll: what is delivered inside would not be heard.
    pub(super) fn set_aside(&mut self) {
        self.family.join.set_aside();
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
        if self.family.has_passed() {
            return Poll::Pending;
        }
        while !self.engine.has_ended() {
            let mut this = self.as_mut().project();
            if this.family.hear(cx.waker()) {
                drop_uncaught(this.set.as_mut(), this.engine, this.family);
            }
            let (mut set, family) = (this.set, this.family);
            let polled = this.engine.poll(cx, |index, cx| {
                step(set.as_mut(), family, index, cx, &mut judge)
            });
            match polled {
                Poll::Pending if family.rest(cx.waker()) => return Poll::Pending,
                Poll::Pending | Poll::Ready(ControlFlow::Continue(())) => {}
                Poll::Ready(ControlFlow::Break(stop)) => self.as_mut().wind_up(stop),
            }
        }
        self.finish(cx)
    }

    /// Begins to end, for a reason that lies inside.
    fn wind_up(self: Pin<&mut Self>, stop: Stop) {
        let this = self.project();
        let end = match stop {
            Stop::Judged => End::Broken,
            Stop::Panicked(panic) => End::Panicked(Panic::new(panic)),
            Stop::Resumed(cancelled) => End::Cancelled(cancelled),
        };
        this.family.wind_up(end);
        drop_uncaught(this.set, this.engine, this.family);
    }

    /// All have ended: draws the consequence.
    fn finish(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ControlFlow<()>> {
        let this = self.as_mut().project();
        let family = this.family;
        ready!(family.awaited.poll(cx.waker()));
        *this.finished = true;
        family.close();
        let Some(end) = family.end.take() else {
            return Poll::Ready(ControlFlow::Continue(()));
        };
        let dismissed = self.as_mut().dismiss();
        match (end, dismissed) {
            (End::Panicked(panic), dismissed) => {
                drop_quietly(dismissed);
                panic.resume()
            }
            (_, Err(panic)) => resume_unwind(panic),
            (End::Cancelled(cancelled), Ok(())) => {
                self.project().family.pass(cancelled);
                Poll::Pending
            }
            (End::Broken, Ok(())) => Poll::Ready(ControlFlow::Break(())),
        }
    }

    /// Drops every branch that is left, and every output, in argument order.
    ///
    /// Each one is dropped whatever the destructors of the others do.
    ///
    /// # Errors
    ///
    /// The first panic of a destructor.
    fn dismiss(self: Pin<&mut Self>) -> Result<(), Payload> {
        let this = self.project();
        let mut set = this.set;
        this.engine.close();
        let count = match std::mem::take(this.manned) {
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

/// Polls child `index` once, and sees what has become of it.
fn step<S: Set>(
    mut set: Pin<&mut S>,
    family: &mut Family,
    index: usize,
    cx: &mut Context<'_>,
    judge: &mut impl FnMut(Pin<&mut S>, usize) -> ControlFlow<()>,
) -> Poll<ControlFlow<Stop>> {
    let polled = match family.has_arrived_at(index) {
        true => Ok(Poll::Pending),
        false => family.visit(index, cx, |cx| {
            caught(|| set.as_mut().poll_child(index, cx))
        }),
    };
    match polled {
        Ok(Poll::Pending) => {
            let Some(cancelled) = family.arrived_at(index) else {
                return Poll::Pending;
            };
            family.cut(index, set);
            match family.expects(&cancelled) {
                true => Poll::Ready(ControlFlow::Continue(())),
                false => Poll::Ready(ControlFlow::Break(Stop::Resumed(cancelled))),
            }
        }
        Ok(Poll::Ready(())) => {
            family.leave(index);
            let going_on = family.end.is_some() || judge(set, index).is_continue();
            Poll::Ready(match going_on {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(Stop::Judged),
            })
        }
        Err(panic) => {
            family.cut(index, set);
            Poll::Ready(ControlFlow::Break(Stop::Panicked(panic)))
        }
    }
}

/// Drops the children in which nobody catches, in argument order, and those that never began.
fn drop_uncaught<S: Set>(mut set: Pin<&mut S>, engine: &mut Engine, family: &mut Family) {
    let never_begun = engine.begin_no_more();
    for index in 0..never_begun.end {
        let is_running = engine.is_running(index);
        if !(is_running || never_begun.contains(&index)) || family.has_place(index) {
            continue;
        }
        family.cut(index, set.as_mut());
        if is_running {
            engine.end(index);
        }
    }
}
