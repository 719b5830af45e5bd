//! The pointers to the cell of a task. Unsafe module: all code that dereferences such a pointer is
//! in this folder.
//!
//! Code reaches a cell through its [`Header`], whose type does not name the future. The rules that
//! the `SAFETY` comments cite by number are those of the [parent module](super).
//!
//! ```text
//!   memory     allocates, polls, ends and frees a cell, by the type of the future
//!   refs       counted references, for any thread
//!   waker      the same behind a `Waker`
//!   task       a reference for the home thread
//!   poll       one poll through it, and the end of the task
//!   current    the task that is being polled
//!   owned_ref  the reference of `OwnedTasks`; spawning
//!   join       the handle's reference, typed with the output
//!   label      location and name in one pointer
//! ```

mod current;
mod join;
mod label;
mod memory;
mod owned_ref;
mod poll;
mod refs;
mod task;
mod waker;

pub(crate) use current::Current;
pub(crate) use join::{GoneHandle, Join};
pub(crate) use label::Label;
pub(crate) use memory::empty;
pub(crate) use owned_ref::{OwnedRef, Spawned, spawn, spawn_main, spawn_scoped};
pub(crate) use refs::TaskRef;
pub(crate) use task::Task;

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
use waker::number_of;

/// The interface of a task to its runtime. Wakers call it from every thread.
///
/// # Safety
/// - [`is_here`](Schedule::is_here) is true on at most one thread at a time, and only on the thread
///   that created the runtime; the unsynchronized fields of a cell rely on it (rule 2).
/// - [`remove`](Schedule::remove) returns the owner of the task that was assigned the slot, or
///   `None`.
/// - [`has_ended`](Schedule::has_ended) is true only when every owner of this runtime has been
///   dropped: code that runs afterwards relies on merged counts.
pub(crate) unsafe trait Schedule: Send + Sync + Sized + 'static {
    /// Returns `true` on the thread that drives the runtime at this moment.
    fn is_here(&self) -> bool;

    /// Puts a task into the run queue of its runtime, which is driven by this thread.
    fn schedule(task: Task<Self>);

    /// Removes a task from the `OwnedTasks` of its runtime, which is driven by this thread.
    fn remove(slot: u32) -> Option<OwnedRef<Self>>;

    /// Returns `true` if the runtime has ended. Waits for an end in progress, so that afterwards
    /// every cell is merged.
    fn has_ended(&self) -> bool;

    /// Takes a block from the pool of the runtime driven by this thread.
    fn take_block(class: Class) -> Option<NonNull<u8>>;

    /// Returns a block to the pool of the runtime driven by this thread, or passes it to `free`.
    fn keep_block(class: Class, block: NonNull<u8>, free: fn(Class, NonNull<u8>));

    /// Cancels a task whose awaited handle was dropped. Called on the home thread.
    fn awaiter_gone(task: Task<Self>);

    /// Returns `true` if [`await_begins`](Schedule::await_begins) has something to do, or if awaits
    /// are recorded.
    fn are_awaits_watched() -> bool;

    /// Records that the running code begins to await a task. Returns the task of that code if it is
    /// inside a shield.
    fn await_begins() -> Option<Id>;

    /// Returns `true` on the thread that created the runtime, even if the runtime is not driven
    /// now.
    fn is_home_thread(&self) -> bool;

    /// Sends a message to the home thread; after the end of the runtime, processes it here.
    fn send(&self, message: TaskMessage<Self>);
}

/// A message to the home thread about one task.
pub(crate) enum TaskMessage<H: Schedule> {
    /// A wake.
    Wake(TaskRef<H>),
    /// The handle was dropped.
    HandleGone(GoneHandle<H>),
    /// A request to cancel.
    Cancel(TaskRef<H>, Cancelled),
}

/// The part of a task's cell whose layout is the same for all futures.
#[repr(C)]
pub(crate) struct Header<H: Schedule> {
    /// The functions that depend on the type of the future.
    vtable: &'static VTable<H>,
    /// The runtime the task belongs to (rule 4).
    home: NonNull<H>,
    /// References counted on other threads.
    shared_refs: SharedRefs,
    /// References counted on the home thread, or [`MERGED`](refs::MERGED). Home only (rule 2).
    refs: Cell<i32>,
    /// The state word.
    state: Word,
    /// The slot of the task in `OwnedTasks`. Home only.
    slot: Cell<u32>,
    /// The task's number in its runtime.
    number: u64,
    label: Label,
    /// The waker of the code that awaits the task; a waker of a task of this runtime names that
    /// task. Home only.
    joiner: Cell<Option<Waker>>,
    /// Rarely used state, allocated on demand. Home only.
    cold_state: Cell<Option<Box<ColdState<H>>>>,
}

impl<H: Schedule> Header<H> {
    #[inline]
    fn state(&self) -> State {
        self.state.get()
    }

    /// Returns `true` if dropping the header of a finished task has an effect. `conclude` has taken
    /// `joiner` and `cold_state`. Afterwards `Join::wait` and `Task::with_cold_state` leave both
    /// empty.
    #[inline]
    fn needs_drop(&self) -> bool {
        self.label.is_named()
    }

    /// Returns the number of the task that the joiner wakes, if that is a task of this runtime. On
    /// the home thread (rule 2).
    fn joiner_number(&self) -> Option<u64> {
        let joiner = self.joiner.take();
        let number = joiner
            .as_ref()
            .and_then(|joiner| number_of(joiner, self.home()));
        self.joiner.set(joiner);
        number
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
