//! Wakers that panic in chosen calls.
#![allow(
    unsafe_code,
    reason = "only a hand-made table of functions can panic in `clone`"
)]

use std::ptr::{self, without_provenance};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{RawWaker, RawWakerVTable, Waker};

/// Panic in `clone`.
pub(crate) const CLONE: usize = 1;
/// Panic in `wake` and `wake_by_ref`.
pub(crate) const WAKE: usize = 1 << 1;
/// Panic in `drop`.
pub(crate) const DROP: usize = 1 << 2;

/// Creates a waker that panics in these calls, which are stored in the bits of its data pointer.
pub(crate) fn bomb_waker(calls: usize) -> Waker {
    // SAFETY: the functions of the table only use the bits of the pointer, which any thread may do.
    unsafe { Waker::new(without_provenance(calls), &TABLE) }
}

static TABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake, release);

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

fn release(data: *const ()) {
    explode(data, DROP, "a waker's drop, on purpose");
}

/// Creates a waker that panics in the calls that `fuse` contains at that time.
pub(crate) fn fused_waker(fuse: &'static AtomicUsize) -> Waker {
    // SAFETY: the functions of the table use the pointer as the static fuse that it is.
    unsafe { Waker::new(ptr::from_ref(fuse).cast(), &FUSED) }
}

static FUSED: RawWakerVTable = RawWakerVTable::new(clone_fused, wake_fused, wake_fused, drop_fused);

/// Returns the calls in which it panics now.
fn calls(data: *const ()) -> *const () {
    // SAFETY: the pointer is that of `fused_waker`, from a reference to a static.
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
