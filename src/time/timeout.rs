//! Giving a future a deadline.
//!
//! ```text
//!   running ─┬─ inner ready ────────────────────────────────────────▶ Ok
//!            ├─ the time is up, nobody inside catches ─────────────┐
//!            └─ the time is up, somebody does: expired ─┐          │
//!        ┌──────────────────────────────────────────────┘          ▼
//!   expired ─┬─ inner ready after all (C12) ──────────▶ Ok       cut: inner is dropped, the tasks that it was
//!            └─ our cancellation comes out of inner ────────────▶  │  awaiting are cancelled and waited for (C21)
//!                                                                  ├─▶ Err(Elapsed)
//!                    one from further out was inside, too (C13) ───└─▶ that one goes on outwards
//! ```
//!
//! Where a scope around it is about to end at the same moment, it leaves that to the outer one, and
//! stays running (C27).
//!
//! A timeout is a scope that is opened in the tree only if something inside opens a catch point.

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

/// Runs a future for at most a time (asyncio: `wait_for`, `timeout`).
///
/// The time counts from this call. A future that is ready when it is polled wins over a deadline
/// that has passed, so `timeout(Duration::ZERO, future)` polls it once at least. A deadline that is
/// zero or past cancels it at its first suspension.
///
/// Of scopes that end at one moment the outermost wins: where the deadline of a timeout around this
/// one is up, too, or the task was cancelled, the code after this timeout does not run.
///
/// When the time is up, the future is cancelled as a task would be, with [`Reason::Timeout`]: a
/// [`catch_cancel`](crate::catch_cancel) inside it cleans up first, a [`shield`](crate::shield) inside it holds the end off, so
/// `Elapsed` may come late. If nothing inside catches, or what catches resumes, the future is dropped. If the code inside
/// swallows the cancellation and gives a value, that is the result.
///
/// The cancellation of a scope around it goes through a timeout, and is not turned into `Elapsed`. That holds if the
/// deadline comes later, too: a timeout whose inside has caught one from further out, and is then cut off, sends that
/// one on. Of several it sends the one from furthest out, and of those from one scope the latest: an earlier one may have
/// been swallowed since.
///
/// A `JoinHandle` that is given away is dropped with the future: its task is cancelled, and waited for. `&mut handle`
/// leaves the task alone.
///
/// # Cancel safety
/// Foreign code that drops it (`select!`) drops the future, whose catch points do not run.
///
/// # Errors
/// [`Elapsed`] when the time was up first.
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
        place: ScopeHandle::default(),
        sleep,
        stage: Stage::Running,
    }
}

/// Runs a future until a moment at most (asyncio: `timeout_at`); see [`timeout`].
///
/// # Cancel safety
/// Foreign code that drops it (`select!`) drops the future, whose catch points do not run.
///
/// # Errors
/// [`Elapsed`] when the moment came first.
///
/// # Panics
/// Outside of a runtime.
#[doc(alias = "fail_at")]
#[doc(alias = "move_on_at")]
#[track_caller]
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    Timeout {
        future: Some(future.into_future()),
        place: ScopeHandle::default(),
        sleep: sleep_until(deadline),
        stage: Stage::Running,
    }
}

pin_project! {
    /// The future of [`timeout`] and [`timeout_at`].
    ///
    /// # Panics
    /// When it is polled after it was done.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct Timeout<F> {
        // Before the place, so that it is dropped before that closes.
        #[pin]
        future: Option<F>,
        place: ScopeHandle,
        sleep: Sleep,
        stage: Stage,
    }
}

/// How far a timeout has come.
#[derive(Debug)]
enum Stage {
    /// The time is not up.
    Running,
    /// It is, and the code inside deals with that.
    Expired,
    /// The future was dropped; the tasks that it was awaiting are waited for.
    Cut(PendingJoins),
    /// It sent a cancellation on outwards, and waits to be dropped.
    Passed(Outgoing),
}

impl<F> Timeout<F> {
    /// Tells when the time is up; `None` when that is further off than the clock can show.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.sleep.deadline()
    }
}

impl<F: Future> Timeout<F> {
    /// Polls the future; `None` when it has to be cut off.
    fn poll_inside(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Option<Poll<F::Output>> {
        let mut this = self.project();
        let place = this.place;
        let inner = this.future.as_mut().as_pin_mut();
        let inner = inner.expect("a timeout was polled after it was done");
        place.visit(cx.waker());
        let refused = budget::refusals_of_spent();
        let lazy = Unopened::Scope(this.sleep.nanos());
        if let Poll::Ready(output) = place.inside_unopened(lazy, cx.waker(), || inner.poll(cx)) {
            place.inside(|| this.future.set(None));
            place.close();
            return Some(Poll::Ready(output));
        }
        if place.has_arrived() {
            return None;
        }
        if refused.is_some_and(|refused| refused < budget::refusals()) {
            // It might have been ready, had the task not used up its steps before: it is polled again
            // when it has new ones, and wins then.
            return Some(Poll::Pending);
        }
        let is_running = matches!(this.stage, Stage::Running);
        if !is_running || !is_due(this.sleep, cx) || with("timeout", Core::is_outer_ending) {
            return Some(Poll::Pending);
        }
        *this.stage = Stage::Expired;
        let caught = place.cancel(&Cancelled::new(Reason::Timeout, None));
        caught.then_some(Poll::Pending)
    }

    /// Drops the future.
    fn cut(self: Pin<&mut Self>, waker: &Waker) {
        let mut this = self.project();
        let place = this.place;
        let expired = || Cancelled::new(Reason::Timeout, None);
        let cancelled = place.pending().unwrap_or_else(expired);
        let wait = PendingJoins::of(&cancelled, || place.inside(|| this.future.set(None)));
        place.visit(waker);
        *this.stage = Stage::Cut(wait);
    }

    /// Ends, or sends on what must not end here.
    fn end(self: Pin<&mut Self>, waker: &Waker) -> Poll<Result<F::Output, Elapsed>> {
        let this = self.project();
        let foreign = this
            .place
            .arrived()
            .filter(|arrived| !this.place.owns(arrived));
        let outer = this.place.outer().or(foreign);
        this.place.close();
        match outer {
            None => {
                // Its future is gone: another poll panics.
                *this.stage = Stage::Running;
                Poll::Ready(Err(Elapsed(())))
            }
            Some(cancelled) => {
                let outgoing = with("timeout", |core| core.resume(cancelled, waker));
                *this.stage = Stage::Passed(outgoing);
                Poll::Pending
            }
        }
    }
}

/// Returns `true` if the time is up; has the task polled at that moment otherwise.
fn is_due(sleep: &mut Sleep, cx: &mut Context<'_>) -> bool {
    sleep.is_past() || Pin::new(sleep).poll(cx).is_ready()
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if matches!(self.stage, Stage::Running | Stage::Expired) {
            if let Some(polled) = self.as_mut().poll_inside(cx) {
                return polled.map(Ok);
            }
            self.as_mut().cut(cx.waker());
        }
        match self.as_mut().project().stage {
            Stage::Cut(wait) => {
                ready!(wait.poll(cx.waker()));
                self.end(cx.waker())
            }
            Stage::Passed(outgoing) => outgoing.poll(),
            Stage::Running | Stage::Expired => Poll::Pending,
        }
    }
}
