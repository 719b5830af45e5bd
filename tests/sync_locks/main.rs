//! Locks, events, conditions, semaphores and barriers: under this runtime, under another executor,
//! and by hand.
//!
//! `cpython_*` contains the cases of CPython's `test_locks` that apply here, each with CPython's
//! name in its doc. Left out are those about event loops, arguments that are no coroutines, the
//! exact `repr`, and `release` of what is not held, which guards make impossible.

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

/// The steps in `cut` measure what this allocator counts.
#[global_allocator]
static ALLOCATOR: steps::counting::Counting = steps::counting::Counting;
