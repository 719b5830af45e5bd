//! The main future: polled where it lies, on the stack of `block_on`, and a task all the same.
//!
//! ```text
//!   drive ─▶ queued ─▶ batch gives main's turn ─▶ step ──┬─ pending ──────────▶ queued again when woken
//!                 └─▶ batch gives a child's turn ▶ carry ┼─ ready ────────────▶ Ok(value)
//!                                                        └─ cancelled, raised ▶ dropped ─▶ Err(Cancelled), when the
//!                                                                                   tasks it was awaiting have ended
//!   a panic of main unwinds through here; `MainTask` ends the cell on every way out
//! ```

use std::cell::Cell;
use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::cancel::Delivered;
use super::carry::Carried;
use super::core::Core;
use super::pending_joins::PendingJoins;
use super::turn::MainTurn;
use super::{Task, context};
use crate::cell::Label;
use crate::error::Cancelled;
use crate::util::{caught, drop_quietly};

/// The cell of a main future. Ends it when dropped.
struct MainTask<'a> {
    /// The runtime.
    core: &'a Core,
    /// The cell.
    task: Task,
    /// A waker of it, for all polls.
    waker: Waker,
    /// Once main was dropped for a cancellation: that, and what is waited for before it is given.
    ending: Cell<Option<(Cancelled, PendingJoins)>>,
}

impl Drop for MainTask<'_> {
    fn drop(&mut self) {
        // Whatever main raised is its own: no other task is to be ended by it.
        self.core.end_poll(&self.task);
        self.task.clone().end_main();
    }
}

/// Runs `future` to its end on `core`, and all tasks meanwhile.
pub(super) fn drive<F: Future>(
    core: &Rc<Core>,
    label: Label,
    future: F,
) -> Result<F::Output, Cancelled> {
    let _entered = context::enter(core);
    let main = MainTask::new(core, label);
    let mut future = pin!(Some(future));
    core.watch_ctrl_c();
    // What was asked for while nobody drove, a cancellation for example, comes before the first poll.
    core.collect_all();
    loop {
        core.deliver_ctrl_c(&main.task);
        core.begin_batch();
        while let Some(turn) = core.batch() {
            let outcome = match turn {
                MainTurn::Own(task) => main.step(task, future.as_mut()),
                MainTurn::Carries(carried) => main.carry(&carried, future.as_mut()),
            };
            if let Some(outcome) = outcome {
                return outcome;
            }
        }
        core.between_batches();
    }
}

impl<'a> MainTask<'a> {
    /// A cell for a new main future.
    fn new(core: &'a Core, label: Label) -> Self {
        let task = core.admit_main(label);
        let waker = task.waker();
        let ending = Cell::new(None);
        Self {
            core,
            task,
            waker,
            ending,
        }
    }

    /// Main's turn. Gives the outcome when it has ended; a panic goes on.
    fn step<F: Future>(
        &self,
        task: Task,
        future: Pin<&mut Option<F>>,
    ) -> Option<Result<F::Output, Cancelled>> {
        let outcome = if let Some((cancelled, wait)) = self.ending.take() {
            task.start();
            self.wait_on(&task, cancelled, wait)
        } else {
            self.turn(&task, future)
        };
        if outcome.is_none() {
            let woken = task.suspend();
            woken.into_iter().for_each(|woken| self.core.enqueue(woken));
        }
        outcome
    }

    /// Delivers main's cancellation, or polls it once.
    fn turn<F: Future>(
        &self,
        task: &Task,
        future: Pin<&mut Option<F>>,
    ) -> Option<Result<F::Output, Cancelled>> {
        let cancelled = task.take_cancel();
        let uncaught =
            cancelled.filter(|cancelled| self.core.deliver(task, cancelled) == Delivered::Uncaught);
        task.start();
        match uncaught {
            Some(cancelled) => self.cut_down(task, cancelled, future),
            None => self.advance(task, future),
        }
    }

    /// The turn of a task that main carries. Gives the outcome when main has ended; a panic goes on.
    fn carry<F: Future>(
        &self,
        carried: &Carried,
        future: Pin<&mut Option<F>>,
    ) -> Option<Result<F::Output, Cancelled>> {
        let task = carried.by();
        if future.is_none() || !task.state().can_carry() {
            return None;
        }
        task.start_carrying();
        let outcome = self.core.carrying(|| self.advance(task, future));
        if outcome.is_none() {
            task.end_carrying();
        }
        outcome
    }

    /// Polls main once, which is marked as running.
    fn advance<F: Future>(
        &self,
        task: &Task,
        mut future: Pin<&mut Option<F>>,
    ) -> Option<Result<F::Output, Cancelled>> {
        match caught(|| self.poll(task, future.as_mut())) {
            // Dropped here and not on the way out: what was there first stands, a value (C4) or a panic, and a
            // destructor that panics too takes nothing away and does not end the process.
            Ok(Poll::Ready(value)) => {
                self.clear(task, future);
                return Some(Ok(value));
            }
            Err(payload) => {
                self.clear(task, future);
                resume_unwind(payload)
            }
            Ok(Poll::Pending) => {}
        }
        let cancelled = self.core.exit_of(task)?;
        self.cut_down(task, cancelled, future)
    }

    /// Waits for the tasks that main was awaiting when it was dropped.
    fn wait_on<T>(
        &self,
        task: &Task,
        cancelled: Cancelled,
        mut wait: PendingJoins,
    ) -> Option<Result<T, Cancelled>> {
        if let Some(cancelled) = task.take_cancel() {
            wait.cancel_again(&cancelled);
        }
        if wait.poll(&self.waker).is_ready() {
            return Some(Err(cancelled));
        }
        self.ending.set(Some((cancelled, wait)));
        None
    }

    /// Polls once.
    fn poll<F: Future>(&self, task: &Task, future: Pin<&mut Option<F>>) -> Poll<F::Output> {
        let future = future
            .as_pin_mut()
            .expect("main is polled until it has ended, and then no more");
        self.core
            .poll_as(task, || future.poll(&mut Context::from_waker(&self.waker)))
    }

    /// Drops the future that is done; a panic of its destructor ends here.
    fn clear<F>(&self, task: &Task, mut future: Pin<&mut Option<F>>) {
        self.core.poll_as(task, || {
            caught(|| future.set(None)).unwrap_or_else(drop_quietly);
        });
    }

    /// Drops the cancelled future, and begins to wait for the tasks that it was awaiting; a panic of its destructor goes on.
    fn cut_down<F: Future>(
        &self,
        task: &Task,
        cancelled: Cancelled,
        mut future: Pin<&mut Option<F>>,
    ) -> Option<Result<F::Output, Cancelled>> {
        let (mut dropped, mut wait) = (Ok(()), PendingJoins::default());
        self.core.aborting_for(task, &cancelled, || {
            wait = PendingJoins::of(&cancelled, || dropped = caught(|| future.set(None)));
        });
        dropped.unwrap_or_else(|payload| resume_unwind(payload));
        self.wait_on(task, cancelled, wait)
    }
}
