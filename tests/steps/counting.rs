//! The system's allocator, with counters of each thread and of all threads.
//!
//! A test binary that uses it declares
//! `#[global_allocator] static ALLOCATOR: Counting = Counting;`.
#![allow(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicIsize, Ordering};

use wheelhouse::testing::Steps;

thread_local! {
    /// Bytes that this thread allocated and did not free.
    static BYTES: Cell<isize> = const { Cell::new(0) };
    /// Allocations of this thread.
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

/// Bytes that all threads together allocated and did not free.
static TOTAL: AtomicIsize = AtomicIsize::new(0);

pub(crate) struct Counting;

/// Returns how many bytes this thread has allocated and not freed.
pub(crate) fn bytes() -> isize {
    BYTES.get()
}

/// Returns how many bytes all threads have allocated and not freed.
pub(crate) fn total_bytes() -> isize {
    TOTAL.load(Ordering::SeqCst)
}

/// Returns how often this thread has allocated.
pub(crate) fn allocations() -> usize {
    COUNT.get()
}

/// Returns the harness for the future with this name; it checks that bytes do not grow.
pub(crate) fn steps_of(name: &'static str) -> Steps {
    Steps::of(name).meter("bytes", bytes)
}

/// Counts an allocation, or with a negative number of bytes a deallocation.
fn note(bytes: isize) {
    BYTES.set(BYTES.get() + bytes);
    TOTAL.fetch_add(bytes, Ordering::SeqCst);
    if bytes > 0 {
        COUNT.set(COUNT.get() + 1);
    }
}

// SAFETY: it passes everything on to the system's allocator; the counters have no destructor and do not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size().cast_signed());
        // SAFETY: the caller's duty.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        note(-layout.size().cast_signed());
        // SAFETY: the caller's duty.
        unsafe { System.dealloc(block, layout) }
    }
}
