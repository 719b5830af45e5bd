//! The system allocator, with a count of the bytes that each thread has not freed.
//!
//! A test binary enables it with `#[global_allocator] static ALLOCATOR: Counting = Counting;`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use wheelhouse::testing::Steps;

thread_local! {
    /// Bytes that this thread allocated and did not free.
    static BYTES: Cell<isize> = const { Cell::new(0) };
}

/// The allocator.
pub(crate) struct Counting;

/// How many bytes this thread has allocated and not freed.
pub(crate) fn bytes() -> isize {
    BYTES.get()
}

/// Of the future with this name; bytes must not grow.
pub(crate) fn steps_of(name: &'static str) -> Steps {
    Steps::of(name).meter("bytes", bytes)
}

/// Notes an allocation, or with a negative number of bytes the end of one.
fn note(bytes: isize) {
    BYTES.set(BYTES.get() + bytes);
}

// SAFETY: it passes everything on to the system's allocator; the counter has no destructor and does
// not allocate.
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
