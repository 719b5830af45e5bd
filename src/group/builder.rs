//! A child with a name.

use std::fmt;
use std::panic::Location;

use super::child::spawn_child;
use super::{ChildOutput, TaskGroup};
use crate::runtime::with;
use crate::task::JoinHandle;

/// Configures a child before it is spawned; [`TaskGroup::builder`] returns one.
#[must_use = "a builder does nothing until `spawn` is called"]
pub struct ChildBuilder<'scope, 'env: 'scope, E: 'env> {
    pub(super) group: &'scope TaskGroup<'scope, 'env, E>,
    pub(super) name: Option<Box<str>>,
}

impl<'scope, E> ChildBuilder<'scope, '_, E> {
    /// Sets the name of the child, which reports and [`task::all`](crate::task::all) show.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into().into_boxed_str());
        self
    }

    /// Spawns the child and returns its handle, as [`TaskGroup::spawn`] does.
    ///
    /// # Cancel safety
    /// As for [`TaskGroup::spawn`].
    ///
    /// # Panics
    /// If it is called outside a runtime.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> JoinHandle<<F::Output as ChildOutput<E>>::Value>
    where
        F: Future<Output: ChildOutput<E>> + 'scope,
    {
        let label = (Location::caller(), self.name);
        with("TaskGroup::spawn", |core| {
            spawn_child(core, label, self.group, future)
        })
    }
}

impl<E> fmt::Debug for ChildBuilder<'_, '_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildBuilder")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
