//! One turn of the loop.
//!
//! ```text
//!     ┌───────────────────────────────────────────────────────────┐
//!     ▼                                                           │
//!   begin_batch, batch: up to 64 polls, first in, first out       │
//!     │                                                           │
//!     ├─ main's turn: batch returns a MainTurn, `drive` polls     │
//!     │  the main future and calls batch again                    │
//!     ▼                                                           │
//!   between_batches ─┬─ a task is ready: poll_now ─┐              │
//!                    └─ none is ready: park ───────┤              │
//!                                                  ▼              │
//!              Io::wait ──▶ drain_inbox ──▶ Timers::fire ─────────┘
//! ```
//!
//! A batch bounds latency: the loop checks timers, sockets and the inbox after at most
//! [`BATCH`](super::scheduler::BATCH) polls of tasks, and after each poll that used up its
//! [steps](crate::util::budget).

use std::time::Duration;

use super::blocking::pool;
use super::carry::Carried;
use super::core::Core;
use super::stuck::{REPORT_DELAY, report_backlog};
use super::stuck_awaits;
use super::task_types::Task;
use super::virtual_time;
use crate::util::budget;

/// The reason to poll the main future.
#[derive(Debug)]
pub(super) enum MainTurn {
    /// The main task is first in the queue.
    Own(Task),
    /// A task that the main future carries is first in the queue.
    Carries(Carried),
}

impl Core {
    /// Starts the next batch.
    pub(super) fn begin_batch(&self) {
        if self.scheduler.begin_batch() {
            self.io.begin_lap();
        }
    }

    /// Polls ready tasks, at most [`BATCH`](super::scheduler::BATCH) between two calls of
    /// [`begin_batch`](Core::begin_batch). Returns early if the main future is to be polled.
    pub(super) fn batch(&self) -> Option<MainTurn> {
        // The task that yielded in the last poll, until the next task is taken from the queue.
        let mut woken = None;
        while self.scheduler.batch.may_poll() {
            let task = match woken.take() {
                Some(woken) => self.scheduler.queue.push_and_pop(woken),
                None => self.scheduler.queue.pop()?,
            };
            self.scheduler.batch.count_poll();
            // Branches, where a `match` on an enum cost seven instructions for each poll
            // (`yield_1`).
            if let Some(started) = task.start_if_plain() {
                let ended = self.poll_as(&task, || started.poll());
                woken = self.settle_poll(task, ended);
            } else if task.state().is_main_to_poll() {
                return Some(MainTurn::Own(task));
            } else if let Some(carried) = self.run_out_of_order(task) {
                return Some(MainTurn::Carries(carried));
            }
        }
        woken.into_iter().for_each(|woken| self.enqueue(woken));
        None
    }

    /// Runs one batch without a main future.
    pub(super) fn run_batch(&self) {
        self.begin_batch();
        // The main future has ended with its `block_on`, so there is none to drive.
        while let Some(main) = self.batch() {
            drop(main);
        }
    }

    /// Checks sockets, the inbox and timers. Parks if no task is ready.
    pub(super) fn between_batches(&self) {
        budget::end();
        if !self.scheduler.is_idle() {
            return poll_now(self);
        }
        self.scheduler.queue.shrink();
        self.timers.shrink();
        park(self);
    }

    /// Sleeps like [`sleep`](Self::sleep), and reports functions that have waited too long for a
    /// thread of the pool.
    pub(super) fn sleep_or_report_backlog(&self, timeout: Option<Duration>) {
        if !pool::is_waited_for() {
            return self.sleep(timeout);
        }
        self.sleep(Some(timeout.unwrap_or(REPORT_DELAY).min(REPORT_DELAY)));
        report_backlog();
    }

    /// Sleeps until the timeout, a readiness event or an unpark. Does not sleep if the inbox has a
    /// message.
    pub(super) fn sleep(&self, timeout: Option<Duration>) {
        self.sleep_unless(timeout, || false);
    }

    /// Sleeps like [`sleep`](Self::sleep), unless `over` returns `true`. Code that makes `over`
    /// true later must unpark the loop.
    pub(super) fn sleep_unless(&self, timeout: Option<Duration>, over: impl FnOnce() -> bool) {
        let unparker = self.shared().unparker();
        unparker.prepare_park();
        let timeout = if self.shared().is_empty() && !over() {
            timeout
        } else {
            Some(Duration::ZERO)
        };
        self.io.wait(timeout);
        unparker.awake();
    }

    /// Returns `true` if another thread or a socket may still wake a task.
    pub(super) fn is_something_in_flight(&self) -> bool {
        self.shared().is_something_in_flight() || self.io.has_waiters()
    }
}

/// Checks sockets, the inbox and timers without waiting.
fn poll_now(core: &Core) {
    if core.io.has_sources() {
        core.io.wait(Some(Duration::ZERO));
    }
    core.drain_inbox();
    core.timers.fire();
}

/// Waits until a task may be ready, then drains the inbox and fires timers.
fn park(core: &Core) {
    if core.timers.clock().is_virtual() {
        virtual_time::park(core);
    } else {
        stuck_awaits::park(core);
    }
    core.drain_inbox();
    core.timers.fire();
}
