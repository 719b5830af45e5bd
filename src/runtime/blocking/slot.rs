//! The state that the future of a function shares with the function's thread.
//!
//! ```text
//!            work, on a thread             it returns             poll
//!   Queued ───────────────────▶ Running ──────────────▶ Returned ─────▶ Over
//!     │                            │                                     ▲ ▲
//!     │                            └─ give_up: the thread drops the value┘ │
//!     └─ give_up: the caller drops the function ───────────────────────────┘
//! ```
//!
//! A function that still waits in the pool is dropped as soon as its future is dropped, and virtual
//! time stands still until the awaiter is woken.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::jobs::TaskGuard;
use crate::reactor::Waiters;
use crate::runtime::shared::{InFlight, Shared};
use crate::util::vars::{self, SentVars};
use crate::util::{Payload, caught, drop_quietly, wake_quietly};

/// A function, and the data for its thread.
pub(super) struct Job<F> {
    pub(super) f: F,
    pub(super) vars: SentVars,
    /// Makes the end of the runtime wait for it.
    pub(super) running: Option<TaskGuard>,
}

/// The outcome. If it is dropped here, a panic of its destructor is discarded.
struct Outcome<T>(Option<Result<T, Payload>>);

impl<T> Drop for Outcome<T> {
    fn drop(&mut self) {
        drop_quietly(self.0.take());
    }
}

enum Stage<F, T> {
    /// No thread has taken it.
    Queued(Job<F>),
    Running,
    /// It returned or panicked.
    Returned(Outcome<T>),
    /// The outcome was returned to the awaiter, or is not needed.
    Over,
}

/// The state under the lock. No third-party code runs while it is locked.
struct Locked<F, T> {
    stage: Stage<F, T>,
    /// The tasks that await it: two, if both halves of a file wait for one call.
    waiters: Waiters,
    /// Keeps virtual time from advancing.
    in_flight: Option<InFlight>,
}

impl<F, T> Locked<F, T> {
    /// Takes the wakers of all waiting tasks.
    fn take_waiters(&mut self) -> Vec<Waker> {
        let mut wakers = Vec::new();
        self.waiters.release(&mut wakers);
        wakers
    }
}

/// A function that waits for its thread, and then its value, which waits for the awaiter.
pub(super) struct Slot<F, T>(Mutex<Locked<F, T>>);

impl<F, T> Slot<F, T> {
    /// Creates the slot of a function that no thread has taken.
    pub(super) fn new(job: Job<F>, in_flight: InFlight) -> Self {
        Self(Mutex::new(Locked {
            stage: Stage::Queued(job),
            waiters: Waiters::default(),
            in_flight: Some(in_flight),
        }))
    }

    /// Locks the state. Nothing panics under the lock.
    fn lock(&self) -> MutexGuard<'_, Locked<F, T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops virtual time in the runtime that awaits it now, and no longer in another one.
    pub(super) fn follow(&self, shared: &Arc<Shared>) {
        let mut locked = self.lock();
        if let Some(in_flight) = &mut locked.in_flight
            && !Arc::ptr_eq(in_flight.shared(), shared)
        {
            let earlier = mem::replace(in_flight, InFlight::new(shared));
            drop(locked);
            drop(earlier);
        }
    }

    /// Returns the outcome, or registers the waker of `cx`. `lap` is that of the event loop.
    pub(super) fn poll(&self, cx: &Context<'_>, lap: u64) -> Poll<Result<T, Payload>> {
        let waker = cx.waker().clone();
        let mut locked = self.lock();
        let stage = match locked.stage {
            Stage::Returned(_) => mem::replace(&mut locked.stage, Stage::Over),
            _ => {
                let mut woken = Vec::new();
                let unneeded = locked.waiters.admit(waker, lap, &mut woken);
                drop(locked);
                drop(unneeded);
                woken.into_iter().for_each(wake_quietly);
                return Poll::Pending;
            }
        };
        drop(locked);
        match stage {
            Stage::Returned(mut outcome) => {
                Poll::Ready(outcome.0.take().expect("only its destructor takes it, too"))
            }
            _ => unreachable!("it was looked at under the lock"),
        }
    }

    /// Discards the outcome. Drops the function if it was not called yet; if it runs, it continues.
    pub(super) fn give_up(&self) {
        let mut locked = self.lock();
        let stage = mem::replace(&mut locked.stage, Stage::Over);
        let (wakers, in_flight) = (locked.take_waiters(), locked.in_flight.take());
        drop(locked);
        drop(in_flight);
        wakers.into_iter().for_each(drop_quietly);
        // Last, because the destructor of the function may panic.
        drop(stage);
    }

    /// Discards the outcome. The function is called in any case.
    pub(super) fn detach(&self) {
        let mut locked = self.lock();
        let (wakers, in_flight) = (locked.take_waiters(), locked.in_flight.take());
        drop(locked);
        drop(in_flight);
        wakers.into_iter().for_each(drop_quietly);
    }

    /// Takes the function, if it was not given up.
    fn begin(&self) -> Option<Job<F>> {
        let mut locked = self.lock();
        match mem::replace(&mut locked.stage, Stage::Running) {
            Stage::Queued(job) => Some(job),
            other => {
                locked.stage = other;
                None
            }
        }
    }

    /// Stores the outcome for the awaiter, and wakes it.
    fn end(&self, outcome: Outcome<T>) {
        let mut locked = self.lock();
        let unwanted = match locked.stage {
            Stage::Running => {
                locked.stage = Stage::Returned(outcome);
                None
            }
            _ => Some(outcome),
        };
        let (wakers, in_flight) = (locked.take_waiters(), locked.in_flight.take());
        drop(locked);
        drop(unwanted);
        wakers.into_iter().for_each(wake_quietly);
        // Virtual time may advance again after the wake was sent.
        drop(in_flight);
    }
}

impl<F: FnOnce() -> T, T> Slot<F, T> {
    /// Calls the function on this thread.
    pub(super) fn work(&self) {
        let Some(job) = self.begin() else {
            return;
        };
        let outcome = caught(|| vars::with_sent(job.vars, job.f));
        // Removed from the list first: a task that gets the value may end the runtime, which would
        // report the function.
        drop::<Option<TaskGuard>>(job.running);
        self.end(Outcome(Some(outcome)));
    }
}
