//! The timers of a runtime: the wheel, with the waker of each timer, and the clock that it follows.
//!
//! ```text
//!   insert ──▶ set ─┬─ fire: woken ──────────────▶ gone
//!              ▲  │ ├─ remove: waker returned ───▶ gone
//!              └──┘ └─ dissolve, at the end ─────▶ gone
//!          reset, exchange
//! ```
//!
//! Wakers may be of third-party code. Each method returns or wakes them with no borrow alive.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use std::task::Waker;

use super::clock::Clock;
use crate::util::wake_quietly;
use crate::wheel::{Key, Wheel};

/// The shortest time between two wakes of the loop for timers, in nanoseconds.
///
/// Measured as the best value for 100,000 sleeps that end within half a second: each wake costs
/// some microseconds, and such a sleep ends late by half of this time on average.
const GAP: u64 = 40_000;

/// The most due timers that are gathered before they are woken.
const GATHER: usize = 256;

/// What a set timer does with the waker of a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimerState {
    Fired,
    /// The timer wakes this waker.
    WakesThis,
    /// The timer wakes another waker.
    WakesOther,
}

/// The timers of a runtime.
pub(crate) struct Timers {
    wheel: RefCell<Wheel<Waker>>,
    clock: Clock,
    /// When timers fired last, in nanoseconds of the clock.
    last_fired: Cell<u64>,
    /// Empty between two calls of `fire`; kept for its capacity.
    due: Cell<Vec<Waker>>,
}

impl Timers {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            wheel: RefCell::new(Wheel::new()),
            clock,
            last_fired: Cell::new(0),
            due: Cell::default(),
        }
    }

    #[inline]
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Sets a timer, with a deadline in nanoseconds of the clock.
    #[inline(always)] // one caller, to which a frame costs a tenth (benches `sleep_drop`, `timeout_waiting`)
    pub(crate) fn insert(&self, deadline: u64, waker: Waker) -> Key {
        self.wheel.borrow_mut().insert(deadline, waker)
    }

    /// Removes a timer, and returns its waker if it has not fired.
    #[inline]
    pub(crate) fn remove(&self, key: Key) -> Option<Waker> {
        self.wheel.borrow_mut().remove(key)
    }

    /// Changes the deadline of a timer and returns its new key, or `None` if it has fired.
    pub(crate) fn reset(&self, key: Key, deadline: u64) -> Option<Key> {
        let mut wheel = self.wheel.borrow_mut();
        let waker = wheel.remove(key)?;
        Some(wheel.insert(deadline, waker))
    }

    pub(crate) fn is_set(&self, key: Key) -> bool {
        self.wheel.borrow_mut().get_mut(key).is_some()
    }

    #[inline]
    pub(crate) fn state(&self, key: Key, waker: &Waker) -> TimerState {
        match self.wheel.borrow_mut().get_mut(key) {
            None => TimerState::Fired,
            Some(set) if set.will_wake(waker) => TimerState::WakesThis,
            Some(_) => TimerState::WakesOther,
        }
    }

    /// Gives a timer another waker, and returns the old one. Returns `waker` as the error if the
    /// timer has fired.
    pub(crate) fn exchange(&self, key: Key, waker: Waker) -> Result<Waker, Waker> {
        match self.wheel.borrow_mut().get_mut(key) {
            Some(set) => Ok(std::mem::replace(set, waker)),
            None => Err(waker),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.wheel.borrow().is_empty()
    }

    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.wheel.borrow_mut().next_deadline()
    }

    /// Returns the time until the loop should wake for a timer, or `None` without timers.
    ///
    /// The loop wakes for timers at most once per [`GAP`]: a timer whose deadline follows another
    /// within the gap fires up to that much late, all others fire at their deadlines.
    pub(super) fn until_next_deadline(&self) -> Option<Duration> {
        let wake = self.next_wake()?;
        Some(Duration::from_nanos(
            wake.saturating_sub(self.clock.nanos()),
        ))
    }

    /// Returns when the loop should wake for a timer, in nanoseconds of the clock.
    pub(super) fn next_wake(&self) -> Option<u64> {
        let next = self.next_deadline()?;
        if self.clock.is_virtual() {
            Some(next)
        } else {
            Some(next.max(self.last_fired.get().saturating_add(GAP)))
        }
    }

    /// Wakes the tasks whose timers are due.
    pub(super) fn fire(&self) {
        if self.is_empty() {
            return;
        }
        let now = self.clock.nanos();
        // Bounded by the timers there are now: a waker that sets another due timer does not extend
        // this loop.
        let sweeps = self.wheel.borrow().len().div_ceil(GATHER);
        let mut due = self.due.take();
        for _ in 0..sweeps {
            if !self.gather_due(now, &mut due) {
                break;
            }
            self.last_fired.set(now);
            due.drain(..).for_each(wake_quietly);
        }
        self.due.set(due);
    }

    /// Moves up to [`GATHER`] due timers from the wheel to `due`; returns `false` if none is due.
    fn gather_due(&self, now: u64, due: &mut Vec<Waker>) -> bool {
        let mut wheel = self.wheel.borrow_mut();
        while due.len() < GATHER
            && let Some(waker) = wheel.pop_due(now)
        {
            due.push(waker);
        }
        !due.is_empty()
    }

    /// Frees the memory of a burst of timers that is over.
    pub(super) fn shrink(&self) {
        self.wheel.borrow_mut().shrink();
    }

    /// Removes all timers as the runtime ends, and returns their wakers.
    #[must_use = "wakers must be dropped with no borrow alive"]
    pub(super) fn dissolve(&self) -> Vec<Waker> {
        self.wheel.borrow_mut().dissolve()
    }
}
