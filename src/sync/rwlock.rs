//! A lock for many readers or one writer.
//!
//! ```text
//!                         read                      write
//!   readers: 1 or more ◀──────── free, readers: 0 ────────▶ writer
//!           │                        ▲      ▲                  │
//!           └────────────────────────┘      └──────────────────┘
//!            drop of the last ReadGuard      drop of the WriteGuard
//! ```
//!
//! On each change, requests are granted from the front of the queue as far as possible: one writer,
//! or the readers up to the next writer. Invariant: after that, the first waiting request cannot be
//! granted.

mod guard;

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pub use guard::{ReadGuard, WriteGuard};

use crate::util::wait_graph::ResourceKind;
use crate::util::wait_queue::{self, Resource, WaitQueue, Waiter, Wakes, update};

/// A reader-writer lock: many tasks read the value at once, or one task writes it, also across
/// awaits.
///
/// First come, first served: a reader waits behind a writer that asked before, so neither readers
/// nor writers starve. A task that holds a read guard and asks for another one can therefore
/// deadlock: a writer may wait in between. asyncio has no such lock.
///
/// # Examples
/// ```
/// use wheelhouse::sync::RwLock;
///
/// wheelhouse::run(async {
///     let settings = RwLock::new(String::from("old"));
///     {
///         let (one, two) = (settings.read().await, settings.read().await);
///         assert_eq!(*one, *two);
///     }
///     *settings.write().await = String::from("new");
///     assert_eq!(settings.into_inner(), "new");
/// });
/// ```
pub struct RwLock<T: ?Sized> {
    state: RefCell<RwLockState>,
    /// Borrowed while guards live.
    value: RefCell<T>,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// Shared access.
    Read,
    /// Exclusive access.
    Write,
}

/// The state of the lock.
struct RwLockState {
    /// The number of read guards and of granted reads that were not taken yet.
    readers: usize,
    /// Whether there is a write guard, or a granted write that was not taken yet.
    writer: bool,
    queue: WaitQueue<Access, Access>,
}

impl RwLockState {
    /// Returns `true` if the present guards allow this access.
    fn admits(&self, access: Access) -> bool {
        match access {
            Access::Read => !self.writer,
            Access::Write => !self.writer && self.readers == 0,
        }
    }

    /// Counts a reader or writer in.
    fn acquire(&mut self, access: Access) {
        match access {
            Access::Read => self.readers += 1,
            Access::Write => self.writer = true,
        }
    }

    /// Counts a reader or writer out, and grants waiting requests.
    fn release(&mut self, access: Access, wakes: &mut Wakes) {
        match access {
            Access::Read => self.readers -= 1,
            Access::Write => self.writer = false,
        }
        self.grant_waiting(wakes);
    }

    /// Grants requests from the front as far as possible.
    fn grant_waiting(&mut self, wakes: &mut Wakes) {
        while let Some(&access) = self.queue.first()
            && self.admits(access)
            && self.queue.grant(access, wakes).is_ok()
        {
            self.acquire(access);
        }
    }
}

impl Resource for RwLockState {
    type Request = Access;
    type Grant = Access;

    fn queue(&mut self) -> &mut WaitQueue<Access, Access> {
        &mut self.queue
    }

    #[inline]
    fn try_grant(&mut self, access: Access, _wakes: &mut Wakes) -> Result<Access, Access> {
        if !self.queue.is_empty() || !self.admits(access) {
            return Err(access);
        }
        self.acquire(access);
        Ok(access)
    }

    /// The request that left may have been for writing, with readers behind it.
    fn waiter_left(&mut self, wakes: &mut Wakes) {
        self.grant_waiting(wakes);
    }

    fn take_back(&mut self, access: Access, wakes: &mut Wakes) -> Option<Access> {
        self.release(access, wakes);
        None
    }
}

impl<T> RwLock<T> {
    /// Creates a lock that is free.
    #[track_caller]
    pub const fn new(value: T) -> Self {
        let state = RwLockState {
            readers: 0,
            writer: false,
            queue: WaitQueue::new(ResourceKind::RwLock),
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
    /// let settings = wheelhouse::sync::RwLock::new(7).named("settings");
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

impl<T: ?Sized> RwLock<T> {
    /// Waits until no task writes, and returns a guard for reading.
    ///
    /// Waits behind writers that asked before.
    ///
    /// # Cancel safety
    /// Only the place in the queue is lost. If the lock was handed to this wait already, it is
    /// released.
    ///
    /// # Panics
    /// If the future is polled after it has completed.
    ///
    /// # Examples
    /// See [`RwLock`].
    pub fn read(&self) -> ReadFuture<'_, T> {
        ReadFuture(Acquire::new(self, Access::Read))
    }

    /// Waits until no other task reads or writes, and returns a guard for writing.
    ///
    /// # Cancel safety
    /// Only the place in the queue is lost. If the lock was handed to this wait already, the next
    /// waiting task gets it; if not, readers that waited behind this writer may get it.
    ///
    /// # Panics
    /// If the future is polled after it has completed.
    ///
    /// # Examples
    /// See [`RwLock`].
    pub fn write(&self) -> WriteFuture<'_, T> {
        WriteFuture(Acquire::new(self, Access::Write))
    }

    /// Returns a guard for reading if the lock can be had without waiting.
    ///
    /// # Examples
    /// ```
    /// let lock = wheelhouse::sync::RwLock::new(1);
    /// let reader = lock.try_read();
    /// assert!(reader.is_some() && lock.try_read().is_some() && lock.try_write().is_none());
    /// ```
    pub fn try_read(&self) -> Option<ReadGuard<'_, T>> {
        self.try_acquire(Access::Read)?;
        Some(ReadGuard::of(self))
    }

    /// Returns a guard for writing if the lock can be had without waiting.
    ///
    /// # Examples
    /// ```
    /// let lock = wheelhouse::sync::RwLock::new(1);
    /// *lock.try_write().unwrap() += 1;
    /// assert_eq!(lock.into_inner(), 2);
    /// ```
    pub fn try_write(&self) -> Option<WriteGuard<'_, T>> {
        self.try_acquire(Access::Write)?;
        Some(WriteGuard::of(self))
    }

    /// Acquires the lock if that needs no wait.
    fn try_acquire(&self, access: Access) -> Option<Access> {
        update(&self.state, |state, wakes| {
            state.try_grant(access, wakes).ok()
        })
    }

    /// Returns `true` if a guard lives, or if the lock was handed to a waiting task.
    #[doc(alias = "locked")]
    #[must_use]
    pub fn is_locked(&self) -> bool {
        !self.state.borrow().admits(Access::Write)
    }

    /// The name of [`is_locked`](Self::is_locked) before all predicates began with `is_`.
    #[deprecated(note = "renamed to `is_locked`")]
    #[doc(hidden)]
    #[must_use]
    pub fn locked(&self) -> bool {
        self.is_locked()
    }

    /// Borrows the value without locking, which the exclusive borrow of the lock makes safe.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T: Default> Default for RwLock<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RwLock");
        match self.value.try_borrow() {
            Ok(value) => shown.field("value", &&*value),
            Err(_) => shown.field("value", &format_args!("<locked>")),
        };
        let state = self.state.borrow();
        shown
            .field("readers", &state.readers)
            .field("writer", &state.writer)
            .field("waiting", &state.queue.waiting())
            .finish()
    }
}

/// A wait for the lock, for reading or writing.
struct Acquire<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    waiter: Waiter<Access>,
}

impl<'a, T: ?Sized> Acquire<'a, T> {
    fn new(lock: &'a RwLock<T>, access: Access) -> Self {
        let waiter = Waiter::New(access);
        Self { lock, waiter }
    }

    /// Returns the lock when it is acquired.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<&'a RwLock<T>> {
        ready!(self.waiter.poll(&self.lock.state, cx));
        Poll::Ready(self.lock)
    }
}

impl<T: ?Sized> Drop for Acquire<'_, T> {
    fn drop(&mut self) {
        self.waiter.leave(&self.lock.state);
    }
}

/// The future of [`RwLock::read`].
#[must_use = "futures do nothing unless awaited"]
pub struct ReadFuture<'a, T: ?Sized>(Acquire<'a, T>);

impl<'a, T: ?Sized> Future for ReadFuture<'a, T> {
    type Output = ReadGuard<'a, T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx).map(ReadGuard::of)
    }
}

impl<T: ?Sized> fmt::Debug for ReadFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadFuture").finish_non_exhaustive()
    }
}

/// The future of [`RwLock::write`].
#[must_use = "futures do nothing unless awaited"]
pub struct WriteFuture<'a, T: ?Sized>(Acquire<'a, T>);

impl<'a, T: ?Sized> Future for WriteFuture<'a, T> {
    type Output = WriteGuard<'a, T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx).map(WriteGuard::of)
    }
}

impl<T: ?Sized> fmt::Debug for WriteFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteFuture").finish_non_exhaustive()
    }
}
