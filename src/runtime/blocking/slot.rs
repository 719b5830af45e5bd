//! What the future of a function on another thread shares with that thread.
//!
//! ```text
//!            give_up: the function is dropped uncalled, by who gave it up
//!          ┌─────────────────────────────────────────────────────────────────────────────┐
//!          │                                                                             ▼
//!   Queued ┴─ work, on a thread ──▶ Running ─┬─ it returns ──▶ Returned ── poll ───▶  Over
//!                                            └─ give_up ─────────────────────────────▶   ▲
//!                                                    the value is dropped on the thread ─┘
//! ```
//!
//! The pool's own handle would do for the value, but not for what is here besides: a function that waits in the pool behind others
//! goes at once when nobody wants it any more, and a virtual clock stands still exactly until the awaiter was woken.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::jobs::Leave;
use crate::reactor::Waiters;
use crate::runtime::shared::{InFlight, Shared};
use crate::util::vars::{self, SentVars};
use crate::util::{Payload, caught, drop_quietly, wake_quietly};

/// A function, and what goes to its thread with it.
pub(super) struct Job<F> {
    /// The function.
    pub(super) f: F,
    /// Context variables.
    pub(super) luggage: SentVars,
    /// Has the runtime's end wait for it.
    pub(super) running: Option<Leave>,
}

/// What came of it. A panic of its destructor, where nobody has it, ends there.
struct Outcome<T>(Option<Result<T, Payload>>);

impl<T> Drop for Outcome<T> {
    fn drop(&mut self) {
        drop_quietly(self.0.take());
    }
}

/// How far it has come.
enum Stage<F, T> {
    /// No thread has taken it up.
    Queued(Job<F>),
    /// It is being called.
    Running,
    /// It returned or panicked.
    Returned(Outcome<T>),
    /// The outcome was given to the awaiter, or nobody wants it.
    Over,
}

/// The part that is locked. No foreign code runs meanwhile.
struct Locked<F, T> {
    /// How far it has come.
    stage: Stage<F, T>,
    /// The tasks that await it: more than one where two halves of a file wait for one call.
    waiters: Waiters,
    /// Keeps a virtual clock from jumping.
    in_flight: Option<InFlight>,
}

impl<F, T> Locked<F, T> {
    /// Takes out the wakers of all who wait.
    fn take_waiters(&mut self) -> Vec<Waker> {
        let mut wakers = Vec::new();
        self.waiters.release(&mut wakers);
        wakers
    }
}

/// Where a function waits for its thread, and its value for the awaiter.
pub(super) struct Slot<F, T>(Mutex<Locked<F, T>>);

impl<F, T> Slot<F, T> {
    /// With a function that no thread has taken up.
    pub(super) fn new(job: Job<F>, in_flight: InFlight) -> Self {
        Self(Mutex::new(Locked {
            stage: Stage::Queued(job),
            waiters: Waiters::default(),
            in_flight: Some(in_flight),
        }))
    }

    /// The lock, under which nothing panics.
    fn lock(&self) -> MutexGuard<'_, Locked<F, T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the virtual clock of the runtime that awaits it now stand still, and not that of another one.
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

    /// Gives the outcome, or has `cx` woken when there is one. `lap` is the loop's.
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

    /// Nobody wants the outcome: drops a function that was not called yet; one that is being called goes on alone.
    pub(super) fn give_up(&self) {
        let mut locked = self.lock();
        let stage = mem::replace(&mut locked.stage, Stage::Over);
        let (wakers, in_flight) = (locked.take_waiters(), locked.in_flight.take());
        drop(locked);
        drop(in_flight);
        wakers.into_iter().for_each(drop_quietly);
        // Last, as the function's destructor may panic.
        drop(stage);
    }

    /// Nobody wants the outcome, but the function is to be called.
    pub(super) fn detach(&self) {
        let mut locked = self.lock();
        let (wakers, in_flight) = (locked.take_waiters(), locked.in_flight.take());
        drop(locked);
        drop(in_flight);
        wakers.into_iter().for_each(drop_quietly);
    }

    /// Takes the function up, if it is still wanted.
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

    /// Leaves the outcome for the awaiter, and wakes it.
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
        // Now that the loop has the wake, its clock may jump again.
        drop(in_flight);
    }
}

impl<F: FnOnce() -> T, T> Slot<F, T> {
    /// Calls the function on this thread.
    pub(super) fn work(&self) {
        let Some(job) = self.begin() else {
            return;
        };
        let outcome = caught(|| vars::with_sent(job.luggage, job.f));
        // Counted off first: whoever sees the value may end the runtime, which would report the job.
        drop::<Option<Leave>>(job.running);
        self.end(Outcome(Some(outcome)));
    }
}
