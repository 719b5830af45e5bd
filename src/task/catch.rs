//! Catching a cancellation, and passing it on.
//!
//! ```text
//!   new ── first poll ──▶ open: a node in the tree of scopes ─┬─ inner ready ────────────────▶ closed, Ok
//!                          │ each poll: has something arrived? ├─ it has: inner is dropped ─┐
//!                          └───────────────────────────────── └─ dropped from outside ──────┼▶ closed
//!                                                                                            ▼
//!          closed, Err ◀── the tasks that inner was awaiting have ended (C21) ──────────── caught
//! ```
//!
//! What has arrived is looked for before the inner future is polled, except at the first poll (C24), and after it, for
//! what the inner code resumed. Outside of a task it passes its future through.

use std::future::{Future, IntoFuture, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;

use crate::error::Cancelled;
use crate::runtime::{PendingJoins, ScopeHandle, with};
use crate::scope::Kind;

/// Runs a future and gives its output, or the cancellation that came meanwhile (asyncio: `except CancelledError`).
///
/// It hears of every scope around it that is cancelled: its task, a [`timeout`](crate::timeout), a branch of a
/// [`gather`](crate::gather()), a [group](crate::task_group). By the time `Err` comes, the future has been dropped, and the
/// tasks that it was awaiting have been cancelled and have ended. The code after it may clean up with awaits; then it
/// [`resume`](Cancelled::resume)s the cancellation, as asyncio's code re-raises, or goes on as if nothing had
/// been asked. Catch points nest: the innermost hears first. A future that is ready when it is first polled is not hit by
/// a cancellation that was pending. One that comes during the clean-up is delivered again, unless that stands in a
/// [`shield`](crate::shield), as that of [`finally`](crate::finally) does.
///
/// # Cancel safety
/// Foreign code that drops it (`select!`) drops the future, and the code after it does not run.
/// A cancellation that had arrived and was not yet given goes on outwards then: in a `select!` over two catch points both are
/// reached, the winner gives `Err`, and the loser, which is dropped, lets the same cancellation out, to arrive at the next
/// `await` that suspends around the `select!`. To swallow it for good, put one catch point around the whole `select!`.
///
/// # Errors
/// [`Cancelled`] when a cancellation arrived before the future was done.
///
/// # Panics
/// When polled after it was done.
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
    CatchCancel {
        future: Some(future.into_future()),
        place: ScopeHandle::default(),
        caught: None,
    }
}

pin_project! {
    /// The future of [`catch_cancel`].
    ///
    /// # Panics
    /// When it is polled after it was done.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct CatchCancel<F> {
        // Before the place, so that it is dropped before that closes.
        #[pin]
        future: Option<F>,
        place: ScopeHandle,
        caught: Option<Caught>,
    }
}

/// A cancellation that was caught, and the tasks that are waited for before it is given to the code around.
#[derive(Debug)]
struct Caught {
    /// What arrived first.
    cancelled: Cancelled,
    /// The tasks.
    wait: PendingJoins,
}

impl Caught {
    /// Waits on. What arrives meanwhile goes to the tasks again, and counts if it comes from further out.
    fn poll(&mut self, place: &mut ScopeHandle, waker: &Waker) -> Poll<Cancelled> {
        if place.was_hit()
            && let Some(latest) = place.latest()
        {
            self.wait.cancel_again(&latest);
        }
        place.visit(waker);
        ready!(self.wait.poll(waker));
        let cancelled = place.arrived().unwrap_or_else(|| self.cancelled.clone());
        place.close();
        Poll::Ready(cancelled)
    }
}

impl<F: Future> Future for CatchCancel<F> {
    type Output = Result<F::Output, Cancelled>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let place = this.place;
        if let Some(caught) = this.caught {
            return caught.poll(place, cx.waker()).map(Err);
        }
        let mut future = this.future.as_mut();
        let inner = future.as_mut().as_pin_mut();
        let inner = inner.expect("a catch_cancel was polled after it was done");
        let is_first = place.open(Kind::Catch, cx.waker());
        if (is_first || !place.has_arrived())
            && let Poll::Ready(output) = place.inside(|| inner.poll(cx))
        {
            place.inside(|| future.set(None));
            place.close();
            return Poll::Ready(Ok(output));
        }
        let Some(cancelled) = place.pending() else {
            return Poll::Pending;
        };
        let wait = PendingJoins::of(&cancelled, || place.inside(|| future.set(None)));
        place.visit(cx.waker());
        let caught = this.caught.insert(Caught { cancelled, wait });
        caught.poll(place, cx.waker()).map(Err)
    }
}

impl Cancelled {
    /// Passes the cancellation on, as asyncio's code re-raises `CancelledError`; never returns.
    ///
    /// It goes to the next catch point outwards within the scope that was cancelled; past the last one it ends that scope:
    /// a [`timeout`](crate::timeout) then gives `Elapsed`, a task's handle gives this same cancellation. One that came
    /// from elsewhere, out of a [`JoinError`](crate::JoinError), ends the task. The code around the `await` is dropped where
    /// it stands.
    ///
    /// # Cancel safety
    /// Dropping it before it is polled leaves the cancellation swallowed; later, takes nothing back.
    ///
    /// # Panics
    /// Outside of a task. Also when the code around the `await` was not dropped, since something
    /// outside had only a reference to it (`timeout(limit, &mut job)`), and is polled again after
    /// the cancellation was given out: it could never go on.
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
