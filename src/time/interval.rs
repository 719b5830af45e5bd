//! Periodic ticks.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures_core::Stream;

use super::{Sleep, now, sleep_until};
use crate::util::budget;

/// Creates a stream of ticks, one every `period`. The first tick comes at once.
///
/// The ticks are due at fixed times: now, now + `period`, now + 2 `period`, and so on. A tick that
/// is taken late does not shift the next ones, unless [`MissedTicks`] says so.
///
/// # Panics
/// If `period` is zero, and outside of a runtime.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// wheelhouse::run(async {
///     let mut ticks = wheelhouse::time::interval(Duration::from_millis(5));
///     let first = ticks.tick().await;
///     let second = ticks.tick().await;
///     assert_eq!(second - first, Duration::from_millis(5));
/// });
/// ```
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    interval_at(now(), period)
}

/// Creates a stream of ticks, one every `period`. The first tick comes at `start`. See
/// [`interval`].
///
/// # Panics
/// If `period` is zero, and outside of a runtime.
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(
        !period.is_zero(),
        "the period of an interval must not be zero: all ticks would be due at once"
    );
    Interval {
        period,
        missed: MissedTicks::Burst,
        sleep: sleep_until(start),
        next: Some(start),
    }
}

/// What an [`Interval`] does with ticks that were not taken in time, because the task was busy.
#[doc(alias = "MissedTickBehavior")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MissedTicks {
    /// Returns all of them, one immediately after the other, until the interval has caught up.
    #[default]
    Burst,
    /// Leaves them out. The next tick comes at its fixed time.
    Skip,
    /// Leaves them out and shifts the ticks: the next one comes a period after the late one was
    /// taken.
    Delay,
}

/// A stream of ticks, created by [`interval`] and [`interval_at`].
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use wheelhouse::time::{MissedTicks, interval};
/// use wheelhouse::{sleep, testing};
///
/// testing::run(async {
///     let mut ticks = interval(Duration::from_secs(10));
///     ticks.set_missed_ticks(MissedTicks::Skip);
///     let first = ticks.tick().await; // at once
///     sleep(Duration::from_secs(25)).await; // the tick at 20 s is missed
///     assert_eq!(ticks.tick().await - first, Duration::from_secs(10)); // late, at 25 s
///     assert_eq!(ticks.tick().await - first, Duration::from_secs(30));
/// });
/// ```
#[derive(Debug)]
#[must_use = "an interval does nothing unless its ticks are awaited"]
pub struct Interval {
    /// Not zero.
    period: Duration,
    missed: MissedTicks,
    /// Ends at the next tick.
    sleep: Sleep,
    /// When the next tick is due; `None` if an `Instant` cannot represent that.
    next: Option<Instant>,
}

impl Interval {
    /// Waits for the next tick, and returns the time at which it was due.
    ///
    /// A tick that is already due is returned at once. (After many such ticks in one poll, the task
    /// gives way to other tasks.)
    ///
    /// # Cancel safety
    /// Dropping the future loses no tick.
    ///
    /// # Panics
    /// If the interval was first awaited in another runtime.
    pub async fn tick(&mut self) -> Instant {
        std::future::poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// Polls for the next tick, in a hand-written future.
    ///
    /// # Panics
    /// Like [`tick`](Interval::tick).
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        let now = now();
        match self.next {
            // A late tick does not wait, so it spends budget: other tasks get their turns.
            Some(due) if due <= now => ready!(budget::poll_spend(cx.waker())),
            _ => ready!(Pin::new(&mut self.sleep).poll(cx)),
        }
        // Without a next tick, the sleep never ends.
        let Some(due) = self.next else {
            return Poll::Pending;
        };
        // A new sleep: the timer of one that was polled would wake the task again.
        self.sleep = sleep_until(due);
        self.set_next(self.after(due, now));
        Poll::Ready(due)
    }

    /// Returns when the next tick is due, after the one at `due` was taken at `now`.
    fn after(&self, due: Instant, now: Instant) -> Option<Instant> {
        let next = due.checked_add(self.period)?;
        if next > now {
            return Some(next);
        }
        match self.missed {
            MissedTicks::Burst => Some(next),
            MissedTicks::Delay => now.checked_add(self.period),
            MissedTicks::Skip => now.checked_add(self.until_grid(now - due)),
        }
    }

    /// Returns the time to the next fixed tick, `since` after one.
    fn until_grid(&self, since: Duration) -> Duration {
        let into = since.as_nanos() % self.period.as_nanos();
        // It is less than the period, which is a `Duration`, so the seconds fit.
        let into = Duration::new((into / 1_000_000_000) as u64, (into % 1_000_000_000) as u32);
        self.period - into
    }

    fn set_next(&mut self, next: Option<Instant>) {
        self.next = next;
        match next {
            Some(next) => self.sleep.reset(next),
            None => self.sleep.reset_to_never(),
        }
    }

    /// Restarts the interval: the next tick comes one period from now, also for a task that already
    /// waits for it.
    pub fn reset(&mut self) {
        self.set_next(now().checked_add(self.period));
    }

    /// Returns the period.
    #[must_use]
    pub fn period(&self) -> Duration {
        self.period
    }

    /// Returns what happens to missed ticks.
    #[must_use]
    pub fn missed_ticks(&self) -> MissedTicks {
        self.missed
    }

    /// Sets what happens to missed ticks. The default is [`MissedTicks::Burst`].
    #[doc(alias = "set_missed_tick_behavior")]
    pub fn set_missed_ticks(&mut self, missed: MissedTicks) {
        self.missed = missed;
    }
}

impl Stream for Interval {
    type Item = Instant;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Instant>> {
        self.poll_tick(cx).map(Some)
    }
}
