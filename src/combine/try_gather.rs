//! [`try_gather()`]: all values, or the first error.

use super::Branches;
use super::join_all::JoinAll;
use super::slot::TrySet;
use pin_project_lite::pin_project;
use std::fmt;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Runs several futures of `Result`s side by side, and returns all values, or the first error.
///
/// It takes the same arguments as [`gather()`](super::gather()); every output is a `Result` with
/// the same error type. The values are returned in argument order. When a future fails, the others
/// are cancelled; those that wait in a [`catch_cancel`](crate::catch_cancel) clean up; when all
/// have ended, the error is returned. (asyncio's `gather` leaves the others running.)
///
/// # Cancel safety
///
/// As [`gather()`](super::gather()): every branch is cancelled and cleans up, then the cancellation
/// propagates, even if a branch has failed meanwhile. If the `try_gather` itself is dropped, by
/// `select!` for example, the futures and their values are dropped with it, without clean-up.
///
/// # Errors
///
/// The error of the future that failed first; of several that fail in the same round, the one that
/// was woken first.
///
/// # Panics
///
/// If a future panics: the others are cancelled and clean up, then the panic propagates. If it is
/// polled after it has completed.
///
/// # Examples
///
/// ```
/// use wheelhouse::{run, try_gather, yield_now};
///
/// async fn parse(text: &str) -> Result<u32, std::num::ParseIntError> {
///     yield_now().await;
///     text.parse()
/// }
///
/// run(async {
///     let (a, b) = try_gather((parse("3"), parse("7"))).await?;
///     assert_eq!(a + b, 10);
///
///     let outcome = try_gather(vec![parse("1"), parse("one"), parse("11")]).await;
///     assert!(outcome.is_err());
///     # Ok::<(), std::num::ParseIntError>(())
/// }).unwrap();
/// ```
#[doc(alias = "try_join")]
#[doc(alias = "try_join!")]
#[doc(alias = "try_join_all")]
pub fn try_gather<B>(branches: B) -> TryGather<B>
where
    B: Branches,
    B::Set: TrySet,
{
    TryGather {
        join_all: JoinAll::new(branches.into_set()),
        error: None,
    }
}

pin_project! {
    /// The future of [`try_gather()`](super::try_gather()).
    #[must_use = "futures do nothing unless awaited"]
    pub struct TryGather<B: Branches>
    where
        B::Set: TrySet,
    {
        #[pin]
        join_all: JoinAll<B::Set>,
        // Of the future that failed first, while the others end.
        error: Option<Error<B>>,
    }
}

impl<B: Branches> TryGather<B>
where
    B::Set: TrySet,
{
    /// Bounds how many futures run at once: the next one begins when one has ended.
    ///
    /// # Panics
    ///
    /// If `limit` is 0.
    pub fn limit(mut self, limit: usize) -> Self {
        self.join_all.set_limit("try_gather", limit);
        self
    }
}

/// All values of the branches, in argument order.
type Values<B> = <<B as Branches>::Set as TrySet>::Values;
/// What the branches fail with.
type Error<B> = <<B as Branches>::Set as TrySet>::Error;

impl<B> Future for TryGather<B>
where
    B: Branches,
    B::Set: TrySet,
{
    type Output = Result<Values<B>, Error<B>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut join_all = this.join_all;
        assert!(
            join_all.is_propagating() || !join_all.has_ended(),
            "`try_gather` was polled again after it had ended"
        );
        let error = this.error;
        let ended = ready!(join_all.as_mut().poll(cx, |set, index| {
            *error = set.take_error(index);
            match error {
                Some(_) => ControlFlow::Break(()),
                None => ControlFlow::Continue(()),
            }
        }));
        Poll::Ready(match (ended, error.take()) {
            (ControlFlow::Break(()), Some(error)) => Err(error),
            _ => Ok(join_all.into_set().take_values()),
        })
    }
}

impl<B: Branches> fmt::Debug for TryGather<B>
where
    B::Set: TrySet,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (futures, left) = self.join_all.counts();
        f.debug_struct("TryGather")
            .field("futures", &futures)
            .field("left", &left)
            .finish()
    }
}
