//! Ticks at equal distances.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures_core::Stream;

use super::{Sleep, now, sleep_until};
use crate::util::budget;

/// Ticks every `period`, for the first time at once.
///
/// The ticks lie on a grid that begins now; how late a tick is taken does not shift the next ones, unless
/// [`MissedTicks`] says so.
///
/// # Panics
/// When `period` is zero, and outside of a runtime.
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

/// Ticks every `period`, for the first time at `start`.
///
/// # Panics
/// When `period` is zero, and outside of a runtime.
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(
        !period.is_zero(),
        "an interval's period must not be zero: its ticks would come all at once"
    );
    Interval {
        period,
        missed: MissedTicks::Burst,
        sleep: sleep_until(start),
        next: Some(start),
    }
}

/// What becomes of ticks whose time passed before they were taken.
#[doc(alias = "MissedTickBehavior")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MissedTicks {
    /// All of them come, one right after the other, until the grid is caught up with.
    #[default]
    Burst,
    /// They are left out; the next tick is the next on the grid.
    Skip,
    /// They are left out, and the grid shifts: the next tick comes a period after the late one was taken.
    Delay,
}

/// A stream of ticks; see [`interval`].
#[derive(Debug)]
#[must_use = "an interval does nothing unless its ticks are awaited"]
pub struct Interval {
    /// The distance of two ticks; not zero.
    period: Duration,
    /// What becomes of missed ticks.
    missed: MissedTicks,
    /// Ends at the next tick.
    sleep: Sleep,
    /// When the next tick is due; `None` when the clock cannot show that.
    next: Option<Instant>,
}

impl Interval {
    /// Waits for the next tick and gives the moment at which it was due.
    ///
    /// A tick that is late is ready at once; after many of them in one poll of the task, it gives way.
    ///
    /// # Cancel safety
    /// No tick is lost when this is dropped.
    ///
    /// # Panics
    /// In another runtime than the one that it was first awaited in.
    pub async fn tick(&mut self) -> Instant {
        std::future::poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// Polls for the next tick, in a hand-written future.
    ///
    /// # Panics
    /// As [`tick`](Interval::tick).
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        let now = now();
        match self.next {
            // A late tick needs no wait: it is a step, so that late ticks leave others their turns.
            Some(due) if due <= now => ready!(budget::poll_spend(cx.waker())),
            _ => ready!(Pin::new(&mut self.sleep).poll(cx)),
        }
        // Without a next tick the sleep never ends.
        let Some(due) = self.next else {
            return Poll::Pending;
        };
        // A sleep that is new: the entry of one that was waited for would wake the task once more.
        self.sleep = sleep_until(due);
        self.set_next(self.after(due, now));
        Poll::Ready(due)
    }

    /// When the tick after the one that was `due` is due, taken at `now`.
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

    /// How long until the next tick on the grid, a time `since` a tick on it.
    fn until_grid(&self, since: Duration) -> Duration {
        let into = since.as_nanos() % self.period.as_nanos();
        // Smaller than the period, which is a Duration; its seconds fit.
        let into = Duration::new((into / 1_000_000_000) as u64, (into % 1_000_000_000) as u32);
        self.period - into
    }

    /// Sets the moment of the next tick.
    fn set_next(&mut self, next: Option<Instant>) {
        self.next = next;
        match next {
            Some(next) => self.sleep.reset(next),
            None => self.sleep.reset_to_never(),
        }
    }

    /// Starts the grid anew: the next tick comes a period from now, also for a task that waits for
    /// it already.
    pub fn reset(&mut self) {
        self.set_next(now().checked_add(self.period));
    }

    /// Gives the distance of two ticks.
    #[must_use]
    pub fn period(&self) -> Duration {
        self.period
    }

    /// Tells what becomes of missed ticks.
    #[must_use]
    pub fn missed_ticks(&self) -> MissedTicks {
        self.missed
    }

    /// Decides what becomes of missed ticks.
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
