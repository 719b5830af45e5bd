//! Spawns a task with a name.

use std::panic::Location;

use super::JoinHandle;
use crate::cell::Label;
use crate::error::NoRuntime;
use crate::runtime::{try_with, with};

/// Spawns a task with settings, such as a name (asyncio: `create_task(…, name=…)`).
///
/// # Examples
/// ```
/// wheelhouse::run(async {
///     let handle = wheelhouse::task::Builder::new().name("fetch").spawn(async { 200 });
///     assert_eq!(handle.name(), Some("fetch"));
///     assert_eq!(handle.await.unwrap(), 200);
/// });
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until `spawn` is called"]
pub struct Builder {
    name: Option<Box<str>>,
}

impl Builder {
    /// Creates a builder without a name.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the name of the task, which reports and [`task::all`](super::all) show.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into().into_boxed_str());
        self
    }

    /// Spawns the task: see [`spawn`](super::spawn).
    ///
    /// # Cancel safety
    /// Dropping the handle does not affect the task, unless the handle was awaited.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
    {
        let label = Label::new(Location::caller(), self.name);
        with("spawn", |core| JoinHandle::new(core.spawn(label, future)))
    }

    /// Spawns the task; returns an error where [`spawn`](Builder::spawn) panics.
    ///
    /// # Cancel safety
    /// Dropping the handle does not affect the task, unless the handle was awaited.
    ///
    /// # Errors
    /// [`NoRuntime`] outside of a runtime. The future is dropped.
    #[track_caller]
    pub fn try_spawn<F>(self, future: F) -> Result<JoinHandle<F::Output>, NoRuntime>
    where
        F: Future + 'static,
    {
        let label = Label::new(Location::caller(), self.name);
        try_with(|core| JoinHandle::new(core.spawn(label, future)))
    }
}
