//! The wheel's unit of time: a nanosecond.

/// A moment, in nanoseconds since the wheel's base.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Tick(u64);

impl Tick {
    /// The wheel's base.
    pub(super) const ZERO: Tick = Tick(0);

    /// Later than any `now`.
    pub(super) const NEVER: Tick = Tick(u64::MAX);

    /// Gives the tick of a deadline; `u64::MAX` is [`Tick::NEVER`].
    #[inline]
    pub(super) fn from_deadline(nanos: u64) -> Tick {
        Tick(nanos)
    }

    /// Gives the tick that it is at a moment. The last one does not come in this universe, and is
    /// not let come here.
    #[inline]
    pub(super) fn from_now(nanos: u64) -> Tick {
        Tick(nanos.min(u64::MAX - 1))
    }

    /// Gives the tick as a moment, or `None` for [`Tick::NEVER`].
    #[inline]
    pub(super) fn nanos(self) -> Option<u64> {
        (self < Tick::NEVER).then_some(self.0)
    }

    /// Gives the number.
    #[inline]
    pub(super) fn number(self) -> u64 {
        self.0
    }
}
