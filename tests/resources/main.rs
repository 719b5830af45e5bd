//! What belongs to a whole process: memory, file descriptors. One test at a time runs, so that no
//! other one is counted.

#[path = "../common/again.rs"]
mod again;
mod cancel_steps;
#[path = "../common/mod.rs"]
mod common;
mod faults;
mod idle_streams;
#[path = "../common/installed.rs"]
mod installed;
mod net_descriptors;
#[path = "../steps/mod.rs"]
mod steps;
mod tasks;

use std::sync::{Mutex, MutexGuard, PoisonError};

#[global_allocator]
static ALLOCATOR: steps::counting::Counting = steps::counting::Counting;

/// Held by the test that runs.
static ONE: Mutex<()> = Mutex::new(());

/// Waits until no other test runs.
fn alone() -> MutexGuard<'static, ()> {
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}
