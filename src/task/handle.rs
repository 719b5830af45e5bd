//! The handle of a task, which returns its result.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::cancel_handle::explicit;
use super::{CancelHandle, Id};
use crate::error::JoinError;
use crate::runtime::Join;

/// The handle of a spawned task (asyncio: `Task`). It is a future that returns the task's result.
///
/// The result is `Err` if the task panicked, or was cancelled and did not swallow the cancellation.
/// It can be taken once.
///
/// # Cancel safety
/// Dropping a handle that was never polled does not affect the task. Dropping one that was polled
/// cancels the task if it has not ended: an awaiter owns the task that it awaits. (In asyncio, too,
/// cancelling an awaiter cancels the awaited task.) If the handle is dropped by a cancellation, the
/// cancelled scope or catch point waits until the task has ended, unless the task waits for it in
/// turn.
///
/// To prevent this, [`detach`](JoinHandle::detach) the task, or await `&mut handle`, for example in
/// a [`timeout`](crate::timeout).
///
/// # Cycles
/// Tasks that await each other's handles, or a task that awaits its own, wait until one of them is
/// cancelled. If the runtime has nothing else to wait for (no timer, socket, thread or
/// [`Remote`](crate::Remote)), it names them on standard error after 5 s. (asyncio refuses only the
/// await of a task by itself.) Under [`testing::run`](crate::testing::run) it is a panic.
///
/// # Threads
/// The handle is `Send` if the result is `Send + 'static`. On other threads it can cancel the task,
/// check whether it has ended, take its result after that, and be dropped.
///
/// # Panics
/// If it is polled after the result was taken, or polled on another thread while the task runs.
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
    join: Join<T>,
}

impl<T> JoinHandle<T> {
    pub(crate) fn new(join: Join<T>) -> Self {
        Self { join }
    }

    /// Cancels the task (asyncio: `Task.cancel`). Returns `false` if it has already ended.
    ///
    /// The task is not stopped inside this call, but when it is polled next:
    ///
    /// - A task that never ran is dropped without a poll.
    /// - In a task that waits inside a [`catch_cancel`](crate::catch_cancel), that returns the
    ///   cancellation. The task may then clean up, with awaits, or continue.
    /// - In a task that waits inside a [`shield`](crate::shield), the cancellation arrives after
    ///   the shielded code is done.
    /// - Any other task is dropped. It has ended when the tasks that it was awaiting have ended.
    ///
    /// Several calls before that poll count as one, with the first message. A call during the
    /// task's clean-up cancels the clean-up, unless it is shielded.
    #[doc(alias = "abort")]
    pub fn cancel(&self) -> bool {
        self.join.cancel(explicit(None))
    }

    /// Like [`cancel`](JoinHandle::cancel), with a message that the
    /// [reason](crate::Cancelled::reason) contains.
    pub fn cancel_with(&self, message: impl Into<String>) -> bool {
        self.join.cancel(explicit(Some(message.into())))
    }

    /// Cancels the task, waits until it has cleaned up and ended, and returns its result.
    ///
    /// Usually this is `Err(JoinError::Cancelled(_))`. It is `Ok` if the task ended before the
    /// cancellation arrived, or swallowed it.
    ///
    /// # Cancel safety
    /// If the future is dropped before its first poll, the task is not cancelled. If the awaiter is
    /// cancelled, the task is cancelled again, which may interrupt its clean-up, and the awaiter
    /// waits until it has ended. If third-party code drops the future (`select!`), the task stays
    /// cancelled, and its result is lost.
    ///
    /// # Errors
    /// [`JoinError`] if the task returned no value.
    ///
    /// # Panics
    /// Like awaiting the handle.
    pub async fn cancel_and_wait(self) -> Result<T, JoinError> {
        self.cancel();
        self.await
    }

    /// Returns a handle that can only cancel. It can be cloned and sent to other threads.
    #[doc(alias = "abort_handle")]
    #[must_use]
    pub fn cancel_handle(&self) -> CancelHandle {
        CancelHandle::new(self.join.task())
    }

    /// Returns `true` if the task has ended (asyncio: `Task.done`).
    #[doc(alias = "done")]
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.join.is_done()
    }

    /// Takes the result if the task has ended; otherwise returns `None` (asyncio: `Task.result`).
    ///
    /// # Errors
    /// [`JoinError`] if the task returned no value.
    ///
    /// # Panics
    /// If the result was already taken.
    #[doc(alias = "result")]
    pub fn try_join(&mut self) -> Option<Result<T, JoinError>> {
        self.is_finished().then(|| self.join.take())
    }

    /// Drops the handle without cancelling the task, even if the handle was awaited before.
    pub fn detach(mut self) {
        self.join.disown();
    }

    /// Returns the id of the task.
    #[must_use]
    pub fn id(&self) -> Id {
        Id::new(self.join.home().number(), self.join.number())
    }

    /// Returns the name of the task, if it has one.
    #[doc(alias = "get_name")]
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.join.label().name()
    }

    /// Returns the source location where the task was spawned.
    #[must_use]
    pub fn location(&self) -> &'static Location<'static> {
        self.join.label().location()
    }

    /// Polls until the task has ended. Unlike a poll of the handle, this does not own the task.
    pub(crate) fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.join.poll_done(cx)
    }

    /// Makes a drop of the handle leave the task alone.
    pub(crate) fn disown(&mut self) {
        self.join.disown();
    }

    /// Returns `true` if the task has ended without a value.
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
