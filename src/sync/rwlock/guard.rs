//! The guards of an [`RwLock`].

use std::cell::{Ref, RefMut};
use std::fmt;
use std::ops::{Deref, DerefMut};

use super::{Access, RwLock};
use crate::util::wait_graph::Held;
use crate::util::wait_queue::{self, update};

/// Counts one out when it is dropped.
struct ReleaseOnDrop<'a, T: ?Sized> {
    /// Of which lock.
    lock: &'a RwLock<T>,
    /// What it is there for.
    access: Access,
    /// Says so in the book, where one is kept.
    _held: Held,
}

impl<'a, T: ?Sized> ReleaseOnDrop<'a, T> {
    /// The stay of one that was let in.
    fn new(lock: &'a RwLock<T>, access: Access) -> Self {
        Self {
            lock,
            access,
            _held: wait_queue::held(&lock.resource),
        }
    }
}

impl<T: ?Sized> Drop for ReleaseOnDrop<'_, T> {
    fn drop(&mut self) {
        update(&self.lock.resource, |room, wakes| {
            room.leave(self.access, wakes);
        });
    }
}

/// A guard of an [`RwLock`] for reading, which other readers may share; releases the lock when
/// dropped.
#[doc(alias = "RwLockReadGuard")]
#[must_use = "the lock is given back when the guard is dropped"]
pub struct ReadGuard<'a, T: ?Sized> {
    /// Before the stay, so that the value is free when the lock is given back.
    value: Ref<'a, T>,
    /// Gives the lock back.
    _stay: ReleaseOnDrop<'a, T>,
}

impl<'a, T: ?Sized> ReadGuard<'a, T> {
    /// The guard of a reader that was let in.
    pub(super) fn of(lock: &'a RwLock<T>) -> Self {
        Self {
            value: lock.value.borrow(),
            _stay: ReleaseOnDrop::new(lock, Access::Read),
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
#[must_use = "the lock is given back when the guard is dropped"]
pub struct WriteGuard<'a, T: ?Sized> {
    /// Before the stay, so that the value is free when the lock is given back.
    value: RefMut<'a, T>,
    /// Gives the lock back.
    stay: ReleaseOnDrop<'a, T>,
}

impl<'a, T: ?Sized> WriteGuard<'a, T> {
    /// The guard of a writer that was let in.
    pub(super) fn of(lock: &'a RwLock<T>) -> Self {
        Self {
            value: lock.value.borrow_mut(),
            stay: ReleaseOnDrop::new(lock, Access::Write),
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
        let Self { value, mut stay } = guard;
        drop(value);
        let lock = stay.lock;
        stay.access = Access::Read;
        let guard = ReadGuard {
            value: lock.value.borrow(),
            _stay: stay,
        };
        update(&lock.resource, |room, wakes| {
            room.enter(Access::Read);
            room.leave(Access::Write, wakes);
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
