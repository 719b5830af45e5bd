//! wheelhouse: Python asyncio's task model on one thread, at the speed of the machine.

mod cell;
mod error;
mod reactor;
mod runtime;
mod scope;
pub mod task;
pub mod testing;
pub mod time;
mod util;
mod wheel;

pub use error::{Cancelled, Elapsed, JoinError, NoRuntime, Panic, Reason};
pub use runtime::{Builder, Remote, RemoteHandle, Runtime, run, try_run};
pub use task::{JoinHandle, catch_cancel, spawn, try_spawn, yield_now};
pub use time::{sleep, sleep_until, timeout, timeout_at};
