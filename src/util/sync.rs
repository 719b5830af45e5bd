//! F0: the few types that two threads share, from `std`, or from loom when its model checker builds the crate.
//!
//! Whatever crosses threads imports its atomics and locks from here and from nowhere else, so that
//! `RUSTFLAGS="--cfg loom"` puts all of it under the model at once.

#[cfg(not(loom))]
pub(crate) use std::sync::{Arc, Mutex, MutexGuard, atomic};

#[cfg(loom)]
pub(crate) use loom::sync::{Arc, Mutex, MutexGuard, atomic};
