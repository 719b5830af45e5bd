//! The task that is being polled.

use std::cell::Cell;
use std::fmt;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use super::{Header, Schedule, Task, TaskRef};

/// Restores the outer task on drop, even if the inner code panics.
struct Restore<'a, H: Schedule>(&'a Current<H>, Option<NonNull<Header<H>>>);

impl<H: Schedule> Drop for Restore<'_, H> {
    fn drop(&mut self) {
        self.0.0.set(self.1);
    }
}

/// The task that is being polled.
pub(crate) struct Current<H: Schedule>(Cell<Option<NonNull<Header<H>>>>);

impl<H: Schedule> Current<H> {
    pub(crate) fn new() -> Self {
        Self(Cell::new(None))
    }

    /// Runs `f` with `task` as the current one. The borrow keeps `task` alive meanwhile.
    pub(crate) fn during<R>(&self, task: &Task<H>, f: impl FnOnce() -> R) -> R {
        let _restore = Restore(self, self.0.replace(Some(task.by_ref().ptr())));
        f()
    }

    /// Runs `f` as the poll of `task` while no other task is current. The borrow keeps `task` alive
    /// meanwhile.
    #[inline]
    pub(crate) fn during_poll<R>(&self, task: &Task<H>, f: impl FnOnce() -> R) -> R {
        /// Resets the current task on drop, even if `f` panics.
        struct Clear<'a, H: Schedule>(&'a Current<H>);
        impl<H: Schedule> Drop for Clear<'_, H> {
            fn drop(&mut self) {
                self.0.0.set(None);
            }
        }
        debug_assert!(
            self.0.get().is_none(),
            "a task is polled inside the poll of another one"
        );
        let _clear = Clear(self);
        self.0.set(Some(task.by_ref().ptr()));
        f()
    }

    /// Runs `f` with no current task: `f` polls another task inside this poll.
    pub(crate) fn set_aside<R>(&self, f: impl FnOnce() -> R) -> R {
        let _restore = Restore(self, self.0.replace(None));
        f()
    }

    /// Returns the current task.
    pub(crate) fn get(&self) -> Option<Task<H>> {
        let ptr = self.0.get()?;
        // SAFETY: rule 1, `during` keeps a counted reference to it; the clone below counts for
        // itself.
        let borrowed = ManuallyDrop::new(unsafe { TaskRef::counted(ptr) });
        // SAFETY: `during` received a reference of this, the home thread.
        Some(unsafe { Task::new(TaskRef::clone(&borrowed)) })
    }

    /// Returns the number of the current task.
    pub(crate) fn number(&self) -> Option<u64> {
        let ptr = self.0.get()?;
        // SAFETY: rule 1, `during` keeps a counted reference to it.
        Some(unsafe { ptr.as_ref() }.number)
    }
}

impl<H: Schedule> fmt::Debug for Current<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Current")
            .field(&self.0.get().is_some())
            .finish()
    }
}
