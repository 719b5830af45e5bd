//! The memory of one task: its state word, its references and its wakers.
//!
//! A task is one allocation: a header with the same layout for all tasks, then the future, which
//! the output replaces when the future ends. This module polls the future, ends it, and frees the
//! memory. The loop of the runtime decides when; this module sees it as a [`Schedule`].
//!
//! ```text
//!       OwnedRef (OwnedTasks)     Task (run queue)      Join (JoinHandle,
//!              │                       │                 │    not counted)
//!              ▼                       ▼                 ▼
//!   ┌─ header ───────────────────────────────────┬─ stage ──────────────┐
//!   │ vtable  home  shared_refs  refs  state     │ future, then output  │
//!   │ slot  number  label  joiner  cold_state    │                      │
//!   └────────────────────────────────────────────┴──────────────────────┘
//!              ▲                       ▲
//!              │                       │
//!       Waker (any thread)        TaskRef (any thread: cancel handles,
//!                                          messages to the home thread)
//! ```
//!
//! [`state`] draws the life of the state word, [`word`] its writers, and [`shared_refs`] the
//! reference counts. The memory is freed when the task has ended and neither handle nor waker is
//! left:
//!
//! ```text
//!   Task::poll ─▶ conclude ─┬─ has a handle: deliver ─▶ Join::take / drop ─┐
//!                           └─ no handle: discard ─────────────────────────┤
//!                                                                          ▼
//!                                                           Schedule::remove
//!                            no reference left: free                       │
//!                            wakers left: merge; the last ◀── OwnedRef::end_here
//!                            reference frees
//! ```
//!
//! # Rules
//! The unsafe code of [`raw`] cites these rules by number.
//!
//! 1. A cell lives while it has an [`OwnedRef`], a counted reference, or its handle. Owner and
//!    handle are not counted against each other: the `DONE` and `HANDLE` bits of the state word
//!    decide which of them gives the task up. A pointer to a cell is always the one that its
//!    allocation returned, never derived from a reference to the header, which covers less.
//! 2. `refs`, `slot`, `joiner` and `cold_state` are accessed on the home thread only
//!    ([`Schedule::is_here`], or through a [`Task`], which never leaves that thread), or by the
//!    code that frees the cell. Everything else in the header is constant or atomic.
//! 3. The stage and the state word have one writer at a time: the home thread until `DONE`,
//!    afterwards the handle, on any thread; without a handle, the home thread. `RUNNING` means that
//!    a `poll` or `abort` is on the stack, so no second one may begin. The stage contains the
//!    future until `DONE`, the output while `OUTPUT` (or until `conclude` has dropped it), and
//!    nothing afterwards.
//! 4. The home outlives the cell: while the cell has an owner, the runtime holds the home's `Arc`;
//!    when the owner merges the counts, it adds a count to the `Arc` for the cell.
//! 5. The future never moves: it is dropped where it was first polled.

mod cold_state;
mod pool;
#[allow(unsafe_code, reason = "pointers to the cell of a task")]
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
pub(crate) use state::State;
