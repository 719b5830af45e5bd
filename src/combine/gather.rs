//! [`gather()`]: all outputs, in argument order.

use super::Branches;
use super::join_all::JoinAll;
use super::slot::Set;
use pin_project_lite::pin_project;
use std::fmt;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Runs several futures side by side in the calling task, and returns all outputs in argument order
/// (asyncio: `gather`).
///
/// A tuple of up to 12 futures returns a tuple, an array returns an array, a `Vec` returns a `Vec`.
/// Any `IntoFuture` is accepted, also a `JoinHandle`. Nothing is spawned, so the futures may borrow
/// from the caller, and nothing is polled before the first await. Without futures it returns at
/// once.
///
/// With `Result`s as outputs it behaves as asyncio's `return_exceptions=True`: every result is
/// returned. To stop at the first failure use [`try_gather()`](super::try_gather()).
///
/// # Cancel safety
///
/// When it is cancelled, every branch is. Branches that wait in a
/// [`catch_cancel`](crate::catch_cancel) clean up side by side, the others are dropped. When all
/// have ended, the cancellation propagates, even if branches swallowed it, and the outputs are
/// lost. (asyncio's `gather` returns when the first branch has ended.)
///
/// If the `gather` itself is dropped, by `select!` for example, the futures and their outputs are
/// dropped with it, without clean-up.
///
/// # Panics
///
/// If a future panics: the others are cancelled and clean up, then the panic propagates. If it is
/// polled after it has completed.
///
/// # Examples
///
/// ```
/// use wheelhouse::{gather, run, yield_now};
///
/// run(async {
///     let name = String::from("wheel");
///     let (length, shout) = gather((
///         async {
///             yield_now().await;
///             name.len()
///         },
///         async { name.to_uppercase() },
///     ))
///     .await;
///     assert_eq!((length, shout.as_str()), (5, "WHEEL"));
///
///     let squares: Vec<_> = (1..=3).map(|n| async move { n * n }).collect();
///     assert_eq!(gather(squares).await, [1, 4, 9]);
/// });
/// ```
#[doc(alias = "join")]
#[doc(alias = "join!")]
#[doc(alias = "join_all")]
pub fn gather<B: Branches>(branches: B) -> Gather<B> {
    Gather {
        join_all: JoinAll::new(branches.into_set()),
    }
}

pin_project! {
    /// The future of [`gather()`](super::gather()).
    #[must_use = "futures do nothing unless awaited"]
    pub struct Gather<B: Branches> {
        #[pin]
        join_all: JoinAll<B::Set>,
    }
}

impl<B: Branches> Gather<B> {
    /// Bounds how many futures run at once: the next one begins when one has ended.
    ///
    /// # Panics
    ///
    /// If `limit` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// # use wheelhouse::{gather, run, yield_now};
    /// # run(async {
    /// let pages: Vec<_> = (0..100).map(|n| async move { yield_now().await; n }).collect();
    /// let all = gather(pages).limit(8).await;
    /// assert_eq!(all.len(), 100);
    /// # });
    /// ```
    #[doc(alias = "buffer_unordered")]
    pub fn limit(mut self, limit: usize) -> Self {
        self.join_all.set_limit("gather", limit);
        self
    }
}

impl<B: Branches> Future for Gather<B> {
    type Output = B::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<B::Output> {
        let mut join_all = self.project().join_all;
        assert!(
            join_all.is_propagating() || !join_all.has_ended(),
            "`gather` was polled again after it had ended"
        );
        let ended = ready!(join_all.as_mut().poll(cx, |_, _| ControlFlow::Continue(())));
        debug_assert!(ended.is_continue(), "the step never breaks");
        Poll::Ready(join_all.into_set().take())
    }
}

impl<B: Branches> fmt::Debug for Gather<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (futures, left) = self.join_all.counts();
        f.debug_struct("Gather")
            .field("futures", &futures)
            .field("left", &left)
            .finish()
    }
}
