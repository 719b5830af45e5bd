//! The wheel's unit of time: a nanosecond.

/// A moment, in nanoseconds since the wheel's base.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Tick(u64);

impl Tick {
    /// The wheel's base.
    pub(super) const ZERO: Tick = Tick(0);

    /// Later than any `now`.
    pub(super) const NEVER: Tick = Tick(u64::MAX);

    /// Returns the tick of a deadline; `u64::MAX` is [`Tick::NEVER`].
    #[inline]
    pub(super) fn from_deadline(nanos: u64) -> Tick {
        Tick(nanos)
    }

    /// Returns the tick of the current time, which is never [`Tick::NEVER`]: 2^64 ns are 584 years.
    #[inline]
    pub(super) fn from_now(nanos: u64) -> Tick {
        Tick(nanos.min(u64::MAX - 1))
    }

    /// Returns the tick in nanoseconds, or `None` for [`Tick::NEVER`].
    #[inline]
    pub(super) fn nanos(self) -> Option<u64> {
        (self < Tick::NEVER).then_some(self.0)
    }

    #[inline]
    pub(super) fn number(self) -> u64 {
        self.0
    }
}
