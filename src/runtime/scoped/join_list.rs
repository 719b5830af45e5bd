//! The tasks that a future was awaiting when it was dropped, as the runtime keeps them.
//! [`PendingJoins`](super::PendingJoins) waits for them.

use crate::runtime::task_types::TaskRef;
use crate::scope::Wait;

/// Tasks to wait for.
#[derive(Debug, Default)]
pub(crate) struct JoinList {
    /// The tasks that may not have ended.
    pub(super) tasks: Vec<TaskRef>,
    /// The entries for this wait in the runtime's record.
    pub(super) noted: Vec<Wait>,
}

impl JoinList {
    /// Returns the numbers of the tasks that have not ended.
    pub(in crate::runtime) fn numbers(&self) -> Vec<u64> {
        let tasks = self.tasks.iter().filter(|task| !task.is_done());
        tasks.map(TaskRef::number).collect()
    }
}
