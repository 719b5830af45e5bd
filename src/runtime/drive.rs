//! The main future: polled where it lies, on the stack of `block_on`, and a task all the same.
//!
//! ```text
//!   drive ─▶ queued ─▶ batch gives main's turn ─▶ step ─┬─ pending ──────────▶ queued again when woken
//!                                                       ├─ ready ────────────▶ Ok(value)
//!                                                       └─ cancelled, raised ▶ dropped ─▶ Err(Cancelled)
//!   a panic of main unwinds through here; `MainTask` ends the cell on every way out
//! ```

use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::cancel::Delivered;
use super::core::Core;
use super::turn::BATCH;
use super::{Task, context};
use crate::cell::Label;
use crate::error::Cancelled;

/// The cell of a main future. Ends it when dropped.
struct MainTask<'a> {
    /// The runtime.
    core: &'a Core,
    /// The cell.
    task: Task,
    /// A waker of it, for all polls.
    waker: Waker,
}

impl Drop for MainTask<'_> {
    fn drop(&mut self) {
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
    loop {
        let mut budget = BATCH;
        while let Some(task) = core.batch(&mut budget) {
            if let Some(outcome) = main.step(task, future.as_mut()) {
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
        Self { core, task, waker }
    }

    /// Main's turn: delivers its cancellation, or polls it once. Gives the outcome when it has ended.
    fn step<F: Future>(
        &self,
        task: Task,
        mut future: Pin<&mut Option<F>>,
    ) -> Option<Result<F::Output, Cancelled>> {
        let cancelled = task.take_cancel();
        let uncaught = cancelled
            .filter(|cancelled| self.core.deliver(&task, cancelled) == Delivered::Uncaught);
        task.start();
        let polled = match uncaught {
            Some(cancelled) => Err(cancelled),
            None => self.poll(&task, future.as_mut()),
        };
        match polled {
            Ok(Poll::Ready(value)) => {
                self.core.close_root(&task);
                Some(Ok(value))
            }
            Ok(Poll::Pending) => {
                task.suspend()
                    .into_iter()
                    .for_each(|woken| self.core.enqueue(woken));
                None
            }
            Err(cancelled) => {
                self.core
                    .aborting_for(&task, &cancelled, || future.set(None));
                Some(Err(cancelled))
            }
        }
    }

    /// Polls once; `Err` when the poll raised a cancellation past the last catch point.
    fn poll<F: Future>(
        &self,
        task: &Task,
        future: Pin<&mut Option<F>>,
    ) -> Result<Poll<F::Output>, Cancelled> {
        let future = future
            .as_pin_mut()
            .expect("main is polled until it has ended, and then no more");
        let polled = self
            .core
            .poll_as(task, || future.poll(&mut Context::from_waker(&self.waker)));
        match polled {
            Poll::Ready(value) => Ok(Poll::Ready(value)),
            Poll::Pending => self.core.end_of(task).map_or(Ok(Poll::Pending), Err),
        }
    }
}
