//! [`Builder`]: the settings of a runtime.

use std::io;
use std::time::Duration;

use super::Runtime;
use super::clock::Clock;
use super::order::Order;

/// Builds a [`Runtime`] with settings of your choice.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// let runtime = wheelhouse::Runtime::builder().shutdown_timeout(Duration::from_secs(5)).build()?;
/// assert_eq!(runtime.block_on(async { 42 }), 42);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct Builder {
    shutdown_timeout: Option<Duration>,
    cancel_on_ctrl_c: bool,
    /// The seed of a random order of ready tasks; first in, first out without one.
    seed: Option<u64>,
}

impl Builder {
    /// Creates a builder with the default settings: shutdown waits until all tasks have cleaned up,
    /// Ctrl-C ends the process, and ready tasks run first in, first out.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long tasks may clean up when the runtime is dropped.
    ///
    /// When the timeout expires, the runtime drops the remaining tasks and prints their names to
    /// standard error. Without a timeout the runtime waits until all tasks have ended.
    ///
    /// The timeout also applies to functions that still run on the thread pool
    /// ([`to_thread`](crate::to_thread)). These functions cannot be stopped; without a timeout the
    /// runtime waits for them for 5 seconds after the last task has ended.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = Some(timeout);
        self
    }

    /// Makes the first Ctrl-C (SIGINT) cancel the main future, so that clean-up code runs. A second
    /// Ctrl-C ends the process at once.
    ///
    /// asyncio's `Runner` always does this. Here it is a setting, because the runtime of a library
    /// must not change how the program reacts to signals.
    ///
    /// | Ctrl-C arrives | effect |
    /// |---|---|
    /// | during [`block_on`](Runtime::block_on) | The main future is cancelled with [`Reason::CtrlC`](crate::Reason::CtrlC). When it has ended, the runtime cancels the other tasks, waits for them to clean up, and ends the process as SIGINT would have: a shell shows status 130. |
    /// | during [`try_block_on`](Runtime::try_block_on) | The main future is cancelled, and `try_block_on` returns `Err(`[`Cancelled`](crate::Cancelled)`)`. The process continues. |
    /// | and the main future catches the cancellation and returns a value | The call returns the value. The program chooses its exit status. |
    /// | during neither | The next main future is cancelled before its first poll. If there is none, the process ends after the runtime has been dropped and its tasks have cleaned up. |
    /// | for the second time | The process ends at once, during clean-up and also while a task computes without awaiting. The count starts again with the next `block_on` after a main future that was cancelled. |
    ///
    /// If several threads have a runtime with this setting, Ctrl-C cancels the main future of each.
    /// [`signal::ctrl_c`](crate::signal::ctrl_c) is notified as well. A program that handles Ctrl-C
    /// in another way, such as an interactive prompt, uses `signal::ctrl_c` without this setting, and
    /// so does one that drives the runtime by [`turn`](Runtime::turn)s, which have no main future.
    /// While tasks are ready, the runtime checks for signals after every 64 polls, as it does for
    /// sockets.
    ///
    /// # Examples
    /// ```no_run
    /// use std::time::Duration;
    /// use wheelhouse::{Runtime, catch_cancel, sleep};
    ///
    /// async fn work() {
    ///     if let Err(cancelled) = catch_cancel(sleep(Duration::from_secs(3600))).await {
    ///         sleep(Duration::from_millis(10)).await; // cleaning up may await
    ///         println!("cleaned up");
    ///         cancelled.resume().await
    ///     }
    /// }
    ///
    /// fn main() -> std::io::Result<()> {
    ///     Runtime::builder().cancel_on_ctrl_c().build()?.block_on(work());
    ///     println!("not interrupted");
    ///     Ok(())
    /// }
    /// ```
    #[doc(alias = "KeyboardInterrupt")]
    pub fn cancel_on_ctrl_c(mut self) -> Self {
        self.cancel_on_ctrl_c = true;
        self
    }

    /// Sets the seed of a random order in which ready tasks run, in place of first in, first out.
    ///
    /// Use a seed to find races between tasks; [`testing::explore`](crate::testing::explore) tries
    /// many seeds. The same program with the same seed runs its tasks in the same order, as long as
    /// the clock, sockets and other threads do not decide which tasks are ready.
    ///
    /// # Examples
    /// ```
    /// use std::cell::RefCell;
    /// use wheelhouse::{Runtime, spawn};
    ///
    /// fn order(seed: u64) -> Vec<u32> {
    ///     let order = std::rc::Rc::new(RefCell::new(Vec::new()));
    ///     Runtime::builder().seed(seed).build().unwrap().block_on(async {
    ///         let tasks = [1, 2, 3, 4].map(|n| {
    ///             let order = order.clone();
    ///             spawn(async move { order.borrow_mut().push(n) })
    ///         });
    ///         for task in tasks {
    ///             task.await.unwrap();
    ///         }
    ///     });
    ///     order.take()
    /// }
    ///
    /// assert_eq!(order(7), order(7));
    /// assert!((0..20).any(|seed| order(seed) != [1, 2, 3, 4]));
    /// ```
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Creates the runtime.
    ///
    /// # Errors
    /// Returns the error of `epoll_create1`, `eventfd`, `socketpair` or `epoll_ctl`, for example if
    /// the process or the system has no file descriptors left.
    pub fn build(self) -> io::Result<Runtime> {
        let runtime = Runtime::assemble(Clock::real(), self.shutdown_timeout)?;
        if let Some(seed) = self.seed {
            runtime.set_order(Order::seeded(seed));
        }
        if self.cancel_on_ctrl_c {
            runtime.core.signals.cancel_on_ctrl_c(&runtime.core.io)?;
        }
        Ok(runtime)
    }
}

impl Runtime {
    /// Creates a runtime with the settings of [`Builder::new`].
    ///
    /// # Errors
    /// Returns the error of `epoll_create1`, `eventfd` or `epoll_ctl`, for example if the process
    /// or the system has no file descriptors left.
    pub fn new() -> std::io::Result<Self> {
        Builder::new().build()
    }

    /// Returns a [`Builder`] with the default settings.
    pub fn builder() -> Builder {
        Builder::new()
    }
}
