//! The waker of one waiting task, for primitives that need no queue of waiters.

use std::cell::Cell;
use std::fmt;
use std::task::Waker;

use crate::util::{drop_quietly, wake_quietly};

/// The waker of one waiting task, if it waits.
#[derive(Default)]
pub(super) struct WakerSlot(Cell<Option<Waker>>);

impl WakerSlot {
    /// Stores a clone of `waker` in place of the waker before.
    ///
    /// Third-party code runs meanwhile and may cause what the caller waits for: check again
    /// afterwards.
    #[inline]
    pub(super) fn register(&self, waker: &Waker) {
        let old = self.0.take();
        if old.as_ref().is_some_and(|old| old.will_wake(waker)) {
            self.0.set(old);
            return;
        }
        let other = self.0.replace(Some(waker.clone()));
        drop_quietly((old, other));
    }

    /// Wakes the waiting task, if there is one. Discards a panic of the waker.
    #[inline]
    pub(super) fn wake(&self) {
        if let Some(waker) = self.0.take() {
            wake_quietly(waker);
        }
    }

    /// Drops the waker, if there is one.
    #[inline]
    pub(super) fn clear(&self) {
        if let Some(waker) = self.0.take() {
            drop_quietly(waker);
        }
    }
}

impl fmt::Debug for WakerSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WakerSlot").finish_non_exhaustive()
    }
}
