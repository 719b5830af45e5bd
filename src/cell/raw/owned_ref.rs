//! The reference that the runtime's table holds, and the making of tasks.

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

/// The reference that the runtime's table holds. Dropping it gives the task up: the cell is freed,
/// or its references are merged so that whoever drops the last one frees it.
pub(crate) struct OwnedRef<H: Schedule>(ManuallyDrop<Task<H>>);

impl<H: Schedule> OwnedRef<H> {
    /// The task.
    pub(crate) fn task(&self) -> &Task<H> {
        &self.0
    }

    /// Tells the task where the table keeps it.
    pub(crate) fn set_slot(&self, slot: u32) {
        self.0.header().slot.set(slot);
    }

    /// Gives the task up while its runtime is driven here, which may then keep the memory.
    #[inline]
    pub(super) fn end_here(self) {
        ManuallyDrop::new(self).end(true);
    }

    /// Gives the task up; the last thing that is done with an owner. `here` as for [`free`].
    #[inline]
    fn end(&mut self, here: bool) {
        let (header, ptr) = (self.0.header(), self.0.by_ref().ptr());
        let state = header.state();
        if !state.is_done() {
            // A child of a group that was leaked. It is leaked too: what its future borrows may be
            // gone. SAFETY: rule 4, the home is alive; it will outlive the cell, which is never
            // freed.
            unsafe { Arc::increment_strong_count(header.home.as_ptr()) };
            return;
        }
        let others = header.refs.get() - 1 + i32::from(state.has_handle());
        match others == 0 && header.shared_refs.is_idle() {
            // SAFETY: rules 1 and 3; done, and the table's reference, which ends here, is the last.
            true => unsafe { free(ptr, here) },
            false => self.merge(others),
        }
    }

    /// Leaves the task to the `others` that refer to it.
    #[cold]
    fn merge(&mut self, others: i32) {
        let (header, ptr) = (self.0.header(), self.0.by_ref().ptr());
        // SAFETY: rule 4, the home is alive and this count becomes the cell's; `free_merged` gives
        // it back.
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

/// A task that was just made: for the table, for the run queue, for the caller.
pub(crate) struct Spawned<T, H: Schedule> {
    /// For the table.
    pub(crate) owner: OwnedRef<H>,
    /// For the run queue: the state word says that it stands there.
    pub(crate) queued: Task<H>,
    /// For the caller; dropped here at once for the cell of a main future.
    pub(crate) join: Join<T, H>,
}

/// Makes a task. Called at home.
pub(crate) fn spawn<F: Future + 'static, H: Schedule>(
    home: &Arc<H>,
    number: u64,
    label: Label,
    future: F,
) -> Spawned<F::Output, H> {
    // SAFETY: what is `'static` may be dropped at any time.
    unsafe { spawn_scoped(home, number, label, future) }
}

/// Makes a task whose future may borrow. Called at home.
///
/// # Safety
/// Before the task is put into a queue, it is given to a pen ([`Task::put_into`]) which polls it,
/// and sees to it that its future is dropped or leaked before anything that it borrows has gone.
pub(crate) unsafe fn spawn_scoped<F: Future, H: Schedule>(
    home: &Arc<H>,
    number: u64,
    label: Label,
    future: F,
) -> Spawned<F::Output, H> {
    let seed = NewTask {
        state: State::spawned(true),
        refs: 2,
        number,
        label,
    };
    let ptr = allocate(home, seed, future);
    let (owner, queued) = both(ptr);
    Spawned {
        owner,
        queued,
        // SAFETY: the word says HANDLE, and this is the one handle; the output is the future's.
        join: unsafe { Join::new(ptr) },
    }
}

/// Makes the cell of a main future, which lies on its caller's stack: the cell holds none.
pub(crate) fn spawn_main<H: Schedule>(
    home: &Arc<H>,
    number: u64,
    label: Label,
) -> (OwnedRef<H>, Task<H>) {
    let seed = NewTask {
        state: State::main(),
        refs: 2,
        number,
        label,
    };
    let ptr = allocate(home, seed, std::future::pending::<()>());
    both(ptr)
}

/// The two references that a new cell is made with.
fn both<H: Schedule>(ptr: NonNull<Header<H>>) -> (OwnedRef<H>, Task<H>) {
    // SAFETY: the seed counted two references; this is the first.
    let owner = unsafe { TaskRef::counted(ptr) };
    // SAFETY: rule 2, the cell was made here.
    let owner = unsafe { Task::new(owner) };
    // SAFETY: the seed counted two references; this is the second.
    let queued = unsafe { TaskRef::counted(ptr) };
    // SAFETY: rule 2, the cell was made here.
    let queued = unsafe { Task::new(queued) };
    (OwnedRef(ManuallyDrop::new(owner)), queued)
}
