//! The identity of a task: plain numbers, so that errors may carry it anywhere.

use std::fmt;

/// Names one task for as long as the program runs: no two tasks of a process share an `Id`.
///
/// It is displayed as the task's number within its runtime (the main task of a runtime is number 1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// Which runtime of the process.
    runtime: u32,
    /// Which task of that runtime, counted from 1.
    number: u64,
}

impl Id {
    /// The id of task `number` in runtime `runtime`.
    pub(crate) fn new(runtime: u32, number: u64) -> Self {
        Self { runtime, number }
    }

    /// The task's number within its runtime, counted from 1.
    #[must_use]
    pub fn number(self) -> u64 {
        self.number
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.number, f)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({}.{})", self.runtime, self.number)
    }
}
