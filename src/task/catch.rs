//! Catching a cancellation, and passing it on.
//!
//! ```text
//!   new ── first poll ──▶ open: a node in the tree of scopes ─┬─ inner ready ────────────────▶ closed, Ok
//!                          │ each poll: is something pending? ├─ pending: inner is dropped ───▶ closed, Err
//!                          └───────────────────────────────── └─ dropped from outside ────────▶ closed
//! ```
//!
//! A pending cancellation is looked for before the inner future is polled, except at the first poll (C24), and after
//! it, for what the inner code resumed. Outside of a task it passes its future through.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::error::Cancelled;
use crate::runtime::{CatchPoint, with};

/// Runs a future and, when the task is cancelled meanwhile, gives the cancellation as a value (asyncio:
/// `except CancelledError`).
///
/// By the time `Err` comes, the future has been dropped. The code after it may clean up with awaits; then it
/// [`resume`](Cancelled::resume)s the cancellation, as asyncio's code re-raises, or goes on as if nothing had
/// been asked. Catch points nest: the innermost hears first.
///
/// # Cancel safety
/// Dropping it drops the future.
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
pub fn catch_cancel<F: IntoFuture>(future: F) -> CatchCancel<F::IntoFuture> {
    CatchCancel {
        future: Some(future.into_future()),
        point: CatchPoint::default(),
    }
}

pin_project! {
    /// The future of [`catch_cancel`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct CatchCancel<F> {
        // Before the catch point, so that it is dropped before that closes.
        #[pin]
        future: Option<F>,
        point: CatchPoint,
    }
}

impl<F: Future> Future for CatchCancel<F> {
    type Output = Result<F::Output, Cancelled>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let point = this.point;
        let arrived = point.enter(cx.waker());
        let polled = match arrived {
            Some(cancelled) => Poll::Ready(Err(cancelled)),
            None => {
                let future = this
                    .future
                    .as_mut()
                    .as_pin_mut()
                    .expect("a catch_cancel was polled after it was done");
                match point.inside(|| future.poll(cx)) {
                    Poll::Ready(output) => Poll::Ready(Ok(output)),
                    Poll::Pending => point
                        .arrived()
                        .map_or(Poll::Pending, |cancelled| Poll::Ready(Err(cancelled))),
                }
            }
        };
        if polled.is_ready() {
            point.inside(|| this.future.set(None));
            point.close();
        }
        polled
    }
}

impl Cancelled {
    /// Passes the cancellation on, as asyncio's code re-raises `CancelledError`; never returns.
    ///
    /// It goes to the next catch point outwards; past the last one it ends the task, whose handle then gives this
    /// same cancellation. The code around the `await` is dropped where it stands.
    ///
    /// # Cancel safety
    /// Dropping it before it is polled leaves the cancellation swallowed.
    ///
    /// # Panics
    /// Outside of a task.
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
    pub async fn resume(self) -> ! {
        with("Cancelled::resume", |core| core.resume(self));
        std::future::pending().await
    }
}
