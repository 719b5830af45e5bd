//! [`wait()`]: waits for tasks and cancels nothing.

use super::joinable::Joinable;
use super::progress::{Progress, ReturnWhen, Waited};
use super::watch::{Deadline, Watch};
use crate::time::{Sleep, sleep};
use crate::util::budget;
use pin_project_lite::pin_project;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Waits for tasks and returns their handles, sorted into done and pending (asyncio: `wait`).
///
/// By default it waits until all tasks have ended. [`first_completed`](Wait::first_completed),
/// [`first_failed`](Wait::first_failed) and [`until`](Wait::until) make it return earlier (asyncio:
/// `return_when=`); [`timeout`](Wait::timeout) bounds it in any case. It never cancels a task:
/// pending tasks continue to run.
///
/// It takes any iterator of `JoinHandle<T>`s, or of `&mut JoinHandle<T>`s to keep the handles where
/// they are. With nothing to wait for it returns at once (in asyncio this is an error).
///
/// # Cancel safety
///
/// The tasks continue to run when it is cancelled or dropped, unlike those of a handle that is
/// awaited directly. Handles that were passed by value are dropped, and the results of their tasks
/// with them.
///
/// # Panics
///
/// If it is polled after it has completed.
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
#[doc(alias = "return_when")]
#[doc(alias = "select")]
pub fn wait<I>(handles: I) -> Wait<I::Item>
where
    I: IntoIterator,
    I::Item: Joinable,
{
    Wait {
        watch: Watch::new(handles, ReturnWhen::AllCompleted),
        deadline: Deadline::Never,
    }
}

pin_project! {
    /// The future of [`wait()`](super::wait()). `P` is the type of its predicate, if
    /// [`until`](Wait::until) gave it one.
    #[must_use = "futures do nothing unless awaited"]
    pub struct Wait<H: Joinable, P = fn(&Progress<'_, H>) -> bool> {
        watch: Watch<H, P>,
        #[pin]
        deadline: Deadline<Sleep>,
    }
}

impl<H: Joinable> Wait<H> {
    /// Returns as soon as one task has ended, however it did (asyncio: `FIRST_COMPLETED`).
    #[doc(alias = "FIRST_COMPLETED")]
    #[doc(alias = "select")]
    #[doc(alias = "select!")]
    pub fn first_completed(self) -> Wait<H> {
        self.returning(ReturnWhen::FirstCompleted)
    }

    /// Returns as soon as one task has ended with a `JoinError` (it panicked or was cancelled), or
    /// when all have ended.
    ///
    /// A task whose output is an `Err` has not failed in this sense. asyncio calls this
    /// `FIRST_EXCEPTION`.
    #[doc(alias = "FIRST_EXCEPTION")]
    pub fn first_failed(self) -> Wait<H> {
        self.returning(ReturnWhen::FirstFailed)
    }

    /// Returns as soon as `predicate` returns `true`, or when all tasks have ended.
    ///
    /// The predicate is called once for each task that ends, in the order in which they do, and not
    /// again after it returned `true`.
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
    pub fn until<P>(self, predicate: P) -> Wait<H, P>
    where
        P: FnMut(&Progress<'_, H>) -> bool,
    {
        self.returning(ReturnWhen::Until(predicate))
    }

    /// The same wait with another condition.
    fn returning<P>(self, when: ReturnWhen<P>) -> Wait<H, P> {
        Wait {
            watch: self.watch.returning(when),
            deadline: self.deadline,
        }
    }
}

impl<H: Joinable, P> Wait<H, P> {
    /// Returns after `delay` in any case, counted from the first poll. No task is cancelled then.
    ///
    /// The tasks are checked before the clock: with a delay of zero, the wait returns those that
    /// have ended.
    pub fn timeout(mut self, delay: Duration) -> Self {
        self.deadline = Deadline::After { delay };
        self
    }
}

impl<H: Joinable, P: FnMut(&Progress<'_, H>) -> bool> Future for Wait<H, P> {
    type Output = Waited<H>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Waited<H>> {
        let mut this = self.project();
        assert!(
            !this.watch.has_ended(),
            "`wait` was polled again after it had ended"
        );
        budget::counted(cx, |cx| {
            let over =
                this.watch.poll(cx).is_ready() || this.deadline.as_mut().poll(cx, sleep).is_ready();
            if !over {
                return Poll::Pending;
            }
            this.deadline.set(Deadline::Never);
            Poll::Ready(this.watch.finish())
        })
    }
}

impl<H: Joinable, P> fmt::Debug for Wait<H, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (handles, done) = self.watch.counts();
        f.debug_struct("Wait")
            .field("handles", &handles)
            .field("done", &done)
            .finish_non_exhaustive()
    }
}
