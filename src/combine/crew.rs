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

use super::engine::Engine;
use super::slot::Set;
use super::winding::{End, Family};
use crate::error::Panic;
use crate::runtime::{Place, Promise};
use crate::util::{Payload, caught, drop_quietly, go_on};
use pin_project_lite::pin_project;
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

pin_project! {
    /// Children and their engine.
    #[project = CrewProj]
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

    /// Whether a cancellation has gone on outwards, so that whoever polls must wait to be dropped.
    pub(super) fn has_passed(&self) -> bool {
        self.family.has_passed()
    }

    /// A cancellation has gone on outwards: waits to be dropped.
    ///
    /// # Panics
    /// If the cancellation was given out.
    pub(super) fn wait_to_be_dropped<T>(&self) -> Poll<T> {
        self.family.wait_to_be_dropped()
    }

    /// Whoever polled has been dropped: one in which a cancellation has gone on outwards is over for whoever comes next.
    pub(super) fn be_over(&mut self) {
        self.family.be_over();
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
            return self.family.wait_to_be_dropped();
        }
        while !self.engine.has_ended() {
            let mut this = self.as_mut().project();
            if this.family.hear(cx.waker()) {
                drop_uncaught(this.set.as_mut(), this.engine, this.family);
            }
            match this.round(cx, &mut judge) {
                Poll::Pending if self.as_mut().project().rests(cx.waker()) => {
                    return Poll::Pending;
                }
                Poll::Pending | Poll::Ready(ControlFlow::Continue(())) => {}
                Poll::Ready(ControlFlow::Break(end)) => self.as_mut().wind_up(end),
            }
        }
        self.finish(cx)
    }

    /// Begins to end, for a reason that lies inside.
    fn wind_up(self: Pin<&mut Self>, end: End) {
        let this = self.project();
        this.family.wind_up(end);
        drop_uncaught(this.set, this.engine, this.family);
    }

    /// All have ended: draws the consequence.
    fn finish(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ControlFlow<()>> {
        let this = self.as_mut().project();
        let family = this.family;
        if !family.awaited.is_over() {
            // A shield that was the last to end has let out what the crew knows: nobody else is to hear of that.
            family.hear(cx.waker());
        }
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
                self.project().family.pass(cancelled, cx.waker());
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

/// One child's turn.
struct Turn<'a, 'p, S> {
    /// The children.
    set: Pin<&'a mut S>,
    /// Which of them.
    index: usize,
    /// What stands for the branches that are not open.
    promise: Option<&'a Promise<'p>>,
}

/// Polls a child once, and sees what has become of it. Breaks off when the driver does, or with a cancellation in `resumed`.
#[inline]
fn step<S: Set>(
    turn: Turn<'_, '_, S>,
    family: &mut Family,
    cx: &mut Context<'_>,
    judge: &mut impl FnMut(Pin<&mut S>, usize) -> ControlFlow<()>,
) -> Poll<ControlFlow<()>> {
    let Turn {
        mut set,
        index,
        promise,
    } = turn;
    if family.has_places() && family.has_arrived_at(index) {
        return end_of(set, index, family);
    }
    let polled = family.visit(index, cx, promise, |cx| set.as_mut().poll_child(index, cx));
    if polled.is_pending() {
        return match family.has_places() {
            true => end_of(set, index, family),
            false => Poll::Pending,
        };
    }
    if family.has_places() {
        family.leave(index);
    }
    match family.end {
        Some(_) => Poll::Ready(ControlFlow::Continue(())),
        None => Poll::Ready(judge(set, index)),
    }
}

/// Drops a child that is pending, if a cancellation ends it.
#[cold]
fn end_of<S: Set>(set: Pin<&mut S>, index: usize, family: &mut Family) -> Poll<ControlFlow<()>> {
    let Some(cancelled) = family.arrived_at(index) else {
        return Poll::Pending;
    };
    family.cut(index, &cancelled, set);
    if family.expects(&cancelled) {
        return Poll::Ready(ControlFlow::Continue(()));
    }
    family.resumed = Some(cancelled);
    Poll::Ready(ControlFlow::Break(()))
}

impl<S: Set> CrewProj<'_, S> {
    /// Ends a poll in which nothing more can be done; `false` when there is something to be heard
    /// yet.
    fn rests(self, waker: &Waker) -> bool {
        self.family.rest(waker, self.engine)
    }

    /// Polls the children that were woken, until one of them says stop.
    fn round(
        self,
        cx: &mut Context<'_>,
        judge: &mut impl FnMut(Pin<&mut S>, usize) -> ControlFlow<()>,
    ) -> Poll<ControlFlow<End>> {
        let Self {
            mut set,
            engine,
            family,
            ..
        } = self;
        let polled = caught(|| {
            Place::with_branches(family.join.node(), |promise| {
                engine.poll(cx, |index, cx| {
                    let set = set.as_mut();
                    let turn = Turn {
                        set,
                        index,
                        promise,
                    };
                    step(turn, family, cx, judge)
                })
            })
        });
        match polled {
            Ok(Poll::Ready(ControlFlow::Break(()))) => {
                let resumed = family.resumed.take();
                let end = resumed.map_or(End::Broken, End::Cancelled);
                Poll::Ready(ControlFlow::Break(end))
            }
            Ok(Poll::Ready(ControlFlow::Continue(()))) => Poll::Ready(ControlFlow::Continue(())),
            Ok(Poll::Pending) => Poll::Pending,
            Err(panic) => {
                let Some(index) = engine.go_on_after_panic() else {
                    resume_unwind(panic);
                };
                family.cut(index, &family.reason(), set);
                let end = End::Panicked(Panic::new(panic));
                Poll::Ready(ControlFlow::Break(end))
            }
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
        family.cut(index, &family.reason(), set.as_mut());
        if is_running {
            engine.end(index);
        }
    }
}
