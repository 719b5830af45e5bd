//! The main future: a task whose future stays on the stack of `block_on`.
//!
//! ```text
//!   drive ─▶ batch ─┬─ Own ─────▶ step  ─┬─ pending ──────▶ queued when woken
//!                   └─ Carries ─▶ carry ─┼─ ready ────────▶ Ok(value)
//!                                        ├─ panicked ─────▶ unwinds
//!                                        └─ cancelled: cut_down ─▶ poll_cutting
//!                                                           │ the awaited tasks
//!                                                           ▼ have ended
//!                                                         Err(Cancelled)
//!   `MainTask` ends the cell on every way out.
//! ```

use std::cell::Cell;
use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::carry::Carried;
use super::core::Core;
use super::scoped::Cutting;
use super::turn::MainTurn;
use super::{Task, context};
use crate::cell::Label;
use crate::error::Cancelled;
use crate::util::{caught, drop_quietly};

/// The cell of a main future. Its drop ends the cell.
struct MainTask<'a> {
    core: &'a Core,
    task: Task,
    /// The waker of `task`, for all polls.
    waker: Waker,
    /// Set when main has been dropped for a cancellation.
    cutting: Cell<Option<Cutting>>,
}

impl Drop for MainTask<'_> {
    fn drop(&mut self) {
        // A cancellation that main resumed must end no other task.
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
    context::enter(core, || drive_entered(core, label, future))
}

fn drive_entered<F: Future>(core: &Core, label: Label, future: F) -> Result<F::Output, Cancelled> {
    let main = MainTask::new(core, label);
    let mut future = pin!(Some(future));
    core.signals.begin_main();
    // Messages that were sent while the runtime was not driven, such as a cancellation, come before
    // the first poll.
    core.drain_inbox_fully();
    loop {
        core.signals
            .deliver_ctrl_c(&main.task, &core.timers, || core.running());
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
    /// Creates the cell of a main future.
    fn new(core: &'a Core, label: Label) -> Self {
        let task = core.admit_main(label);
        let waker = task.waker();
        let cutting = Cell::new(None);
        Self {
            core,
            task,
            waker,
            cutting,
        }
    }

    /// Runs main's turn. Returns the result if main has ended; a panic of main unwinds.
    fn step<F: Future>(
        &self,
        task: Task,
        future: Pin<&mut Option<F>>,
    ) -> Option<Result<F::Output, Cancelled>> {
        let outcome = if let Some(cutting) = self.cutting.take() {
            task.start();
            self.poll_cutting(&task, cutting)
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
        let uncaught = self.core.deliver(task);
        task.start();
        match uncaught {
            Some(cancelled) => self.cut_down(task, cancelled, future),
            None => self.advance(task, future),
        }
    }

    /// Polls main to carry the turn of a child. Returns the result if main has ended; a panic of
    /// main unwinds.
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

    /// Polls main once; it is marked as running already.
    fn advance<F: Future>(
        &self,
        task: &Task,
        mut future: Pin<&mut Option<F>>,
    ) -> Option<Result<F::Output, Cancelled>> {
        match caught(|| self.poll(task, future.as_mut())) {
            // The future is dropped here, so that a panic of its destructor neither replaces the
            // value (C4) or the panic of main, nor aborts the process.
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
    fn poll_cutting<T>(&self, task: &Task, mut cutting: Cutting) -> Option<Result<T, Cancelled>> {
        if let Poll::Ready(cancelled) = cutting.poll(task.take_cancel(), &self.waker) {
            return Some(Err(cancelled));
        }
        self.cutting.set(Some(cutting));
        None
    }

    fn poll<F: Future>(&self, task: &Task, future: Pin<&mut Option<F>>) -> Poll<F::Output> {
        let future = future
            .as_pin_mut()
            .expect("main is not polled after its end");
        self.core
            .poll_as(task, || future.poll(&mut Context::from_waker(&self.waker)))
    }

    /// Drops a future that has ended, and catches a panic of its destructor.
    fn clear<F>(&self, task: &Task, mut future: Pin<&mut Option<F>>) {
        self.core.poll_as(task, || {
            caught(|| future.set(None)).unwrap_or_else(drop_quietly);
        });
    }

    /// Drops the cancelled future, and begins to wait for the tasks that it was awaiting. A panic
    /// of its destructor unwinds.
    fn cut_down<F: Future>(
        &self,
        task: &Task,
        cancelled: Cancelled,
        mut future: Pin<&mut Option<F>>,
    ) -> Option<Result<F::Output, Cancelled>> {
        let mut dropped = Ok(());
        let cutting = self.core.aborting_for(task, &cancelled, || {
            Cutting::begin(cancelled.clone(), || dropped = caught(|| future.set(None)))
        });
        dropped.unwrap_or_else(|payload| resume_unwind(payload));
        self.poll_cutting(task, cutting)
    }
}
