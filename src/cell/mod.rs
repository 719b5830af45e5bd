//! One task: its memory, its state word, its references and its wakers. Floor 1.
//!
//! A task is one allocation: a header that is the same for all, then the future, in whose place the
//! output is written when the future ends. This floor knows how to poll that, end it, and give its
//! memory back; *when* is the business of the loop above, which this floor sees only as a
//! [`Schedule`].
//!
//! ```text
//!              OwnedRef (the table's)      Task (the run queue's)       Join (the JoinHandle's, not counted)
//!                   │                        │                          │
//!                   ▼                        ▼                          ▼
//!   ┌─ header ─────────────────────────────────────────────────────┬─ stage ────────────────────────┐
//!   │ vtable  home  away  refs  state  slot  number  label         │ future, from its end on output │
//!   │ joiner's waker  extra                                        │                                │
//!   └──────────────────────────────────────────────────────────────┴────────────────────────────────┘
//!                   ▲                        ▲
//!                   │                        │
//!              Waker (any thread)       TaskRef (any thread: cancel handles, letters home)
//! ```
//!
//! The life of the state word is drawn in [`state`], who writes it when in [`word`], that of the
//! reference counts in [`shared_refs`]. The memory goes when the task has ended, its handle is
//! gone, and no waker is left:
//!
//! ```text
//!   Task::poll ─▶ conclude ─┬─ a handle exists: output stays, joiner woken ─▶ Join::take / drop ─┐
//!                           └─ none: output dropped ────────────────────────────────────────────┤
//!                                                                             Schedule::retire ◀────┘
//!                                     OwnedRef::drop ─┬─ nobody left: free
//!                                                  └─ wakers left: merge, the last of them frees
//! ```
//!
//! # Rules
//! The unsafe code of [`raw`] rests on these, by number.
//!
//! 1. A cell lives while it has an [`OwnedRef`], a counted reference, or its handle. Owners and handles are not counted
//!    against each other: the state word's `DONE` and `HANDLE` bits say who gives the task up. A pointer to a cell is
//!    always the one that its allocation gave, never made from a reference to the header, which covers less.
//! 2. `refs`, `slot`, `joiner` and `cold_state` are touched on the home thread only ([`Schedule::is_here`], or through a [`Task`],
//!    which never leaves that thread), or by whoever frees the cell. Everything else in the header is constant or atomic.
//! 3. The stage and the state word have one writer at a time: the home thread until `DONE`, afterwards the handle,
//!    wherever it is; with no handle, the home thread. `RUNNING` means that a `poll` or `abort` is on the stack, so no
//!    second one may begin. The stage holds the future until `DONE`, the output while `OUTPUT` (or until
//!    `conclude` has dropped it), else nothing.
//! 4. The home outlives the cell: while the cell has an owner, the runtime holds its `Arc`; the merge that an owner
//!    does on leaving takes a count of the `Arc` for the cell.
//! 5. The future never moves: it is dropped where it was first polled.

mod cold_state;
mod pool;
#[allow(unsafe_code, reason = "door: the pointers to a task's cell")]
mod raw;
mod shared_refs;
mod state;
mod word;

pub(crate) use cold_state::ParentScheduler;
pub(crate) use pool::{Class, Pool};
pub(crate) use raw::{
    Current, GoneHandle, Join, Label, OwnedRef, Schedule, Spawned, Task, TaskMessage, TaskRef,
    empty, spawn, spawn_main, spawn_scoped,
};
pub(crate) use state::{Dispatch, State};
