//! Giving way once.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Gives way to the other tasks once (asyncio writes `sleep(0)`).
///
/// The task goes to the back of the run queue. Works under any executor.
///
/// # Cancel safety
/// Nothing is lost.
///
/// # Examples
/// ```
/// wheelhouse::run(async {
///     let other = wheelhouse::spawn(async {});
///     wheelhouse::yield_now().await;
///     assert!(other.is_finished());
/// });
/// ```
#[doc(alias = "checkpoint")]
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false }
}

/// The future of [`yield_now`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct YieldNow {
    /// True after the first poll.
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
