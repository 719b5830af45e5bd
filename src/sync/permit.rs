//! The permits of a semaphore.

use std::fmt;
use std::mem;
use std::rc::Rc;

use super::semaphore::Semaphore;
use crate::util::wait_graph::Held;

/// One or more permits of a [`Semaphore`], which it borrows; puts them back when it is dropped.
#[doc(alias = "SemaphorePermit")]
#[must_use = "permits are put back when this is dropped"]
pub struct Permit<'a> {
    /// Dropped before `put_back`: `put_back` may wake, and nothing needs to be kept across that
    /// (bench `semaphore_free`).
    _held: Held,
    put_back: PutBackOnDrop<'a>,
}

/// Puts permits back when it is dropped.
struct PutBackOnDrop<'a> {
    semaphore: &'a Semaphore,
    count: usize,
}

impl Drop for PutBackOnDrop<'_> {
    #[inline]
    fn drop(&mut self) {
        self.semaphore.put_back(self.count);
    }
}

impl<'a> Permit<'a> {
    /// Creates the permit of a task that has got `count` permits.
    #[inline]
    pub(super) fn new(semaphore: &'a Semaphore, count: usize) -> Self {
        Self {
            _held: semaphore.held(),
            put_back: PutBackOnDrop { semaphore, count },
        }
    }

    /// Returns the number of permits.
    #[must_use]
    pub fn count(&self) -> usize {
        self.put_back.count
    }

    /// Drops the permits without putting them back: the semaphore has fewer from then on.
    ///
    /// # Examples
    /// ```
    /// let semaphore = wheelhouse::sync::Semaphore::new(3);
    /// semaphore.try_acquire_many(2).unwrap().forget();
    /// assert_eq!(semaphore.available(), 1);
    /// ```
    pub fn forget(mut self) {
        let count = mem::take(&mut self.put_back.count);
        self.put_back.semaphore.write_off(count);
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("semaphore", &self.put_back.semaphore)
            .field("count", &self.put_back.count)
            .finish()
    }
}

/// One or more permits of a [`Semaphore`], which it holds by an `Rc`; puts them back when it is
/// dropped.
#[doc(alias = "OwnedSemaphorePermit")]
#[must_use = "permits are put back when this is dropped"]
pub struct OwnedPermit {
    semaphore: Rc<Semaphore>,
    count: usize,
    _held: Held,
}

impl OwnedPermit {
    /// Creates the permit of a task that has got `count` permits.
    pub(super) fn new(semaphore: Rc<Semaphore>, count: usize) -> Self {
        let _held = semaphore.held();
        Self {
            semaphore,
            count,
            _held,
        }
    }

    /// Returns the number of permits.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Returns the semaphore of the permits.
    #[must_use]
    pub fn semaphore(&self) -> &Rc<Semaphore> {
        &self.semaphore
    }

    /// Drops the permits without putting them back: the semaphore has fewer from then on.
    pub fn forget(mut self) {
        self.semaphore.write_off(mem::take(&mut self.count));
    }
}

impl fmt::Debug for OwnedPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit")
            .field("semaphore", &self.semaphore)
            .field("count", &self.count)
            .finish()
    }
}

impl Drop for OwnedPermit {
    fn drop(&mut self) {
        self.semaphore.put_back(self.count);
    }
}
