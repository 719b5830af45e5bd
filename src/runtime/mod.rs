//! The runtime: what drives tasks. Floor 2.
//!
//! ```text
//!   Runtime ─owns─▶ Core (this thread)                          Shared (all threads)
//!                   │ table: every task, owned                   │ inbox: messages from elsewhere
//!                   │ queue: the ready ones                      │ bell: ends the loop's sleep
//!                   │ wheel: timers      ◀── collect, each turn ─┤ ended: after that, senders
//!                   │ reactor: sockets                           │        clear up themselves
//!                   │ signals: what they mean to main            │
//!                   │ clock, current task, phase                 │
//!                   ▲                                            ▲
//!        context: the one thread-local               wakers, `Remote`, `CancelHandle`
//! ```
//!
//! The turn is drawn in [`turn`], the main future in [`drive`](mod@drive), the end in [`shutdown`], what a Ctrl-C does to
//! main in [`signals`], what other threads do for a task in [`blocking`], who waits for whom at a deadlock in [`report`].

mod blocking;
mod builder;
mod cancel;
mod carry;
mod circles;
mod clock;
#[allow(unsafe_code, reason = "door: the pointer behind the one thread-local")]
mod context;
mod core;
mod drive;
mod ending;
mod last_words;
mod order;
mod outgoing;
mod owned_tasks;
mod pending_joins;
mod poll_task;
mod queue;
mod registered;
mod remote;
mod reply;
mod report;
mod roots;
mod scope_handle;
mod shared;
mod shutdown;
mod signals;
mod spawn;
mod transfer;
mod turn;
mod variables;
mod virtual_time;

use std::fmt;
use std::io;
use std::panic::Location;
use std::rc::Rc;
use std::time::Duration;

pub(crate) use blocking::{Blocking, BlockingStream, Offload, OnShutdown};
pub use builder::Builder;
pub(crate) use clock::{Clock, to_instant, to_nanos};
pub(crate) use context::{OwnTurn, try_with, with};
pub(crate) use core::Core;
pub(crate) use order::{Order, Schedule, next as next_random};
pub(crate) use outgoing::Outgoing;
pub(crate) use pending_joins::PendingJoins;
pub(crate) use registered::{Registered, elsewhere, require_runtime};
pub use remote::Remote;
pub use reply::RemoteHandle;
pub(crate) use scope_handle::{DeferredOpen, ScopeHandle};
pub(crate) use shared::{Message, Shared};
pub(crate) use signals::{Subscription, drain};
pub(crate) use transfer::for_one_call;
pub(crate) use variables::{abort_outside, replace_vars_here, vars_here};

use crate::cell::Label;
use crate::error::Cancelled;
use crate::util::{caught, drop_quietly};

/// A counted reference to one of our tasks, at home.
pub(crate) type Task = crate::cell::Task<Shared>;
/// A counted reference to one of our tasks, anywhere.
pub(crate) type TaskRef = crate::cell::TaskRef<Shared>;
/// The table's reference to one of our tasks.
pub(crate) type OwnedRef = crate::cell::OwnedRef<Shared>;
/// The handle's reference to one of our tasks.
pub(crate) type Join<T> = crate::cell::Join<T, Shared>;
/// What a task's references send home.
pub(crate) type TaskMessage = crate::cell::TaskMessage<Shared>;
/// Who polls a task that the loop must not poll.
pub(crate) use crate::cell::ParentScheduler;

/// Runs a future, and all tasks that it spawns, on this thread, and gives the future's output.
///
/// This is the usual way in (asyncio calls it `asyncio.run`). When `main` is done, the tasks that still run are
/// cancelled and given the time to clean up; then `run` returns. A panic of `main` comes out of `run` after that.
///
/// # Panics
/// If a runtime runs on this thread already; if `main` was cancelled, or ended by resuming a cancellation
/// ([`try_run`] gives that as a value); if the system has no file descriptors left ([`Runtime::new`] gives that as
/// an error).
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

/// Like [`run`], but gives the cancellation of `main` as a value.
///
/// # Errors
/// [`Cancelled`] when `main` was cancelled and nothing in it swallowed that.
///
/// # Panics
/// If a runtime runs on this thread already, or the system has no file descriptors left; a panic of `main` comes
/// out of here.
///
/// # Examples
/// ```
/// let outcome = wheelhouse::try_run(async {
///     wheelhouse::task::current().cancel_handle().cancel();
///     wheelhouse::yield_now().await;
///     "never said"
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
    // The others clean up before a panic of main goes on.
    drop(runtime);
    outcome.unwrap_or_else(|payload| std::panic::resume_unwind(payload))
}

/// A single-threaded runtime: tasks, timers and sockets of the thread that made it.
///
/// Tasks live on between two [`block_on`](Runtime::block_on) calls, but run only during one. Dropping the runtime
/// cancels every task and gives it the time to clean up ([`Builder::shutdown_timeout`] bounds it), then drops what is
/// left. While a panic unwinds, or inside another runtime, it drops them without clean-ups. Where the process exits
/// inside a task, a runtime in a thread-local is left as it is.
///
/// asyncio calls this `asyncio.Runner`.
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
    /// The home part.
    core: Rc<Core>,
    /// How long the tasks may clean up in the end.
    shutdown_timeout: Option<Duration>,
}

impl Runtime {
    /// Makes a runtime with the settings of [`Builder::new`].
    ///
    /// # Errors
    /// Those of `epoll_create1`, `eventfd` and `epoll_ctl`: the process or the system has no file descriptors left.
    pub fn new() -> io::Result<Self> {
        Builder::new().build()
    }

    /// Gives the settings of a runtime to be made.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// A runtime of these parts.
    fn assemble(clock: Clock, shutdown_timeout: Option<Duration>) -> io::Result<Self> {
        Ok(Self {
            core: Rc::new(Core::new(clock)?),
            shutdown_timeout,
        })
    }

    /// A runtime whose clock is virtual.
    pub(crate) fn with_virtual_time() -> io::Result<Self> {
        Self::assemble(Clock::virtual_(), None)
    }

    /// Has tasks run in another order than first come, first served.
    pub(crate) fn set_order(&self, order: Order) {
        self.core.queue().set_order(order);
    }

    /// The choices that were made in such an order.
    pub(crate) fn schedule(&self) -> Schedule {
        self.core.queue().schedule()
    }

    /// Runs a future to its end on this thread, and all tasks meanwhile, and gives its output.
    ///
    /// The future may borrow and need not be `Send`. Its poll that is last runs before those of tasks behind it in the
    /// queue; they go on with the next call.
    ///
    /// # Panics
    /// If a runtime runs on this thread already; if the future was cancelled
    /// ([`try_block_on`](Runtime::try_block_on) gives that as a value), except that a cancellation by Ctrl-C ends the
    /// process ([`Builder::cancel_on_ctrl_c`]). A panic of the future comes out of here, and the runtime and its tasks
    /// are unharmed.
    #[doc(alias = "run_until_complete")]
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        match self.try_block_on(future) {
            Ok(output) => output,
            Err(cancelled) if self.core.is_end_of_process(&cancelled) => self.end_process(),
            Err(cancelled) => panic_cancelled(&cancelled),
        }
    }

    /// Like [`block_on`](Runtime::block_on), but gives the future's cancellation as a value.
    ///
    /// # Errors
    /// [`Cancelled`] when the future was cancelled and nothing in it swallowed that.
    ///
    /// # Panics
    /// If a runtime runs on this thread already. A panic of the future comes out of here.
    #[track_caller]
    pub fn try_block_on<F: Future>(&self, future: F) -> Result<F::Output, Cancelled> {
        refuse_nesting("block_on");
        self.drive(Label::new(Location::caller(), None), future)
    }

    /// Cleans up, and then ends the process as Ctrl-C would have.
    fn end_process(&self) -> ! {
        self.core.read_slack();
        let cleaned_up = caught(|| shutdown::shut_down(&self.core, self.shutdown_timeout));
        cleaned_up.unwrap_or_else(drop_quietly);
        signals::end_process()
    }

    /// Drives the runtime until `future` is done.
    pub(crate) fn drive<F: Future>(&self, label: Label, future: F) -> Result<F::Output, Cancelled> {
        self.core.read_slack();
        drive::drive(&self.core, label, future)
    }

    /// Gives a handle through which other threads spawn tasks here.
    #[must_use]
    pub fn remote(&self) -> Remote {
        Remote::new(self.core.shared())
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if self.core.is_driven() {
            // The process exits inside of a task, and the C library drops thread-locals on top of its stack. What is being
            // polled further down stays; who drives keeps the core.
            return;
        }
        match std::thread::panicking() || context::is_inside() {
            true => shutdown::close(&self.core),
            false => {
                self.core.read_slack();
                shutdown::shut_down(&self.core, self.shutdown_timeout);
            }
        }
        self.core.let_ctrl_c_through();
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

/// Panics where a runtime runs already.
#[track_caller]
pub(crate) fn refuse_nesting(what: &str) {
    assert!(
        !context::is_inside(),
        "`{what}` was called inside a running runtime, and would block it: `.await` the future, or `spawn` it"
    );
}

/// Says that main was cancelled.
#[track_caller]
pub(crate) fn panic_cancelled(cancelled: &Cancelled) -> ! {
    last_words::panic_with(format!(
        "the main future was {cancelled}; `try_run` and `try_block_on` give this as a value"
    ))
}
