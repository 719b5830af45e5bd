//! The memory of a task: one allocation, reached through a header whose type does not name the future.
//!
//! This file and [`refs`](super::refs) are the door to the crate's raw pointers. The rules are numbered in
//! [the module's page](super); each `SAFETY` names the one it rests on.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::any::type_name;
use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::away::Away;
use super::join::GoneHandle;
use super::label::{Extra, Label};
use super::pool::{Class, Pool};
use super::refs::{Owner, Task, TaskRef};
use super::state::State;
use crate::error::{Cancelled, JoinError, Panic};
use crate::util::{Id, Payload, caught, drop_quietly};
use std::sync::atomic::Ordering;

/// The runtime as its tasks see it. Wakers reach it from every thread.
///
/// # Safety
/// [`is_here`](Home::is_here) must be true on at most one thread at a time, and only on the thread that made the
/// runtime; the cell's unsynchronised fields rest on it (rule 2).
pub(crate) unsafe trait Home: Send + Sync + Sized + 'static {
    /// True on the thread that drives the runtime at this moment.
    fn is_here(&self) -> bool;

    /// Puts a task into the run queue of the runtime that is driven here, its own.
    fn schedule(task: Task<Self>);

    /// Takes a task out of the table of the runtime that is driven here, its own.
    fn retire(slot: u32) -> Option<Owner<Self>>;

    /// True when the runtime has ended; waits for an end that is under way, so that afterwards every cell is merged.
    fn has_ended(&self) -> bool;

    /// Takes a block of memory that the runtime which is driven here has kept.
    fn take_block(class: Class) -> Option<NonNull<u8>>;

    /// Lets the runtime that is driven here keep a block; gives it back if it does not.
    ///
    /// # Errors
    /// The block.
    fn keep_block(class: Class, block: NonNull<u8>) -> Result<(), NonNull<u8>>;

    /// The task that is polled on this thread at this moment, for the record of who asked.
    fn current_id() -> Option<Id>;

    /// Sends a letter to the home thread; after the runtime's end, deals with it here.
    fn post(&self, letter: Letter<Self>);
}

/// What other threads tell the home thread about a task.
pub(crate) enum Letter<H: Home> {
    /// Somebody woke it.
    Wake(TaskRef<H>),
    /// Its handle was dropped.
    HandleGone(GoneHandle<H>),
    /// Somebody cancelled it.
    Cancel(TaskRef<H>, Cancelled),
}

/// The part of a task's cell whose layout is the same for all futures.
#[repr(C)]
pub(crate) struct Header<H: Home> {
    /// What depends on the future's type.
    pub(super) vtable: &'static VTable<H>,
    /// The runtime the task belongs to (rule 4).
    pub(super) home: NonNull<H>,
    /// References counted away from home.
    pub(super) away: Away,
    /// References counted at home, or [`MERGED`](super::refs::MERGED). Home only (rule 2).
    pub(super) refs: Cell<u32>,
    /// The state word.
    state: std::sync::atomic::AtomicU32,
    /// Where the runtime's table keeps the task. Home only.
    pub(super) slot: Cell<u32>,
    /// The task's number in its runtime.
    pub(super) number: u64,
    /// Where it was spawned, and its name.
    pub(super) label: Label,
    /// Who awaits the task: the waker of the joiner, which for a task of ours names the awaiting task. Home only.
    pub(super) joiner: Cell<Option<Waker>>,
    /// What few tasks have. Home only.
    pub(super) extra: Cell<Option<Box<Extra>>>,
}

impl<H: Home> Header<H> {
    /// The state word's value. Acquire: who sees `DONE` sees the output.
    pub(super) fn state(&self) -> State {
        State::from_bits(self.state.load(Ordering::Acquire))
    }

    /// Takes one transition of the state word and gives its duty. A load and a store are enough, for there is one
    /// writer at a time (rule 3); what changes nothing stores nothing, so that a wake or a cancel that comes after
    /// the end cannot disturb the handle, the writer of that time.
    pub(super) fn step<D>(&self, transition: impl FnOnce(State) -> (State, D)) -> D {
        let before = self.state();
        let (after, duty) = transition(before);
        if after != before {
            self.state.store(after.bits(), Ordering::Release);
        }
        duty
    }

    /// Takes a transition that always changes the word, and that only the home thread takes.
    pub(super) fn advance<D>(&self, transition: impl FnOnce(State) -> (State, D)) -> D {
        let (after, duty) = transition(self.state());
        self.state.store(after.bits(), Ordering::Release);
        duty
    }

    /// The runtime the task belongs to.
    pub(super) fn home(&self) -> &H {
        // SAFETY: rule 4, the home outlives the cell.
        unsafe { self.home.as_ref() }
    }
}

impl<H: Home> fmt::Debug for Header<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header")
            .field("number", &self.number)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

/// What is done to a cell by somebody who does not know its future's type.
pub(super) struct VTable<H: Home> {
    /// Polls the future; `true` when it ended and its output was written.
    pub(super) poll: unsafe fn(NonNull<Header<H>>, &mut Context<'_>) -> bool,
    /// Drops the future and writes the error as its output.
    pub(super) abort: unsafe fn(NonNull<Header<H>>, JoinError),
    /// Moves the output out, to where the second pointer shows.
    pub(super) take_output: unsafe fn(NonNull<Header<H>>, NonNull<()>),
    /// Whether the output is an error.
    pub(super) has_failed: unsafe fn(NonNull<Header<H>>) -> bool,
    /// Drops the output in place.
    pub(super) drop_output: unsafe fn(NonNull<Header<H>>),
    /// Frees the cell, whose future and output are gone.
    pub(super) free: unsafe fn(NonNull<Header<H>>, bool),
    /// The future's type, for a report.
    pub(super) future_name: fn() -> &'static str,
}

/// The future, then its output. The state word says which.
#[repr(C)]
union Stage<F: Future> {
    /// Until the end.
    future: ManuallyDrop<F>,
    /// From the end until it is taken or dropped.
    output: ManuallyDrop<Result<F::Output, JoinError>>,
}

/// One task's allocation.
#[repr(C)]
struct TaskCell<F: Future, H: Home> {
    /// First, so that a pointer to the cell is a pointer to its header.
    header: Header<H>,
    /// The future or the output (rule 3).
    stage: UnsafeCell<Stage<F>>,
}

/// What a new cell starts with.
pub(crate) struct Seed {
    /// The first state word.
    pub(crate) state: State,
    /// How many references the maker is about to hand out at home.
    pub(crate) refs: u32,
    /// The task's number.
    pub(crate) number: u64,
    /// Location and name.
    pub(crate) label: Label,
}

/// Allocates a cell. The caller makes `seed.refs` references of the pointer.
pub(super) fn allocate<F: Future, H: Home>(
    home: &Arc<H>,
    seed: Seed,
    future: F,
) -> NonNull<Header<H>> {
    let header = Header {
        vtable: &const { vtable::<F, H>() },
        home: home_pointer(home),
        away: Away::new(),
        refs: Cell::new(seed.refs),
        state: std::sync::atomic::AtomicU32::new(seed.state.bits()),
        slot: Cell::new(u32::MAX),
        number: seed.number,
        label: seed.label,
        joiner: Cell::new(None),
        extra: Cell::new(None),
    };
    let stage = UnsafeCell::new(Stage {
        future: ManuallyDrop::new(future),
    });
    let cell = obtain::<H>(const { Layout::new::<TaskCell<F, H>>() }).cast::<TaskCell<F, H>>();
    // SAFETY: the block is new, and large and aligned enough.
    unsafe { cell.write(TaskCell { header, stage }) };
    cell.cast()
}

/// A block for a cell: one that the runtime kept, or a new one.
fn obtain<H: Home>(layout: Layout) -> NonNull<u8> {
    let class = Class::of(layout);
    if let Some(block) = class.and_then(H::take_block) {
        return block;
    }
    let layout = class.map_or(layout, Class::layout);
    // SAFETY: a cell's size is not zero.
    let block = unsafe { alloc(layout) };
    NonNull::new(block).unwrap_or_else(|| handle_alloc_error(layout))
}

/// Gives the block of a cell back: to the runtime, if `here` is its thread, or to the allocator.
fn give_back<H: Home>(layout: Layout, block: NonNull<u8>, here: bool) {
    match Class::of(layout) {
        None => dealloc_block(layout, block),
        Some(class) if here => {
            if let Err(block) = H::keep_block(class, block) {
                dealloc_block(class.layout(), block);
            }
        }
        Some(class) => dealloc_block(class.layout(), block),
    }
}

/// Gives a block back to the allocator.
fn dealloc_block(layout: Layout, block: NonNull<u8>) {
    // SAFETY: every block came from `alloc` with the layout of its class, or with its own if it has none.
    unsafe { dealloc(block.as_ptr(), layout) };
}

/// Gives all blocks of a pool back to the allocator.
pub(crate) fn empty(pool: &mut Pool) {
    pool.drain()
        .for_each(|(class, block)| dealloc_block(class.layout(), block));
}

/// The home's address, fit for counting the `Arc` it came from.
fn home_pointer<H>(home: &Arc<H>) -> NonNull<H> {
    let pointer = Arc::as_ptr(home).cast_mut();
    // SAFETY: an Arc's pointer is never null.
    unsafe { NonNull::new_unchecked(pointer) }
}

/// The table for one type of future.
const fn vtable<F: Future, H: Home>() -> VTable<H> {
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

/// The address of the stage.
///
/// # Safety
/// `ptr` points to a living `TaskCell<F, H>` (rule 1).
unsafe fn stage<F: Future, H: Home>(ptr: NonNull<Header<H>>) -> *mut Stage<F> {
    let cell = ptr.cast::<TaskCell<F, H>>().as_ptr();
    // SAFETY: the caller vouches for the cell; only the address of a field is formed.
    let stage = unsafe { &raw const (*cell).stage };
    UnsafeCell::raw_get(stage)
}

/// Polls the future once.
///
/// # Safety
/// Rule 1; on the home thread, with the future in the stage and the state word at `RUNNING` (rule 3).
unsafe fn poll<F: Future, H: Home>(ptr: NonNull<Header<H>>, cx: &mut Context<'_>) -> bool {
    // SAFETY: the caller's rule 1.
    let future = unsafe { stage::<F, H>(ptr) }.cast::<F>();
    let polled = caught(|| {
        // SAFETY: rule 3, the future is there and RUNNING keeps everybody else off.
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

/// Ends the future from outside.
///
/// # Safety
/// Rule 1; on the home thread, with the future in the stage and nobody polling it (rule 3).
unsafe fn abort<F: Future, H: Home>(ptr: NonNull<Header<H>>, error: JoinError) {
    // SAFETY: the caller's duties are the same.
    unsafe { settle::<F, H>(ptr, Err(error)) };
}

/// Replaces the future by the output.
///
/// # Safety
/// As for [`abort`].
unsafe fn settle<F: Future, H: Home>(
    ptr: NonNull<Header<H>>,
    outcome: Result<F::Output, JoinError>,
) {
    // SAFETY: the caller's rule 1.
    let stage = unsafe { stage::<F, H>(ptr) };
    let dropped = caught(|| {
        // SAFETY: rule 3, the future is there, and it is never looked at again.
        unsafe { stage.cast::<F>().drop_in_place() };
    });
    let output = verdict(outcome, dropped);
    // SAFETY: rule 3, the stage is empty now and ours to fill.
    unsafe { stage.cast::<Result<F::Output, JoinError>>().write(output) };
}

/// The result of a task whose future's destructor may have panicked: a value stands (C4), and so does an earlier
/// panic; over a cancellation the panic wins (C16).
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
/// Rule 1; the caller owns the output (rule 3); `target` has room for a `Result<F::Output, JoinError>`.
unsafe fn take_output<F: Future, H: Home>(ptr: NonNull<Header<H>>, target: NonNull<()>) {
    // SAFETY: the caller's rule 1.
    let stage = unsafe { stage::<F, H>(ptr) };
    // SAFETY: rule 3, the output is there and the caller's; it is never read again.
    let output = unsafe { stage.cast::<Result<F::Output, JoinError>>().read() };
    // SAFETY: the caller vouches for the room.
    unsafe { target.cast().write(output) };
}

/// Looks at the output.
///
/// # Safety
/// Rule 1; the caller owns the output (rule 3).
unsafe fn has_failed<F: Future, H: Home>(ptr: NonNull<Header<H>>) -> bool {
    // SAFETY: the caller's rule 1.
    let stage = unsafe { stage::<F, H>(ptr) };
    // SAFETY: rule 3, the output is there and the caller's.
    let output = unsafe { &*stage.cast::<Result<F::Output, JoinError>>() };
    output.is_err()
}

/// Drops the output.
///
/// # Safety
/// Rule 1; the caller owns the output (rule 3), and may drop it on this thread.
unsafe fn drop_output<F: Future, H: Home>(ptr: NonNull<Header<H>>) {
    // SAFETY: the caller's rule 1.
    let stage = unsafe { stage::<F, H>(ptr) };
    let result = caught(|| {
        // SAFETY: rule 3, the output is there and the caller's; it is never looked at again.
        unsafe { stage.cast::<Result<F::Output, JoinError>>().drop_in_place() };
    });
    if let Err(payload) = result {
        drop_quietly(payload);
    }
}

/// Frees the cell; `here` says that this is the home thread and the runtime may keep the memory.
///
/// # Safety
/// No reference is left, and future and output are gone.
unsafe fn free<F: Future, H: Home>(ptr: NonNull<Header<H>>, here: bool) {
    // SAFETY: the stage is empty, so the header is all there is to drop; nobody else has it.
    unsafe { ptr.drop_in_place() };
    give_back::<H>(const { Layout::new::<TaskCell<F, H>>() }, ptr.cast(), here);
}
