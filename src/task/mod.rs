//! Tasks as users see them: spawning, handles, cancellation, and looking at what runs. Floor 3.
//!
//! A task is owned by its runtime: it vanishes neither when its handle is dropped nor when nobody awaits it. What
//! becomes of a task when its handle goes:
//!
//! | what happens to the handle | what happens to the task |
//! |---|---|
//! | awaited to the end | its result is delivered |
//! | dropped, never awaited; or [`detach`](JoinHandle::detach)ed | it runs on |
//! | dropped after it was awaited and before the task ended | it is cancelled: awaiting is owning |
//! | in a [`wait`](crate::wait) that is dropped | it runs on |
//! | awaited inside a [`shield()`] | it runs on; the cancellation of the awaiter waits |
//!
//! When the runtime ends, every task is cancelled, given the time to clean up, and dropped. How a cancellation travels, and
//! who hears of it, is told in the [chapter on cancellation](crate::guide::cancellation).
//!
//! What this module is not: it does not decide when a task runs (the runtime's turn does).

mod builder;
mod cancel_handle;
mod catch;
mod context_var;
mod handle;
mod info;
mod shield;
mod yield_now;

pub use crate::util::Id;
pub use builder::Builder;
pub use cancel_handle::CancelHandle;
pub use catch::{CatchCancel, catch_cancel};
pub use context_var::{ContextVar, WithFuture};
#[doc(hidden)]
pub use context_var::{StaysOnItsThread, Threads};
pub use handle::JoinHandle;
pub use info::{TaskInfo, TaskState, all, current, try_current};
pub use shield::{Shield, finally, finally_with, shield};
pub use yield_now::{YieldNow, yield_now};

use std::panic::Location;

use crate::cell::Label;
use crate::error::NoRuntime;
use crate::runtime::{try_with, with};

/// Spawns a task and gives its handle (asyncio calls this `create_task`).
///
/// The task starts on a later turn, after those that are ready already. It need not be `Send`.
///
/// # Cancel safety
/// Dropping the handle leaves the task alone, unless it was awaited: see [`JoinHandle`].
///
/// # Panics
/// Outside of a runtime; [`try_spawn`] gives that as an error.
///
/// # Examples
/// ```
/// wheelhouse::run(async {
///     let handle = wheelhouse::spawn(async { "done" });
///     assert_eq!(handle.await.unwrap(), "done");
/// });
/// ```
#[doc(alias = "create_task")]
#[doc(alias = "ensure_future")]
#[doc(alias = "spawn_local")]
#[doc(alias = "start_soon")]
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
{
    let label = Label::new(Location::caller(), None);
    with("spawn", |core| JoinHandle::new(core.spawn(label, future)))
}

/// Spawns a task, where there is a runtime; see [`spawn`].
///
/// # Cancel safety
/// Dropping the handle leaves the task alone, unless it was awaited.
///
/// # Errors
/// [`NoRuntime`] outside of a runtime; the future is dropped.
#[track_caller]
pub fn try_spawn<F>(future: F) -> Result<JoinHandle<F::Output>, NoRuntime>
where
    F: Future + 'static,
{
    let label = Label::new(Location::caller(), None);
    try_with(|core| JoinHandle::new(core.spawn(label, future)))
}
