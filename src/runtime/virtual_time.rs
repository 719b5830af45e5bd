//! How a runtime with a virtual clock parks.
//!
//! ```text
//!   park: poll sockets, drain_inbox
//!        ├─ a task is ready ──────▶ return; the clock does not move
//!        ├─ something is in flight ▶ sleep_for_real; the clock follows
//!        │  (a socket, a `Remote`)
//!        ├─ a timer is set ───────▶ jump_to its deadline
//!        └─ nothing ──────────────▶ panic with the deadlock_report
//! ```

use std::time::{Duration, Instant};

use super::core::Core;
use super::final_output::panic_with;
use super::report::deadlock_report;
use super::stuck::{REPORT_DELAY, report_backlog};

/// Waits for sockets and other threads, or moves the clock to the next deadline.
pub(super) fn park(core: &Core) {
    // Read before the inbox is drained: work that is in flight now may send its message after
    // the drain. The turn then starts over, and the clock does not move.
    let was_in_flight = core.is_something_in_flight();
    core.sleep(Some(Duration::ZERO));
    core.drain_inbox();
    // One turn takes a bounded number of messages. The rest must be handled at the present
    // time, before the clock moves.
    if !core.scheduler.is_idle() || !core.shared().is_empty() {
        return;
    }
    if core.is_something_in_flight() {
        return sleep_for_real(core);
    }
    if was_in_flight {
        return;
    }
    match core.timers.next_deadline() {
        Some(deadline) => core.timers.clock().jump_to(deadline),
        None => panic_with(deadlock_report(core)),
    }
}

/// Waits for sockets and other threads; the virtual clock advances by the real time that passes.
/// Returns after [`REPORT_DELAY`] at the latest, so that a wait can be reported.
fn sleep_for_real(core: &Core) {
    let clock = core.timers.clock();
    let before = (Instant::now(), clock.nanos());
    let timeout = core.timers.until_next_deadline().unwrap_or(REPORT_DELAY);
    core.sleep_unless(Some(timeout.min(REPORT_DELAY)), || {
        !core.is_something_in_flight()
    });
    report_backlog();
    let passed = u64::try_from(before.0.elapsed().as_nanos()).unwrap_or(u64::MAX);
    clock.jump_to(before.1.saturating_add(passed));
}
