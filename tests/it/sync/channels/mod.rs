//! The channels: oneshot, watch, broadcast and inbox. Single cases, models, cancellation at every
//! step, and third-party wakers and destructors.

mod broadcast;
mod hostile;
mod inbox;
mod oneshot;
mod watch;

use std::future::Future;

use crate::steps::counting::bytes;
use futures::executor::LocalPool;
use wheelhouse::testing;
use wheelhouse::testing::Steps;

/// Runs the futures of `make` under this runtime and under another executor.
fn everywhere<F: Future>(make: impl Fn() -> F) {
    testing::run(make());
    LocalPool::new().run_until(make());
}

/// Returns the bound for the size of the future with this name, in bytes. It must not grow.
fn steps_of(name: &'static str) -> Steps {
    Steps::of(name).meter("bytes", bytes)
}
