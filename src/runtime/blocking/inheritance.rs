//! The attributes that a thread of the pool must not inherit.
//!
//! On Linux a new thread inherits the CPU affinity and the timer slack of its creator. A runtime
//! may be pinned to one CPU or have a timer slack of its own, but the pool serves all runtimes of
//! the process.

use std::num::NonZeroU64;

use rustix::process::getpid;
use rustix::thread::{sched_getaffinity, sched_setaffinity, set_current_timer_slack};

/// The default timer slack of Linux, in nanoseconds.
const ORDINARY_SLACK: Option<NonZeroU64> = NonZeroU64::new(50_000);

/// Sets the timer slack of this thread to the default, and its CPUs to those of the first thread of
/// the process, which `taskset` and containers set. Errors are ignored.
pub(super) fn shed_inheritance() {
    set_current_timer_slack(ORDINARY_SLACK).ok();
    let (Ok(first), Ok(own)) = (sched_getaffinity(Some(getpid())), sched_getaffinity(None)) else {
        return;
    };
    // After a mask was set, it no longer follows changes of the container's CPUs.
    if first != own {
        sched_setaffinity(None, &first).ok();
    }
}
