//! The functions of one runtime that are running on other threads now.
//!
//! ```text
//!   begin ──▶ listed ── Leave dropped, on the function's thread ──▶ struck out; whoever waits for none looks again
//! ```

use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Who runs. One per runtime, shared with the pool's threads.
#[derive(Debug, Default)]
pub(crate) struct BlockingTasks {
    /// The list.
    list: Mutex<List>,
    /// Told when the list has become empty.
    emptied: Condvar,
}

/// Who runs, by number, so in the order in which they began.
#[derive(Debug, Default)]
struct List {
    /// The number of the next.
    next: u64,
    /// Where in the program each was asked for.
    running: BTreeMap<u64, &'static Location<'static>>,
}

/// Strikes a job out when it is dropped.
#[derive(Debug)]
pub(super) struct Leave {
    /// The list.
    jobs: Arc<BlockingTasks>,
    /// The job.
    number: u64,
}

impl BlockingTasks {
    /// The list, which no panic can leave half-changed.
    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lists a job until what this gives is dropped.
    pub(super) fn begin(self: &Arc<Self>, location: &'static Location<'static>) -> Leave {
        let mut list = self.list();
        let number = list.next;
        list.next += 1;
        list.running.insert(number, location);
        Leave {
            jobs: Arc::clone(self),
            number,
        }
    }

    /// Waits until none runs, at most so long; gives those that still do.
    pub(crate) fn wait_for_none(&self, patience: Duration) -> Vec<&'static Location<'static>> {
        let list = self.list();
        let waited = self
            .emptied
            .wait_timeout_while(list, patience, |list| !list.running.is_empty());
        let (list, _) = waited.unwrap_or_else(PoisonError::into_inner);
        list.running.values().copied().collect()
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        let mut list = self.jobs.list();
        list.running.remove(&self.number);
        if list.running.is_empty() {
            self.jobs.emptied.notify_all();
        }
    }
}
