//! Acquiring an [`RwLock`], with and without waiting.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::guard::{ReadGuard, WriteGuard};
use super::{Access, RwLock};
use crate::util::wait_queue::Waiter;

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
