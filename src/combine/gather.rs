//! [`gather()`]: all outputs, in argument order. Not a way to stop early, which is `try_gather`. Floor: F4.

use super::Branches;
use super::crew::Crew;
use super::slot::Set;
use pin_project_lite::pin_project;
use std::fmt;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Runs several futures side by side in the calling task and gives all their outputs, in argument order.
///
/// It takes a tuple of up to 12 futures and gives a tuple, an array and gives an array, or a `Vec` and gives a `Vec`.
/// Anything `IntoFuture` will do, a `JoinHandle` too. Nothing is spawned, so the futures may borrow from the caller;
/// and nothing is polled before the first await. Gathering nothing gives the empty result at once.
///
/// asyncio calls this `gather`; with `Result`s as outputs it is asyncio's `return_exceptions=True`: each result is
/// delivered, failed or not. To stop at the first failure use [`try_gather()`](super::try_gather()).
///
/// # Cancel safety
///
/// When it is cancelled, every branch is: those in which a [`catch_cancel`](crate::catch_cancel) waits clean up side by
/// side, the others are dropped; when all are gone, the cancellation goes on outwards, also if branches swallowed it, and
/// the outputs are lost. (asyncio's `gather` lets go when the first branch has ended.)
/// Foreign code that drops it (`select!`) drops the futures that have not ended and the outputs of those that have.
///
/// # Panics
///
/// A panic of one future goes on out of the await, after the others were cancelled and have cleaned up. Polling it
/// again after its end panics.
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
        crew: Crew::new(branches.into_set()),
    }
}

pin_project! {
    /// The future of [`gather()`](super::gather()).
    #[must_use = "futures do nothing unless awaited"]
    pub struct Gather<B: Branches> {
        #[pin]
        crew: Crew<B::Set>,
    }
}

impl<B: Branches> Gather<B> {
    /// Bounds how many of the futures run at once: the next one begins when one has ended.
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
        self.crew.set_limit("gather", limit);
        self
    }
}

impl<B: Branches> Future for Gather<B> {
    type Output = B::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<B::Output> {
        let mut crew = self.project().crew;
        assert!(
            crew.has_passed() || !crew.has_ended(),
            "`gather` was polled again after it had ended"
        );
        let ended = ready!(crew.as_mut().poll(cx, |_, _| ControlFlow::Continue(())));
        debug_assert!(ended.is_continue(), "nobody breaks it off");
        Poll::Ready(crew.disband().take())
    }
}

impl<B: Branches> fmt::Debug for Gather<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (futures, left) = self.crew.counts();
        f.debug_struct("Gather")
            .field("futures", &futures)
            .field("left", &left)
            .finish()
    }
}
