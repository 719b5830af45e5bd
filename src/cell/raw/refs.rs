//! Counted references to a task, which any thread may hold.

use std::fmt;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::Arc;

use super::{Header, Label, Schedule, Task, TaskMessage};
use crate::cell::shared_refs::{HOME_LIMIT, Release};
use crate::error::Cancelled;

/// The home count of a task whose references are all counted away (see
/// [`SharedRefs`](crate::cell::shared_refs::SharedRefs)). Below zero, so that one comparison finds
/// it and the count that has nothing left.
pub(super) const MERGED: i32 = -1;

/// A counted reference that any thread may hold.
pub(crate) struct TaskRef<H: Schedule>(NonNull<Header<H>>);

// SAFETY: its methods touch only what rule 2 allows to every thread, and the home's fields where
// `is_here`.
unsafe impl<H: Schedule> Send for TaskRef<H> {}
// SAFETY: as above; none of them needs exclusive access.
unsafe impl<H: Schedule> Sync for TaskRef<H> {}

impl<H: Schedule> TaskRef<H> {
    /// The reference that has been counted for `ptr`.
    ///
    /// # Safety
    /// The count is the result's from now on (rule 1).
    pub(super) unsafe fn counted(ptr: NonNull<Header<H>>) -> Self {
        Self(ptr)
    }

    /// The task's cell.
    pub(super) fn ptr(&self) -> NonNull<Header<H>> {
        self.0
    }

    /// The task's header.
    pub(super) fn header(&self) -> &Header<H> {
        // SAFETY: rule 1, this reference is counted.
        unsafe { self.0.as_ref() }
    }

    /// True on the thread that drives the task's runtime.
    #[inline]
    pub(crate) fn is_here(&self) -> bool {
        self.header().home().is_here()
    }

    /// This reference as one that may use the home's fields.
    ///
    /// # Errors
    /// The reference itself, away from home.
    #[inline]
    pub(crate) fn at_home(self) -> Result<Task<H>, Self> {
        match self.is_here() {
            // SAFETY: it was asked just now.
            true => Ok(unsafe { Task::new(self) }),
            false => Err(self),
        }
    }

    /// True when the task has ended.
    pub(crate) fn is_done(&self) -> bool {
        self.header().state().is_done()
    }

    /// Wakes the task and gives the reference up.
    pub(crate) fn wake(self) {
        match self.at_home() {
            Ok(task) => task.wake(),
            Err(task) => task.wake_from_away(),
        }
    }

    /// Sends the wake home, unless one is on its way or the task has ended.
    pub(super) fn wake_from_away(self) {
        if !self.is_done() && self.header().shared_refs.send() {
            // The home thread may read the letter and drop its reference before `send` returns.
            let keep = self.clone();
            keep.home().send(TaskMessage::Wake(self));
        }
    }

    /// Cancels the task from any thread; `false` when it has ended.
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

    /// The task's number in its runtime.
    pub(crate) fn number(&self) -> u64 {
        self.header().number
    }

    /// Location and name.
    pub(crate) fn label(&self) -> &Label {
        &self.header().label
    }

    /// The runtime the task belongs to.
    pub(crate) fn home(&self) -> &H {
        self.header().home()
    }

    /// The reference as a raw pointer that still counts.
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

/// A new counted reference to a task.
///
/// # Safety
/// Something else keeps the cell at this moment (rule 1).
pub(super) unsafe fn reference<H: Schedule>(ptr: NonNull<Header<H>>) -> TaskRef<H> {
    // SAFETY: the caller's duty.
    retain(unsafe { ptr.as_ref() });
    TaskRef(ptr)
}

/// Counts one more reference, at home if it can be done without an atomic.
#[inline]
fn retain<H: Schedule>(header: &Header<H>) {
    match header.home().is_here() {
        true => retain_here(header),
        false => header.shared_refs.retain(),
    }
}

/// Counts one more reference on the home thread.
#[inline]
pub(super) fn retain_here<H: Schedule>(header: &Header<H>) {
    let refs = header.refs.get();
    match (0..HOME_LIMIT).contains(&refs) {
        true => header.refs.set(refs + 1),
        false => header.shared_refs.retain(),
    }
}

/// Gives a counted reference up; frees the cell if it was the last of a task that nobody owns.
///
/// # Safety
/// The count is the caller's, who does not touch the cell afterwards (rule 1).
unsafe fn release<H: Schedule>(ptr: NonNull<Header<H>>) {
    // SAFETY: rule 1, the reference that is given up still counts.
    let header = unsafe { ptr.as_ref() };
    match header.home().is_here() {
        // SAFETY: the caller's duty, and rule 2: it was asked just now.
        true => unsafe { release_here(ptr) },
        // SAFETY: the caller's duty.
        false => unsafe { release_away(ptr) },
    }
}

/// The same on the home thread, whether it drives the runtime at this moment or not.
///
/// # Safety
/// As for [`release`]; on the home thread (rule 2).
#[inline]
pub(super) unsafe fn release_here<H: Schedule>(ptr: NonNull<Header<H>>) {
    // SAFETY: rule 1, the reference that is given up still counts.
    let header = unsafe { ptr.as_ref() };
    let refs = header.refs.get();
    if refs > 0 {
        // Not the last one: while the count is at home, the table's own reference is in the sum.
        return header.refs.set(refs - 1);
    }
    // SAFETY: the caller's duty.
    unsafe { release_away(ptr) };
}

/// The same where all threads count.
///
/// # Safety
/// As for [`release`].
#[cold]
unsafe fn release_away<H: Schedule>(ptr: NonNull<Header<H>>) {
    // SAFETY: rule 1, the reference that is given up still counts.
    let header = unsafe { ptr.as_ref() };
    if header.shared_refs.release() == Release::Last {
        // SAFETY: a merged count reached zero with ours.
        unsafe { free_merged(ptr) };
    }
}

/// Frees a cell whose references were merged, and its share of the home.
///
/// # Safety
/// The last reference to a cell whose count was merged has just been given up (rules 1 and 4).
pub(super) unsafe fn free_merged<H: Schedule>(ptr: NonNull<Header<H>>) {
    // SAFETY: the caller's duty, so the cell is ours.
    let header = unsafe { ptr.as_ref() };
    let home = header.home;
    // SAFETY: the caller's duty.
    unsafe { free(ptr, false) };
    // SAFETY: rule 4, the merge took this count for the cell.
    unsafe { Arc::decrement_strong_count(home.as_ptr()) };
}

/// Frees a cell to which no reference is left; `here` as for `VTable::free`.
///
/// # Safety
/// The last reference has just been given up, and its task is done (rules 1 and 3).
pub(super) unsafe fn free<H: Schedule>(ptr: NonNull<Header<H>>, here: bool) {
    // SAFETY: the caller's duty, so the cell is ours.
    let vtable = unsafe { ptr.as_ref() }.vtable;
    // SAFETY: a task gives up its last owner only when future and output are gone (see `OwnedRef`
    // and `Join`).
    unsafe { (vtable.free)(ptr, here) };
}
