//! [`wait()`]: which tasks are done, which are pending. It cancels nothing. Floor: F4.

use super::joinable::Joinable;
use super::watch::{Deadline, Watch};
use crate::time::{Sleep, sleep};
use pin_project_lite::pin_project;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Waits for tasks and gives their handles back, sorted into done and pending.
///
/// It waits until all have ended, unless told otherwise by [`first_completed`](Wait::first_completed),
/// [`first_failed`](Wait::first_failed) or [`until`](Wait::until); [`timeout`](Wait::timeout) bounds it in any case.
/// It takes any iterator of `JoinHandle<T>`s, or of `&mut JoinHandle<T>`s where the handles are to stay where they are.
/// With nothing to wait for it returns at once, whatever the condition.
///
/// It never cancels: pending tasks go on running. asyncio calls this `wait`, with `return_when=`; there, waiting for
/// nothing is an error.
///
/// # Cancel safety
///
/// Cancelling or dropping it leaves the tasks running, though awaiting would own them; results that were not
/// fetched are lost with the handles that were passed by value.
///
/// # Panics
///
/// Polling it again after its end panics.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use wheelhouse::{sleep, spawn, testing, wait};
///
/// testing::run(async { // on virtual time, so that the order is the same each time
///     let mut tasks: Vec<_> = [30, 10, 20].map(|ms| spawn(async move {
///         sleep(Duration::from_millis(ms)).await;
///         ms
///     })).into();
///     let waited = wait(&mut tasks).first_completed().await;
///     assert_eq!((waited.done.len(), waited.pending.len()), (1, 2));
///
///     let mut order = Vec::new();
///     for task in wait(tasks).await.done {
///         order.push(task.await.unwrap());
///     }
///     assert_eq!(order, [10, 20, 30]);
/// });
/// ```
pub fn wait<I>(handles: I) -> Wait<I::Item>
where
    I: IntoIterator,
    I::Item: Joinable,
{
    Wait {
        watch: Watch::new(handles, AllCompleted),
        deadline: Deadline::Never,
    }
}

pin_project! {
    /// The future of [`wait()`](super::wait()); `M` says when it is over.
    #[must_use = "futures do nothing unless awaited"]
    pub struct Wait<H: Joinable, M = AllCompleted> {
        watch: Watch<H, M>,
        #[pin]
        deadline: Deadline<Sleep>,
    }
}

/// The handles that a [`Wait`] gives back.
#[derive(Debug)]
#[non_exhaustive]
pub struct Waited<H> {
    /// The tasks that have ended, in the order in which they did.
    ///
    /// Those that had ended before the wait began come first, in argument order.
    pub done: Vec<H>,
    /// The tasks that go on running, in argument order.
    pub pending: Vec<H>,
}

impl<H: Joinable> Wait<H> {
    /// Returns as soon as one task has ended, however it did.
    pub fn first_completed(self) -> Wait<H, FirstCompleted> {
        self.with(FirstCompleted)
    }

    /// Returns as soon as one task has ended with a `JoinError` (it panicked or was cancelled), or when all have ended.
    ///
    /// A task that gave an `Err` of its own did not fail in this sense: that is its output. asyncio calls this
    /// `FIRST_EXCEPTION`.
    pub fn first_failed(self) -> Wait<H, FirstFailed> {
        self.with(FirstFailed)
    }

    /// Returns as soon as `pred` says so, or when all have ended.
    ///
    /// It is asked once for each task that ends, in the order in which they do, and not again after it said `true`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use wheelhouse::{run, spawn, wait};
    /// # run(async {
    /// # let votes: Vec<_> = (0..5).map(|n| spawn(async move { n })).collect();
    /// let quorum = wait(votes).until(|so_far| so_far.done().len() >= 3).await;
    /// assert!(quorum.done.len() >= 3);
    /// # });
    /// ```
    pub fn until<P>(self, pred: P) -> Wait<H, Until<P>>
    where
        P: FnMut(&Progress<'_, H>) -> bool,
    {
        self.with(Until(pred))
    }

    /// The same wait, over when `condition` is met.
    fn with<M>(self, condition: M) -> Wait<H, M> {
        Wait {
            watch: self.watch.with(condition),
            deadline: self.deadline,
        }
    }
}

impl<H: Joinable, M> Wait<H, M> {
    /// Returns after `delay` in any case, counted from the first poll. Nothing is cancelled then.
    ///
    /// The tasks are looked at before the clock: with a delay of zero, those that have ended are found done.
    pub fn timeout(mut self, delay: Duration) -> Self {
        self.deadline = Deadline::After { delay };
        self
    }
}

impl<H: Joinable, M: Condition<H>> Future for Wait<H, M> {
    type Output = Waited<H>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Waited<H>> {
        let mut this = self.project();
        assert!(
            !this.watch.has_ended(),
            "`wait` was polled again after it had ended"
        );
        let over =
            this.watch.poll(cx).is_ready() || this.deadline.as_mut().poll(cx, sleep).is_ready();
        if !over {
            return Poll::Pending;
        }
        this.deadline.set(Deadline::Never);
        Poll::Ready(this.watch.finish())
    }
}

impl<H: Joinable, M> fmt::Debug for Wait<H, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (handles, done) = self.watch.counts();
        f.debug_struct("Wait")
            .field("handles", &handles)
            .field("done", &done)
            .finish_non_exhaustive()
    }
}

/// What a condition is told: how far the wait has come.
pub struct Progress<'a, H> {
    /// The tasks that have ended.
    done: &'a [H],
    /// How many have not.
    pending: usize,
    /// How many of `done` ended with a `JoinError`.
    failed: usize,
}

impl<'a, H> Progress<'a, H> {
    /// The state of a wait.
    pub(super) fn new(done: &'a [H], pending: usize, failed: usize) -> Self {
        Self {
            done,
            pending,
            failed,
        }
    }

    /// Gives the handles of the tasks that have ended, in the order in which they did; the last one has just done so.
    #[must_use]
    pub fn done(&self) -> &'a [H] {
        self.done
    }

    /// Counts the tasks that have not ended.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending
    }

    /// Counts the tasks that ended with a `JoinError`.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.failed
    }
}

impl<H> fmt::Debug for Progress<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Progress");
        f.field("done", &self.done.len())
            .field("pending", &self.pending)
            .field("failed", &self.failed)
            .finish()
    }
}

/// When a [`Wait`] is over before all tasks have ended.
///
/// The four kinds are made by the methods of [`Wait`]; the trait cannot be implemented outside this crate.
pub trait Condition<H>: sealed::Sealed {
    /// Whether it is over now that one more task has ended.
    #[doc(hidden)]
    fn is_met(&mut self, progress: &Progress<'_, H>) -> bool;
}

/// Not before all tasks have ended: what [`wait()`](super::wait()) does by itself.
#[derive(Debug)]
pub struct AllCompleted;

/// As soon as one task has ended: [`Wait::first_completed`].
#[derive(Debug)]
pub struct FirstCompleted;

/// As soon as one task has ended with a `JoinError`: [`Wait::first_failed`].
#[derive(Debug)]
pub struct FirstFailed;

/// As soon as a closure says so: [`Wait::until`].
pub struct Until<P>(P);

impl<P> fmt::Debug for Until<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Until").finish_non_exhaustive()
    }
}

impl<H> Condition<H> for AllCompleted {
    fn is_met(&mut self, _: &Progress<'_, H>) -> bool {
        false
    }
}

impl<H> Condition<H> for FirstCompleted {
    fn is_met(&mut self, _: &Progress<'_, H>) -> bool {
        true
    }
}

impl<H> Condition<H> for FirstFailed {
    fn is_met(&mut self, progress: &Progress<'_, H>) -> bool {
        progress.failed > 0
    }
}

impl<H, P: FnMut(&Progress<'_, H>) -> bool> Condition<H> for Until<P> {
    fn is_met(&mut self, progress: &Progress<'_, H>) -> bool {
        (self.0)(progress)
    }
}

/// Who may implement [`Condition`].
mod sealed {
    /// Implemented for the four kinds.
    pub trait Sealed {}
    impl Sealed for super::AllCompleted {}
    impl Sealed for super::FirstCompleted {}
    impl Sealed for super::FirstFailed {}
    impl<P> Sealed for super::Until<P> {}
}
