//! `timeout` and `timeout_at`: a deadline for a future.
//!
//! ```text
//!   Running ─┬─ inner is ready ───────────────────────────────▶ Ok
//!            ├─ expired, a catch point inside: Expired ─┐
//!            └─ expired, no catch point: cut ───────────┼──┐
//!                                                       │  │
//!   Expired ◀───────────────────────────────────────────┘  │
//!     ├─ inner is ready after all (C12) ─────────▶ Ok      │
//!     └─ a cancellation leaves inner: cut ──┐              │
//!                                           ▼              ▼
//!   Cut: inner is dropped, its awaited tasks are cancelled and have ended (C21)
//!     └─ end ─┬─ the cancellation is the timeout's own ─▶ Err(Elapsed)
//!             └─ one from further out is inside (C13) ──▶ Passed: resumed
//! ```
//!
//! If a scope around the timeout is about to end, too, the timeout stays running and leaves the end
//! to that one (C27).
//!
//! A timeout is opened in the tree of scopes only if the code inside opens a catch point or another
//! node.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use super::{Sleep, sleep_until};
use crate::error::{Cancelled, Elapsed, Reason};
use crate::runtime::{Core, Outgoing, PendingJoins, ScopeHandle, with};
use crate::scope::Unopened;
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
    Timeout {
        future: Some(future.into_future()),
        scope: ScopeHandle::default(),
        sleep,
        stage: TimeoutStage::Running,
    }
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
    Timeout {
        future: Some(future.into_future()),
        scope: ScopeHandle::default(),
        sleep: sleep_until(deadline),
        stage: TimeoutStage::Running,
    }
}

pin_project! {
    /// The future of [`timeout`] and [`timeout_at`].
    ///
    /// # Panics
    /// If it is polled again after it was ready.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct Timeout<F> {
        // Declared before the scope, so that it is dropped before that closes.
        #[pin]
        future: Option<F>,
        scope: ScopeHandle,
        sleep: Sleep,
        stage: TimeoutStage,
    }
}

/// The state of a timeout.
#[derive(Debug)]
enum TimeoutStage {
    /// The deadline has not passed, or a scope further out is about to end.
    Running,
    /// The timeout was cancelled, and a catch point or shield inside received that.
    Expired,
    /// The future was dropped. The tasks that it was awaiting have to end.
    Cut(PendingJoins),
    /// A cancellation from further out was resumed. The timeout waits to be dropped.
    Passed(Outgoing),
}

impl<F> Timeout<F> {
    /// Returns the deadline; `None` if it is further in the future than an `Instant` can represent.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.sleep.deadline()
    }
}

impl<F: Future> Timeout<F> {
    /// Polls the future. Returns `None` if the future has to be dropped.
    fn poll_inside(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Option<Poll<F::Output>> {
        let mut this = self.project();
        let scope = this.scope;
        let inner = this.future.as_mut().as_pin_mut();
        let inner = inner.expect("a timeout was polled after it was done");
        scope.visit(cx.waker());
        let refused = budget::refusals_of_spent();
        let unopened = Unopened::Scope(this.sleep.nanos());
        if let Poll::Ready(output) = scope.inside_unopened(unopened, cx.waker(), || inner.poll(cx))
        {
            scope.inside(|| this.future.set(None));
            scope.close();
            return Some(Poll::Ready(output));
        }
        if scope.has_arrived() {
            return None;
        }
        if refused.is_some_and(|refused| refused < budget::refusals()) {
            // The future may be ready, but the task had no steps left to find out. It is polled
            // again with new ones, and wins then.
            return Some(Poll::Pending);
        }
        let is_running = matches!(this.stage, TimeoutStage::Running);
        if !is_running || !is_due(this.sleep, cx) || with("timeout", Core::is_outer_ending) {
            return Some(Poll::Pending);
        }
        *this.stage = TimeoutStage::Expired;
        let caught = scope.cancel(&Cancelled::new(Reason::Timeout, None));
        caught.then_some(Poll::Pending)
    }

    /// Drops the future, and begins to wait for the tasks that it was awaiting.
    fn cut(self: Pin<&mut Self>, waker: &Waker) {
        let mut this = self.project();
        let scope = this.scope;
        let expired = || Cancelled::new(Reason::Timeout, None);
        let cancelled = scope.pending().unwrap_or_else(expired);
        let wait = PendingJoins::of(&cancelled, || scope.inside(|| this.future.set(None)));
        scope.visit(waker);
        *this.stage = TimeoutStage::Cut(wait);
    }

    /// Returns `Elapsed`, or resumes a cancellation from further out.
    fn end(self: Pin<&mut Self>, waker: &Waker) -> Poll<Result<F::Output, Elapsed>> {
        let this = self.project();
        let not_own = this
            .scope
            .arrived()
            .filter(|arrived| !this.scope.owns(arrived));
        let outer = this.scope.outer().or(not_own);
        this.scope.close();
        match outer {
            None => {
                // The future is gone, so another poll panics.
                *this.stage = TimeoutStage::Running;
                Poll::Ready(Err(Elapsed(())))
            }
            Some(cancelled) => {
                let outgoing = with("timeout", |core| core.resume(cancelled, waker));
                *this.stage = TimeoutStage::Passed(outgoing);
                Poll::Pending
            }
        }
    }
}

/// Returns `true` if the deadline has passed. Otherwise registers a timer for it.
fn is_due(sleep: &mut Sleep, cx: &mut Context<'_>) -> bool {
    sleep.is_past() || Pin::new(sleep).poll(cx).is_ready()
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if matches!(self.stage, TimeoutStage::Running | TimeoutStage::Expired) {
            if let Some(polled) = self.as_mut().poll_inside(cx) {
                return polled.map(Ok);
            }
            self.as_mut().cut(cx.waker());
        }
        match self.as_mut().project().stage {
            TimeoutStage::Cut(wait) => {
                ready!(wait.poll(cx.waker()));
                self.end(cx.waker())
            }
            TimeoutStage::Passed(outgoing) => outgoing.poll(),
            TimeoutStage::Running | TimeoutStage::Expired => Poll::Pending,
        }
    }
}
