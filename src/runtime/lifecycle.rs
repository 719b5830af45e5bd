//! The phases of a runtime's life, and the calls that drive it.

use std::cell::Cell;

/// The phases of a runtime's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Tasks are spawned and polled.
    Open,
    /// Every task has been cancelled and cleans up. A new task is cancelled before its first poll.
    ShuttingDown,
    /// No task is polled. A new task is dropped at once.
    Closed,
}

/// The phase of a runtime, and the number of calls that drive it.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    phase: Cell<Phase>,
    /// The number of calls on the stack that drive the runtime.
    drivers: Cell<usize>,
}

impl Lifecycle {
    pub(super) fn new() -> Self {
        Self {
            phase: Cell::new(Phase::Open),
            drivers: Cell::new(0),
        }
    }

    #[inline]
    pub(super) fn phase(&self) -> Phase {
        self.phase.get()
    }

    pub(super) fn set_phase(&self, phase: Phase) {
        self.phase.set(phase);
    }

    /// Counts a call that drives the runtime. Called by [`enter`](super::context::enter) only.
    pub(super) fn begin_driving(&self) {
        self.drivers.set(self.drivers.get() + 1);
    }

    pub(super) fn end_driving(&self) {
        self.drivers.set(self.drivers.get() - 1);
    }

    /// Returns `true` while a call on the stack drives the runtime, even if it is an outer one.
    pub(super) fn is_driven(&self) -> bool {
        self.drivers.get() > 0
    }
}
