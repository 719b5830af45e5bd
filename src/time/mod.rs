//! Time: sleeping, deadlines, intervals. Floor 3.
//!
//! Moments are `std::time::Instant`s. They are the machine's, or, under [`testing::run`](crate::testing::run), those of
//! a virtual clock. Nothing fires early; what is due is woken in the order of the deadlines.

mod interval;
mod sleep;
mod timeout;

pub use interval::{Interval, MissedTicks, interval, interval_at};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Timeout, timeout, timeout_at};

use std::time::Instant;

use crate::runtime::try_with;

/// Gives the moment it is, by the runtime's clock (asyncio: `loop.time()`).
///
/// Outside of a runtime it is `Instant::now()`.
#[doc(alias = "current_time")]
#[must_use]
pub fn now() -> Instant {
    try_with(|core| core.timers.clock().now()).unwrap_or_else(|_| Instant::now())
}
