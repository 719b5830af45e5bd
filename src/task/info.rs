//! The running task, and all tasks of a runtime.

use std::fmt;
use std::panic::Location;

use super::{CancelHandle, Id};
use crate::error::NoRuntime;
use crate::runtime::{Task, try_with, with};

/// The state of a task: see [`TaskInfo::state`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskState {
    /// It is being polled: it is the one that called [`all`] or [`current`].
    Running,
    /// It is in the run queue and will be polled.
    Ready,
    /// It waits to be woken.
    Waiting,
    /// It has ended.
    Finished,
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Ready => "ready",
            Self::Waiting => "waiting",
            Self::Finished => "finished",
        })
    }
}

/// Information about a task, returned by [`current`] and [`all`].
///
/// The [state](TaskInfo::state) is that at the time of the call. A `TaskInfo` cannot be sent to
/// another thread; its [`cancel_handle`](TaskInfo::cancel_handle) can.
#[derive(Clone)]
pub struct TaskInfo {
    task: Task,
    state: TaskState,
}

impl TaskInfo {
    fn new(task: Task) -> Self {
        let state = state_of(&task);
        Self { task, state }
    }

    /// Returns the id of the task.
    #[must_use]
    pub fn id(&self) -> Id {
        Id::new(
            self.task.by_ref().home().number(),
            self.task.by_ref().number(),
        )
    }

    /// Returns the name of the task, if it has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.task.by_ref().label().name()
    }

    /// Returns the source location where the task was spawned. For a main future it is the call of
    /// `run` or `block_on`.
    #[must_use]
    pub fn location(&self) -> &'static Location<'static> {
        self.task.by_ref().label().location()
    }

    /// Returns the state of the task at the time of the call that returned this value.
    #[must_use]
    pub fn state(&self) -> TaskState {
        self.state
    }

    /// Returns the type name of the task's future.
    #[must_use]
    pub fn future_name(&self) -> &'static str {
        self.task.future_name()
    }

    /// Returns a handle that can cancel the task.
    #[must_use]
    pub fn cancel_handle(&self) -> CancelHandle {
        CancelHandle::new(self.task.by_ref().clone())
    }
}

fn state_of(task: &Task) -> TaskState {
    let state = task.state();
    if state.is_done() {
        TaskState::Finished
    } else if state.is_running() {
        TaskState::Running
    } else if state.is_scheduled() {
        TaskState::Ready
    } else {
        TaskState::Waiting
    }
}

impl fmt::Debug for TaskInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskInfo")
            .field("id", &self.id())
            .field("name", &self.name())
            .field("location", &format_args!("{}", self.location()))
            .field("state", &self.state)
            .finish()
    }
}

/// Returns the task that runs this code (asyncio: `current_task`).
///
/// # Panics
/// Outside of a task; [`try_current`] returns `None` instead.
///
/// # Examples
/// ```
/// wheelhouse::run(async {
///     let named = wheelhouse::task::Builder::new().name("worker");
///     let name = named.spawn(async { wheelhouse::task::current().name().map(str::to_owned) });
///     assert_eq!(name.await.unwrap().as_deref(), Some("worker"));
/// });
/// ```
#[doc(alias = "current_task")]
#[must_use]
#[track_caller]
pub fn current() -> TaskInfo {
    match try_current() {
        Some(task) => task,
        None if try_with(|_| ()).is_ok() => panic!(
            "`task::current` was called outside of a task: wakers and calls from other threads run in no task; \
             `task::try_current` returns `None` there"
        ),
        None => panic!(
            "`task::current` was called outside of a task: {}",
            NoRuntime(())
        ),
    }
}

/// Returns the task that runs this code; `None` outside of a task.
#[must_use]
pub fn try_current() -> Option<TaskInfo> {
    try_with(|core| core.current())
        .ok()
        .flatten()
        .map(TaskInfo::new)
}

/// Returns the tasks of this runtime that have not ended, in the order in which they were spawned
/// (asyncio: `all_tasks`).
///
/// # Panics
/// Outside of a runtime.
///
/// # Examples
/// ```
/// wheelhouse::run(async {
///     let waiting = wheelhouse::spawn(std::future::pending::<()>());
///     assert_eq!(wheelhouse::task::all().len(), 2); // main and `waiting`
///     waiting.cancel();
/// });
/// ```
#[doc(alias = "all_tasks")]
#[must_use]
#[track_caller]
pub fn all() -> Vec<TaskInfo> {
    with("task::all", |core| core.running())
        .into_iter()
        .map(TaskInfo::new)
        .collect()
}
