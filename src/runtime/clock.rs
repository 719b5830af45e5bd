//! The clock of a runtime: that of the machine, or a virtual one that only moves by jumps.
//!
//! The loop reads `CLOCK_MONOTONIC` itself, in nanoseconds: the difference of two `Instant`s, which
//! users see, costs more than the reading. The two are compared once in the process, where the
//! `Instant` is read first. So a converted deadline is late by the time between the two readings,
//! and never early.

use std::cell::Cell;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// One moment by both clocks, read at the first use of a clock.
static ZERO: LazyLock<(Instant, u64)> = LazyLock::new(|| (Instant::now(), monotonic()));

/// The clock of a runtime. It counts nanoseconds from a moment that is the same for the whole
/// process; `u64::MAX` is never.
#[derive(Debug)]
pub(crate) struct Clock {
    /// The time of a virtual clock; `None` for the clock of the machine.
    time: Option<Cell<u64>>,
    /// The time at the creation of the clock.
    start: u64,
}

impl Clock {
    /// Returns the clock of the machine.
    pub(crate) fn real() -> Self {
        LazyLock::force(&ZERO);
        Self {
            time: None,
            start: monotonic(),
        }
    }

    /// Returns a virtual clock, which begins at the present time.
    pub(crate) fn virtual_() -> Self {
        LazyLock::force(&ZERO);
        let start = monotonic();
        Self {
            time: Some(Cell::new(start)),
            start,
        }
    }

    pub(crate) fn is_virtual(&self) -> bool {
        self.time.is_some()
    }

    /// Returns the present time.
    pub(crate) fn now(&self) -> Instant {
        match &self.time {
            None => Instant::now(),
            Some(time) => to_instant(time.get()).unwrap_or_else(Instant::now),
        }
    }

    /// Returns the present time in nanoseconds.
    #[inline]
    pub(crate) fn nanos(&self) -> u64 {
        match &self.time {
            None => monotonic(),
            Some(time) => time.get(),
        }
    }

    /// Returns the time since the creation of the clock.
    pub(crate) fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.nanos().saturating_sub(self.start))
    }

    /// Returns the time after `duration`, in nanoseconds.
    #[inline]
    pub(crate) fn after(&self, duration: Duration) -> u64 {
        self.nanos().saturating_add(nanos(duration))
    }

    /// Moves a virtual clock to a later time. Does nothing if the time is past.
    pub(crate) fn jump_to(&self, nanos: u64) {
        if let Some(time) = &self.time {
            time.set(nanos.max(time.get()));
        }
    }
}

/// Reads `CLOCK_MONOTONIC`, in nanoseconds.
#[inline]
fn monotonic() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    // The kernel counts from the start of the machine, and the nanoseconds are less than a second:
    // so neither is negative, and the sum overflows after 584 years.
    (time.tv_sec as u64)
        .wrapping_mul(1_000_000_000)
        .wrapping_add(time.tv_nsec as u64)
}

/// Converts a time to nanoseconds. A time that is too early gives 0, one that is too late never.
pub(crate) fn to_nanos(at: Instant) -> u64 {
    let (instant, zero) = *ZERO;
    match at.checked_duration_since(instant) {
        Some(since) => zero.saturating_add(nanos(since)),
        None => zero.saturating_sub(nanos(instant - at)),
    }
}

/// Converts nanoseconds to a time; `None` for never.
pub(crate) fn to_instant(nanos: u64) -> Option<Instant> {
    let (instant, zero) = *ZERO;
    match nanos {
        u64::MAX => None,
        nanos if nanos >= zero => instant.checked_add(Duration::from_nanos(nanos - zero)),
        nanos => instant.checked_sub(Duration::from_nanos(zero - nanos)),
    }
}

/// Converts a duration to nanoseconds; `u64::MAX`, some 584 years, if it is longer.
#[inline]
fn nanos(duration: Duration) -> u64 {
    let seconds = duration.as_secs().checked_mul(1_000_000_000);
    seconds
        .and_then(|nanos| nanos.checked_add(u64::from(duration.subsec_nanos())))
        .unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_clock_stands_still_and_never_runs_back() {
        let clock = Clock::virtual_();
        let (start, nanos) = (clock.now(), clock.nanos());
        clock.jump_to(nanos + 5);
        clock.jump_to(nanos + 3);
        assert_eq!(clock.now() - start, Duration::from_nanos(5));
    }

    #[test]
    fn moments_out_of_range_are_clamped() {
        let (instant, zero) = *ZERO;
        assert_eq!(to_nanos(instant - Duration::from_nanos(1)), zero - 1);
        assert_eq!(
            to_nanos(instant + Duration::from_secs(600 * 365 * 86_400)),
            u64::MAX
        );
        assert_eq!(Clock::real().after(Duration::MAX), u64::MAX);
    }

    #[test]
    fn a_converted_deadline_is_never_early() {
        let before = (Instant::now(), monotonic());
        assert!(to_nanos(before.0) <= monotonic());
        let after = Instant::now() + Duration::from_secs(1);
        assert!(to_nanos(after) >= before.1 + 1_000_000_000);
    }

    #[test]
    fn moments_survive_the_way_there_and_back() {
        let now = Clock::virtual_();
        assert_eq!(to_instant(now.nanos()), Some(now.now()));
        assert_eq!(to_instant(u64::MAX), None);
    }
}
