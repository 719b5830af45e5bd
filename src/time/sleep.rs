//! Sleeps until a deadline.
//!
//! ```text
//!            first poll                          the timer fires
//!   New ───────────────▶ Set: the wheel has an ─────────────────▶ Done
//!    ▲                   entry with the waker                       │
//!    │                     │  │ ▲                                   │
//!    │                     │  └─┘ reset on the home thread:         │
//!    │ reset elsewhere     │      the entry moves, with its waker   │
//!    └─────────────────────┴─────────────── reset ──────────────────┘
//! ```
//!
//! Dropping a sleep that is `Set` removes the entry, by a message if it is dropped on another
//! thread.
//!
//! `reset` may be called by another task than the one that waits, so it must keep that task's
//! waker. On the home thread the waker stays in the wheel. On another thread the wheel cannot be
//! reached: a message removes the entry and wakes the waiter, which then sets a new one.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::runtime::{Core, HomeKey, TimerState, to_instant, to_nanos, try_with, with};
use crate::util::{budget, drop_quietly, wait_graph, wake_quietly};
use crate::wheel::Key;

/// Waits for a duration (asyncio: `asyncio.sleep`).
///
/// The time counts from this call, not from the first poll. `sleep(Duration::ZERO)` gives way to
/// other tasks once, like [`yield_now`](crate::yield_now). A duration that the clock cannot
/// represent, such as `Duration::MAX`, never ends.
///
/// # Cancel safety
/// Dropping the future removes the timer and loses nothing.
///
/// # Panics
/// Outside of a runtime.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// wheelhouse::run(async {
///     wheelhouse::sleep(Duration::from_millis(10)).await;
/// });
/// ```
#[doc(alias = "call_later")]
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    let stage = if duration.is_zero() {
        SleepStage::GiveWay
    } else {
        SleepStage::New
    };
    Sleep {
        deadline: with("sleep", |core| core.timers.clock().after(duration)),
        stage,
    }
}

/// Waits until a point in time. If it has passed, waits for the next turn of the loop.
///
/// # Cancel safety
/// Dropping the future removes the timer and loses nothing.
///
/// # Panics
/// Outside of a runtime.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use wheelhouse::{sleep_until, time};
///
/// wheelhouse::run(async {
///     let deadline = time::now() + Duration::from_millis(10);
///     sleep_until(deadline).await;
///     assert!(time::now() >= deadline);
/// });
/// ```
#[doc(alias = "call_at")]
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    with("sleep_until", |_| Sleep::at(to_nanos(deadline)))
}

/// The deadline of a sleep that never ends.
const NEVER: u64 = u64::MAX;

/// The future of [`sleep`] and [`sleep_until`].
///
/// It can be [`reset`](Sleep::reset) to another deadline at any time, also after it is done. A
/// sleep that is done is ready at every further poll.
///
/// # Panics
/// If it is polled outside of a runtime, or in another runtime than at its first poll.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Sleep {
    /// In nanoseconds of the runtime's clock.
    deadline: u64,
    stage: SleepStage,
}

#[derive(Debug)]
enum SleepStage {
    /// Not polled yet.
    New,
    /// Not polled yet, and only gives way once.
    GiveWay,
    /// The wheel of this runtime has the entry.
    Set(Key, HomeKey),
    Done,
}

impl Sleep {
    fn at(deadline: u64) -> Self {
        Self {
            deadline,
            stage: SleepStage::New,
        }
    }

    pub(super) fn lasting(core: &Core, duration: Duration) -> Self {
        Self::at(core.timers.clock().after(duration))
    }

    /// Returns the deadline; `None` if it is later than an `Instant` can represent.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        to_instant(self.deadline)
    }

    /// Returns `true` if the timer has fired, so that the next poll is ready.
    ///
    /// A sleep that was never polled has no timer, so this is `false` even if the deadline has
    /// passed.
    #[must_use]
    pub fn is_elapsed(&self) -> bool {
        match self.stage {
            SleepStage::Done => true,
            SleepStage::Set(key, home) => {
                let is_set = try_with(|core| home.is(core) && core.timers.is_set(key));
                is_set == Ok(false)
            }
            SleepStage::New | SleepStage::GiveWay => false,
        }
    }

    /// Returns the deadline in nanoseconds of the clock.
    pub(super) fn nanos(&self) -> u64 {
        self.deadline
    }

    /// Returns `true` if the deadline has passed and the timer may be late. That is so if the timer
    /// is not set yet, or if the running task gives way and is polled again before timers are
    /// checked. In the other cases the clock is not read.
    pub(super) fn is_past(&self) -> bool {
        let is_past = |core: &Core| {
            let may_be_late = matches!(self.stage, SleepStage::New) || gives_way(core);
            may_be_late && core.timers.clock().nanos() >= self.deadline
        };
        try_with(is_past) == Ok(true)
    }

    /// Sets another deadline, as if the sleep were new. A task that waits for the sleep continues
    /// to wait, until the new deadline.
    ///
    /// This works on every thread.
    pub fn reset(&mut self, deadline: Instant) {
        self.reset_to(to_nanos(deadline));
    }

    /// Sets a deadline that never passes.
    pub(super) fn reset_to_never(&mut self) {
        self.reset_to(u64::MAX);
    }

    fn reset_to(&mut self, deadline: u64) {
        self.deadline = deadline;
        self.stage = match self.stage {
            SleepStage::Set(key, home) => move_entry(key, home, deadline),
            SleepStage::New | SleepStage::GiveWay | SleepStage::Done => SleepStage::New,
        };
    }

    /// Adds the entry to the wheel.
    fn insert(&mut self, waker: &Waker) {
        let waker = waker.clone();
        with("Sleep::poll", |core| {
            let key = core.timers.insert(self.deadline, waker);
            self.stage = SleepStage::Set(key, HomeKey::of(core));
            if self.deadline == NEVER {
                wait_graph::never_fires(key.to_bits());
            }
        });
    }

    /// Removes the entry from the wheel.
    #[inline]
    fn unset(&mut self) {
        if let SleepStage::Set(..) = self.stage {
            self.unset_set();
        }
    }

    /// [`unset`](Sleep::unset) where there is an entry.
    fn unset_set(&mut self) {
        let SleepStage::Set(key, home) = std::mem::replace(&mut self.stage, SleepStage::Done)
        else {
            return;
        };
        if self.deadline == NEVER {
            wait_graph::never_fires_no_more(key.to_bits());
        }
        // The drop of the waker may run third-party code, and this may itself run in an unwinding.
        home.at_home_or_send(move |core| drop_quietly(core.timers.remove(key)));
    }
}

/// Returns `true` if the current task will be polled again before timers are checked. Not inlined,
/// so that a new timeout (bench `timeout_waiting`) saves few registers.
#[inline(never)]
fn gives_way(core: &Core) -> bool {
    core.current()
        .is_some_and(|task| task.state().is_scheduled())
}

/// Sets another deadline of the entry, and returns the new stage of the sleep.
fn move_entry(key: Key, home: HomeKey, deadline: u64) -> SleepStage {
    match home.with_home(|core| core.timers.reset(key, deadline)) {
        Some(Some(key)) => SleepStage::Set(key, home),
        // It has fired, so the waiter was woken and polls again.
        Some(None) => SleepStage::New,
        None => {
            home.at_home_or_send(move |core| {
                core.timers.remove(key).into_iter().for_each(wake_quietly);
            });
            SleepStage::New
        }
    }
}

fn look(core: &Core, key: Key, home: HomeKey, waker: &Waker) -> TimerState {
    assert!(
        home.is(core),
        "a `Sleep` was polled in another runtime than at its first poll: create it in the runtime that awaits it"
    );
    core.timers.state(key, waker)
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.stage {
            SleepStage::Done => return budget::poll_spend(cx.waker()),
            SleepStage::New => self.insert(cx.waker()),
            SleepStage::GiveWay => {
                self.stage = SleepStage::Done;
                cx.waker().wake_by_ref();
            }
            SleepStage::Set(key, home) => {
                match with("Sleep::poll", |core| look(core, key, home, cx.waker())) {
                    TimerState::WakesThis => {}
                    TimerState::Fired => {
                        self.stage = SleepStage::Done;
                        return Poll::Ready(());
                    }
                    TimerState::WakesOther => {
                        let waker = cx.waker().clone();
                        let old = with("Sleep::poll", |core| core.timers.exchange(key, waker));
                        if old.is_err() {
                            self.stage = SleepStage::Done;
                            return Poll::Ready(());
                        }
                        drop(old);
                    }
                }
            }
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    #[inline]
    fn drop(&mut self) {
        self.unset();
    }
}
