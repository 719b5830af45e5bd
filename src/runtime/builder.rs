//! The settings of a runtime.

use std::io;
use std::time::Duration;

use super::{Clock, Order, Runtime};

/// The settings of a [`Runtime`] to be made.
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
#[must_use = "settings do nothing until `build` makes a runtime of them"]
pub struct Builder {
    /// How long the tasks may clean up when the runtime is dropped.
    shutdown_timeout: Option<Duration>,
    /// Whether Ctrl-C cancels main.
    cancel_on_ctrl_c: bool,
    /// In which order ready tasks run.
    seed: Option<u64>,
}

impl Builder {
    /// Starts with the usual settings: a shutdown that waits for every clean-up.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bounds how long the tasks may clean up when the runtime is dropped.
    ///
    /// Tasks that have not ended by then are dropped, and named on standard error. Without this setting the runtime
    /// waits for them.
    ///
    /// It bounds the wait for functions that still run on other threads ([`to_thread`](crate::to_thread)), too. They cannot be
    /// stopped, so without this setting they are given 5 seconds after the last task has ended.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = Some(timeout);
        self
    }

    /// Lets the first Ctrl-C (SIGINT) cancel main, so that clean-ups run; the second one ends the process at once.
    ///
    /// asyncio's `Runner` does the same for every program; here it is asked for, because a library's runtime has no
    /// business with the terminal.
    ///
    /// | a Ctrl-C comes | what happens |
    /// |---|---|
    /// | while [`block_on`](Runtime::block_on) runs | main is cancelled, with [`Reason::CtrlC`](crate::Reason::CtrlC). When that has ended it, the runtime cancels the other tasks, waits for their clean-ups, and then the process ends as the signal would have ended it: a shell shows status 130 |
    /// | while [`try_block_on`](Runtime::try_block_on) runs | main is cancelled; `Err(`[`Cancelled`](crate::Cancelled)`)` says so, and what to do is up to the caller |
    /// | and main catches it and returns a value | an ordinary return, and an exit status of the program's own |
    /// | while neither runs | it waits for the next main, which is cancelled before its first poll. When there is none, the process ends when the runtime has been dropped, clean-ups included |
    /// | a second time | the process ends at once, whatever it does: cleaning up, or computing in a task that never awaits. The next `block_on` after a main that was told counts anew |
    ///
    /// Several runtimes, in several threads, each cancel their main. [`signal::ctrl_c`](crate::signal::ctrl_c) hears of
    /// the same Ctrl-C besides; a program that does more with it than stop, as a prompt does, uses that alone.
    /// While tasks are busy the loop looks at the kernel after 64 polls, as it does for a socket.
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

    /// Has ready tasks run in an order that belongs to `seed`, and not first come, first served.
    ///
    /// The same program with the same seed runs in the same order, as long as nothing from outside (the clock, sockets, other
    /// threads) decides who is ready. It is meant for finding races between tasks;
    /// [`testing::explore`](crate::testing::explore) tries many seeds.
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

    /// Makes the runtime.
    ///
    /// # Errors
    /// Those of `epoll_create1`, `eventfd`, `socketpair` and `epoll_ctl`: the process or the system has no file descriptors
    /// left.
    pub fn build(self) -> io::Result<Runtime> {
        let runtime = Runtime::assemble(Clock::real(), self.shutdown_timeout)?;
        if let Some(seed) = self.seed {
            runtime.set_order(Order::seeded(seed));
        }
        if self.cancel_on_ctrl_c {
            runtime.core.cancel_on_ctrl_c()?;
        }
        Ok(runtime)
    }
}
