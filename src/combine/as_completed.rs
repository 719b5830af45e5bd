//! [`as_completed()`]: outputs in the order in which they come.

use super::join_all::JoinAll;
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

/// Runs futures of one type side by side, and returns a stream of their outputs, each as soon as it
/// is ready (asyncio: `as_completed`).
///
/// It takes an iterator of any `IntoFuture`. Nothing is spawned, so the futures may borrow. They
/// begin with the first poll of the stream, and run only while it is polled. Outputs of one round
/// come in the order of the wakes, in the first round in argument order.
///
/// The stream yields the outputs themselves, where asyncio's iterator yields awaitables.
///
/// # Cancel safety
///
/// When `next` is cancelled, the futures are cancelled and clean up, as in
/// [`gather()`](super::gather()); then the cancellation propagates, and the stream has ended.
/// Between two calls of `next` the futures are not polled, and a cancellation does not reach them:
/// they are dropped with the stream, without clean-up, and so are outputs that were not taken.
///
/// # Panics
///
/// If a future panics: the others are cancelled and clean up, then the panic propagates out of the
/// poll. Outputs that were not taken by then are dropped, and the stream has ended.
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
        join_all: JoinAll::new(List::new(futures)),
        arrived: VecDeque::new(),
    }
}

/// The stream of [`as_completed()`](super::as_completed()).
#[must_use = "streams do nothing unless polled"]
pub struct AsCompleted<F: Future> {
    /// The futures, and the outputs that were not returned yet.
    join_all: JoinAll<List<F>>,
    /// The indices of these outputs, in the order in which they came.
    arrived: VecDeque<usize>,
}

impl<F: Future> AsCompleted<F> {
    /// Waits for the next output; `None` when all were returned.
    ///
    /// # Cancel safety
    ///
    /// Dropping this future loses nothing: an output that is ready stays in the stream. For the
    /// effect of a cancellation on the futures, see [`as_completed()`](super::as_completed()).
    ///
    /// # Panics
    ///
    /// As [`as_completed()`](super::as_completed()).
    pub async fn next(&mut self) -> Option<F::Output> {
        let in_next = InNext(self);
        poll_fn(|cx| budget::counted(cx, |cx| in_next.0.poll_output(cx))).await
    }

    /// Returns the number of outputs that were not returned yet.
    #[must_use]
    pub fn len(&self) -> usize {
        if self.join_all.has_ended() {
            return self.arrived.len();
        }
        let (_, left) = self.join_all.counts();
        self.arrived.len() + left
    }

    /// Returns `true` if all outputs were returned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the next output; if there is none, polls the futures that were woken.
    fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        if self.arrived.is_empty() && !self.join_all.has_ended() {
            self.poll_futures(cx);
        }
        if self.join_all.is_propagating() {
            // A cancellation propagates: the stream must not return to the code around it.
            return self.join_all.nursery().wait_to_be_dropped();
        }
        match self.arrived.pop_front() {
            Some(index) => Poll::Ready(Some(Pin::new(&mut self.join_all).set().at(index).take())),
            None if self.join_all.has_ended() => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    /// Polls the futures that were woken, and records those that have ended. A panic of a future
    /// drops the outputs and clears the record; so does a cancellation that propagates. If the
    /// parent's waker panics, outputs and record stay.
    fn poll_futures(&mut self, cx: &mut Context<'_>) {
        let Self { join_all, arrived } = self;
        let mut join_all = Pin::new(join_all);
        let polled = caught(|| {
            join_all.as_mut().poll(cx, |_, index| {
                arrived.push_back(index);
                ControlFlow::Continue(())
            })
        });
        if join_all.is_propagating() || (polled.is_err() && join_all.has_ended()) {
            arrived.clear();
        }
        if let Err(panic) = polled {
            resume_unwind(panic);
        }
    }
}

/// Marks a stream inside `next`. On drop it suspends the scope: no poll follows that would deliver
/// a cancellation to the futures.
struct InNext<'a, F: Future>(&'a mut AsCompleted<F>);

impl<F: Future> Drop for InNext<'_, F> {
    fn drop(&mut self) {
        let nursery = self.0.join_all.nursery();
        nursery.suspend();
        nursery.forget_propagating();
    }
}

impl<F: Future> Stream for AsCompleted<F> {
    type Item = F::Output;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        let polled = budget::counted(cx, |cx| self.poll_output(cx));
        if polled.is_ready() {
            self.join_all.nursery().suspend();
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
