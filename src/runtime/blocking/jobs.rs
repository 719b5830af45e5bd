//! The functions of one runtime that are queued or running on other threads.
//!
//! ```text
//!   begin ─▶ listed ── TaskGuard dropped, on the function's thread ──▶ removed;
//!                                  the last one notifies wait_for_none
//! ```

use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The functions of one runtime. Shared with the threads of the pool.
#[derive(Debug, Default)]
pub(crate) struct BlockingTasks {
    list: Mutex<List>,
    /// Notified when the list has become empty.
    emptied: Condvar,
}

/// The functions by number, so in the order in which they were sent.
#[derive(Debug, Default)]
struct List {
    next: u64,
    /// Where in the program each was created.
    running: BTreeMap<u64, &'static Location<'static>>,
}

/// Removes a function from the list when it is dropped.
#[derive(Debug)]
pub(super) struct TaskGuard {
    jobs: Arc<BlockingTasks>,
    number: u64,
}

impl BlockingTasks {
    /// Locks the list. No panic can leave it half changed.
    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lists a function until the returned guard is dropped.
    pub(super) fn begin(self: &Arc<Self>, location: &'static Location<'static>) -> TaskGuard {
        let mut list = self.list();
        let number = list.next;
        list.next += 1;
        list.running.insert(number, location);
        TaskGuard {
            jobs: Arc::clone(self),
            number,
        }
    }

    /// Waits until no function runs, for at most `limit`. Returns those that still run.
    pub(crate) fn wait_for_none(&self, limit: Duration) -> Vec<&'static Location<'static>> {
        let list = self.list();
        let waited = self
            .emptied
            .wait_timeout_while(list, limit, |list| !list.running.is_empty());
        let (list, _) = waited.unwrap_or_else(PoisonError::into_inner);
        list.running.values().copied().collect()
    }
}

impl Drop for TaskGuard {
    fn drop(&mut self) {
        let mut list = self.jobs.list();
        list.running.remove(&self.number);
        if list.running.is_empty() {
            self.jobs.emptied.notify_all();
        }
    }
}
