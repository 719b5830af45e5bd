//! The guards of an [`RwLock`].

use std::cell::{Ref, RefMut};
use std::fmt;
use std::ops::{Deref, DerefMut};

use super::{Access, RwLock};
use crate::util::wait_graph::Held;
use crate::util::wait_queue::{self, update};

/// Releases the lock of a reader or writer when it is dropped.
struct ReleaseOnDrop<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    access: Access,
    _held: Held,
}

impl<'a, T: ?Sized> ReleaseOnDrop<'a, T> {
    fn new(lock: &'a RwLock<T>, access: Access) -> Self {
        Self {
            lock,
            access,
            _held: wait_queue::held(&lock.state),
        }
    }
}

impl<T: ?Sized> Drop for ReleaseOnDrop<'_, T> {
    fn drop(&mut self) {
        update(&self.lock.state, |state, wakes| {
            state.release(self.access, wakes);
        });
    }
}

/// A guard of an [`RwLock`] for reading, which other readers may share; releases the lock when
/// dropped.
#[doc(alias = "RwLockReadGuard")]
#[must_use = "the lock is released when the guard is dropped"]
pub struct ReadGuard<'a, T: ?Sized> {
    /// Dropped before `release`, so that the value is not borrowed when the lock is released.
    value: Ref<'a, T>,
    _release: ReleaseOnDrop<'a, T>,
}

impl<'a, T: ?Sized> ReadGuard<'a, T> {
    /// Creates the guard of a reader that has got the lock.
    pub(super) fn of(lock: &'a RwLock<T>) -> Self {
        Self {
            value: lock.value.borrow(),
            _release: ReleaseOnDrop::new(lock, Access::Read),
        }
    }
}

impl<T: ?Sized> Deref for ReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for ReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// A guard of an [`RwLock`] for writing, which excludes all others; releases the lock when dropped.
#[doc(alias = "RwLockWriteGuard")]
#[must_use = "the lock is released when the guard is dropped"]
pub struct WriteGuard<'a, T: ?Sized> {
    /// Dropped before `release`, so that the value is not borrowed when the lock is released.
    value: RefMut<'a, T>,
    release: ReleaseOnDrop<'a, T>,
}

impl<'a, T: ?Sized> WriteGuard<'a, T> {
    /// Creates the guard of a writer that has got the lock.
    pub(super) fn of(lock: &'a RwLock<T>) -> Self {
        Self {
            value: lock.value.borrow_mut(),
            release: ReleaseOnDrop::new(lock, Access::Write),
        }
    }

    /// Turns a write guard into a read guard: `WriteGuard::downgrade(guard)`.
    ///
    /// No writer gets in between. Readers at the front of the queue get the lock, too.
    ///
    /// # Examples
    /// ```
    /// use wheelhouse::sync::{RwLock, WriteGuard};
    ///
    /// let lock = RwLock::new(1);
    /// let reader = WriteGuard::downgrade(lock.try_write().unwrap());
    /// assert!(lock.try_read().is_some() && lock.try_write().is_none());
    /// # drop(reader);
    /// ```
    pub fn downgrade(guard: Self) -> ReadGuard<'a, T> {
        let Self { value, mut release } = guard;
        drop(value);
        let lock = release.lock;
        release.access = Access::Read;
        let guard = ReadGuard {
            value: lock.value.borrow(),
            _release: release,
        };
        update(&lock.state, |state, wakes| {
            state.acquire(Access::Read);
            state.release(Access::Write, wakes);
        });
        guard
    }
}

impl<T: ?Sized> Deref for WriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: ?Sized> DerefMut for WriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for WriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
