//! The memory of a task: one allocation, and the operations that depend on the type of its future.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::any::type_name;
use std::cell::{Cell, UnsafeCell};
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::{Header, Label, Schedule};
use crate::cell::pool::{Class, Pool};
use crate::cell::shared_refs::SharedRefs;
use crate::cell::state::State;
use crate::cell::word::Word;
use crate::error::{JoinError, Panic};
use crate::util::{Payload, caught, drop_quietly};

/// The operations on a cell whose future type is not known to the caller.
pub(super) struct VTable<H: Schedule> {
    /// Polls the future. Returns `true` if it ended and its output was written.
    pub(super) poll: unsafe fn(NonNull<Header<H>>, &mut Context<'_>) -> bool,
    /// Drops the future and writes the error as its output.
    pub(super) abort: unsafe fn(NonNull<Header<H>>, JoinError),
    /// Moves the output to the second pointer.
    pub(super) take_output: unsafe fn(NonNull<Header<H>>, NonNull<()>),
    /// Whether the output is an error.
    pub(super) has_failed: unsafe fn(NonNull<Header<H>>) -> bool,
    /// Drops the output in place.
    pub(super) drop_output: unsafe fn(NonNull<Header<H>>),
    /// Frees a cell whose future and output were dropped.
    pub(super) free: unsafe fn(NonNull<Header<H>>, bool),
    /// Returns the name of the future's type, for a report.
    pub(super) future_name: fn() -> &'static str,
}

/// The future, then its output; the state word tells them apart.
#[repr(C)]
union Stage<F: Future> {
    /// Until the end.
    future: ManuallyDrop<F>,
    /// From the end until it is taken or dropped.
    output: ManuallyDrop<Result<F::Output, JoinError>>,
}

/// One task's allocation.
#[repr(C)]
struct TaskCell<F: Future, H: Schedule> {
    /// First, so that a pointer to the cell is a pointer to its header.
    header: Header<H>,
    /// The future or the output (rule 3).
    stage: UnsafeCell<Stage<F>>,
}

/// The initial values of a new cell.
pub(crate) struct NewTask {
    pub(crate) state: State,
    /// The number of references that the caller creates on the home thread.
    pub(crate) refs: i32,
    pub(crate) number: u64,
    pub(crate) label: Label,
}

/// Allocates a cell. The caller must create `new.refs` references from the pointer.
pub(super) fn allocate<F: Future, H: Schedule>(
    home: &Arc<H>,
    new: NewTask,
    future: F,
) -> NonNull<Header<H>> {
    // Allocated first, so that header and future are written in place.
    let cell =
        take_or_alloc::<H>(const { Layout::new::<TaskCell<F, H>>() }).cast::<TaskCell<F, H>>();
    let header = Header {
        vtable: &const { vtable::<F, H>() },
        home: home_pointer(home),
        shared_refs: SharedRefs::new(),
        refs: Cell::new(new.refs),
        state: Word::new(new.state),
        slot: Cell::new(u32::MAX),
        number: new.number,
        label: new.label,
        joiner: Cell::new(None),
        cold_state: Cell::new(None),
    };
    let stage = UnsafeCell::new(Stage {
        future: ManuallyDrop::new(future),
    });
    // SAFETY: the block is new, and large and aligned enough.
    unsafe { cell.write(TaskCell { header, stage }) };
    cell.cast()
}

/// Returns a block for a cell, from the pool or newly allocated.
fn take_or_alloc<H: Schedule>(layout: Layout) -> NonNull<u8> {
    let class = Class::of(layout);
    if let Some(block) = class.and_then(H::take_block) {
        return block;
    }
    let layout = class.map_or(layout, Class::layout);
    // SAFETY: a cell's size is not zero.
    let block = unsafe { alloc(layout) };
    NonNull::new(block).unwrap_or_else(|| handle_alloc_error(layout))
}

/// Returns the block of a cell to the pool if `here`, otherwise to the allocator.
fn keep_or_dealloc<H: Schedule>(layout: Layout, block: NonNull<u8>, here: bool) {
    match Class::of(layout) {
        None => dealloc_block(layout, block),
        Some(class) if here => H::keep_block(class, block, dealloc_class),
        Some(class) => dealloc_class(class, block),
    }
}

fn dealloc_class(class: Class, block: NonNull<u8>) {
    dealloc_block(class.layout(), block);
}

fn dealloc_block(layout: Layout, block: NonNull<u8>) {
    // SAFETY: every block came from `alloc` with the layout of its class, or with its own if it has
    // none.
    unsafe { dealloc(block.as_ptr(), layout) };
}

/// Returns all blocks of a pool to the allocator.
pub(crate) fn empty(pool: &Pool) {
    pool.drain()
        .for_each(|(class, block)| dealloc_class(class, block));
}

/// Returns the address of the home, from which its `Arc` can be counted.
fn home_pointer<H>(home: &Arc<H>) -> NonNull<H> {
    let pointer = Arc::as_ptr(home).cast_mut();
    // SAFETY: an Arc's pointer is never null.
    unsafe { NonNull::new_unchecked(pointer) }
}

/// Returns the vtable for one type of future.
const fn vtable<F: Future, H: Schedule>() -> VTable<H> {
    VTable {
        poll: poll::<F, H>,
        abort: abort::<F, H>,
        take_output: take_output::<F, H>,
        has_failed: has_failed::<F, H>,
        drop_output: drop_output::<F, H>,
        free: free::<F, H>,
        future_name: type_name::<F>,
    }
}

/// Returns the address of the stage.
///
/// # Safety
/// `ptr` points to a living `TaskCell<F, H>` (rule 1).
unsafe fn stage<F: Future, H: Schedule>(ptr: NonNull<Header<H>>) -> *mut Stage<F> {
    let cell = ptr.cast::<TaskCell<F, H>>().as_ptr();
    // SAFETY: the caller ensures that the cell is alive; only the address of a field is formed.
    let stage = unsafe { &raw const (*cell).stage };
    UnsafeCell::raw_get(stage)
}

/// Polls the future once.
///
/// # Safety
/// Rule 1; on the home thread, with the future in the stage and the state word at `RUNNING` (rule
/// 3).
unsafe fn poll<F: Future, H: Schedule>(ptr: NonNull<Header<H>>, cx: &mut Context<'_>) -> bool {
    // SAFETY: the caller's rule 1.
    let future = unsafe { stage::<F, H>(ptr) }.cast::<F>();
    let polled = caught(|| {
        // SAFETY: rule 3, the stage contains the future, and RUNNING excludes other access.
        let future = unsafe { &mut *future };
        // SAFETY: rule 5, the future stays in the cell until it is dropped there.
        let future = unsafe { Pin::new_unchecked(future) };
        future.poll(cx)
    });
    let outcome = match polled {
        Ok(Poll::Pending) => return false,
        Ok(Poll::Ready(value)) => Ok(value),
        Err(payload) => Err(JoinError::Panicked(Panic::new(payload))),
    };
    // SAFETY: the caller's duties are the same.
    unsafe { settle::<F, H>(ptr, outcome) };
    true
}

/// Drops the future and writes an error as the output.
///
/// # Safety
/// Rule 1; on the home thread, with the future in the stage and no poll in progress (rule 3).
unsafe fn abort<F: Future, H: Schedule>(ptr: NonNull<Header<H>>, error: JoinError) {
    // SAFETY: the caller's duties are the same.
    unsafe { settle::<F, H>(ptr, Err(error)) };
}

/// Replaces the future by the output.
///
/// # Safety
/// As for [`abort`].
unsafe fn settle<F: Future, H: Schedule>(
    ptr: NonNull<Header<H>>,
    outcome: Result<F::Output, JoinError>,
) {
    // SAFETY: the caller's rule 1.
    let stage = unsafe { stage::<F, H>(ptr) };
    let dropped = caught(|| {
        // SAFETY: rule 3, the stage contains the future, which is not accessed again.
        unsafe { stage.cast::<F>().drop_in_place() };
    });
    let output = verdict(outcome, dropped);
    // SAFETY: rule 3, the stage is empty, and this is its writer.
    unsafe { stage.cast::<Result<F::Output, JoinError>>().write(output) };
}

/// Returns the result of a task whose future's destructor may have panicked: a value stands (C4),
/// and so does an earlier panic; the panic replaces a cancellation (C16).
fn verdict<T>(outcome: Result<T, JoinError>, dropped: Result<(), Payload>) -> Result<T, JoinError> {
    match (outcome, dropped) {
        (Err(JoinError::Cancelled(_)), Err(payload)) => {
            Err(JoinError::Panicked(Panic::new(payload)))
        }
        (outcome, Err(payload)) => {
            drop_quietly(payload);
            outcome
        }
        (outcome, Ok(())) => outcome,
    }
}

/// Moves the output out.
///
/// # Safety
/// Rule 1; the caller owns the output (rule 3); `target` may be written as a `Result<F::Output,
/// JoinError>`.
unsafe fn take_output<F: Future, H: Schedule>(ptr: NonNull<Header<H>>, target: NonNull<()>) {
    // SAFETY: the caller's rule 1.
    let stage = unsafe { stage::<F, H>(ptr) };
    // SAFETY: rule 3, the output belongs to the caller, and is not read again.
    let output = unsafe { stage.cast::<Result<F::Output, JoinError>>().read() };
    // SAFETY: the caller ensures that `target` is large enough.
    unsafe { target.cast().write(output) };
}

/// Returns `true` if the output is an error.
///
/// # Safety
/// Rule 1; the caller owns the output (rule 3).
unsafe fn has_failed<F: Future, H: Schedule>(ptr: NonNull<Header<H>>) -> bool {
    // SAFETY: the caller's rule 1.
    let stage = unsafe { stage::<F, H>(ptr) };
    // SAFETY: rule 3, the output belongs to the caller.
    let output = unsafe { &*stage.cast::<Result<F::Output, JoinError>>() };
    output.is_err()
}

/// Drops the output.
///
/// # Safety
/// Rule 1; the caller owns the output (rule 3), and may drop it on this thread.
unsafe fn drop_output<F: Future, H: Schedule>(ptr: NonNull<Header<H>>) {
    // SAFETY: the caller's rule 1.
    let stage = unsafe { stage::<F, H>(ptr) };
    let result = caught(|| {
        // SAFETY: rule 3, the output belongs to the caller, and is not accessed again.
        unsafe { stage.cast::<Result<F::Output, JoinError>>().drop_in_place() };
    });
    if let Err(payload) = result {
        drop_quietly(payload);
    }
}

/// Frees the cell. `here`: this thread drives the runtime, whose pool may keep the block.
///
/// # Safety
/// No reference is left, and future and output were dropped.
unsafe fn free<F: Future, H: Schedule>(ptr: NonNull<Header<H>>, here: bool) {
    let layout = const { Layout::new::<TaskCell<F, H>>() };
    // SAFETY: no other reference exists, and the cell is alive until its block is returned.
    if unsafe { ptr.as_ref() }.needs_drop() {
        // SAFETY: the caller's duties are the same.
        return unsafe { free_named::<H>(ptr, layout, here) };
    }
    keep_or_dealloc::<H>(layout, ptr.cast(), here);
}

/// Frees a cell whose header has something to drop. A separate call, so that the end of any other
/// task (bench `spawn_join_1`) saves no registers for it.
///
/// # Safety
/// As for [`free`].
#[cold]
#[inline(never)]
unsafe fn free_named<H: Schedule>(ptr: NonNull<Header<H>>, layout: Layout, here: bool) {
    // SAFETY: the stage is empty, so only the header is dropped; no other reference exists.
    unsafe { ptr.drop_in_place() };
    keep_or_dealloc::<H>(layout, ptr.cast(), here);
}
