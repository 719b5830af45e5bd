//! Sleeping until a deadline.
//!
//! ```text
//!   new ── first poll ──▶ set: the wheel has an entry with our waker ── fired: the entry is gone ──▶ done
//!    ▲                     │  │ ▲                                                                    │
//!    │                     │  └─┘ reset at home: the entry moves, with its waker                      │
//!    └─ reset elsewhere ───┴───────────────────────────── reset ─────────────────────────────────────┘
//!   dropped while set: the entry is taken out, by way of the inbox if that happens on a foreign thread
//! ```
//!
//! A reset may come from another task than the one that waits, so it must not lose that one's
//! waker. At home the waker stays in the wheel. Elsewhere the wheel is out of reach: the inbox
//! takes the entry out and wakes whoever waits, which then sets a new one.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::runtime::{Core, HomeKey, TimerState, to_instant, to_nanos, try_with, with};
use crate::util::{budget, drop_quietly, wait_graph, wake_quietly};
use crate::wheel::Key;

/// Sleeps for a time (asyncio: `asyncio.sleep`, in seconds).
///
/// The time counts from this call, not from the first poll. `sleep(Duration::ZERO)` gives way once. A time that is too
/// long for the clock, as `Duration::MAX`, never ends.
///
/// # Cancel safety
/// Dropping it forgets the sleep, nothing else.
///
/// # Panics
/// Outside of a runtime, whose clock it goes by.
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

/// Sleeps until a moment; if that has passed, until the next turn.
///
/// # Cancel safety
/// Dropping it forgets the sleep, nothing else.
///
/// # Panics
/// Outside of a runtime.
#[doc(alias = "call_at")]
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    with("sleep_until", |_| Sleep::at(to_nanos(deadline)))
}

/// The deadline that never comes.
const NEVER: u64 = u64::MAX;

/// The future of [`sleep`] and [`sleep_until`].
///
/// It can be [`reset`](Sleep::reset) to another deadline, before and after it is done. Polled again when it is done, it
/// is done again.
///
/// # Panics
/// When it is polled outside of a runtime, or in another one than before.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Sleep {
    /// When it ends, in the clock's nanoseconds.
    deadline: u64,
    /// How far it has come.
    stage: SleepStage,
}

/// How far a sleep has come.
#[derive(Debug)]
enum SleepStage {
    /// Not polled yet.
    New,
    /// Not polled yet, and only gives way once.
    GiveWay,
    /// Its entry was put into the wheel of that runtime.
    Set(Key, HomeKey),
    /// It is over.
    Done,
}

impl Sleep {
    /// A new sleep.
    fn at(deadline: u64) -> Self {
        Self {
            deadline,
            stage: SleepStage::New,
        }
    }

    /// A sleep of `duration` by the clock of `core`.
    pub(super) fn lasting(core: &Core, duration: Duration) -> Self {
        Self::at(core.timers.clock().after(duration))
    }

    /// Tells when it ends; `None` when that is further off than the clock can show.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        to_instant(self.deadline)
    }

    /// Tells whether it is over: a poll would be, or was, ready.
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

    /// The deadline in the clock's nanoseconds.
    pub(super) fn nanos(&self) -> u64 {
        self.deadline
    }

    /// Returns `true` if the deadline is past by the clock, which is looked at only where the timer
    /// may be late: it is not set yet, or the task that runs gives way and comes again before
    /// timers are looked at.
    pub(super) fn is_past(&self) -> bool {
        let is_past = |core: &Core| {
            let gives_way = || {
                core.current()
                    .is_some_and(|task| task.state().is_scheduled())
            };
            let may_be_late = matches!(self.stage, SleepStage::New) || gives_way();
            may_be_late && self.deadline <= core.timers.clock().nanos()
        };
        try_with(is_past) == Ok(true)
    }

    /// Sets another deadline, as if the sleep were new. A task that waits for the sleep goes on
    /// waiting, for the new deadline.
    ///
    /// This works on every thread.
    pub fn reset(&mut self, deadline: Instant) {
        self.reset_to(to_nanos(deadline));
    }

    /// Sets a deadline that never comes.
    pub(super) fn reset_to_never(&mut self) {
        self.reset_to(u64::MAX);
    }

    /// Sets another deadline, in the clock's nanoseconds.
    fn reset_to(&mut self, deadline: u64) {
        self.deadline = deadline;
        self.stage = match self.stage {
            SleepStage::Set(key, home) => move_entry(key, home, deadline),
            SleepStage::New | SleepStage::GiveWay | SleepStage::Done => SleepStage::New,
        };
    }

    /// Puts the entry into the wheel.
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

    /// Takes the entry out of the wheel.
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
        // The waker may be of third-party code, and this call part of an unwinding.
        home.at_home_or_send(move |core| drop_quietly(core.timers.remove(key)));
    }
}

/// Gives the entry another deadline; returns the sleep's new stage.
fn move_entry(key: Key, home: HomeKey, deadline: u64) -> SleepStage {
    match home.with_home(|core| core.timers.reset(key, deadline)) {
        Some(Some(key)) => SleepStage::Set(key, home),
        // It has fired, so whoever waits was woken and polls again.
        Some(None) => SleepStage::New,
        None => {
            home.at_home_or_send(move |core| {
                core.timers.remove(key).into_iter().for_each(wake_quietly);
            });
            SleepStage::New
        }
    }
}

/// Returns the state of the timer `key`.
fn look(core: &Core, key: Key, home: HomeKey, waker: &Waker) -> TimerState {
    assert!(
        home.is(core),
        "a Sleep was polled in another runtime than the one that it was first polled in: make it where it is awaited"
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
