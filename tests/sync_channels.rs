//! The channels: oneshot, watch, broadcast and inbox. Single cases, models, cancellation at every
//! step, and third-party wakers and destructors.
#![allow(unsafe_code, reason = "an allocator that counts")]

#[path = "sync_channels/broadcast.rs"]
mod broadcast_cases;
mod common;
#[path = "sync_channels/hostile.rs"]
mod hostile;
#[path = "sync_channels/inbox.rs"]
mod inbox_cases;
#[path = "sync_channels/oneshot.rs"]
mod oneshot_cases;
mod steps;
#[path = "sync_channels/watch.rs"]
mod watch_cases;

use std::future::Future;

use futures::executor::LocalPool;
use steps::counting::{Counting, bytes};
use wheelhouse::testing;
use wheelhouse::testing::Steps;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs the futures of `make` under this runtime and under another executor.
fn everywhere<F: Future>(make: impl Fn() -> F) {
    testing::run(make());
    LocalPool::new().run_until(make());
}

/// Returns the bound for the size of the future with this name, in bytes. It must not grow.
fn steps_of(name: &'static str) -> Steps {
    Steps::of(name).meter("bytes", bytes)
}
