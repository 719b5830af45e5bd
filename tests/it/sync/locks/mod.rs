//! Locks, events, conditions, semaphores and barriers: under this runtime, under another executor,
//! and by hand.
//!
//! `cpython_*` contains the cases of CPython's `test_locks` that apply here, each with CPython's
//! name in its doc. Left out are those about event loops, arguments that are no coroutines, the
//! exact `repr`, and `release` of what is not held, which guards make impossible.

mod team;

mod cpython_barrier;
mod cpython_condition;
mod cpython_lock;
mod cpython_semaphore;
mod cut;
mod foreign;
mod model_events;
mod model_permits;
mod shown;
