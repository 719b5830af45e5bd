//! `timeout` and `timeout_at`: a deadline for a future.
//!
//! ```text
//!   running ─┬─ the future is ready ──────────────────────────▶ Ok
//!            └─ the deadline has passed: cancel
//!                 ├─ a catch point inside received it, and
//!                 │  the future is ready after all (C12) ─────▶ Ok
//!                 └─ cut ─┬─ by the timeout's own ────────────▶ Err(Elapsed)
//!                         └─ one from further out is inside ──▶ resumed (C13)
//! ```
//!
//! If a scope around the timeout is about to end, too, the timeout stays running and leaves the end
//! to that one (C27).
//!
//! A timeout is opened in the tree of scopes only if the code inside opens a catch point or another
//! node.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use super::{Sleep, sleep_until};
use crate::error::{Cancelled, Elapsed, Reason};
use crate::runtime::{Core, Cut, Ending, ScopeKind, Scoped, with};
use crate::util::budget;

/// Runs a future with a time limit (asyncio: `wait_for`, `timeout`).
///
/// Returns the output of the future, or [`Elapsed`] if `duration` passes first. The time counts
/// from this call.
///
/// When the time is up, the future is cancelled with [`Reason::Timeout`], as a task would be:
///
/// - Without a catch point inside, it is dropped.
/// - A [`catch_cancel`](crate::catch_cancel) or [`finally`](crate::finally) inside cleans up first,
///   and a [`shield`](crate::shield) inside runs to its end. `Elapsed` is returned after that, so
///   it may come late.
/// - If the code inside swallows the cancellation and returns a value, the result is `Ok` with that
///   value.
/// - Tasks whose handles the future owns are cancelled, and have ended when `Elapsed` is returned.
///   To leave a task alone, pass `&mut handle`.
///
/// A future that is ready when it is polled wins over a deadline that has passed.
/// `timeout(Duration::ZERO, future)` polls the future once; a deadline that is zero or past cancels
/// it at its first suspension.
///
/// # Nested scopes
/// A timeout turns only its own cancellation into `Elapsed`. A cancellation of a scope further out
/// propagates through it, also if this timeout expires while the code inside still cleans up after
/// that cancellation. If several scopes end at one moment, the outermost wins, and the code after
/// the inner timeouts does not run.
///
/// # Cancel safety
/// If third-party code drops the `Timeout` (`select!` drops the arms that lose), the future is
/// dropped, and no clean-up runs that has to await.
///
/// # Errors
/// [`Elapsed`] if the time was up first.
///
/// # Panics
/// Outside of a runtime.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use wheelhouse::{sleep, timeout};
///
/// wheelhouse::run(async {
///     assert!(timeout(Duration::from_millis(5), std::future::pending::<()>()).await.is_err());
///     assert_eq!(timeout(Duration::ZERO, async { 1 }).await, Ok(1));
/// });
/// ```
#[doc(alias = "CancelScope")]
#[doc(alias = "fail_after")]
#[doc(alias = "move_on_after")]
#[doc(alias = "wait_for")]
#[track_caller]
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    let sleep = with("timeout", |core| Sleep::lasting(core, duration));
    Timeout::new(future.into_future(), sleep)
}

/// Runs a future with a deadline (asyncio: `timeout_at`). See [`timeout`], which takes a duration.
///
/// # Cancel safety
/// If third-party code drops the `Timeout` (`select!` drops the arms that lose), the future is
/// dropped, and no clean-up runs that has to await.
///
/// # Errors
/// [`Elapsed`] if the deadline came first.
///
/// # Panics
/// Outside of a runtime.
#[doc(alias = "fail_at")]
#[doc(alias = "move_on_at")]
#[track_caller]
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    Timeout::new(future.into_future(), sleep_until(deadline))
}

pin_project! {
    /// The future of [`timeout`] and [`timeout_at`].
    ///
    /// # Panics
    /// If it is polled again after it was ready.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct Timeout<F> {
        #[pin]
        scoped: Scoped<F>,
        sleep: Sleep,
        // Whether the timeout was cancelled. A catch point or shield inside received that.
        is_expired: bool,
    }
}

impl<F> Timeout<F> {
    /// Returns the deadline; `None` if it is further in the future than an `Instant` can represent.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.sleep.deadline()
    }
}

impl<F: Future> Timeout<F> {
    fn new(future: F, sleep: Sleep) -> Self {
        Self {
            scoped: Scoped::new(future),
            sleep,
            is_expired: false,
        }
    }

    /// Cancels the future, which is pending, if the deadline has passed. `refused` is how often the
    /// task was refused a step before the poll, if it had none left.
    fn poll_deadline(
        self: Pin<&mut Self>,
        refused: Option<i64>,
        cx: &mut Context<'_>,
    ) -> Poll<Box<Cut>> {
        let this = self.project();
        if *this.is_expired || !this.scoped.is_running() {
            return Poll::Pending;
        }
        if refused.is_some_and(|refused| refused < budget::refusals()) {
            // The future may be ready, but the task had no steps left to find out. It is polled
            // again with new ones, and wins then.
            return Poll::Pending;
        }
        if poll_due(this.sleep, cx).is_pending() || with("timeout", Core::is_outer_ending) {
            return Poll::Pending;
        }
        *this.is_expired = true;
        let expired = Cancelled::new(Reason::Timeout, None);
        this.scoped.cancel(expired, cx.waker())
    }
}

/// Ready if the deadline has passed. Otherwise registers a timer for it.
fn poll_due(sleep: &mut Sleep, cx: &mut Context<'_>) -> Poll<()> {
    if sleep.is_past() {
        return Poll::Ready(());
    }
    Pin::new(sleep).poll(cx)
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.as_mut().project();
        let refused = budget::refusals_of_spent();
        let kind = ScopeKind::Timeout(this.sleep.nanos());
        // A value is returned before anything else is asked (bench `timeout_ready`).
        let cut = match this.scoped.as_mut().poll(cx, kind) {
            Poll::Ready(Ending::Value(output)) => return Poll::Ready(Ok(output)),
            Poll::Ready(Ending::Cut(cut)) => cut,
            Poll::Pending => ready!(self.as_mut().poll_deadline(refused, cx)),
        };
        if cut.own && cut.outer.is_none() {
            return Poll::Ready(Err(Elapsed(())));
        }
        let from_further_out = cut.outer.unwrap_or(cut.by);
        self.project().scoped.resume(from_further_out, cx.waker())
    }
}
