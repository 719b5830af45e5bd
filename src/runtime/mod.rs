//! The runtime, which polls tasks. Layer L2.
//!
//! ```text
//!   Runtime ─owns─▶ Core (one thread)                  Shared (all threads)
//!                   │ scheduler: tasks, run queue      │ inbox: messages
//!                   │ timers: wheel, clock             │ unparker: ends a park
//!                   │ io: reactor         ◀──drain─────┤ ending: from then on,
//!                   │ scopes: cancellation             │   the sender of a
//!                   │ signals, vars, carriers          │   message settles it
//!                   │ lifecycle: phase                 │
//!                   ▲                                  ▲
//!     context: the one thread-local        wakers, Remote, CancelHandle, HomeKey
//! ```
//!
//! Each field of `Core` is a type in a file of its own, which imports nothing that needs `Core`.
//! The files below import `Core` and combine its fields.
//!
//! | module | mechanism |
//! |---|---|
//! | [`turn`], [`drain`](mod@drain) | one turn of the loop, and its messages |
//! | [`drive`](mod@drive) | the main future |
//! | [`other_loop`], [`announce`](mod@announce) | turns that another event loop takes, and its descriptor |
//! | [`poll_task`], [`carry`] | the poll of a task that needs more than a poll; the turn of a child |
//! | [`cancel`], [`scoped`] | delivery of a cancellation to a task, and to a future in a scope |
//! | [`shutdown`] | the end of a runtime |
//! | [`home_key`], [`io`](mod@io), [`remote`] | what owns a resource of a runtime, or calls it from outside |
//! | [`blocking`], [`signals`] | functions on the thread pool; the effect of Ctrl-C |
//! | [`report`] | the wait graph that a deadlock prints |

mod announce;
mod await_cycles;
mod await_watch;
mod blocking;
mod builder;
mod cancel;
mod carriers;
mod carry;
mod clock;
#[allow(unsafe_code, reason = "the pointer in the one thread-local")]
mod context;
mod core;
mod describe;
mod drain;
mod drive;
mod ending;
mod final_output;
mod home_key;
mod io;
mod lifecycle;
mod order;
mod other_loop;
mod owned_tasks;
mod poll_task;
mod queue;
mod remote;
mod report;
mod roots;
mod scheduler;
mod scoped;
mod shared;
mod shutdown;
mod signals;
mod spawn;
mod stuck;
mod stuck_awaits;
mod task_types;
mod timers;
mod turn;
mod var_cell;
mod variables;
mod virtual_time;

use std::fmt;
use std::panic::Location;
use std::rc::Rc;
use std::time::Duration;

pub(crate) use blocking::{Blocking, BlockingStream, Offload, OnShutdown};
pub use builder::Builder;
pub(crate) use clock::{Clock, to_instant, to_nanos};
pub(crate) use context::{OwnTurn, try_with, with};
pub(crate) use core::Core;
pub(crate) use home_key::HomeKey;
pub use io::UseError;

pub(crate) use io::{IoSource, require_runtime};
pub(crate) use order::{Order, Schedule, next as next_random};
pub use other_loop::Turn;
pub use remote::{Remote, RemoteHandle};
pub(crate) use scoped::{Cut, DeferredOpen, Ending, Nursery, ScopeKind, Scoped};
pub(crate) use shared::Shared;
pub(crate) use signals::{Subscription, drain};
pub(crate) use task_types::{Join, OwnedRef, Task, TaskRef};
pub(crate) use timers::TimerState;
pub(crate) use variables::{abort_outside, replace_vars_here, vars_here};

use crate::cell::Label;
use crate::error::Cancelled;
use crate::util::wait_graph::WaitGraph;
use crate::util::{caught, drop_quietly};

/// Polls the tasks that a parent polls in place of the loop.
pub(crate) use crate::cell::ParentScheduler;

/// Runs a future and the tasks that it spawns on this thread, and returns the future's output.
///
/// Most programs call `run` once, in `main` (`asyncio.run` in Python). When `main` completes, `run`
/// cancels the tasks that are still running, waits for them to clean up, and returns. If `main`
/// panics, `run` does the same and then resumes the panic.
///
/// # Panics
/// - if this thread already drives a runtime;
/// - if `main` was cancelled, or resumed a cancellation: [`try_run`] returns this as an error;
/// - if the system has no file descriptors left: [`Runtime::new`] returns this as an error.
///
/// # Examples
/// ```
/// let sum = wheelhouse::run(async {
///     let task = wheelhouse::spawn(async { 1 + 2 });
///     task.await.unwrap()
/// });
/// assert_eq!(sum, 3);
/// ```
#[doc(alias = "main")]
#[track_caller]
pub fn run<F: Future>(main: F) -> F::Output {
    match try_run(main) {
        Ok(output) => output,
        Err(cancelled) => panic_cancelled(&cancelled),
    }
}

/// Runs a future like [`run`], and returns an error if the future was cancelled.
///
/// # Errors
/// Returns [`Cancelled`] if `main` was cancelled and did not catch the cancellation.
///
/// # Panics
/// Panics if this thread already drives a runtime, or if the system has no file descriptors left. A
/// panic of `main` resumes after the other tasks have cleaned up.
///
/// # Examples
/// ```
/// let outcome = wheelhouse::try_run(async {
///     wheelhouse::task::current().cancel_handle().cancel();
///     wheelhouse::yield_now().await;
///     "not reached"
/// });
/// assert!(outcome.is_err());
/// ```
#[track_caller]
pub fn try_run<F: Future>(main: F) -> Result<F::Output, Cancelled> {
    refuse_nesting("run");
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => panic!("no runtime could be made: {error}"),
    };
    let label = Label::new(Location::caller(), None);
    let outcome = caught(|| runtime.drive(label, main));
    // The other tasks clean up before a panic of main resumes.
    drop(runtime);
    outcome.unwrap_or_else(|payload| std::panic::resume_unwind(payload))
}

/// A single-threaded runtime, which owns the tasks, timers and sockets of one thread.
///
/// Use a `Runtime` in place of [`run`] to change settings, or to call
/// [`block_on`](Runtime::block_on) several times (`asyncio.Runner` in Python). Tasks are kept
/// between two calls of `block_on`, but are polled only during a call.
///
/// Dropping the runtime cancels all tasks and waits for them to clean up, for at most
/// [`Builder::shutdown_timeout`] if it is set; tasks that are still running then are dropped. While
/// a panic unwinds, or inside another runtime, dropping the runtime drops its tasks at once. If the
/// process exits inside a task, a runtime in a thread-local is not dropped.
///
/// # Examples
/// ```
/// let runtime = wheelhouse::Runtime::new()?;
/// let task = runtime.block_on(async { wheelhouse::spawn(async { 7 }) });
/// assert_eq!(runtime.block_on(task).unwrap(), 7);
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "EventLoop")]
#[doc(alias = "LocalSet")]
#[doc(alias = "Runner")]
pub struct Runtime {
    core: Rc<Core>,
    shutdown_timeout: Option<Duration>,
}

impl Runtime {
    fn assemble(clock: Clock, shutdown_timeout: Option<Duration>) -> std::io::Result<Self> {
        let wait_graph = clock
            .is_virtual()
            .then(|| WaitGraph::open(report::find_wait_graph));
        Ok(Self {
            core: Rc::new(Core::new(clock, wait_graph)?),
            shutdown_timeout,
        })
    }

    /// Creates a runtime with a virtual clock.
    pub(crate) fn with_virtual_time() -> std::io::Result<Self> {
        Self::assemble(Clock::virtual_(), None)
    }

    /// Sets the order in which ready tasks are polled.
    pub(crate) fn set_order(&self, order: Order) {
        self.core.scheduler.queue.set_order(order);
    }

    /// Returns the choices that the order made so far.
    pub(crate) fn schedule(&self) -> Schedule {
        self.core.scheduler.queue.schedule()
    }

    /// Runs a future to completion on this thread, polls the runtime's tasks meanwhile, and returns
    /// the output.
    ///
    /// The future may borrow and need not be `Send`. `block_on` returns as soon as the future
    /// completes: tasks that are ready by then are polled by the next call.
    ///
    /// # Panics
    /// - if this thread already drives a runtime;
    /// - if the future was cancelled: [`try_block_on`](Runtime::try_block_on) returns this as an
    ///   error. A cancellation by Ctrl-C ends the process instead ([`Builder::cancel_on_ctrl_c`]);
    /// - if the future panics. The runtime and its tasks stay usable.
    #[doc(alias = "run_until_complete")]
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        match self.try_block_on(future) {
            Ok(output) => output,
            Err(cancelled) if self.core.signals.is_end_of_process(&cancelled) => self.end_process(),
            Err(cancelled) => panic_cancelled(&cancelled),
        }
    }

    /// Runs a future like [`block_on`](Runtime::block_on), and returns an error if the future was
    /// cancelled.
    ///
    /// # Errors
    /// Returns [`Cancelled`] if the future was cancelled and did not catch the cancellation.
    ///
    /// # Panics
    /// Panics if this thread already drives a runtime, or if the future panics.
    #[track_caller]
    pub fn try_block_on<F: Future>(&self, future: F) -> Result<F::Output, Cancelled> {
        refuse_nesting("block_on");
        self.drive(Label::new(Location::caller(), None), future)
    }

    /// Shuts the runtime down and ends the process as SIGINT would have.
    fn end_process(&self) -> ! {
        self.core.io.read_slack();
        let cleaned_up = caught(|| shutdown::shut_down(&self.core, self.shutdown_timeout));
        cleaned_up.unwrap_or_else(drop_quietly);
        signals::end_process()
    }

    /// Drives the runtime until `future` completes.
    pub(crate) fn drive<F: Future>(&self, label: Label, future: F) -> Result<F::Output, Cancelled> {
        self.core.io.read_slack();
        let _announcing = announce::Announcing(&self.core);
        drive::drive(&self.core, label, future)
    }

    /// Returns a handle by which other threads spawn tasks in this runtime.
    #[must_use]
    pub fn remote(&self) -> Remote {
        Remote::new(self.core.shared())
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if self.core.lifecycle.is_driven() {
            // The process exits inside a task, and the C library drops thread-locals on top of the
            // task's stack. The tasks that are being polled stay; the driving call keeps the core
            // alive.
            return;
        }
        if std::thread::panicking() || context::is_inside() {
            shutdown::close(&self.core)
        } else {
            self.core.io.read_slack();
            shutdown::shut_down(&self.core, self.shutdown_timeout);
        }
        self.core.signals.end_process_if_pending();
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("core", &self.core)
            .field("shutdown_timeout", &self.shutdown_timeout)
            .finish()
    }
}

/// Panics if this thread drives a runtime.
#[track_caller]
pub(crate) fn refuse_nesting(what: &str) {
    assert!(
        !context::is_inside(),
        "`{what}` was called inside a running runtime, and would block it: `.await` the future, or `spawn` it"
    );
}

#[track_caller]
pub(crate) fn panic_cancelled(cancelled: &Cancelled) -> ! {
    final_output::panic_with(format!(
        "the main future was {cancelled}; `try_run` and `try_block_on` give this as a value"
    ))
}
