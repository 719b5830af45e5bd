//! Taking permits of a [`Semaphore`], with and without waiting.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::Semaphore;
use crate::sync::permit::{OwnedPermit, Permit};
use crate::util::wait_queue::Waiter;

impl Semaphore {
    /// Waits for one permit.
    ///
    /// Does not suspend when a permit is free and no other task waits.
    ///
    /// # Cancel safety
    /// Only the place in the queue is lost. If a permit was handed to this wait already, the next
    /// waiting task gets it.
    ///
    /// # Panics
    /// If the semaphore is [`bounded`](Semaphore::bounded) to 0 permits, or if the future is polled
    /// after it has completed.
    ///
    /// # Examples
    /// See [`Semaphore`].
    #[inline]
    pub fn acquire(&self) -> AcquireFuture<'_> {
        self.acquire_many(1)
    }

    /// Waits until `count` permits are free at once, and takes them.
    ///
    /// Later requests wait behind this one, also those for fewer permits.
    ///
    /// # Cancel safety
    /// Only the place in the queue is lost. If the permits were handed to this wait already, the
    /// next waiting tasks get them; if not, smaller requests behind this one may be granted.
    ///
    /// # Panics
    /// If `count` is greater than the bound of a [`bounded`](Semaphore::bounded) semaphore, or if
    /// the future is polled after it has completed.
    ///
    /// # Examples
    /// ```
    /// use wheelhouse::sync::Semaphore;
    ///
    /// wheelhouse::run(async {
    ///     let semaphore = Semaphore::new(5);
    ///     let permit = semaphore.acquire_many(3).await;
    ///     assert_eq!((permit.count(), semaphore.available()), (3, 2));
    /// });
    /// ```
    #[inline]
    pub fn acquire_many(&self, count: usize) -> AcquireFuture<'_> {
        self.refuse_impossible(count);
        AcquireFuture {
            semaphore: self,
            waiter: Waiter::New(count),
        }
    }

    /// Waits for one permit that holds its semaphore by an `Rc`, so that it can move into a spawned
    /// task.
    ///
    /// # Cancel safety
    /// As [`acquire`](Semaphore::acquire).
    ///
    /// # Panics
    /// As [`acquire`](Semaphore::acquire).
    ///
    /// # Examples
    /// ```
    /// use std::rc::Rc;
    /// use wheelhouse::sync::Semaphore;
    /// use wheelhouse::{run, spawn};
    ///
    /// run(async {
    ///     let semaphore = Rc::new(Semaphore::new(1));
    ///     let permit = Rc::clone(&semaphore).acquire_owned().await;
    ///     let task = spawn(async move { drop(permit) });
    ///     semaphore.acquire().await;
    ///     assert!(task.is_finished());
    /// });
    /// ```
    pub fn acquire_owned(self: Rc<Self>) -> AcquireOwnedFuture {
        self.acquire_many_owned(1)
    }

    /// Waits for `count` permits, as one permit that holds its semaphore by an `Rc`.
    ///
    /// # Cancel safety
    /// As [`acquire_many`](Semaphore::acquire_many).
    ///
    /// # Panics
    /// As [`acquire_many`](Semaphore::acquire_many).
    ///
    /// # Examples
    /// ```
    /// use std::rc::Rc;
    /// use wheelhouse::sync::Semaphore;
    ///
    /// wheelhouse::run(async {
    ///     let semaphore = Rc::new(Semaphore::new(5));
    ///     let permit = Rc::clone(&semaphore).acquire_many_owned(3).await;
    ///     assert_eq!((permit.count(), semaphore.available()), (3, 2));
    /// });
    /// ```
    pub fn acquire_many_owned(self: Rc<Self>, count: usize) -> AcquireOwnedFuture {
        self.refuse_impossible(count);
        AcquireOwnedFuture {
            semaphore: self,
            waiter: Waiter::New(count),
        }
    }

    /// Returns one permit; `None` if that would need a wait.
    ///
    /// # Examples
    /// ```
    /// let semaphore = wheelhouse::sync::Semaphore::new(1);
    /// let permit = semaphore.try_acquire();
    /// assert!(permit.is_some() && semaphore.try_acquire().is_none());
    /// ```
    #[doc(alias = "acquire_nowait")]
    #[inline]
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        self.try_acquire_many(1)
    }

    /// Returns `count` permits; `None` if that would need a wait.
    #[inline]
    pub fn try_acquire_many(&self, count: usize) -> Option<Permit<'_>> {
        let count = self.try_take(count)?;
        Some(Permit::new(self, count))
    }

    /// Returns one permit that holds its semaphore by an `Rc`; `None` if that would need a wait.
    pub fn try_acquire_owned(self: Rc<Self>) -> Option<OwnedPermit> {
        self.try_acquire_many_owned(1)
    }

    /// Returns `count` permits that hold their semaphore by an `Rc`; `None` if that would need a
    /// wait.
    pub fn try_acquire_many_owned(self: Rc<Self>, count: usize) -> Option<OwnedPermit> {
        let count = self.try_take(count)?;
        Some(OwnedPermit::new(self, count))
    }
}

/// The future of [`Semaphore::acquire`] and [`Semaphore::acquire_many`].
#[must_use = "futures do nothing unless awaited"]
pub struct AcquireFuture<'a> {
    semaphore: &'a Semaphore,
    waiter: Waiter<usize>,
}

impl<'a> Future for AcquireFuture<'a> {
    type Output = Permit<'a>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Permit<'a>> {
        let semaphore = self.semaphore;
        let count = ready!(self.waiter.poll(&semaphore.state, cx));
        Poll::Ready(Permit::new(semaphore, count))
    }
}

impl Drop for AcquireFuture<'_> {
    #[inline]
    fn drop(&mut self) {
        self.waiter.leave(&self.semaphore.state);
    }
}

impl fmt::Debug for AcquireFuture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcquireFuture").finish_non_exhaustive()
    }
}

/// The future of [`Semaphore::acquire_owned`] and [`Semaphore::acquire_many_owned`].
#[must_use = "futures do nothing unless awaited"]
pub struct AcquireOwnedFuture {
    semaphore: Rc<Semaphore>,
    waiter: Waiter<usize>,
}

impl Future for AcquireOwnedFuture {
    type Output = OwnedPermit;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<OwnedPermit> {
        let this = &mut *self;
        let count = ready!(this.waiter.poll(&this.semaphore.state, cx));
        Poll::Ready(OwnedPermit::new(Rc::clone(&this.semaphore), count))
    }
}

impl Drop for AcquireOwnedFuture {
    fn drop(&mut self) {
        self.waiter.leave(&self.semaphore.state);
    }
}

impl fmt::Debug for AcquireOwnedFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcquireOwnedFuture").finish_non_exhaustive()
    }
}
