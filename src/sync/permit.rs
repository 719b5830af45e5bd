//! What a semaphore hands out. Floor 3.

use std::mem;
use std::rc::Rc;

use super::semaphore::Semaphore;

/// One or more permits of a borrowed [`Semaphore`]; its drop gives them back.
#[derive(Debug)]
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
        Self { semaphore, count }
    }

    /// Tells how many permits it holds.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Destroys the permits: the semaphore has fewer from now on.
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

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        self.semaphore.put_back(self.count);
    }
}

/// One or more permits that hold their [`Semaphore`] by an `Rc`; its drop gives them back.
#[derive(Debug)]
#[must_use = "permits are given back when this is dropped"]
pub struct OwnedPermit {
    /// Where they go back to.
    semaphore: Rc<Semaphore>,
    /// How many they are.
    count: usize,
}

impl OwnedPermit {
    /// Permits that were taken out.
    pub(super) fn new(semaphore: Rc<Semaphore>, count: usize) -> Self {
        Self { semaphore, count }
    }

    /// Tells how many permits it holds.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Gives the semaphore that the permits are of.
    #[must_use]
    pub fn semaphore(&self) -> &Rc<Semaphore> {
        &self.semaphore
    }

    /// Destroys the permits: the semaphore has fewer from now on.
    pub fn forget(mut self) {
        self.semaphore.write_off(mem::take(&mut self.count));
    }
}

impl Drop for OwnedPermit {
    fn drop(&mut self) {
        self.semaphore.put_back(self.count);
    }
}
