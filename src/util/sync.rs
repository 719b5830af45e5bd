//! The atomics and locks that threads share: from `std`, or from loom in a build for its model
//! checker. Layer 0.
//!
//! All code that crosses threads imports them from here only, so that
//! `RUSTFLAGS="--cfg wheelhouse_loom"` checks all of it.

#[cfg(not(wheelhouse_loom))]
pub(crate) use std::sync::{Arc, Condvar, Mutex, MutexGuard, atomic};

#[cfg(wheelhouse_loom)]
pub(crate) use loom::sync::{Arc, Condvar, Mutex, MutexGuard, atomic};
