//! Locks, events, conditions, semaphores and barriers: under this runtime, under another executor, and by hand.
//!
//! `cpython_*` has the cases of CPython's `test_locks` that mean something here, each with CPython's name in its doc. Left
//! out are those on event loops, coroutines that are no coroutines, `repr` to the letter, and `release` of what nobody has: a
//! guard makes that impossible.

#![allow(unsafe_code, reason = "an allocator that counts")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../steps/mod.rs"]
mod steps;

mod team;

mod cpython_barrier;
mod cpython_condition;
mod cpython_lock;
mod cpython_semaphore;
mod cut;
mod foreign;
mod model;
mod model_more;
mod shown;

/// The steps in `cut` measure what it counts.
#[global_allocator]
static ALLOCATOR: steps::counting::Counting = steps::counting::Counting;
