//! A future that gives way to other tasks once.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::runtime::OwnTurn;

/// Gives way to the other ready tasks once (asyncio: `sleep(0)`).
///
/// The task goes to the back of the run queue. This works under any executor.
///
/// # Cancel safety
/// Dropping the future loses nothing.
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
    YieldNow { own_turn: None }
}

/// The future of [`yield_now`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct YieldNow {
    /// `Some` from the first poll on.
    own_turn: Option<OwnTurn>,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(own_turn) = &mut self.own_turn {
            // A poll that only carries the turn of a group's child does not count.
            if !own_turn.is_passed_over() {
                return Poll::Ready(());
            }
        } else {
            self.own_turn = Some(OwnTurn::default());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
