//! The end of a runtime.
//!
//! ```text
//!   Open ── shut_down ──▶ ShuttingDown: all cancelled, clean-ups run ──▶ Closed: the rest is dropped ──▶ ended
//!     │                        (at most `shutdown_timeout`)                   ▲
//!     └── during a panic, or inside another runtime ──────────────────────────┘
//! ```

use std::panic::resume_unwind;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::core::{Core, Phase};
use super::turn::BATCH;
use super::virtual_time::describe;
use super::{Task, context};
use crate::error::{Cancelled, Reason};
use crate::util::{caught, drop_quietly};

/// Ends the runtime in order: everything is cancelled and given the time to clean up.
pub(super) fn shut_down(core: &Rc<Core>, patience: Option<Duration>) {
    let entered = context::enter(core);
    core.set_phase(Phase::ShuttingDown);
    // Who was cancelled before has another reason, and the first one stands.
    core.collect();
    let tasks = core.running();
    for task in tasks {
        task.cancel(shutdown());
    }
    // It panics where virtual time finds a deadlock; the end comes all the same.
    let emptied = caught(|| core.run_until_empty(patience));
    drop(entered);
    close(core);
    emptied.unwrap_or_else(|payload| resume_unwind(payload));
}

/// Ends the runtime at once: every future is dropped where it stands.
pub(super) fn close(core: &Rc<Core>) {
    let entered = context::enter(core);
    core.set_phase(Phase::Closed);
    core.drop_futures();
    core.drop_leaves();
    // Destructors ran, and may have sent letters from this thread, by way of another runtime's end. From here to the end
    // no foreign code runs on this thread: every later letter comes from another one. Those of other threads are not
    // read any more, however fast they come; after the end they are settled wherever they are, and calls dropped unrun.
    core.collect_from_home();
    let tasks = core.table().borrow_mut().take_all();
    core.hub().end(tasks);
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
            let idle = self.queue().borrow().is_empty();
            if idle && !self.table().borrow().has_running() {
                return;
            }
            if end.is_some_and(|end| Instant::now() >= end) {
                return report(&self.running());
            }
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

    /// Drops the wakers in timers, sockets and catch points: they may be anybody's, so each is dropped by itself.
    fn drop_leaves(&self) {
        let timers = self.wheel().borrow_mut().dissolve();
        timers.into_iter().for_each(drop_quietly);
        let sockets = self.reactor().borrow_mut().dissolve();
        sockets.into_iter().for_each(drop_quietly);
        let points = self.scopes().borrow_mut().dissolve();
        points.into_iter().for_each(drop_quietly);
    }
}

/// Names the tasks that a bounded shutdown had to drop.
fn report(tasks: &[Task]) {
    if tasks.is_empty() {
        return;
    }
    eprintln!(
        "wheelhouse: {} task(s) did not stop within the shutdown timeout and are dropped:",
        tasks.len()
    );
    for task in tasks {
        eprintln!("  {}", describe(task));
    }
}
