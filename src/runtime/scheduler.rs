//! The tasks of a runtime: all that have not ended, those that are ready, and the one that runs.
//!
//! ```text
//!   spawn: insert, push ─▶ queue ─ pop ─▶ current: polled ─┬─ woken: push
//!                                                          └─ ended: removed from `owned`
//! ```

use std::cell::Cell;

use super::owned_tasks::OwnedTasks;
use super::queue::Queue;
use super::shared::Shared;
use crate::cell::{Current, Pool, empty};
use crate::util::budget;

/// The most polls of tasks between two checks of timers, sockets and the inbox.
pub(crate) const BATCH: usize = 64;

/// The tasks of a runtime.
pub(crate) struct Scheduler {
    /// The ready tasks.
    pub(super) queue: Queue,
    /// All tasks that have not ended.
    pub(super) owned: OwnedTasks,
    /// The memory of tasks that have ended.
    pub(super) pool: Pool,
    /// The task that is being polled.
    pub(super) current: Current<Shared>,
    pub(crate) batch: Batch,
    /// The number of the task that was spawned last.
    last_number: Cell<u64>,
}

impl Scheduler {
    pub(super) fn new() -> Self {
        Self {
            queue: Queue::default(),
            owned: OwnedTasks::default(),
            pool: Pool::new(),
            current: Current::new(),
            batch: Batch::default(),
            last_number: Cell::new(0),
        }
    }

    /// Returns the number of a new task.
    #[inline]
    pub(crate) fn next_number(&self) -> u64 {
        let number = self.last_number.get() + 1;
        self.last_number.set(number);
        number
    }

    /// Returns `true` if no task is ready.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    /// Makes one of `count` choices by the order of the run queue: the first, unless a test has set
    /// another order.
    pub(crate) fn choose(&self, count: usize) -> usize {
        self.queue.choose(count)
    }

    /// Starts the next batch. Returns `true` if a lap is over: each task that was ready when it
    /// began has been polled.
    #[must_use]
    pub(super) fn begin_batch(&self) -> bool {
        budget::take_refusal();
        self.batch.begin(|| self.queue.len())
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        empty(&self.pool);
    }
}

/// The polls of the current batch, and those of the current lap.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// The polls that are left of the batch.
    left: Cell<usize>,
    /// The polls until each task was polled that was ready when the lap began.
    left_of_lap: Cell<usize>,
}

impl Batch {
    /// Starts the next batch, and returns `true` if a lap is over. `ready` counts the ready tasks,
    /// for the next lap.
    fn begin(&self, ready: impl FnOnce() -> usize) -> bool {
        let polls = BATCH - self.left.replace(BATCH);
        let left = self.left_of_lap.get().saturating_sub(polls);
        let is_over = left == 0;
        self.left_of_lap.set(if is_over { ready() } else { left });
        is_over
    }

    /// Returns `true` while the batch has polls left. A poll that used up its steps ends the batch,
    /// because it took as long as many others.
    #[inline]
    pub(super) fn may_poll(&self) -> bool {
        self.left.get() > 0 && !budget::was_refused()
    }

    /// Counts a poll. The caller has checked [`may_poll`](Self::may_poll).
    #[inline]
    pub(super) fn count_poll(&self) {
        self.left.set(self.left.get() - 1);
    }

    /// Counts a poll, and returns `false` if no poll was left.
    pub(crate) fn spend_poll(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }
}
