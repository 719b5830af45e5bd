//! A number of permits that tasks take and put back.
//!
//! ```text
//!             try_acquire, acquire
//!   free ───────────────────────────▶ held ─────────▶ gone
//!    ▲ ▲                               │     forget    │
//!    │ └───────────────────────────────┘               │
//!    │      drop of the Permit                         │
//!    └─────────────────────────────────────────────────┘
//!                       add_permits
//! ```
//!
//! Whenever permits become free, requests are granted from the front of the queue as far as the
//! permits go: a request for many permits is not overtaken by one for few. Invariant: after that,
//! the first waiting request is for more permits than are free.

mod acquire;

use std::cell::RefCell;
use std::fmt;

pub use acquire::{AcquireFuture, AcquireOwnedFuture};

use crate::error::TooManyPermits;
use crate::util::wait_graph::{Held, ResourceKind};
use crate::util::wait_queue::{self, Resource, WaitQueue, Wakes, update};

/// A semaphore: bounds how many tasks do something at once (asyncio: `Semaphore`,
/// `BoundedSemaphore`).
///
/// It has a number of permits. [`acquire`](Semaphore::acquire) takes one out, as a
/// [`Permit`](super::Permit) that puts it back when it is dropped. Requests are served in the order
/// in which they come, also a large one before small ones.
///
/// # Examples
/// ```
/// use std::cell::Cell;
/// use wheelhouse::sync::Semaphore;
/// use wheelhouse::{gather, run, yield_now};
///
/// run(async {
///     let (permits, busy) = (Semaphore::new(2), Cell::new(0));
///     let work = async || {
///         let _permit = permits.acquire().await;
///         busy.set(busy.get() + 1);
///         assert!(busy.get() <= 2);
///         yield_now().await;
///         busy.set(busy.get() - 1);
///     };
///     gather([work(), work(), work(), work()]).await;
/// });
/// ```
#[doc(alias = "CapacityLimiter")]
pub struct Semaphore {
    /// The highest number of permits, free and held.
    bound: usize,
    state: RefCell<SemaphoreState>,
}

/// The state of a semaphore.
struct SemaphoreState {
    /// The number of free permits.
    free: usize,
    /// The number of permits, free and held.
    total: usize,
    /// The waiting requests, each for a number of permits.
    queue: WaitQueue<usize, usize>,
}

impl SemaphoreState {
    /// Puts permits back, and grants requests from the front.
    #[inline]
    fn put_back(&mut self, count: usize, wakes: &mut Wakes) {
        self.free += count;
        // The check is cheaper than the one in `grant_waiting`: bench `semaphore_free`.
        if !self.queue.is_empty() {
            self.grant_waiting(wakes);
        }
    }

    /// Grants requests from the front as far as the free permits go.
    #[inline]
    fn grant_waiting(&mut self, wakes: &mut Wakes) {
        while let Some(&count) = self.queue.first()
            && count <= self.free
            && self.queue.grant(count, wakes).is_ok()
        {
            self.free -= count;
        }
    }

    /// Adds new permits.
    ///
    /// # Errors
    /// The number of permits before, if there would be more than `bound`.
    fn add(&mut self, added: usize, bound: usize, wakes: &mut Wakes) -> Result<(), usize> {
        if added > bound - self.total {
            return Err(self.total);
        }
        self.total += added;
        self.put_back(added, wakes);
        Ok(())
    }
}

impl Resource for SemaphoreState {
    type Request = usize;
    type Grant = usize;

    fn queue(&mut self) -> &mut WaitQueue<usize, usize> {
        &mut self.queue
    }

    #[inline]
    fn try_grant(&mut self, count: usize, _wakes: &mut Wakes) -> Result<usize, usize> {
        if !self.queue.is_empty() || count > self.free {
            return Err(count);
        }
        self.free -= count;
        Ok(count)
    }

    /// The request that left may have been for many permits, and those behind it are for fewer.
    fn waiter_left(&mut self, wakes: &mut Wakes) {
        self.grant_waiting(wakes);
    }

    fn take_back(&mut self, count: usize, wakes: &mut Wakes) -> Option<usize> {
        self.put_back(count, wakes);
        None
    }
}

impl Semaphore {
    /// Creates a semaphore with `permits` free permits. More can be [added](Semaphore::add_permits)
    /// later.
    #[must_use]
    #[track_caller]
    pub const fn new(permits: usize) -> Self {
        Self::with_bound(permits, usize::MAX)
    }

    /// Creates a semaphore with `permits` free permits and never more (asyncio:
    /// `BoundedSemaphore`).
    ///
    /// # Examples
    /// ```
    /// let semaphore = wheelhouse::sync::Semaphore::bounded(1);
    /// semaphore.try_acquire().unwrap().forget();
    /// assert!(semaphore.try_add_permits(1).is_ok(), "instead of the one that is gone");
    /// assert!(semaphore.try_add_permits(1).is_err());
    /// ```
    #[doc(alias = "BoundedSemaphore")]
    #[must_use]
    #[track_caller]
    pub const fn bounded(permits: usize) -> Self {
        Self::with_bound(permits, permits)
    }

    #[track_caller]
    const fn with_bound(permits: usize, bound: usize) -> Self {
        let state = SemaphoreState {
            free: permits,
            total: permits,
            queue: WaitQueue::new(ResourceKind::Semaphore),
        };
        Self {
            bound,
            state: RefCell::new(state),
        }
    }

    /// Names the semaphore, for the report of a deadlock: see
    /// [`testing::run`](crate::testing::run).
    ///
    /// # Examples
    /// ```
    /// let seats = wheelhouse::sync::Semaphore::new(4).named("seats");
    /// ```
    #[must_use]
    pub fn named(mut self, name: impl AsRef<str>) -> Self {
        wait_queue::name(&mut self.state, name.as_ref());
        self
    }

    /// Panics if no wait for `count` permits could ever end.
    #[inline]
    fn refuse_impossible(&self, count: usize) {
        let bound = self.bound;
        assert!(
            count <= bound,
            "{count} permits were requested, but the semaphore never has more than {bound}"
        );
    }

    /// Takes permits if that needs no wait.
    #[inline]
    fn try_take(&self, count: usize) -> Option<usize> {
        update(&self.state, |state, wakes| {
            state.try_grant(count, wakes).ok()
        })
    }

    /// Adds `count` new permits, which waiting tasks get first (asyncio: `release` without
    /// `acquire`).
    ///
    /// # Panics
    /// If these are too many; [`try_add_permits`](Semaphore::try_add_permits) returns an error
    /// instead.
    #[doc(alias = "release")]
    pub fn add_permits(&self, count: usize) {
        if let Err(error) = self.try_add_permits(count) {
            panic!("{error}");
        }
    }

    /// Adds `count` new permits, unless these are too many.
    ///
    /// # Errors
    /// [`TooManyPermits`] if there would be more permits, free and held, than the bound of a
    /// [`bounded`](Semaphore::bounded) semaphore, or than a `usize` can count. None is added then.
    ///
    /// # Examples
    /// See [`bounded`](Semaphore::bounded).
    pub fn try_add_permits(&self, count: usize) -> Result<(), TooManyPermits> {
        let bound = self.bound;
        update(&self.state, |state, wakes| state.add(count, bound, wakes)).map_err(|total| {
            TooManyPermits {
                bound,
                total,
                added: count,
            }
        })
    }

    /// Returns the number of free permits.
    #[doc(alias = "available_permits")]
    #[must_use]
    pub fn available(&self) -> usize {
        self.state.borrow().free
    }

    /// Returns `true` if [`acquire`](Semaphore::acquire) would have to wait.
    #[doc(alias = "locked")]
    #[must_use]
    pub fn is_locked(&self) -> bool {
        let state = self.state.borrow();
        state.free == 0 || !state.queue.is_empty()
    }

    /// The name of [`is_locked`](Self::is_locked) before all predicates began with `is_`.
    #[deprecated(note = "renamed to `is_locked`")]
    #[doc(hidden)]
    #[must_use]
    pub fn locked(&self) -> bool {
        self.is_locked()
    }

    /// Puts held permits back.
    #[inline]
    pub(super) fn put_back(&self, count: usize) {
        update(&self.state, |state, wakes| state.put_back(count, wakes));
    }

    /// Records that the current task holds permits, if a wait graph is open.
    #[inline]
    pub(super) fn held(&self) -> Held {
        wait_queue::held(&self.state)
    }

    /// Removes held permits from the total.
    pub(super) fn write_off(&self, count: usize) {
        self.state.borrow_mut().total -= count;
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.borrow();
        f.debug_struct("Semaphore")
            .field("free", &state.free)
            .field("total", &state.total)
            .field("waiting", &state.queue.waiting())
            .finish_non_exhaustive()
    }
}
