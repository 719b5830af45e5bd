//! The end of a runtime.
//!
//! ```text
//!   Open ── shut_down ──▶ ShuttingDown: all cancelled, clean-ups run ──▶ Closed: the rest is dropped ──▶ ended
//!     │                        (at most `shutdown_timeout`)                   ▲
//!     └── during a panic, or inside another runtime ──────────────────────────┘
//! ```

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::core::{Core, Phase};
use super::turn::BATCH;
use super::virtual_time::describe;
use super::{Task, context};
use crate::error::{Cancelled, Reason};

/// Ends the runtime in order: everything is cancelled and given the time to clean up.
pub(super) fn shut_down(core: &Rc<Core>, patience: Option<Duration>) {
    let entered = context::enter(core);
    core.set_phase(Phase::ShuttingDown);
    let tasks = core.running();
    for task in tasks {
        task.cancel(shutdown());
    }
    core.run_until_empty(patience);
    drop(entered);
    close(core);
}

/// Ends the runtime at once: every future is dropped where it stands.
pub(super) fn close(core: &Rc<Core>) {
    let entered = context::enter(core);
    core.set_phase(Phase::Closed);
    core.collect();
    core.drop_futures();
    let tasks = core.table().borrow_mut().take_all();
    core.hub().end(tasks);
    core.drop_leaves();
    drop(entered);
    core.hub().settle_leftovers();
}

/// The cancellation of a shutdown.
fn shutdown() -> Cancelled {
    Cancelled::new(Reason::Shutdown, None)
}

impl Core {
    /// Runs until no task is left, or the time is up; then says on standard error who did not stop.
    fn run_until_empty(&self, patience: Option<Duration>) {
        let end = patience.and_then(|patience| Instant::now().checked_add(patience));
        loop {
            let mut budget = BATCH;
            while let Some(main) = self.batch(&mut budget) {
                debug_assert!(false, "a main future outlived its block_on: {main:?}");
            }
            let left = self.running();
            if left.is_empty() {
                return;
            }
            if end.is_some_and(|end| Instant::now() >= end) {
                return report(&left);
            }
            drop(left);
            self.rest_until(end);
        }
    }

    /// Between two batches of a shutdown: does not sleep past its end.
    fn rest_until(&self, end: Option<Instant>) {
        if self.is_somebody_ready() || end.is_none() {
            return self.between_batches();
        }
        let patience = end.map(|end| end.saturating_duration_since(Instant::now()));
        let timer = self.until_next_deadline();
        self.sleep(patience.into_iter().chain(timer).min());
        self.collect();
        self.fire();
    }

    /// Drops the future of every task that has not ended, and what is spawned meanwhile with it.
    fn drop_futures(&self) {
        loop {
            let tasks = self.running();
            if tasks.is_empty() {
                break;
            }
            for task in tasks {
                // One destructor may have ended another's task, though none can have started one.
                if !task.state().is_done() {
                    self.abort(task, shutdown());
                }
            }
        }
        while let Some(task) = self.pop_queue() {
            debug_assert!(task.state().is_done());
        }
    }

    /// Takes a task out of the queue, letting go of the queue at once.
    fn pop_queue(&self) -> Option<Task> {
        self.queue().borrow_mut().pop()
    }

    /// Drops the wakers in timers and sockets: they may be anybody's.
    fn drop_leaves(&self) {
        let wheel = self.wheel().replace(crate::wheel::Wheel::new());
        crate::util::drop_quietly(wheel);
        let wakers = self.reactor().borrow_mut().dissolve();
        wakers.into_iter().for_each(crate::util::drop_quietly);
    }
}

/// Names the tasks that a bounded shutdown had to drop.
fn report(tasks: &[Task]) {
    eprintln!(
        "wheelhouse: {} task(s) did not stop within the shutdown timeout and are dropped:",
        tasks.len()
    );
    for task in tasks {
        eprintln!("  {}", describe(task));
    }
}
