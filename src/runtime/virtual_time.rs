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

/// Waits for sockets and other threads, or moves the clock to the next deadline.
pub(super) fn park(core: &Core) {
    // Read before the inbox is drained: work that is in flight now may send its message after
    // the drain. The turn then starts over, and the clock does not move.
    let was_in_flight = is_something_in_flight(core);
    core.sleep(Some(Duration::ZERO));
    core.drain_inbox();
    // One turn takes a bounded number of messages. The rest must be handled at the present
    // time, before the clock moves.
    if !core.scheduler.is_idle() || !core.shared().is_empty() {
        return;
    }
    if is_something_in_flight(core) {
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
fn sleep_for_real(core: &Core) {
    let clock = core.timers.clock();
    let before = (Instant::now(), clock.nanos());
    core.sleep_unless(core.timers.until_next_deadline(), || {
        !is_something_in_flight(core)
    });
    let passed = u64::try_from(before.0.elapsed().as_nanos()).unwrap_or(u64::MAX);
    clock.jump_to(before.1.saturating_add(passed));
}

/// Returns `true` if another thread or a socket may still wake a task.
fn is_something_in_flight(core: &Core) -> bool {
    core.shared().is_something_in_flight() || core.io.has_waiters()
}
