//! What a thread of the pool does not keep of the thread that started it. Linux only.
//!
//! A new thread inherits the CPU affinity and the timer slack of its creator. A runtime may be pinned to
//! one CPU, and its thread may have a slack of its own; the pool serves every runtime of the process.

use std::num::NonZeroU64;

use rustix::process::getpid;
use rustix::thread::{sched_getaffinity, sched_setaffinity, set_current_timer_slack};

/// The timer slack that Linux gives a process, in nanoseconds.
const ORDINARY_SLACK: Option<NonZeroU64> = NonZeroU64::new(50_000);

/// Gives this thread the kernel's timer slack and the CPUs of the process's first thread, which are those
/// that `taskset` and a container set. A thread that the system does not allow this keeps what it has.
pub(super) fn shed_inheritance() {
    set_current_timer_slack(ORDINARY_SLACK).ok();
    let (Ok(first), Ok(own)) = (sched_getaffinity(Some(getpid())), sched_getaffinity(None)) else {
        return;
    };
    // A mask that was set once no longer grows with the CPUs of the container.
    if first != own {
        sched_setaffinity(None, &first).ok();
    }
}
