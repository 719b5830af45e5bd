//! Counted references to a task, for any thread.

use std::fmt;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::Arc;

use super::{Header, Label, Schedule, Task, TaskMessage};
use crate::cell::shared_refs::{HOME_LIMIT, Release};
use crate::error::Cancelled;

/// The home count of a task whose counts were merged (see
/// [`SharedRefs`](crate::cell::shared_refs::SharedRefs)). Below zero, so that one comparison covers
/// this and an exhausted count.
pub(super) const MERGED: i32 = -1;

/// A counted reference that any thread may hold.
pub(crate) struct TaskRef<H: Schedule>(NonNull<Header<H>>);

// SAFETY: its methods access only what rule 2 allows every thread, and the home thread's fields
// only if `is_here`.
unsafe impl<H: Schedule> Send for TaskRef<H> {}
// SAFETY: as above; none of them needs exclusive access.
unsafe impl<H: Schedule> Sync for TaskRef<H> {}

impl<H: Schedule> TaskRef<H> {
    /// Wraps a reference that was counted for `ptr`.
    ///
    /// # Safety
    /// The result takes over the count (rule 1).
    pub(super) unsafe fn counted(ptr: NonNull<Header<H>>) -> Self {
        Self(ptr)
    }

    pub(super) fn ptr(&self) -> NonNull<Header<H>> {
        self.0
    }

    pub(super) fn header(&self) -> &Header<H> {
        // SAFETY: rule 1, this reference is counted.
        unsafe { self.0.as_ref() }
    }

    /// Returns `true` on the thread that drives the task's runtime.
    #[inline]
    pub(crate) fn is_here(&self) -> bool {
        self.header().home().is_here()
    }

    /// Converts the reference to one for the home thread.
    ///
    /// # Errors
    /// The reference itself, on another thread, or while the runtime is not driven.
    #[inline]
    pub(crate) fn at_home(self) -> Result<Task<H>, Self> {
        if self.is_here() {
            // SAFETY: checked above.
            Ok(unsafe { Task::new(self) })
        } else {
            Err(self)
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.header().state().is_done()
    }

    /// Wakes the task and consumes the reference.
    pub(crate) fn wake(self) {
        match self.at_home() {
            Ok(task) => task.wake(),
            Err(task) => task.wake_remote(),
        }
    }

    /// Sends the wake to the home thread, unless one is under way or the task has ended.
    pub(super) fn wake_remote(self) {
        if !self.is_done() && self.header().shared_refs.send() {
            // The home thread may process the message and drop its reference before `send` returns.
            let keep = self.clone();
            keep.home().send(TaskMessage::Wake(self));
        }
    }

    /// Cancels the task from any thread. Returns `false` if it has ended.
    pub(crate) fn cancel(&self, cancelled: Cancelled) -> bool {
        if self.is_done() {
            return false;
        }
        match self.clone().at_home() {
            Ok(task) => task.cancel(cancelled),
            Err(task) => {
                self.header()
                    .home()
                    .send(TaskMessage::Cancel(task, cancelled));
                true
            }
        }
    }

    pub(crate) fn number(&self) -> u64 {
        self.header().number
    }

    pub(crate) fn label(&self) -> &Label {
        &self.header().label
    }

    pub(crate) fn home(&self) -> &H {
        self.header().home()
    }

    /// Converts the reference to a raw pointer that keeps the count.
    pub(super) fn into_raw(self) -> *const () {
        ManuallyDrop::new(self).0.as_ptr().cast_const().cast()
    }
}

impl<H: Schedule> Clone for TaskRef<H> {
    fn clone(&self) -> Self {
        retain(self.header());
        Self(self.0)
    }
}

impl<H: Schedule> Drop for TaskRef<H> {
    fn drop(&mut self) {
        // SAFETY: the count is this reference's, which ends here.
        unsafe { release(self.0) };
    }
}

impl<H: Schedule> fmt::Debug for TaskRef<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.header(), f)
    }
}

/// Returns a new counted reference to a task.
///
/// # Safety
/// Another reference or the handle keeps the cell during the call (rule 1).
pub(super) unsafe fn reference<H: Schedule>(ptr: NonNull<Header<H>>) -> TaskRef<H> {
    // SAFETY: the caller's duty.
    retain(unsafe { ptr.as_ref() });
    TaskRef(ptr)
}

/// Adds a reference; on the home thread without an atomic operation.
#[inline]
fn retain<H: Schedule>(header: &Header<H>) {
    if header.home().is_here() {
        retain_here(header);
    } else {
        header.shared_refs.retain();
    }
}

/// Adds a reference on the home thread.
#[inline]
pub(super) fn retain_here<H: Schedule>(header: &Header<H>) {
    let refs = header.refs.get();
    if (0..HOME_LIMIT).contains(&refs) {
        header.refs.set(refs + 1);
    } else {
        header.shared_refs.retain();
    }
}

/// Releases a counted reference. Frees the cell if it was the last one of a task without owner.
///
/// # Safety
/// The caller owns the count, and does not access the cell afterwards (rule 1).
unsafe fn release<H: Schedule>(ptr: NonNull<Header<H>>) {
    // SAFETY: rule 1, the reference to be released still counts.
    let header = unsafe { ptr.as_ref() };
    if header.home().is_here() {
        // SAFETY: the caller's duty, and rule 2: checked above.
        unsafe { release_here(ptr) };
    } else {
        // SAFETY: the caller's duty.
        unsafe { release_shared(ptr) };
    }
}

/// Releases a reference on the home thread, even if the runtime is not driven now.
///
/// # Safety
/// As for [`release`]; on the home thread (rule 2).
#[inline]
pub(super) unsafe fn release_here<H: Schedule>(ptr: NonNull<Header<H>>) {
    // SAFETY: rule 1, the reference to be released still counts.
    let header = unsafe { ptr.as_ref() };
    let refs = header.refs.get();
    if refs > 0 {
        // Not the last one: until the merge, the count includes the owner's reference.
        return header.refs.set(refs - 1);
    }
    // SAFETY: the caller's duty.
    unsafe { release_shared(ptr) };
}

/// Releases a reference in the shared count.
///
/// # Safety
/// As for [`release`].
#[cold]
unsafe fn release_shared<H: Schedule>(ptr: NonNull<Header<H>>) {
    // SAFETY: rule 1, the reference to be released still counts.
    let header = unsafe { ptr.as_ref() };
    if header.shared_refs.release() == Release::Last {
        // SAFETY: a merged count reached zero with ours.
        unsafe { free_merged(ptr) };
    }
}

/// Frees a cell whose counts were merged, and releases its count of the home's `Arc`.
///
/// # Safety
/// The last reference to a cell with merged counts was just released (rules 1 and 4).
pub(super) unsafe fn free_merged<H: Schedule>(ptr: NonNull<Header<H>>) {
    // SAFETY: the caller's duty, so the cell is ours.
    let header = unsafe { ptr.as_ref() };
    let home = header.home;
    // SAFETY: the caller's duty.
    unsafe { free(ptr, false) };
    // SAFETY: rule 4, the merge took this count for the cell.
    unsafe { Arc::decrement_strong_count(home.as_ptr()) };
}

/// Frees a cell without references. `here` as for `VTable::free`.
///
/// # Safety
/// The last reference was just released, and the task is done (rules 1 and 3).
pub(super) unsafe fn free<H: Schedule>(ptr: NonNull<Header<H>>, here: bool) {
    // SAFETY: the caller's duty, so the cell is ours.
    let vtable = unsafe { ptr.as_ref() }.vtable;
    // SAFETY: a task loses its last owner only when future and output are dropped (see `OwnedRef`
    // and `Join`).
    unsafe { (vtable.free)(ptr, here) };
}
