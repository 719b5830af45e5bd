//! The reference that `OwnedTasks` holds, and the creation of tasks.

use std::fmt;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::Arc;

use super::memory::{NewTask, allocate};
use super::refs::{MERGED, free, free_merged};
use super::{Header, Join, Label, Schedule, Task, TaskRef};
use crate::cell::shared_refs::Release;
use crate::cell::state::State;

/// The reference that `OwnedTasks` holds. Dropping it gives the task up: the cell is freed, or its
/// references are merged, so that the last one to be dropped frees it.
pub(crate) struct OwnedRef<H: Schedule>(ManuallyDrop<Task<H>>);

impl<H: Schedule> OwnedRef<H> {
    pub(crate) fn task(&self) -> &Task<H> {
        &self.0
    }

    /// Stores the slot of the task in `OwnedTasks`.
    pub(crate) fn set_slot(&self, slot: u32) {
        self.0.header().slot.set(slot);
    }

    /// Gives the task up while this thread drives its runtime, whose pool may keep the memory.
    #[inline]
    pub(super) fn end_here(self) {
        ManuallyDrop::new(self).end(true);
    }

    /// Gives the task up. The owner must not be used afterwards. `here` as for [`free`].
    #[inline]
    fn end(&mut self, here: bool) {
        let (header, ptr) = (self.0.header(), self.0.by_ref().ptr());
        let state = header.state();
        if !state.is_done() {
            // A child of a leaked group. It is leaked, too: its future may borrow what no longer
            // exists. SAFETY: rule 4, the home is alive; it will outlive the cell, which is never
            // freed.
            unsafe { Arc::increment_strong_count(header.home.as_ptr()) };
            return;
        }
        let others = header.refs.get() - 1 + i32::from(state.has_handle());
        if others == 0 && header.shared_refs.is_idle() {
            // SAFETY: rules 1 and 3; done, and the owner's reference, which ends here, is the last.
            unsafe { free(ptr, here) };
        } else {
            self.merge(others);
        }
    }

    /// Merges the counts: the last of the `others` that refer to the task frees it.
    #[cold]
    fn merge(&mut self, others: i32) {
        let (header, ptr) = (self.0.header(), self.0.by_ref().ptr());
        // SAFETY: rule 4, the home is alive and this count becomes the cell's; `free_merged`
        // releases it.
        unsafe { Arc::increment_strong_count(header.home.as_ptr()) };
        header.refs.set(MERGED);
        if header.shared_refs.merge(others) == Release::Last {
            // SAFETY: rules 1 and 4; just merged, and no other reference is left.
            unsafe { free_merged(ptr) };
        }
    }
}

impl<H: Schedule> Drop for OwnedRef<H> {
    fn drop(&mut self) {
        let here = self.0.header().home().is_here();
        self.end(here);
    }
}

impl<H: Schedule> fmt::Debug for OwnedRef<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// The references to a new task.
pub(crate) struct Spawned<T, H: Schedule> {
    /// For `OwnedTasks`.
    pub(crate) owner: OwnedRef<H>,
    /// For the run queue: the state word has `SCHEDULED`.
    pub(crate) queued: Task<H>,
    /// For the caller.
    pub(crate) join: Join<T, H>,
}

/// Creates a task. Called on the home thread.
pub(crate) fn spawn<F: Future + 'static, H: Schedule>(
    home: &Arc<H>,
    number: u64,
    label: Label,
    future: F,
) -> Spawned<F::Output, H> {
    // SAFETY: a `'static` future may be dropped at any time.
    unsafe { spawn_scoped(home, number, label, future) }
}

/// Creates a task whose future may borrow. Called on the home thread.
///
/// # Safety
/// Before the task enters a queue, the caller gives it a parent ([`Task::set_parent`]) that polls
/// it, and ensures that its future is dropped or leaked before anything that it borrows ends.
pub(crate) unsafe fn spawn_scoped<F: Future, H: Schedule>(
    home: &Arc<H>,
    number: u64,
    label: Label,
    future: F,
) -> Spawned<F::Output, H> {
    let new = NewTask {
        state: State::spawned(true),
        refs: 2,
        number,
        label,
    };
    let ptr = allocate(home, new, future);
    let (owner, queued) = both(ptr);
    Spawned {
        owner,
        queued,
        // SAFETY: the word says HANDLE, and this is the one handle; the output is the future's.
        join: unsafe { Join::new(ptr) },
    }
}

/// Creates the cell of a main future. The future itself stays on the stack of its caller.
pub(crate) fn spawn_main<H: Schedule>(
    home: &Arc<H>,
    number: u64,
    label: Label,
) -> (OwnedRef<H>, Task<H>) {
    let new = NewTask {
        state: State::main(),
        refs: 2,
        number,
        label,
    };
    let ptr = allocate(home, new, std::future::pending::<()>());
    both(ptr)
}

/// Returns the two references that a new cell is created with.
fn both<H: Schedule>(ptr: NonNull<Header<H>>) -> (OwnedRef<H>, Task<H>) {
    // SAFETY: the new cell counts two references; this is the first.
    let owner = unsafe { TaskRef::counted(ptr) };
    // SAFETY: rule 2, the cell was created here.
    let owner = unsafe { Task::new(owner) };
    // SAFETY: the new cell counts two references; this is the second.
    let queued = unsafe { TaskRef::counted(ptr) };
    // SAFETY: rule 2, the cell was created here.
    let queued = unsafe { Task::new(queued) };
    (OwnedRef(ManuallyDrop::new(owner)), queued)
}
