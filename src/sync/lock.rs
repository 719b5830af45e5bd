//! A lock that owns its value.
//!
//! ```text
//!             try_lock, lock
//!   free ──────────────────────────▶ locked ───┐
//!    ▲                                │   ▲    │ drop of the guard: handed
//!    └────────────────────────────────┘   └────┘ to the first waiting task
//!      drop of the guard, no task waits
//! ```
//!
//! Invariant: no task waits while the lock is free.

use std::cell::{RefCell, RefMut};
use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::util::wait_graph::{Held, ResourceKind};
use crate::util::wait_queue::{self, Resource, WaitQueue, Waiter, Wakes, update};

/// A mutual exclusion lock: one task at a time uses the value, also across awaits (asyncio:
/// `Lock`).
///
/// Waiting tasks get the lock in the order in which they asked for it. A value that is not used
/// across an `await` needs no lock: a `RefCell` is enough. asyncio's `Lock` guards code instead of
/// a value; `Lock<()>` does the same.
///
/// # Examples
/// ```
/// use wheelhouse::sync::Lock;
/// use wheelhouse::{gather, run, yield_now};
///
/// async fn add(lock: &Lock<u32>) {
///     let mut count = lock.lock().await;
///     let seen = *count;
///     yield_now().await;
///     *count = seen + 1; // no other task has changed it
/// }
///
/// run(async {
///     let lock = Lock::new(0);
///     gather((add(&lock), add(&lock))).await;
///     assert_eq!(lock.into_inner(), 2);
/// });
/// ```
#[doc(alias = "Mutex")]
pub struct Lock<T: ?Sized> {
    state: RefCell<LockState>,
    /// Borrowed while a guard lives.
    value: RefCell<T>,
}

/// The state of a lock.
struct LockState {
    /// Whether a guard lives, or the lock was granted to a wait that has not taken it yet.
    locked: bool,
    queue: WaitQueue<(), ()>,
}

impl LockState {
    /// Hands the lock to the first waiting task, or frees it.
    #[inline]
    fn release(&mut self, wakes: &mut Wakes) {
        self.locked = self.queue.grant((), wakes).is_ok();
    }
}

impl Resource for LockState {
    type Request = ();
    type Grant = ();

    #[inline]
    fn queue(&mut self) -> &mut WaitQueue<(), ()> {
        &mut self.queue
    }

    #[inline]
    fn try_grant(&mut self, (): (), _wakes: &mut Wakes) -> Result<(), ()> {
        if self.locked {
            return Err(());
        }
        self.locked = true;
        Ok(())
    }

    fn take_back(&mut self, (): (), wakes: &mut Wakes) -> Option<()> {
        self.release(wakes);
        None
    }
}

impl<T> Lock<T> {
    /// Creates a lock that is free.
    #[track_caller]
    pub const fn new(value: T) -> Self {
        let state = LockState {
            locked: false,
            queue: WaitQueue::new(ResourceKind::Lock),
        };
        Self {
            state: RefCell::new(state),
            value: RefCell::new(value),
        }
    }

    /// Names the lock, for the report of a deadlock: see [`testing::run`](crate::testing::run).
    ///
    /// # Examples
    /// ```
    /// let fork = wheelhouse::sync::Lock::new(()).named("fork 3");
    /// ```
    #[must_use]
    pub fn named(mut self, name: impl AsRef<str>) -> Self {
        wait_queue::name(&mut self.state, name.as_ref());
        self
    }

    /// Returns the value. No guard can be alive, since a guard borrows the lock.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Lock<T> {
    /// Waits for the lock and returns a guard (asyncio: `acquire`, `async with lock`).
    ///
    /// Does not suspend when the lock is free. A task that holds the lock and asks for it again
    /// deadlocks.
    ///
    /// # Cancel safety
    /// Only the place in the queue is lost. If the lock was handed to this wait already, the next
    /// waiting task gets it.
    ///
    /// # Panics
    /// If the future is polled after it has completed.
    ///
    /// # Examples
    /// ```
    /// use wheelhouse::sync::Lock;
    ///
    /// wheelhouse::run(async {
    ///     let log = Lock::new(Vec::new());
    ///     log.lock().await.push("one");
    ///     assert_eq!(*log.lock().await, ["one"]);
    /// });
    /// ```
    #[doc(alias = "acquire")]
    #[inline]
    pub fn lock(&self) -> LockFuture<'_, T> {
        LockFuture {
            lock: self,
            waiter: Waiter::New(()),
        }
    }

    /// Returns a guard if the lock is free.
    ///
    /// # Examples
    /// ```
    /// let lock = wheelhouse::sync::Lock::new(1);
    /// let guard = lock.try_lock();
    /// assert!(guard.is_some() && lock.try_lock().is_none());
    /// ```
    #[doc(alias = "acquire_nowait")]
    #[inline]
    pub fn try_lock(&self) -> Option<LockGuard<'_, T>> {
        let mut state = self.state.borrow_mut();
        if state.locked {
            return None;
        }
        state.locked = true;
        drop(state);
        Some(self.guard())
    }

    /// Returns `true` if a guard lives, or if the lock was handed to a waiting task.
    #[doc(alias = "locked")]
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.state.borrow().locked
    }

    /// The name of [`is_locked`](Self::is_locked) before all predicates began with `is_`.
    #[deprecated(note = "renamed to `is_locked`")]
    #[doc(hidden)]
    #[must_use]
    pub fn locked(&self) -> bool {
        self.is_locked()
    }

    /// Borrows the value without locking, which the exclusive borrow of the lock makes safe.
    ///
    /// # Examples
    /// ```
    /// let mut lock = wheelhouse::sync::Lock::new(1);
    /// *lock.get_mut() += 1;
    /// assert_eq!(lock.into_inner(), 2);
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Creates the guard of a task that has got the lock.
    #[inline]
    fn guard(&self) -> LockGuard<'_, T> {
        LockGuard {
            value: self.value.borrow_mut(),
            _held: wait_queue::held(&self.state),
            release: ReleaseOnDrop(self),
        }
    }
}

impl<T: Default> Default for Lock<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Lock<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Lock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Lock");
        match self.value.try_borrow() {
            Ok(value) => shown.field("value", &&*value),
            Err(_) => shown.field("value", &format_args!("<locked>")),
        };
        shown
            .field("locked", &self.is_locked())
            .field("waiting", &self.state.borrow().queue.waiting())
            .finish()
    }
}

/// The future of [`Lock::lock`].
#[must_use = "futures do nothing unless awaited"]
pub struct LockFuture<'a, T: ?Sized> {
    lock: &'a Lock<T>,
    waiter: Waiter<()>,
}

impl<'a, T: ?Sized> Future for LockFuture<'a, T> {
    type Output = LockGuard<'a, T>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<LockGuard<'a, T>> {
        let lock = self.lock;
        ready!(self.waiter.poll(&lock.state, cx));
        Poll::Ready(lock.guard())
    }
}

impl<T: ?Sized> Drop for LockFuture<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.waiter.leave(&self.lock.state);
    }
}

impl<T: ?Sized> fmt::Debug for LockFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockFuture").finish_non_exhaustive()
    }
}

/// A guard of a [`Lock`]: gives access to the value, and releases the lock when it is dropped.
#[doc(alias = "MutexGuard")]
#[must_use = "the lock is released when the guard is dropped"]
pub struct LockGuard<'a, T: ?Sized> {
    /// Dropped before `release`, so that the value is not borrowed when the lock is released.
    value: RefMut<'a, T>,
    _held: Held,
    release: ReleaseOnDrop<'a, T>,
}

/// Releases a lock when it is dropped.
struct ReleaseOnDrop<'a, T: ?Sized>(&'a Lock<T>);

impl<T: ?Sized> Drop for ReleaseOnDrop<'_, T> {
    #[inline]
    fn drop(&mut self) {
        update(&self.0.state, LockState::release);
    }
}

impl<'a, T: ?Sized> LockGuard<'a, T> {
    /// Returns the lock of this guard: `LockGuard::lock(&guard)`.
    #[must_use]
    pub fn lock(guard: &Self) -> &'a Lock<T> {
        guard.release.0
    }
}

impl<T: ?Sized> Deref for LockGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: ?Sized> DerefMut for LockGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for LockGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for LockGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}
