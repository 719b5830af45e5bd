//! Tasks: spawning, awaiting, cancelling and inspecting them.
//!
//! ```
//! use wheelhouse::{spawn, task};
//!
//! wheelhouse::run(async {
//!     let sum = spawn(async { 1 + 2 });
//!     assert_eq!(sum.await.unwrap(), 3);
//!
//!     let server = task::Builder::new().name("server").spawn(std::future::pending::<()>());
//!     assert_eq!(task::all().len(), 2); // main and the server
//!     server.cancel();
//!     assert!(server.await.unwrap_err().is_cancelled());
//! });
//! ```
//!
//! The runtime owns its tasks: a task never disappears because its handle was dropped. What happens
//! to a task depends on what happens to its handle:
//!
//! | the handle is | the task |
//! |---|---|
//! | awaited to the end | returns its result |
//! | dropped without being awaited, or [detached](JoinHandle::detach) | continues |
//! | awaited, and dropped before the task has ended | is cancelled |
//! | passed to a [`wait`](crate::wait()) that is dropped | continues |
//! | awaited inside a [`shield()`] | continues; the cancellation of the awaiter waits |
//!
//! At the end of the runtime, every task is cancelled, may clean up, and is dropped. The chapter
//! [Cancellation](crate::guide::cancellation) explains how a cancellation propagates and how a task
//! can catch it.

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

/// Spawns a task and returns its handle (asyncio: `create_task`).
///
/// The task starts on a later turn of the loop, after the tasks that are ready already. The future
/// need not be `Send`.
///
/// # Cancel safety
/// Dropping the handle does not affect the task, unless the handle was awaited: see [`JoinHandle`].
///
/// # Panics
/// Outside of a runtime; [`try_spawn`] returns an error instead.
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

/// Spawns a task; returns an error where [`spawn`] panics.
///
/// # Cancel safety
/// Dropping the handle does not affect the task, unless the handle was awaited.
///
/// # Errors
/// [`NoRuntime`] outside of a runtime. The future is dropped.
#[track_caller]
pub fn try_spawn<F>(future: F) -> Result<JoinHandle<F::Output>, NoRuntime>
where
    F: Future + 'static,
{
    let label = Label::new(Location::caller(), None);
    try_with(|core| JoinHandle::new(core.spawn(label, future)))
}
