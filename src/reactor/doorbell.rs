//! The descriptor by which another event loop waits for a runtime.
//!
//! The epoll instance is readable while it has an edge to report: of a socket, of the unparker, or
//! of a timer that is armed here for the next deadline, because epoll itself knows no deadlines.
//!
//! ```text
//!   socket ──────────────┐
//!   eventfd: unpark ─────┼─▶ epoll: readable until the next wait ─▶ the other loop
//!   timerfd: ring_at ────┘
//! ```

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use super::poller::{Instance, Poller};

/// The earliest time: the timer rings at once. The kernel takes 0 as "disarmed".
pub(crate) const AT_ONCE: u64 = 1;

/// An epoll instance, and a timer in it.
#[derive(Debug)]
pub(crate) struct Doorbell {
    epoll: Arc<Instance>,
    timer: OwnedFd,
    /// When the timer rings, in nanoseconds of `CLOCK_MONOTONIC`; `None` if it is disarmed.
    armed: Cell<Option<u64>>,
}

impl Doorbell {
    /// Opens a timer and adds it to the instance under a token that finds no source.
    pub(super) fn new(poller: &Poller, token: u64) -> io::Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        poller.add_alarm(timer.as_fd(), token)?;
        Ok(Self {
            epoll: poller.instance(),
            timer,
            armed: Cell::new(None),
        })
    }

    /// Makes the descriptor readable at `deadline`; `None` disarms the timer. `now` is the present
    /// time.
    ///
    /// The timer is never read: it is edge-triggered, and each time that it expires is an edge.
    pub(crate) fn ring_at(&self, deadline: Option<u64>, now: u64) {
        let deadline = deadline.map(|deadline| deadline.max(AT_ONCE));
        // A timer that has rung must be armed again, even for the same time.
        let still_rings = self.armed.get().is_none_or(|armed| armed > now);
        if still_rings && self.armed.get() == deadline {
            return;
        }
        self.armed.set(deadline);
        let set = timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &once_at(deadline));
        debug_assert!(set.is_ok());
    }
}

impl AsFd for Doorbell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

/// Converts a deadline; `None` disarms.
fn once_at(deadline: Option<u64>) -> Itimerspec {
    let nanos = deadline.unwrap_or(0);
    let zero = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    Itimerspec {
        it_interval: zero,
        // A `u64` of nanoseconds is 584 years, and the remainder is less than a second.
        it_value: Timespec {
            tv_sec: (nanos / 1_000_000_000) as i64,
            tv_nsec: (nanos % 1_000_000_000) as _,
        },
    }
}
