//! A counted reference behind a `Waker`, and the vtable of that waker.

use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::{Header, Schedule, Task, TaskRef};

/// Returns the vtable of the wakers of tasks.
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

/// Returns the number of the task that a waker wakes; `None` if that is no task of the runtime at
/// `home`.
pub(super) fn number_of<H: Schedule>(waker: &Waker, home: &H) -> Option<u64> {
    if !ptr::eq(waker.vtable(), waker_vtable::<H>()) {
        return None;
    }
    // SAFETY: the vtable is that of a task, so the data is a counted reference, which the waker
    // keeps.
    let task = unsafe { borrow_raw::<H>(waker.data()) };
    ptr::eq(task.header().home(), home).then(|| task.number())
}

/// Returns the counted reference that the data of a waker represents.
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

/// Borrows the reference of a waker.
///
/// # Safety
/// As for [`from_raw`], but the count stays with the waker.
unsafe fn borrow_raw<H: Schedule>(data: *const ()) -> ManuallyDrop<TaskRef<H>> {
    // SAFETY: the caller's duty; `ManuallyDrop` leaves the count with the waker.
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
    // SAFETY: the caller's duty; the count of the waker passes to the reference.
    unsafe { from_raw::<H>(data) }.wake();
}

/// `Waker::wake_by_ref`.
///
/// # Safety
/// `data` is a waker's.
unsafe fn waker_wake_by_ref<H: Schedule>(data: *const ()) {
    // SAFETY: the caller's duty; the waker keeps its count.
    let task = unsafe { borrow_raw::<H>(data) };
    if task.is_here() {
        // SAFETY: rule 2, checked above.
        let task = unsafe { Task::new(ManuallyDrop::into_inner(task)) };
        ManuallyDrop::new(task).wake_by_ref();
    } else {
        wake_remote_by_ref(task);
    }
}

/// Wakes the task from another thread. Not inlined, and with the reference by value, so that a wake
/// at home (bench `yield_1`) needs no stack frame.
#[inline(never)]
fn wake_remote_by_ref<H: Schedule>(task: ManuallyDrop<TaskRef<H>>) {
    TaskRef::clone(&task).wake_remote();
}

/// `Waker::drop`.
///
/// # Safety
/// `data` is a waker's, which ends here.
unsafe fn waker_drop<H: Schedule>(data: *const ()) {
    // SAFETY: the caller's duty; the count of the waker passes to the reference, which is dropped.
    drop(unsafe { from_raw::<H>(data) });
}
