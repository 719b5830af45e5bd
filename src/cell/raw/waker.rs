//! A counted reference behind a `Waker`: the table of its four functions.

use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::{Header, Schedule, Task, TaskRef};

/// The functions behind a task's wakers.
pub(super) fn waker_vtable<H: Schedule>() -> &'static RawWakerVTable {
    &const {
        RawWakerVTable::new(
            waker_clone::<H>,
            waker_wake::<H>,
            waker_wake_by_ref::<H>,
            waker_drop::<H>,
        )
    }
}

/// The number of the task that a waker wakes; `None` if it is not one of the runtime at `home`.
pub(super) fn number_of<H: Schedule>(waker: &Waker, home: &H) -> Option<u64> {
    if !ptr::eq(waker.vtable(), waker_vtable::<H>()) {
        return None;
    }
    // SAFETY: the table is ours, so the data is a counted reference, which the waker keeps.
    let task = unsafe { borrow_raw::<H>(waker.data()) };
    ptr::eq(task.header().home(), home).then(|| task.number())
}

/// The counted reference that a waker's data stands for.
///
/// # Safety
/// `data` came from [`TaskRef::into_raw`], and its count passes to the result.
unsafe fn from_raw<H: Schedule>(data: *const ()) -> TaskRef<H> {
    let ptr = data.cast_mut().cast::<Header<H>>();
    // SAFETY: it came from a NonNull.
    let ptr = unsafe { NonNull::new_unchecked(ptr) };
    // SAFETY: the caller's duty.
    unsafe { TaskRef::counted(ptr) }
}

/// The reference of a waker that keeps it.
///
/// # Safety
/// As for [`from_raw`], but the count stays with the waker.
unsafe fn borrow_raw<H: Schedule>(data: *const ()) -> ManuallyDrop<TaskRef<H>> {
    // SAFETY: the caller's duty; ManuallyDrop leaves the count where it is.
    ManuallyDrop::new(unsafe { from_raw(data) })
}

/// `Waker::clone`.
///
/// # Safety
/// `data` is a waker's.
unsafe fn waker_clone<H: Schedule>(data: *const ()) -> RawWaker {
    // SAFETY: the caller's duty; the waker keeps its count.
    let task = unsafe { borrow_raw::<H>(data) };
    RawWaker::new(TaskRef::clone(&task).into_raw(), waker_vtable::<H>())
}

/// `Waker::wake`.
///
/// # Safety
/// `data` is a waker's, which ends here.
unsafe fn waker_wake<H: Schedule>(data: *const ()) {
    // SAFETY: the caller's duty; the waker's count passes to us.
    unsafe { from_raw::<H>(data) }.wake();
}

/// `Waker::wake_by_ref`.
///
/// # Safety
/// `data` is a waker's.
unsafe fn waker_wake_by_ref<H: Schedule>(data: *const ()) {
    // SAFETY: the caller's duty; the waker keeps its count.
    let task = unsafe { borrow_raw::<H>(data) };
    match task.is_here() {
        true => {
            // SAFETY: rule 2, it was asked just now.
            let task = unsafe { Task::new(ManuallyDrop::into_inner(task)) };
            ManuallyDrop::new(task).wake_by_ref();
        }
        false => TaskRef::clone(&task).wake_from_away(),
    }
}

/// Dropping a waker.
///
/// # Safety
/// `data` is a waker's, which ends here.
unsafe fn waker_drop<H: Schedule>(data: *const ()) {
    // SAFETY: the caller's duty; the waker's count passes to us and is given up.
    drop(unsafe { from_raw::<H>(data) });
}
