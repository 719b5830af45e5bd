//! A foreign waker that panics where it is told to.
#![allow(
    unsafe_code,
    reason = "only a hand-made table of functions can panic in `clone`"
)]

use std::ptr::{self, without_provenance};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{RawWaker, RawWakerVTable, Waker};

/// It panics when it is cloned.
pub(crate) const CLONE: usize = 1;
/// It panics when it is woken.
pub(crate) const WAKE: usize = 1 << 1;
/// It panics when it is dropped.
pub(crate) const DROP: usize = 1 << 2;

/// A waker that panics at these calls. All it knows is in the bits of its data pointer, which points to nothing.
pub(crate) fn bomb_waker(calls: usize) -> Waker {
    // SAFETY: the functions of the table look at the bits of the pointer only, and any thread may do that.
    unsafe { Waker::new(without_provenance(calls), &TABLE) }
}

/// What the waker does.
static TABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake, let_go);

/// Panics if `call` is among the calls that `data` lists.
fn explode(data: *const (), call: usize, text: &'static str) {
    if data.addr() & call != 0 {
        super::silent_panic(text);
    }
}

fn clone(data: *const ()) -> RawWaker {
    explode(data, CLONE, "a waker's clone, on purpose");
    RawWaker::new(data, &TABLE)
}

fn wake(data: *const ()) {
    explode(data, WAKE, "a waker's wake, on purpose");
}

fn let_go(data: *const ()) {
    explode(data, DROP, "a waker's drop, on purpose");
}

/// A waker that panics at the calls that its fuse lists at the time.
pub(crate) fn fused_waker(fuse: &'static AtomicUsize) -> Waker {
    // SAFETY: the functions of the table take the pointer for the fuse that it is, which lives for ever.
    unsafe { Waker::new(ptr::from_ref(fuse).cast(), &FUSED) }
}

/// What that waker does.
static FUSED: RawWakerVTable = RawWakerVTable::new(clone_fused, wake_fused, wake_fused, drop_fused);

/// The calls at which it panics now.
fn calls(data: *const ()) -> *const () {
    // SAFETY: `fused_waker` made the pointer of a reference to a static.
    let fuse = unsafe { &*data.cast::<AtomicUsize>() };
    without_provenance(fuse.load(Ordering::SeqCst))
}

fn clone_fused(data: *const ()) -> RawWaker {
    explode(calls(data), CLONE, "a waker's clone, on purpose");
    RawWaker::new(data, &FUSED)
}

fn wake_fused(data: *const ()) {
    explode(calls(data), WAKE, "a waker's wake, on purpose");
}

fn drop_fused(data: *const ()) {
    explode(calls(data), DROP, "a waker's drop, on purpose");
}
