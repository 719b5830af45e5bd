//! F0: the few types that two threads share, from `std`, or from loom when its model checker builds the crate.
//!
//! Whatever crosses threads imports its atomics and locks from here and from nowhere else, so that
//! `RUSTFLAGS="--cfg wheelhouse_loom"` puts all of it under the model at once.

#[cfg(not(wheelhouse_loom))]
pub(crate) use std::sync::{Arc, Condvar, Mutex, MutexGuard, atomic};

#[cfg(wheelhouse_loom)]
pub(crate) use loom::sync::{Arc, Condvar, Mutex, MutexGuard, atomic};
