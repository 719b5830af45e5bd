//! The runtime's clock: the machine's, or one that stands still until it is told to jump.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// A clock that counts nanoseconds from its making.
#[derive(Debug)]
pub(crate) struct Clock {
    /// The moment zero.
    base: Instant,
    /// What a virtual clock shows; `None` for the machine's.
    shows: Option<Cell<u64>>,
}

impl Clock {
    /// The machine's clock.
    pub(crate) fn real() -> Self {
        Self {
            base: Instant::now(),
            shows: None,
        }
    }

    /// A clock that stands still.
    pub(crate) fn virtual_() -> Self {
        Self {
            base: Instant::now(),
            shows: Some(Cell::new(0)),
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
            Some(shows) => self.base + Duration::from_nanos(shows.get()),
        }
    }

    /// The moment it is, in nanoseconds.
    pub(crate) fn nanos(&self) -> u64 {
        match &self.shows {
            None => self.to_nanos(Instant::now()),
            Some(shows) => shows.get(),
        }
    }

    /// A moment in nanoseconds: what lies before the making is zero, what is too far off is the greatest number.
    pub(crate) fn to_nanos(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.base);
        since
            .as_secs()
            .checked_mul(1_000_000_000)
            .and_then(|n| n.checked_add(u64::from(since.subsec_nanos())))
            .unwrap_or(u64::MAX)
    }

    /// Sets a virtual clock forward; never back.
    pub(crate) fn jump_to(&self, nanos: u64) {
        if let Some(shows) = &self.shows {
            shows.set(nanos.max(shows.get()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_clock_stands_still_and_never_runs_back() {
        let clock = Clock::virtual_();
        let start = clock.now();
        clock.jump_to(5);
        clock.jump_to(3);
        assert_eq!(clock.now() - start, Duration::from_nanos(5));
    }

    #[test]
    fn moments_out_of_range_are_clamped() {
        let clock = Clock::virtual_();
        assert_eq!(clock.to_nanos(clock.now() - Duration::from_nanos(1)), 0);
        let far = clock.now() + Duration::from_secs(600 * 365 * 86_400);
        assert_eq!(clock.to_nanos(far), u64::MAX);
    }
}
