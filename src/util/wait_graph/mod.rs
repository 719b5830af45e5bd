//! Records which task waits for which resource and which task holds it, for the report of a
//! deadlock.
//!
//! ```text
//!   WaitQueue: enter, grant, leave ── WaitStep ──┐
//!   a guard or permit: created, dropped ─ Held ──┤ only if is_enabled()
//!   what has no queue of waiters ──────── Note ──┤
//!                                                ▼
//!          Finder: the graph of the runtime that runs here, and the task
//!                                                │
//!                                                ▼
//!                      WaitGraph ── all_waits, holds_in_demand ──▶ report
//! ```
//!
//! Only `testing::run` opens a graph. On any other thread, recording costs one comparison with
//! [`WAIT_GRAPHS`]. This module knows neither tasks nor runtimes: the runtime passes a [`Finder`]
//! that returns its graph and its current task. Layer 0.
//!
//! No behavior depends on the records. A wait or hold that began before the graph was opened, or
//! outside of the runtime, is missing in the report.

mod graph;
mod note;
mod resource;

pub(crate) use graph::{HoldRecord, WaitGraph, WaitRecord, WaitStep};
pub(crate) use note::{Note, never_fires, never_fires_no_more, task_goes_on, task_waits};
pub(crate) use resource::{Held, ResourceInfo, ResourceKind, ResourceLabel};

use std::cell::Cell;
use std::sync::OnceLock;
// From `std`, not from `util::sync`: nothing depends on when a thread sees these numbers, so loom
// has nothing to check.
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::Id;

thread_local! {
    /// The number of graphs that are open on this thread. A graph never leaves its thread, and a
    /// thread finds only its own.
    static WAIT_GRAPHS: Cell<usize> = const { Cell::new(0) };
}

/// The latest number of a resource.
static RESOURCES: AtomicU64 = AtomicU64::new(0);

/// The latest number of a hold. A `u32`, which may wrap around, keeps the guards small.
static HOLDS: AtomicU32 = AtomicU32::new(0);

/// Calls the function with the graph of the runtime that runs on this thread and its current task.
/// Does nothing if there is no graph.
pub(crate) type Finder = fn(&mut dyn FnMut(&WaitGraph, Option<Id>));

/// The finder of all graphs.
static FINDER: OnceLock<Finder> = OnceLock::new();

/// Returns `true` while a graph is open on this thread.
#[inline]
pub(crate) fn is_enabled() -> bool {
    WAIT_GRAPHS.get() != 0
}

/// Returns the current task, if its runtime has a graph.
#[cold]
pub(crate) fn who() -> Option<Id> {
    let mut found = None;
    with_wait_graph(&mut |_, task| found = task);
    found
}

/// Calls `work` with the graph of this thread's runtime, if it has one.
#[cold]
fn with_wait_graph(work: &mut dyn FnMut(&WaitGraph, Option<Id>)) {
    if let Some(find) = FINDER.get() {
        find(work);
    }
}

/// Returns a number that no other resource has, and that is not 0.
fn next_resource() -> u64 {
    RESOURCES.fetch_add(1, Ordering::Relaxed) + 1
}

/// Returns a number that no other recent hold has, and that is not 0.
fn next_hold() -> u32 {
    let number = HOLDS.fetch_add(1, Ordering::Relaxed);
    number.wrapping_add(1).max(1)
}
