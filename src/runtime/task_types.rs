//! The types of [`cell`](mod@crate::cell) for the tasks of a runtime.

use super::shared::Shared;
use crate::cell;

/// A counted reference to a task, for the home thread.
pub(crate) type Task = cell::Task<Shared>;
/// A counted reference to a task, for any thread.
pub(crate) type TaskRef = cell::TaskRef<Shared>;
/// The reference by which [`OwnedTasks`](super::owned_tasks::OwnedTasks) own a task.
pub(crate) type OwnedRef = cell::OwnedRef<Shared>;
/// The reference of a `JoinHandle` to its task.
pub(crate) type Join<T> = cell::Join<T, Shared>;
/// The messages that references to a task send to the home thread.
pub(crate) type TaskMessage = cell::TaskMessage<Shared>;
