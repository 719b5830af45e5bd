//! How a runtime rests whose clock is virtual.
//!
//! ```text
//!   nobody ready ─▶ glance ─┬─ somebody ready now ─▶ go on, the clock stands still
//!                           ├─ something real in flight (a socket that is waited for, a `Remote`):
//!                           │     sleep for real; the clock goes along
//!                           ├─ a timer: jump to its deadline
//!                           └─ nothing: deadlock, [`report`](super::report)
//! ```

use std::time::{Duration, Instant};

use super::core::Core;
use super::last_words::panic_with;

impl Core {
    /// Waits for what is real, or jumps to the next deadline.
    pub(super) fn park_virtually(&self) {
        // Asked before the inbox is emptied: who is not in flight any more then has sent what it had to send.
        let was_in_flight = self.is_something_in_flight();
        self.sleep(Some(Duration::ZERO));
        self.drain_inbox();
        // What one turn does not take of what other threads sent was sent now, and not after the
        // jump.
        if self.is_somebody_ready() || !self.shared().is_empty() {
            return;
        }
        if self.is_something_in_flight() {
            return self.sleep_for_real();
        }
        if was_in_flight {
            return;
        }
        let deadline = self.wheel().borrow_mut().next_deadline();
        match deadline {
            Some(deadline) => self.clock().jump_to(deadline),
            None => panic_with(self.deadlock_report()),
        }
    }

    /// Waits for what is in flight; meanwhile the virtual clock goes like the machine's.
    fn sleep_for_real(&self) {
        let before = (Instant::now(), self.clock().nanos());
        self.sleep_unless(self.until_next_deadline(), || {
            !self.is_something_in_flight()
        });
        let passed = u64::try_from(before.0.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.clock().jump_to(before.1.saturating_add(passed));
    }
}
