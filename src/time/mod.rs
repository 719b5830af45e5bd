//! Sleeps, timeouts, intervals and the clock.
//!
//! ```
//! use std::time::Duration;
//! use wheelhouse::{sleep, time, timeout};
//!
//! wheelhouse::run(async {
//!     let start = time::now();
//!     let slow = sleep(Duration::from_secs(3600));
//!     assert!(timeout(Duration::from_millis(5), slow).await.is_err());
//!
//!     let mut ticks = time::interval(Duration::from_millis(2));
//!     for _ in 0..3 {
//!         ticks.tick().await; // the first tick comes at once
//!     }
//!     assert!(time::now() - start >= Duration::from_millis(9));
//! });
//! ```
//!
//! | function | asyncio | what it does |
//! |---|---|---|
//! | [`sleep()`], [`sleep_until`] | `asyncio.sleep` | waits |
//! | [`timeout()`], [`timeout_at`] | `timeout`, `wait_for` | cancels a future at a deadline |
//! | [`interval()`], [`interval_at`] | – | ticks periodically |
//! | [`now`] | `loop.time()` | reads the clock |
//!
//! Times are [`std::time::Instant`]s of the machine's clock. In
//! [`testing::run`](crate::testing::run) they are those of a virtual clock.
//!
//! No timer fires early. Timers that are due at the same time fire in the order of their deadlines.

mod interval;
mod sleep;
mod timeout;

pub use interval::{Interval, MissedTicks, interval, interval_at};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Timeout, timeout, timeout_at};

use std::time::Instant;

use crate::runtime::try_with;

/// Returns the current time of the runtime's clock (asyncio: `loop.time()`).
///
/// Under [`testing::run`](crate::testing::run) this is the virtual clock. Outside of a runtime it
/// is `Instant::now()`.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use wheelhouse::{sleep, testing, time};
///
/// testing::run(async {
///     let start = time::now();
///     sleep(Duration::from_secs(60)).await;
///     assert_eq!(time::now() - start, Duration::from_secs(60));
/// });
/// ```
#[doc(alias = "current_time")]
#[must_use]
pub fn now() -> Instant {
    try_with(|core| core.timers.clock().now()).unwrap_or_else(|_| Instant::now())
}
