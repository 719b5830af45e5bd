//! The wheel's unit of time.

/// A tick is two to this many nanoseconds: a little more than a microsecond.
pub(super) const TICK_BITS: u32 = 10;

/// A moment, counted in ticks since the wheel's base.
///
/// Invariant: at most [`Tick::NEVER`], so that a tick has 55 bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Tick(u64);

impl Tick {
    /// The wheel's base.
    pub(super) const ZERO: Tick = Tick(0);

    /// Later than any `now`: 2^54 ticks are 2^64 nanoseconds.
    pub(super) const NEVER: Tick = Tick(1 << (u64::BITS - TICK_BITS));

    /// Gives the first tick that does not begin before a deadline in nanoseconds.
    ///
    /// A deadline in the last microsecond that 64 bits can tell, `u64::MAX` among them, is
    /// [`Tick::NEVER`].
    #[inline]
    pub(super) fn from_deadline(nanos: u64) -> Tick {
        let partial = nanos % (1 << TICK_BITS) != 0;
        Tick((nanos >> TICK_BITS) + u64::from(partial))
    }

    /// Gives the tick that a moment in nanoseconds is in.
    #[inline]
    pub(super) fn from_now(nanos: u64) -> Tick {
        Tick(nanos >> TICK_BITS)
    }

    /// Gives the nanosecond at which the tick begins, or `None` for [`Tick::NEVER`].
    #[inline]
    pub(super) fn nanos(self) -> Option<u64> {
        (self < Tick::NEVER).then_some(self.0 << TICK_BITS)
    }

    /// Gives the number.
    #[inline]
    pub(super) fn number(self) -> u64 {
        self.0
    }
}
