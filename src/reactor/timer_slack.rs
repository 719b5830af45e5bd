//! The timer slack of a thread: how late the kernel may end a wait, to end several at once.

use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::time::Duration;

use rustix::thread::{current_timer_slack, set_current_timer_slack};

/// Returns the timer slack of this thread, or the default of the kernel if it cannot be read.
pub(super) fn current_slack() -> Duration {
    current_timer_slack().map_or(Duration::from_micros(50), Duration::from_nanos)
}

/// Sets the timer slack of the thread to its minimum until the value is dropped.
#[derive(Debug)]
pub(super) struct TimerSlackGuard {
    /// The slack to restore.
    before: NonZeroU64,
    /// The slack is a property of the thread, so the value is not `Send`.
    _home: PhantomData<*const ()>,
}

impl TimerSlackGuard {
    /// Lowers the slack of this thread. Reads the current one first, because a task may have
    /// changed it. Returns `None` if the system does not allow it.
    pub(super) fn lower() -> Option<Self> {
        let before = NonZeroU64::new(current_timer_slack().ok()?)?;
        set_current_timer_slack(Some(NonZeroU64::MIN)).ok()?;
        Some(Self {
            before,
            _home: PhantomData,
        })
    }
}

impl Drop for TimerSlackGuard {
    fn drop(&mut self) {
        // A value that was read from the kernel can be written.
        let restored = set_current_timer_slack(Some(self.before));
        debug_assert!(restored.is_ok());
    }
}

#[cfg(all(test, not(wheelhouse_loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_timer_slack_is_lowered_and_restored() {
        let before = current_timer_slack().expect("readable");
        let lowered = TimerSlackGuard::lower().expect("allowed");
        assert_eq!(current_timer_slack(), Ok(1));
        drop(lowered);
        assert_eq!(current_timer_slack(), Ok(before));
    }
}
