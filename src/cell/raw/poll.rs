//! One poll of a task on its home thread: its start, the poll itself, and what it leaves to do.
//!
//! ```text
//!   start, start_if_plain ─▶ poll ─┬─ pending: suspend ──────▶ queued, or at rest
//!   start_carrying ────────▶ poll ─┼─ pending: end_carrying ─▶ as before
//!                                  ├─ ended ──┬─▶ conclude ─▶ deliver or discard
//!   abort ─────────────────────────┴──────────┘
//! ```

use std::mem::ManuallyDrop;
use std::task::{Context, Waker};

use super::waker::waker_vtable;
use super::{Current, Schedule, Task};
use crate::cell::cold_state::ColdState;
use crate::cell::state::{OnFinish, OnSuspend, State};
use crate::error::JoinError;
use crate::util::{drop_quietly, wake_quietly};

impl<H: Schedule> Task<H> {
    /// Marks the task as running: the loop has taken it from the queue.
    #[inline]
    pub(crate) fn start(&self) -> Started<'_, H> {
        self.header()
            .state
            .advance(|state| (state.start(), Started(self)))
    }

    /// Marks the task as running if its turn is a poll and nothing else.
    #[inline]
    pub(crate) fn start_if_plain(&self) -> Option<Started<'_, H>> {
        self.header().state.set(self.state().start_if_plain()?);
        Some(Started(self))
    }

    /// Marks the task as running to carry the turn of a nested task.
    pub(crate) fn start_carrying(&self) -> Started<'_, H> {
        self.header()
            .state
            .advance(|state| (state.start_carrying(), Started(self)))
    }

    /// Ends a pending poll that carried the turn of a nested task.
    pub(crate) fn end_carrying(&self) {
        self.header().state.step(|state| (state.end_carrying(), ()));
    }

    /// Completes or suspends the task after a poll. Returns it if it must be queued again.
    #[inline]
    pub(crate) fn settle(self, ended: bool, current: &Current<H>) -> Option<Self> {
        if ended {
            self.conclude(current);
            None
        } else {
            self.suspend()
        }
    }

    /// Suspends the task after a pending poll, also of a main future. Returns it if it must be
    /// queued again.
    #[inline]
    pub(crate) fn suspend(self) -> Option<Self> {
        match self.header().state.advance(State::suspend) {
            OnSuspend::Rest => None,
            OnSuspend::Requeue => Some(self),
        }
    }

    /// Drops the future of a task that is not being polled, and writes `error` as its output. The
    /// caller must then call [`settle`](Task::settle), as after a poll that ended the task.
    pub(crate) fn abort(&self, error: JoinError) {
        assert!(!self.state().is_done() && !self.state().is_main());
        if !self.state().is_running() {
            self.start();
        }
        // SAFETY: rule 3; here, not done, and marked as running, so that no poll is in progress.
        unsafe { (self.header().vtable.abort)(self.by_ref().ptr(), error) };
    }

    /// Ends the task after its output was written: delivers the output to the handle, or drops it.
    fn conclude(self, current: &Current<H>) {
        let duty = self.header().state.advance(State::finish);
        match self.header().cold_state.take() {
            None => self.hand_over(duty, current),
            Some(cold_state) => self.conclude_cold(cold_state, duty, current),
        }
    }

    /// Delivers the output to the handle, or drops it.
    #[inline]
    fn hand_over(self, duty: OnFinish, current: &Current<H>) {
        match duty {
            OnFinish::Deliver => self.deliver(),
            OnFinish::Discard => self.discard(current),
        }
    }

    /// [`conclude`](Task::conclude) for a task with rarely used state. Not inlined, so that other
    /// tasks (bench `spawn_join_1`) save no registers for it.
    #[cold]
    #[inline(never)]
    fn conclude_cold(self, cold_state: Box<ColdState<H>>, duty: OnFinish, current: &Current<H>) {
        // The destructors of the variables are third-party code.
        drop_quietly(cold_state.vars.take());
        let at_end = cold_state.at_end.take();
        drop(cold_state);
        self.hand_over(duty, current);
        at_end.into_iter().for_each(wake_quietly);
    }

    /// Wakes the joiner.
    fn deliver(self) {
        if let Some(joiner) = self.header().joiner.take() {
            wake_joiner(joiner);
        }
    }

    /// Drops the output and gives the task up: it has no handle, and so no joiner. The destructor
    /// of the output is code of the task, so the task is current meanwhile.
    #[inline(never)]
    fn discard(self, current: &Current<H>) {
        current.during(&self, || {
            // SAFETY: rule 3; done and no handle, so the output is ours, at home.
            unsafe { (self.header().vtable.drop_output)(self.by_ref().ptr()) };
        });
        let joiner = self.header().joiner.take();
        self.give_up();
        drop_quietly(joiner);
    }

    /// Removes the task from `OwnedTasks` and drops both references, this one first: the owner is
    /// then the last reference, unless a waker is left, and needs no atomic operation.
    #[inline]
    fn give_up(self) {
        let owner = H::remove(self.header().slot.get());
        drop(self);
        if let Some(owner) = owner {
            owner.end_here();
        }
    }

    /// Ends the cell of a main future, whose value `block_on` returns.
    pub(crate) fn end_main(self) {
        assert!(self.state().is_main() && !self.state().has_handle());
        // There is no handle, so no result is written.
        _ = self.header().state.advance(State::finish);
        drop(self.header().cold_state.take());
        self.give_up();
    }
}

/// A started task, which may be polled once. (The code that drives the runtime polls the main
/// future.)
pub(crate) struct Started<'a, H: Schedule>(&'a Task<H>);

impl<H: Schedule> Started<'_, H> {
    /// Polls the task. Returns `true` if it has ended. The caller must call
    /// [`settle`](Task::settle) in either case.
    #[inline]
    pub(crate) fn poll(self) -> bool {
        let task = self.0;
        let ptr = task.by_ref().ptr();
        let data = ptr.as_ptr().cast_const().cast();
        // SAFETY: the data is the counted reference `task`, which outlives this waker; it is never
        // dropped.
        let waker = ManuallyDrop::new(unsafe { Waker::new(data, waker_vtable::<H>()) });
        let mut cx = Context::from_waker(&waker);
        // SAFETY: rule 3; here, and started; `start` panics until the poll is over.
        unsafe { (task.header().vtable.poll)(ptr, &mut cx) }
    }
}

/// Wakes the joiner. Not inlined, so that a task without a joiner (bench `spawn_detached_burst`)
/// needs no stack frame.
#[inline(never)]
fn wake_joiner(joiner: Waker) {
    wake_quietly(joiner);
}
