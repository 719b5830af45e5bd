//! Giving a future a deadline.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use super::{Sleep, sleep_until};
use crate::error::Elapsed;
use crate::runtime::with;

/// Runs a future for at most a time (asyncio: `wait_for`, `timeout`).
///
/// The time counts from this call. A future that is ready when it is polled wins over a deadline that has passed, so
/// `timeout(Duration::ZERO, future)` polls it once at least. When the time is up the future is dropped.
///
/// A `JoinHandle` that is given away is dropped with it, and its task is cancelled; `&mut handle` leaves the task
/// alone.
///
/// # Cancel safety
/// Dropping it drops the future.
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
#[track_caller]
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    let sleep = with("timeout", |core| Sleep::lasting(core, duration));
    Timeout {
        future: Some(future.into_future()),
        sleep,
    }
}

/// Runs a future until a moment at most; see [`timeout`].
///
/// # Cancel safety
/// Dropping it drops the future.
///
/// # Errors
/// [`Elapsed`] when the moment came first.
///
/// # Panics
/// Outside of a runtime.
#[track_caller]
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    Timeout {
        future: Some(future.into_future()),
        sleep: sleep_until(deadline),
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
        #[pin]
        future: Option<F>,
        sleep: Sleep,
    }
}

impl<F> Timeout<F> {
    /// When the time is up; `None` when that is further off than the clock can show.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.sleep.deadline()
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let future = this
            .future
            .as_mut()
            .as_pin_mut()
            .expect("a timeout was polled after it was done");
        let result = match future.poll(cx) {
            Poll::Ready(output) => Ok(output),
            Poll::Pending => {
                std::task::ready!(Pin::new(this.sleep).poll(cx));
                Err(Elapsed(()))
            }
        };
        this.future.set(None);
        Poll::Ready(result)
    }
}
