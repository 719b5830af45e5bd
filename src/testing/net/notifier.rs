//! Who waits at one place. It is a waker itself, for a timer to wake them all.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use crate::util::{drop_quietly, wake_quietly};

/// The wakers of those who wait.
#[derive(Debug, Default)]
pub(super) struct Notifier(Mutex<Vec<Waker>>);

impl Notifier {
    /// The wakers. Nothing foreign runs under this lock.
    fn wakers(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one who waits. Foreign code runs meanwhile and may bring about what is waited for: look again afterwards.
    pub(super) fn register(&self, waker: &Waker) {
        if self.wakers().iter().any(|other| other.will_wake(waker)) {
            return;
        }
        let waker = waker.clone();
        self.wakers().push(waker);
    }

    /// Whether somebody waits.
    pub(super) fn has_waiters(&self) -> bool {
        !self.wakers().is_empty()
    }

    /// Wakes all. Whoever calls it has nothing borrowed.
    pub(super) fn notify_all(&self) {
        let wakers = mem::take(&mut *self.wakers());
        wakers.into_iter().for_each(wake_quietly);
    }

    /// Forgets all.
    pub(super) fn clear(&self) {
        let wakers = mem::take(&mut *self.wakers());
        wakers.into_iter().for_each(drop_quietly);
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
