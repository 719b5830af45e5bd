//! The permits of a semaphore.

use std::fmt;
use std::mem;
use std::rc::Rc;

use super::semaphore::Semaphore;
use crate::util::wait_graph::{self, Held};

/// One or more permits of a [`Semaphore`], which it borrows; gives them back when it is dropped.
#[doc(alias = "SemaphorePermit")]
#[must_use = "permits are given back when this is dropped"]
pub struct Permit<'a> {
    /// Where they go back to.
    semaphore: &'a Semaphore,
    /// How many they are.
    count: usize,
}

impl<'a> Permit<'a> {
    /// Permits that were taken out.
    #[inline]
    pub(super) fn new(semaphore: &'a Semaphore, count: usize) -> Self {
        semaphore.note_held();
        Self { semaphore, count }
    }

    /// Returns how many permits it holds.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Drops the permits without giving them back: the semaphore has fewer from then on.
    ///
    /// # Examples
    /// ```
    /// let semaphore = wheelhouse::sync::Semaphore::new(3);
    /// semaphore.try_acquire_many(2).unwrap().forget();
    /// assert_eq!(semaphore.available(), 1);
    /// ```
    pub fn forget(mut self) {
        self.semaphore.write_off(mem::take(&mut self.count));
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("semaphore", &self.semaphore)
            .field("count", &self.count)
            .finish()
    }
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        match wait_graph::is_enabled() {
            false => self.semaphore.put_back(self.count),
            true => self.semaphore.let_go(self.count),
        }
    }
}

/// One or more permits of a [`Semaphore`], which it holds by an `Rc`; gives them back when it is
/// dropped.
#[doc(alias = "OwnedSemaphorePermit")]
#[must_use = "permits are given back when this is dropped"]
pub struct OwnedPermit {
    /// Where they go back to.
    semaphore: Rc<Semaphore>,
    /// How many they are.
    count: usize,
    /// Says so in the book, where one is kept.
    _held: Held,
}

impl OwnedPermit {
    /// Permits that were taken out.
    pub(super) fn new(semaphore: Rc<Semaphore>, count: usize) -> Self {
        let _held = semaphore.held();
        Self {
            semaphore,
            count,
            _held,
        }
    }

    /// Returns how many permits it holds.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Returns the semaphore of the permits.
    #[must_use]
    pub fn semaphore(&self) -> &Rc<Semaphore> {
        &self.semaphore
    }

    /// Drops the permits without giving them back: the semaphore has fewer from then on.
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
