//! The runtime's clock: the machine's, or one that stands still until it is told to jump.
//!
//! The loop counts in nanoseconds of `CLOCK_MONOTONIC`, read as such: a difference of two `Instant`s, which users
//! see, costs more than the reading. The two meet at the process's moment zero, where both were read, the `Instant`
//! first: so a deadline that is converted is late by the time between the two readings, and never early.

use std::cell::Cell;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// One moment by both clocks.
static ZERO: LazyLock<(Instant, u64)> = LazyLock::new(|| (Instant::now(), monotonic()));

/// A runtime's clock. It counts nanoseconds from a moment that is the same for the whole process; `u64::MAX` stands
/// for never.
#[derive(Debug)]
pub(crate) struct Clock {
    /// What a virtual clock shows; `None` for the machine's.
    shows: Option<Cell<u64>>,
    /// What it showed in the beginning.
    start: u64,
}

impl Clock {
    /// The machine's clock.
    pub(crate) fn real() -> Self {
        LazyLock::force(&ZERO);
        Self {
            shows: None,
            start: monotonic(),
        }
    }

    /// A clock that stands still, at the moment it is.
    pub(crate) fn virtual_() -> Self {
        LazyLock::force(&ZERO);
        let start = monotonic();
        Self {
            shows: Some(Cell::new(start)),
            start,
        }
    }

    /// True for a clock that stands still.
    pub(crate) fn is_virtual(&self) -> bool {
        self.shows.is_some()
    }

    /// The moment it is.
    pub(crate) fn now(&self) -> Instant {
        match &self.shows {
            None => Instant::now(),
            Some(shows) => to_instant(shows.get()).unwrap_or_else(Instant::now),
        }
    }

    /// The moment it is, in nanoseconds.
    #[inline]
    pub(crate) fn nanos(&self) -> u64 {
        match &self.shows {
            None => monotonic(),
            Some(shows) => shows.get(),
        }
    }

    /// How long it has been going.
    pub(crate) fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.nanos().saturating_sub(self.start))
    }

    /// The moment after `duration`, in nanoseconds.
    #[inline]
    pub(crate) fn after(&self, duration: Duration) -> u64 {
        self.nanos().saturating_add(nanos(duration))
    }

    /// Sets a virtual clock forward; never back.
    pub(crate) fn jump_to(&self, nanos: u64) {
        if let Some(shows) = &self.shows {
            shows.set(nanos.max(shows.get()));
        }
    }
}

/// What `CLOCK_MONOTONIC` shows, in nanoseconds.
#[inline]
fn monotonic() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    // The kernel counts from the start of the machine and keeps the nanoseconds below a second: neither is negative,
    // and together they last for 584 years.
    (time.tv_sec as u64)
        .wrapping_mul(1_000_000_000)
        .wrapping_add(time.tv_nsec as u64)
}

/// A moment in nanoseconds: what lies before all clocks is zero, what is too far off is never.
pub(crate) fn to_nanos(at: Instant) -> u64 {
    let (instant, zero) = *ZERO;
    match at.checked_duration_since(instant) {
        Some(since) => zero.saturating_add(nanos(since)),
        None => zero.saturating_sub(nanos(instant - at)),
    }
}

/// The moment of a number of nanoseconds; `None` for never.
pub(crate) fn to_instant(nanos: u64) -> Option<Instant> {
    let (instant, zero) = *ZERO;
    match nanos {
        u64::MAX => None,
        nanos if nanos >= zero => instant.checked_add(Duration::from_nanos(nanos - zero)),
        nanos => instant.checked_sub(Duration::from_nanos(zero - nanos)),
    }
}

/// A duration in nanoseconds; `u64::MAX`, some 584 years, when it is longer than that.
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
