//! Blocking functions, run on a pool of threads.
//!
//! A function that computes for a long time, or that blocks in a system call, would stop all tasks
//! of the runtime. [`to_thread`] runs it on another thread, and the task awaits its value:
//!
//! ```
//! let sum: u64 = wheelhouse::run(async {
//!     wheelhouse::to_thread(|| (1..=1_000_000_u64).sum()).await
//! });
//! assert_eq!(sum, 500_000_500_000);
//! ```
//!
//! # The pool
//!
//! All runtimes of the process share one pool. It starts threads on demand, up to 500 (or the value
//! of the environment variable `BLOCKING_MAX_THREADS`); a thread ends after half a second without
//! work. If all threads are busy, a function waits for one.
//!
//! If the system refuses to start a thread (`RLIMIT_NPROC`, `pids.max` of a container), functions
//! wait for the threads that exist. If there is none, the function is not called: [`to_thread`]
//! panics with a message that says so, and the functions of [`fs`](crate::fs),
//! [`stdio`](crate::stdio) and DNS lookups return an error.
//!
//! The threads do not inherit the CPU affinity and the timer slack of the runtime's thread. They
//! run on the CPUs of the first thread of the process.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::runtime::{Offload, OnShutdown, with};

/// Runs a blocking function on another thread and returns its value (asyncio: `asyncio.to_thread`).
///
/// The first poll passes the function to the pool. If the function panics, the panic continues in
/// the task that awaits it, with the same payload. The function sees a clone of those [context
/// variables](crate::context_var) of the caller that are inherited and `Clone + Send`.
///
/// When the runtime ends, it waits for functions that still run, for at most
/// [`Builder::shutdown_timeout`](crate::Builder::shutdown_timeout), or 5 seconds by default. Then
/// it reports those that have not returned on standard error, and leaves them running.
///
/// # Cancel safety
/// If the future is dropped before a thread has started the function, the function is dropped.
/// After that it runs to its end, because a thread cannot be interrupted, and its value is dropped
/// on that thread. With [`shield`](crate::shield) the cancellation waits for the function.
///
/// # Panics
/// Outside a runtime. When awaited: with the panic of the function, or if no thread exists and the
/// system refuses to start one.
///
/// # Examples
/// ```
/// let sum: u64 = wheelhouse::run(async {
///     wheelhouse::to_thread(|| (1..=1_000_000_u64).sum()).await
/// });
/// assert_eq!(sum, 500_000_500_000);
/// ```
#[doc(alias = "run_in_executor")]
#[doc(alias = "run_sync")]
#[doc(alias = "spawn_blocking")]
#[track_caller]
pub fn to_thread<F, T>(f: F) -> ToThread<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    with("to_thread", |_| ());
    ToThread(Offload::with_vars(f, OnShutdown::Wait(Location::caller())))
}

/// The future of [`to_thread`].
#[must_use = "futures do nothing unless awaited"]
pub struct ToThread<F, T>(Offload<F, T>);

impl<F, T> Future for ToThread<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let outcome = ready!(Pin::new(&mut self.0).poll(cx));
        Poll::Ready(outcome.unwrap_or_else(|failure| panic!("to_thread: {}", failure.into_error())))
    }
}

impl<F, T> fmt::Debug for ToThread<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToThread").finish_non_exhaustive()
    }
}
