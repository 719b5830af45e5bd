//! Who waits for what, and who holds it: written down while somebody keeps a book, for the report of a deadlock.
//!
//! ```text
//!   WaitQueue: entered, served, left ──▶ line ─┐   is a book kept at all? one load, and no more in an ordinary run
//!   a lock: taken; a guard: made, dropped ▶ line ┤
//!                                               ▼
//!                        the finder: the book of who runs here, and which task that is (a runtime's)
//!                                               │
//!                                               ▼
//!                                             WaitGraph ──▶ waits, holds ──▶ the report
//! ```
//!
//! It knows neither tasks nor runtimes: whoever keeps a [`WaitGraph`] says, by a function, where it is and who runs. Floor F0.
//!
//! What is written down has no consequence: a line that is missed, because a lock was taken before the book was opened, or
//! outside of a task, is missing in the report, and that is all.

mod graph;
mod note;
mod resource;

pub(crate) use graph::{Hold, Wait, WaitGraph};
pub(crate) use note::{Note, never_fires, never_fires_no_more, task_goes_on, task_waits};
pub(crate) use resource::{Held, Kind, ResourceInfo, ResourceLabel};

use std::sync::OnceLock;
// Not from `util::sync`: it says whether something is to be written down, and nobody relies on when a thread sees it.
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use super::Id;

/// How many books are kept in the process.
static WAIT_GRAPHS: AtomicUsize = AtomicUsize::new(0);

/// The last number that was given to a thing.
static THINGS: AtomicU64 = AtomicU64::new(0);

/// The last number that was given to a hold. That it may begin anew is worth a smaller guard.
static HOLDS: AtomicU32 = AtomicU32::new(0);

/// Shows the book of whoever runs on this thread, and which task that is, where there is one.
pub(crate) type Finder = fn(&mut dyn FnMut(&WaitGraph, Option<Id>));

/// How books are found.
static FINDER: OnceLock<Finder> = OnceLock::new();

/// True while somebody, perhaps on another thread, keeps a book.
#[inline]
pub(crate) fn is_enabled() -> bool {
    WAIT_GRAPHS.load(Ordering::Relaxed) != 0
}

/// Which task runs here, where a book is kept.
#[cold]
pub(crate) fn who() -> Option<Id> {
    let mut found = None;
    with_wait_graph(&mut |_, who| found = who);
    found
}

/// Does something with the book of whoever runs here, if there is one.
#[cold]
fn with_wait_graph(work: &mut dyn FnMut(&WaitGraph, Option<Id>)) {
    if let Some(find) = FINDER.get() {
        find(work);
    }
}

/// A number that no other thing has; not 0.
fn next_number() -> u64 {
    THINGS.fetch_add(1, Ordering::Relaxed) + 1
}

/// A number that no other hold has; not 0.
fn next_hold() -> u32 {
    let number = HOLDS.fetch_add(1, Ordering::Relaxed);
    number.wrapping_add(1).max(1)
}
