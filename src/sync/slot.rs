//! Room for the waker of the one task that waits, where no queue of waiters is needed.

use std::cell::Cell;
use std::fmt;
use std::task::Waker;

use crate::util::{drop_quietly, wake_quietly};

/// The waker of one waiting task, if it waits.
#[derive(Default)]
pub(super) struct WakerSlot(Cell<Option<Waker>>);

impl WakerSlot {
    /// Leaves a waker, in place of the one before.
    ///
    /// Foreign code runs meanwhile and may bring about what the caller waits for: look again
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

    /// Wakes the task that waits. A waker that panics does so on its own account.
    #[inline]
    pub(super) fn wake(&self) {
        if let Some(waker) = self.0.take() {
            wake_quietly(waker);
        }
    }

    /// Forgets the waker: nobody waits any more.
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
