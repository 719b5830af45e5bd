//! How a runtime with a virtual clock parks.
//!
//! ```text
//!   park_virtually: poll sockets, drain_inbox
//!        ├─ a task is ready ──────▶ return; the clock does not move
//!        ├─ something is in flight ▶ sleep_for_real; the clock follows
//!        │  (a socket, a `Remote`)
//!        ├─ a timer is set ───────▶ jump_to its deadline
//!        └─ nothing ──────────────▶ panic with the deadlock_report
//! ```

use std::time::{Duration, Instant};

use super::core::Core;
use super::final_output::panic_with;

impl Core {
    /// Waits for sockets and other threads, or moves the clock to the next deadline.
    pub(super) fn park_virtually(&self) {
        // Read before the inbox is drained: work that is in flight now may send its message after
        // the drain. The turn then starts over, and the clock does not move.
        let was_in_flight = self.is_something_in_flight();
        self.sleep(Some(Duration::ZERO));
        self.drain_inbox();
        // One turn takes a bounded number of messages. The rest must be handled at the present
        // time, before the clock moves.
        if !self.scheduler.is_idle() || !self.shared().is_empty() {
            return;
        }
        if self.is_something_in_flight() {
            return self.sleep_for_real();
        }
        if was_in_flight {
            return;
        }
        let deadline = self.timers.next_deadline();
        match deadline {
            Some(deadline) => self.timers.clock().jump_to(deadline),
            None => panic_with(self.deadlock_report()),
        }
    }

    /// Waits for sockets and other threads; the virtual clock advances by the real time that
    /// passes.
    fn sleep_for_real(&self) {
        let before = (Instant::now(), self.timers.clock().nanos());
        self.sleep_unless(self.timers.until_next_deadline(), || {
            !self.is_something_in_flight()
        });
        let passed = u64::try_from(before.0.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.timers.clock().jump_to(before.1.saturating_add(passed));
    }
}
