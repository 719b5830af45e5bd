//! A set of wakers. It is itself a waker, so that a timer can wake all of them.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use crate::util::{drop_quietly, wake_quietly};

/// The wakers of the tasks that wait at one place.
#[derive(Debug, Default)]
pub(super) struct Notifier(Mutex<Vec<Waker>>);

impl Notifier {
    /// Locks the set. No third-party code runs under this lock.
    fn wakers(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a waker. Cloning it runs third-party code, which may make the caller ready: the caller
    /// checks again afterwards.
    pub(super) fn register(&self, waker: &Waker) {
        if self.wakers().iter().any(|other| other.will_wake(waker)) {
            return;
        }
        let waker = waker.clone();
        self.wakers().push(waker);
    }

    /// Returns `true` if a waker is registered.
    pub(super) fn has_waiters(&self) -> bool {
        !self.wakers().is_empty()
    }

    /// Wakes all. The caller holds no borrow.
    pub(super) fn notify_all(&self) {
        let wakers = mem::take(&mut *self.wakers());
        wakers.into_iter().for_each(wake_quietly);
    }

    /// Drops all wakers without waking them.
    pub(super) fn clear(&self) {
        let wakers = mem::take(&mut *self.wakers());
        wakers.into_iter().for_each(drop_quietly);
    }
}

/// Drops each waker by itself: two whose destructors panic would abort the process.
impl Drop for Notifier {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Wake for Notifier {
    fn wake(self: Arc<Self>) {
        self.notify_all();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.notify_all();
    }
}
