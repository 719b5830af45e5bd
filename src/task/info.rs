//! Looking at tasks: which one runs, and which there are.

use std::fmt;
use std::panic::Location;

use super::{CancelHandle, Id};
use crate::error::NoRuntime;
use crate::runtime::{Task, try_with, with};

/// What a task is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskState {
    /// It is being polled: it is the one that asked.
    Running,
    /// It is ready and will be polled on a later turn.
    Ready,
    /// It waits for something.
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

/// A look at one task.
///
/// Its state is what it was when the look was taken. It stays on its thread; [`cancel_handle`](TaskInfo::cancel_handle)
/// gives something that travels.
#[derive(Clone)]
pub struct TaskInfo {
    /// The task.
    task: Task,
    /// What it was doing.
    state: TaskState,
}

impl TaskInfo {
    /// A look at `task`.
    fn new(task: Task) -> Self {
        let state = state_of(&task);
        Self { task, state }
    }

    /// Gives the task's id.
    #[must_use]
    pub fn id(&self) -> Id {
        Id::new(
            self.task.by_ref().home().number(),
            self.task.by_ref().number(),
        )
    }

    /// Gives the name that the task was given.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.task.by_ref().label().name()
    }

    /// Tells where the task was spawned; for a main future, where `run` or `block_on` was called.
    #[must_use]
    pub fn location(&self) -> &'static Location<'static> {
        self.task.by_ref().label().location()
    }

    /// Tells what the task was doing when the look was taken.
    #[must_use]
    pub fn state(&self) -> TaskState {
        self.state
    }

    /// Names the type of the task's future, as the compiler names it.
    #[must_use]
    pub fn future_name(&self) -> &'static str {
        self.task.future_name()
    }

    /// Gives a handle that can cancel the task.
    #[must_use]
    pub fn cancel_handle(&self) -> CancelHandle {
        CancelHandle::new(self.task.by_ref().clone())
    }
}

/// What `task` is doing.
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

/// Gives the task that is running this code (asyncio: `current_task`).
///
/// # Panics
/// Outside of a task; [`try_current`] gives `None` there.
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
            "`task::current` was called outside of a task: the runtime runs this code, a waker or a call from \
             another thread, in no task; `task::try_current` gives `None` there"
        ),
        None => panic!(
            "`task::current` was called outside of a task: {}",
            NoRuntime(())
        ),
    }
}

/// Gives the task that is running this code; `None` outside of a task.
#[must_use]
pub fn try_current() -> Option<TaskInfo> {
    try_with(|core| core.current())
        .ok()
        .flatten()
        .map(TaskInfo::new)
}

/// Gives the tasks of this runtime that have not ended, in the order of their spawning (asyncio: `all_tasks`).
///
/// # Panics
/// Outside of a runtime.
///
/// # Examples
/// ```
/// wheelhouse::run(async {
///     let waiting = wheelhouse::spawn(std::future::pending::<()>());
///     assert_eq!(wheelhouse::task::all().len(), 2); // this one, and that
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
