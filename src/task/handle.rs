//! The join handle: the one way to a task's result.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::cancel_handle::explicit;
use super::{CancelHandle, Id};
use crate::error::JoinError;
use crate::runtime::Join;

/// A handle to a spawned task: a future of its result.
///
/// The result is `Err` when the task was cancelled and nothing in it swallowed that, or when it panicked. The result
/// is given once.
///
/// # Cancel safety
/// Dropping the handle before it was polled leaves the task alone. Dropping it after it was polled, and before the
/// task ended, cancels the task: awaiting is owning, as in asyncio, where the cancellation of an awaiter passes into
/// the awaited task. Where a cancellation drops it, the scope or the catch point around waits until the task has ended,
/// unless that waits for it in turn. [`detach`](JoinHandle::detach) gives that up; `&mut handle` may be awaited, in a
/// [`timeout`](crate::timeout) for example, without giving the handle away.
///
/// The handle is `Send` when the result is `Send + 'static`. Away from its runtime it can cancel, ask whether the task
/// has ended, take the result of a task that has, and be dropped.
///
/// # Panics
/// When polled or asked after the result was taken; when polled away from its runtime while the task runs.
///
/// # Examples
/// ```
/// wheelhouse::run(async {
///     let handle = wheelhouse::spawn(async { 5 });
///     assert_eq!(handle.await.unwrap(), 5);
///
///     let failed = wheelhouse::spawn(async { panic!("on purpose") });
///     assert!(failed.await.unwrap_err().is_panic());
/// });
/// ```
#[doc(alias = "Task")]
pub struct JoinHandle<T> {
    /// The reference to the task's cell.
    join: Join<T>,
}

impl<T> JoinHandle<T> {
    /// The handle of a new task.
    pub(crate) fn new(join: Join<T>) -> Self {
        Self { join }
    }

    /// Asks the task to end (asyncio calls this `Task.cancel`).
    ///
    /// A task that never ran is dropped unpolled. A task that waits inside a [`catch_cancel`](crate::catch_cancel) has
    /// that return the cancellation, and may clean up with awaits, or go on; one inside a [`shield`](crate::shield) hears
    /// when that is done. Any other task is dropped on its next turn, not inside this call, and ends when the tasks that it
    /// was awaiting have. Several calls before the task's next turn are one, and the first message stands; one that comes
    /// while it cleans up is delivered again.
    ///
    /// Gives `false`, and does nothing, when the task has ended.
    #[doc(alias = "abort")]
    pub fn cancel(&self) -> bool {
        self.join.cancel(explicit(None))
    }

    /// Like [`cancel`](JoinHandle::cancel), with a message for whoever catches it.
    pub fn cancel_with(&self, message: impl Into<String>) -> bool {
        self.join.cancel(explicit(Some(message.into())))
    }

    /// Cancels the task and waits until it is gone, its clean-up included; gives its result.
    ///
    /// That is `Err(JoinError::Cancelled(_))` as a rule, and `Ok` when the task ended by itself or swallowed the
    /// cancellation.
    ///
    /// # Cancel safety
    /// Dropped before it was polled, it has done nothing, and the task runs on. When the awaiter is cancelled, the task is
    /// once more, which its clean-up hears, and the awaiter ends when it has. Foreign code that drops it (`select!`) leaves
    /// the task cancelled, and unobserved.
    ///
    /// # Errors
    /// [`JoinError`] when the task gave no value.
    ///
    /// # Panics
    /// As awaiting the handle does.
    pub async fn cancel_and_wait(self) -> Result<T, JoinError> {
        self.cancel();
        self.await
    }

    /// Gives a handle that can only cancel, to be cloned and sent anywhere.
    #[doc(alias = "abort_handle")]
    #[must_use]
    pub fn cancel_handle(&self) -> CancelHandle {
        CancelHandle::new(self.join.task())
    }

    /// Tells whether the task has ended (asyncio: `Task.done`).
    #[doc(alias = "done")]
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.join.is_done()
    }

    /// Takes the result of a task that has ended; `None` while it has not (asyncio: `Task.result`).
    ///
    /// # Panics
    /// When the result was taken already.
    #[doc(alias = "result")]
    pub fn try_join(&mut self) -> Option<Result<T, JoinError>> {
        self.is_finished().then(|| self.join.take())
    }

    /// Gives the handle up and lets the task run on, whatever was awaited before.
    pub fn detach(mut self) {
        self.join.disown();
    }

    /// Gives the task's id.
    #[must_use]
    pub fn id(&self) -> Id {
        Id::new(self.join.home().number(), self.join.number())
    }

    /// Gives the name that the task was given.
    #[doc(alias = "get_name")]
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.join.label().name()
    }

    /// Tells where the task was spawned.
    #[must_use]
    pub fn location(&self) -> &'static Location<'static> {
        self.join.label().location()
    }

    /// Whether the task has ended; waits without owning, for [`wait`](crate::wait).
    pub(crate) fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.join.poll_done(cx)
    }

    /// Dropping the handle will leave the task alone.
    pub(crate) fn disown(&mut self) {
        self.join.disown();
    }

    /// True when the ended task gave no value.
    pub(crate) fn has_failed(&self) -> bool {
        self.join.has_failed()
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.join.poll(cx)
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("id", &self.id())
            .field("name", &self.name())
            .field("finished", &self.is_finished())
            .finish()
    }
}
