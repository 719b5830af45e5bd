//! The descriptor of a runtime that another loop drives, and when it becomes readable.
//!
//! ```text
//!   no doorbell ── as_fd ──▶ opened ── a call that drives returns or unwinds ──▶ announced
//!                              ▲                                                   │
//!                              └──── a call that drives begins ◀───────────────────┘
//! ```
//!
//! While it is announced, a message unparks, which makes the descriptor readable, and the timer of
//! the descriptor is armed for the next deadline. Until the descriptor is asked for, there is no
//! timer, and nothing is paid.

use super::core::Core;
use crate::reactor::Doorbell;

/// Announces the next turn when it is dropped: when the runtime stops to be driven, also by a panic.
#[derive(Debug)]
pub(super) struct Announcing<'a>(pub(super) &'a Core);

impl Drop for Announcing<'_> {
    fn drop(&mut self) {
        if let Some(doorbell) = self.0.doorbell.get() {
            announce(self.0, doorbell);
        }
    }
}

/// Makes the descriptor readable as soon as a turn has something to do.
pub(super) fn announce(core: &Core, doorbell: &Doorbell) {
    // Before the look at the inbox: see `unparker`.
    core.shared().unparker().prepare_park();
    doorbell.ring_at(next_turn(core), core.timers.clock().nanos());
}

/// Returns when a turn has something to do, in nanoseconds of the clock; `None` if only an event
/// can tell.
pub(super) fn next_turn(core: &Core) -> Option<u64> {
    if has_work(core) {
        Some(0)
    } else {
        core.timers.next_wake()
    }
}

/// Returns `true` if a turn has something to do now, not counting sockets and timers.
pub(super) fn has_work(core: &Core) -> bool {
    !core.scheduler.is_idle() || !core.shared().is_empty()
}
