//! Functions that block, on threads of their own. Floor 3.
//!
//! A function that computes for long or waits in the system would hold up every task. [`to_thread`] runs it on a thread of a
//! pool, and the task that asked awaits its value. All runtimes of the process share the pool. Its threads are started when they
//! are needed, at most 500 of them (the environment variable `BLOCKING_MAX_THREADS` says otherwise), and end when they had nothing
//! to do for half a second. A function that finds them all busy waits for one.
//!
//! Where the system refuses to start a thread (`RLIMIT_NPROC`, a container's `pids.max`), functions wait for the threads that
//! exist. Where none exists, a function is not called: [`to_thread`] panics with a message that says so, and the functions of
//! [`fs`](crate::fs), of [`stdio`](crate::stdio) and of name lookups give an error.
//!
//! The threads do not inherit the CPU affinity and the timer slack of a runtime's thread: they run on the CPUs of the process's
//! first thread.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::runtime::{Offload, OnShutdown, with};

/// Runs a function that blocks on another thread, and gives its value (asyncio: `asyncio.to_thread`).
///
/// The thread begins with the first poll. A panic of the function goes on in the task that awaits it, with what it carried.
/// [Context variables](crate::context_var) that are set here have a clone of their value there, where that is `Clone + Send`
/// and they are inherited.
///
/// # Cancel safety
/// A thread cannot be interrupted. Dropped before a thread has taken the function up, it is dropped uncalled. After that
/// it runs to its end, and its value is dropped there. [`shield`](crate::shield) makes the cancellation wait for it instead.
///
/// A runtime that ends waits for functions that still run, at most so long as
/// [`Builder::shutdown_timeout`](crate::Builder::shutdown_timeout) says, or 5 seconds without it; then it names on standard
/// error those that did not return, and leaves them to themselves.
///
/// # Panics
/// Outside of a runtime. When it is awaited: with the panic of the function; where there is no thread and the system refuses to
/// start one.
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
