//! The settings of a runtime.

use std::io;
use std::time::Duration;

use super::{Clock, Runtime};

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
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = Some(timeout);
        self
    }

    /// Makes the runtime.
    ///
    /// # Errors
    /// Those of `epoll_create1`, `eventfd` and `epoll_ctl`: the process or the system has no file descriptors left.
    pub fn build(self) -> io::Result<Runtime> {
        Runtime::assemble(Clock::real(), self.shutdown_timeout)
    }
}
