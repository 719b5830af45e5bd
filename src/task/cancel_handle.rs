//! Cancelling a task without its join handle, from any thread.

use std::fmt;

use super::Id;
use crate::error::{Cancelled, Reason};
use crate::runtime::{Core, TaskRef, try_with};

/// A handle that can only cancel, and that may be cloned and sent anywhere.
///
/// It keeps neither the task nor its runtime going.
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
    /// The task.
    task: TaskRef,
}

impl CancelHandle {
    /// A handle to `task`.
    pub(crate) fn new(task: TaskRef) -> Self {
        Self { task }
    }

    /// Asks the task to end, from any thread; see [`JoinHandle::cancel`](super::JoinHandle::cancel).
    ///
    /// Gives `false` when the task has ended. From another thread a `true` means that the request is on its way.
    #[doc(alias = "abort")]
    pub fn cancel(&self) -> bool {
        self.task.cancel(explicit(None))
    }

    /// Like [`cancel`](CancelHandle::cancel), with a message for whoever catches it.
    pub fn cancel_with(&self, message: impl Into<String>) -> bool {
        self.task.cancel(explicit(Some(message.into())))
    }

    /// Tells whether the task has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.task.is_done()
    }

    /// Gives the task's id.
    #[must_use]
    pub fn id(&self) -> Id {
        Id::new(self.task.home().number(), self.task.number())
    }
}

/// The cancellation of a `cancel()` call made here.
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
