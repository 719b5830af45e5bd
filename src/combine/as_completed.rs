//! [`as_completed()`]: outputs in the order in which they come. Floor: F4.

use super::crew::Crew;
use super::list::List;
use crate::util::{budget, caught};
use futures_core::{FusedStream, Stream};
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Runs futures of one type side by side and streams their outputs, each as soon as it is there.
///
/// It takes an iterator of anything `IntoFuture`. Nothing is spawned, so the futures may borrow; they run while the
/// stream is being polled, and all begin with the first poll. Outputs that come in the same round keep the order of the
/// wakes; in the first round, argument order.
///
/// asyncio calls this `as_completed`, and yields awaitables; here the stream yields the outputs themselves.
///
/// # Cancel safety
///
/// When `next` is cancelled, the futures are, and clean up, as in [`gather()`](super::gather()); then the cancellation goes on
/// outwards, and the stream is over. While nobody is in `next` they are not polled, so a cancellation does not reach them: like dropping the stream,
/// it drops the futures that have not ended and the outputs that were not fetched.
///
/// # Panics
///
/// A panic of one future goes on out of the poll, after the others were cancelled and have cleaned up. Outputs that were
/// not fetched by then are dropped, and the stream is over.
///
/// # Examples
///
/// ```
/// use wheelhouse::{as_completed, run, yield_now};
///
/// run(async {
///     let mut races = as_completed([3, 1, 2].map(|laps| async move {
///         for _ in 0..laps {
///             yield_now().await;
///         }
///         laps
///     }));
///     let mut order = Vec::new();
///     while let Some(laps) = races.next().await {
///         order.push(laps);
///     }
///     assert_eq!(order, [1, 2, 3]);
/// });
/// ```
#[doc(alias = "FuturesUnordered")]
#[doc(alias = "JoinSet")]
pub fn as_completed<I>(futures: I) -> AsCompleted<<I::Item as IntoFuture>::IntoFuture>
where
    I: IntoIterator,
    I::Item: IntoFuture,
{
    AsCompleted {
        crew: Crew::new(List::new(futures)),
        arrived: VecDeque::new(),
    }
}

/// The stream of [`as_completed()`](super::as_completed()).
#[must_use = "streams do nothing unless polled"]
pub struct AsCompleted<F: Future> {
    /// The futures, and the outputs that wait to be fetched.
    crew: Crew<List<F>>,
    /// Which futures those outputs belong to, in the order in which they came.
    arrived: VecDeque<usize>,
}

impl<F: Future> AsCompleted<F> {
    /// Waits for the next output; `None` when all were fetched.
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses nothing: an output that has come stays in the stream. For what a cancellation does to the futures,
    /// see [`as_completed()`](super::as_completed()).
    ///
    /// # Panics
    ///
    /// As [`as_completed()`](super::as_completed()).
    pub async fn next(&mut self) -> Option<F::Output> {
        let watched = Watched(self);
        poll_fn(|cx| budget::counted(cx, |cx| watched.0.poll_output(cx))).await
    }

    /// Counts the outputs that are still to be fetched.
    #[must_use]
    pub fn len(&self) -> usize {
        if self.crew.has_ended() {
            return self.arrived.len();
        }
        let (_, left) = self.crew.counts();
        self.arrived.len() + left
    }

    /// Tells whether all outputs were fetched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fetches an output; if none is there, polls the futures that were woken.
    fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        if self.arrived.is_empty() && !self.crew.has_ended() {
            self.poll_futures(cx);
        }
        if self.crew.has_passed() {
            // The cancellation is on its way outwards: the code around must not go on.
            return self.crew.wait_to_be_dropped();
        }
        match self.arrived.pop_front() {
            Some(index) => Poll::Ready(Some(Pin::new(&mut self.crew).set().at(index).take())),
            None if self.crew.has_ended() => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    /// Polls the futures that were woken, and notes who has ended. A panic of a future drops the outputs, and the notes with them;
    /// so does a cancellation that goes on outwards. The parent's waker, too, may panic: then the notes stay.
    fn poll_futures(&mut self, cx: &mut Context<'_>) {
        let Self { crew, arrived } = self;
        let mut crew = Pin::new(crew);
        let polled = caught(|| {
            crew.as_mut().poll(cx, |_, index| {
                arrived.push_back(index);
                ControlFlow::Continue(())
            })
        });
        if crew.has_passed() || (polled.is_err() && crew.has_ended()) {
            arrived.clear();
        }
        if let Err(panic) = polled {
            resume_unwind(panic);
        }
    }
}

/// Somebody waits in `next`. When that is over, what is delivered to the futures would not be heard.
struct Watched<'a, F: Future>(&'a mut AsCompleted<F>);

impl<F: Future> Drop for Watched<'_, F> {
    fn drop(&mut self) {
        self.0.crew.set_aside();
        self.0.crew.be_over();
    }
}

impl<F: Future> Stream for AsCompleted<F> {
    type Item = F::Output;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        let polled = budget::counted(cx, |cx| self.poll_output(cx));
        if polled.is_ready() {
            self.crew.set_aside();
        }
        polled
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

impl<F: Future> FusedStream for AsCompleted<F> {
    fn is_terminated(&self) -> bool {
        self.is_empty()
    }
}

impl<F: Future> fmt::Debug for AsCompleted<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted")
            .field("left", &self.len())
            .finish()
    }
}
