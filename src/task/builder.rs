//! Spawning with more than a future.

use std::panic::Location;

use super::JoinHandle;
use crate::cell::Label;
use crate::error::NoRuntime;
use crate::runtime::{try_with, with};

/// The settings of a task to be spawned.
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
#[must_use = "settings do nothing until `spawn` makes a task of them"]
pub struct Builder {
    /// The task's name.
    name: Option<Box<str>>,
}

impl Builder {
    /// Starts without a name.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names the task, for reports and for [`task::all`](super::all).
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into().into_boxed_str());
        self
    }

    /// Spawns the task; see [`spawn`](super::spawn).
    ///
    /// # Cancel safety
    /// Dropping the handle leaves the task alone, unless it was awaited.
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

    /// Spawns the task, where there is a runtime.
    ///
    /// # Cancel safety
    /// Dropping the handle leaves the task alone, unless it was awaited.
    ///
    /// # Errors
    /// [`NoRuntime`] outside of a runtime; the future is dropped.
    #[track_caller]
    pub fn try_spawn<F>(self, future: F) -> Result<JoinHandle<F::Output>, NoRuntime>
    where
        F: Future + 'static,
    {
        let label = Label::new(Location::caller(), self.name);
        try_with(|core| JoinHandle::new(core.spawn(label, future)))
    }
}
