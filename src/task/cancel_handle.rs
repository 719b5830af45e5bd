//! A handle that cancels a task from any thread.

use std::fmt;

use super::Id;
use crate::error::{Cancelled, Reason};
use crate::runtime::{Core, TaskRef, try_with};

/// A handle that cancels a task. It can be cloned and sent to other threads.
///
/// It keeps neither the task nor its runtime alive. Get one from
/// [`JoinHandle::cancel_handle`](super::JoinHandle::cancel_handle) or
/// [`TaskInfo::cancel_handle`](super::TaskInfo::cancel_handle).
///
/// # Examples
/// ```
/// wheelhouse::run(async {
///     let task = wheelhouse::spawn(std::future::pending::<()>());
///     let stop = task.cancel_handle();
///     std::thread::spawn(move || stop.cancel()).join().unwrap();
///     assert!(task.await.unwrap_err().is_cancelled());
/// });
/// ```
#[doc(alias = "AbortHandle")]
#[derive(Clone)]
pub struct CancelHandle {
    task: TaskRef,
}

impl CancelHandle {
    pub(crate) fn new(task: TaskRef) -> Self {
        Self { task }
    }

    /// Cancels the task, from any thread: see [`JoinHandle::cancel`](super::JoinHandle::cancel).
    ///
    /// Returns `false` if the task has ended. On another thread, `true` means that the request was
    /// sent; the task may still end before it arrives.
    #[doc(alias = "abort")]
    pub fn cancel(&self) -> bool {
        self.task.cancel(explicit(None))
    }

    /// Like [`cancel`](CancelHandle::cancel), with a message that the [reason](Cancelled::reason)
    /// contains.
    pub fn cancel_with(&self, message: impl Into<String>) -> bool {
        self.task.cancel(explicit(Some(message.into())))
    }

    /// Returns `true` if the task has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.task.is_done()
    }

    /// Returns the id of the task.
    #[must_use]
    pub fn id(&self) -> Id {
        Id::new(self.task.home().number(), self.task.number())
    }
}

/// Returns the cancellation for a call of `cancel` by the running task.
pub(super) fn explicit(message: Option<String>) -> Cancelled {
    let by = try_with(Core::current_id).ok().flatten();
    Cancelled::new(Reason::Explicit(message.map(Into::into)), by)
}

impl fmt::Debug for CancelHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelHandle")
            .field("id", &self.id())
            .field("finished", &self.is_finished())
            .finish()
    }
}
