//! `catch_cancel` and `Cancelled::resume`: where a cancellation stops, and how it continues.
//!
//! A catch point is a [`Scoped`] future. A poll looks for a cancellation before it polls the future,
//! except at the first poll (C24), and again after it, for one that the code inside resumed. Outside
//! of a task, a catch point only polls its future.

use std::future::{Future, IntoFuture, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::error::Cancelled;
use crate::runtime::{Ending, ScopeKind, Scoped, with};

/// Runs a future and returns its output, or the cancellation that stopped it (asyncio: `except
/// CancelledError`).
///
/// When a scope around this catch point is cancelled, the future is dropped and the result is
/// `Err`. A scope is a task, a [`timeout`](crate::timeout), a branch of a
/// [`gather`](crate::gather()), or a [group](crate::task_group). The code after the catch point may
/// `await` while it cleans up. Then it either [resumes](Cancelled::resume) the cancellation, as
/// asyncio code re-raises it, or swallows it and continues.
///
/// - Catch points nest. The innermost one receives the cancellation first; an outer one receives it
///   if the inner code resumes it.
/// - When `Err` is returned, the future has been dropped, and the tasks that it was awaiting have
///   been cancelled and have ended.
/// - If the future is ready at its first poll, the result is `Ok`, even if a cancellation was
///   already pending.
/// - A second cancellation during the clean-up is delivered too, and may interrupt it. Put the
///   clean-up into a [`shield`](crate::shield) to prevent this, or use [`finally`](crate::finally),
///   which does so.
///
/// # Cancel safety
/// If third-party code drops the `CatchCancel` (`select!` drops the arms that lose), the future is
/// dropped and no code after it runs. A cancellation that had arrived and was not returned yet then
/// propagates outwards. For example, a cancellation reaches both catch points in a `select!` over
/// two of them: the winner returns `Err`, the loser is dropped, and the same cancellation arrives
/// again at the next `await` around the `select!` that suspends. To swallow the cancellation for
/// good, put one catch point around the whole `select!`.
///
/// # Errors
/// [`Cancelled`] if a cancellation arrived before the future was ready.
///
/// # Panics
/// If it is polled again after it was ready.
///
/// # Examples
/// ```
/// use wheelhouse::{catch_cancel, run, spawn, yield_now};
///
/// run(async {
///     let task = spawn(async {
///         match catch_cancel(std::future::pending::<()>()).await {
///             Ok(()) => "never",
///             Err(_cancelled) => {
///                 yield_now().await; // cleaning up may await
///                 "cleaned up"
///             }
///         }
///     });
///     yield_now().await;
///     task.cancel();
///     assert_eq!(task.await.unwrap(), "cleaned up");
/// });
/// ```
#[doc(alias = "CancelScope")]
pub fn catch_cancel<F: IntoFuture>(future: F) -> CatchCancel<F::IntoFuture> {
    let scoped = Scoped::new(future.into_future());
    CatchCancel { scoped }
}

pin_project! {
    /// The future of [`catch_cancel`].
    ///
    /// # Panics
    /// If it is polled again after it was ready.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct CatchCancel<F> {
        #[pin]
        scoped: Scoped<F>,
    }
}

impl<F: Future> Future for CatchCancel<F> {
    type Output = Result<F::Output, Cancelled>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match ready!(self.project().scoped.poll(cx, ScopeKind::Catch)) {
            Ending::Value(output) => Poll::Ready(Ok(output)),
            Ending::Cut(cut) => Poll::Ready(Err(cut.by)),
        }
    }
}

impl Cancelled {
    /// Continues the cancellation, as asyncio code re-raises `CancelledError`. Never returns.
    ///
    /// The code around the `await` is dropped at that point. The cancellation propagates to the
    /// next catch point outwards. If there is none inside the cancelled scope, it ends the scope: a
    /// [`timeout`](crate::timeout) returns [`Elapsed`](crate::Elapsed), and the handle of a task
    /// returns this same cancellation. A `Cancelled` that came from another task, out of a
    /// [`JoinError`](crate::JoinError), ends the task that resumes it.
    ///
    /// # Cancel safety
    /// Dropping the future before its first poll swallows the cancellation. Dropping it later
    /// changes nothing: the cancellation is already on its way.
    ///
    /// # Panics
    /// - Outside of a task.
    /// - If the code around the `await` is polled again after the cancellation has ended its scope.
    ///   This happens when code outside had only a reference to the future, as in `timeout(limit,
    ///   &mut job)`, and so could not drop it.
    ///
    /// # Examples
    /// ```
    /// use wheelhouse::{catch_cancel, run, spawn, yield_now};
    ///
    /// run(async {
    ///     let task = spawn(async {
    ///         if let Err(cancelled) = catch_cancel(std::future::pending::<()>()).await {
    ///             yield_now().await; // clean up, then:
    ///             cancelled.resume().await
    ///         }
    ///     });
    ///     yield_now().await;
    ///     task.cancel();
    ///     assert!(task.await.unwrap_err().is_cancelled());
    /// });
    /// ```
    #[doc(alias = "raise")]
    pub async fn resume(self) -> ! {
        let send = |cx: &mut Context<'_>| {
            Poll::Ready(with("Cancelled::resume", |core| {
                core.resume(self.clone(), cx.waker())
            }))
        };
        let outgoing = poll_fn(send).await;
        poll_fn(|_| outgoing.poll()).await
    }
}
