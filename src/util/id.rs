//! The identity of a task, as plain numbers, so that an error on any thread can contain it.

use std::fmt;

/// The identity of a task. No two tasks of a process have the same, also after they have ended.
///
/// `Display` shows the task's number within its runtime; the main task is number 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    runtime: u32,
    number: u64,
}

impl Id {
    pub(crate) fn new(runtime: u32, number: u64) -> Self {
        Self { runtime, number }
    }

    /// Returns the task's number within its runtime, counted from 1.
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
