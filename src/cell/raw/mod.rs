//! The crate's door to raw pointers: everything that follows a pointer to a task's cell is in this
//! folder.
//!
//! A cell is reached through its [`Header`], whose type does not name the future. The rules that
//! the `SAFETY` comments cite by number are on [the page above](super).
//!
//! ```text
//!   memory   allocate, poll, end and free a cell, by the future's type
//!   refs     counted references, from any thread           waker   the same behind a `Waker`
//!   task     what may be done at home                      owner   the table's reference, and spawning
//!   join     the handle's typed way to the output          label   location and name in one pointer
//! ```

mod join;
mod label;
mod memory;
mod owned_ref;
mod refs;
mod task;
mod waker;

pub(crate) use join::{GoneHandle, Join};
pub(crate) use label::Label;
pub(crate) use memory::empty;
pub(crate) use owned_ref::{OwnedRef, Spawned, spawn, spawn_main, spawn_scoped};
pub(crate) use refs::TaskRef;
pub(crate) use task::{Current, Task};

use std::cell::Cell;
use std::fmt;
use std::ptr::NonNull;
use std::task::Waker;

use super::cold_state::ColdState;
use super::pool::Class;
use super::shared_refs::SharedRefs;
use super::state::State;
use super::word::Word;
use crate::error::Cancelled;
use crate::util::Id;
use memory::VTable;

/// The runtime as its tasks see it. Wakers reach it from every thread.
///
/// # Safety
/// - [`is_here`](Schedule::is_here) is true on at most one thread at a time, and only on the thread
///   that made the runtime; the cell's unsynchronised fields rest on it (rule 2).
/// - [`remove`](Schedule::remove) gives the owner of the very task that was told the slot, or none.
/// - [`has_ended`](Schedule::has_ended) is true only when every owner of this runtime has been
///   dropped: what is settled afterwards relies on merged counts.
pub(crate) unsafe trait Schedule: Send + Sync + Sized + 'static {
    /// True on the thread that drives the runtime at this moment.
    fn is_here(&self) -> bool;

    /// Puts a task into the run queue of the runtime that is driven here, its own.
    fn schedule(task: Task<Self>);

    /// Takes a task out of the table of the runtime that is driven here, its own.
    fn remove(slot: u32) -> Option<OwnedRef<Self>>;

    /// True when the runtime has ended; waits for an end that is under way, so that afterwards
    /// every cell is merged.
    fn has_ended(&self) -> bool;

    /// Takes a block of memory that the runtime which is driven here has kept.
    fn take_block(class: Class) -> Option<NonNull<u8>>;

    /// Lets the runtime that is driven here keep a block, or else `free` have it.
    fn keep_block(class: Class, block: NonNull<u8>, free: fn(Class, NonNull<u8>));

    /// The task's handle was dropped by who awaited it: cancels the task. Called at home.
    fn awaiter_gone(task: Task<Self>);

    /// The code that runs here begins to await a task; returns its own task, if a shield is around
    /// it.
    fn await_begins() -> Option<Id>;

    /// True on the thread that made the runtime, whether it is driven there at this moment or not.
    fn is_home_thread(&self) -> bool;

    /// Sends a letter to the home thread; after the runtime's end, deals with it here.
    fn send(&self, letter: TaskMessage<Self>);
}

/// What other threads tell the home thread about a task.
pub(crate) enum TaskMessage<H: Schedule> {
    /// Somebody woke it.
    Wake(TaskRef<H>),
    /// Its handle was dropped.
    HandleGone(GoneHandle<H>),
    /// Somebody cancelled it.
    Cancel(TaskRef<H>, Cancelled),
}

/// The part of a task's cell whose layout is the same for all futures.
#[repr(C)]
pub(crate) struct Header<H: Schedule> {
    /// What depends on the future's type.
    vtable: &'static VTable<H>,
    /// The runtime the task belongs to (rule 4).
    home: NonNull<H>,
    /// References counted away from home.
    shared_refs: SharedRefs,
    /// References counted at home, or [`MERGED`](refs::MERGED). Home only (rule 2).
    refs: Cell<i32>,
    /// The state word.
    state: Word,
    /// Where the runtime's table keeps the task. Home only.
    slot: Cell<u32>,
    /// The task's number in its runtime.
    number: u64,
    /// Where it was spawned, and its name.
    label: Label,
    /// Who awaits the task: the waker of the joiner, which for a task of ours names the awaiting
    /// task. Home only.
    joiner: Cell<Option<Waker>>,
    /// What few tasks have. Home only.
    cold_state: Cell<Option<Box<ColdState<H>>>>,
}

impl<H: Schedule> Header<H> {
    /// The state word's value.
    #[inline]
    fn state(&self) -> State {
        self.state.get()
    }

    /// Whether dropping the header of a task that was concluded does anything. `conclude` has taken
    /// joiner and extra out, and nothing sets them after the end.
    #[inline]
    fn has_something_to_drop(&self) -> bool {
        self.label.is_named()
    }

    /// The runtime the task belongs to.
    fn home(&self) -> &H {
        // SAFETY: rule 4, the home outlives the cell.
        unsafe { self.home.as_ref() }
    }
}

impl<H: Schedule> fmt::Debug for Header<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header")
            .field("number", &self.number)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
