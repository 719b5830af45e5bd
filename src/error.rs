//! Every public error of the crate. Floor 0: pure values, no runtime.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::util::{Id, as_error};

/// Why something was cancelled.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Somebody called `cancel()` or `cancel_with(message)`; the message, where there was one.
    Explicit(Option<Arc<str>>),
    /// A deadline passed.
    Timeout,
    /// Another member of the same group, or another branch of the same gather, failed.
    SiblingFailed,
    /// The group it belongs to was cancelled.
    GroupCancelled,
    /// The runtime is shutting down, or has ended.
    Shutdown,
    /// The program was interrupted from the terminal.
    CtrlC,
    /// Whoever awaited the task has gone: a handle that had been awaited was dropped before the task ended.
    AwaiterGone,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Explicit(Some(message)) => message,
            Self::Explicit(None) => "cancel was called",
            Self::Timeout => "the time was up",
            Self::SiblingFailed => "a sibling failed",
            Self::GroupCancelled => "the group was cancelled",
            Self::Shutdown => "the runtime is shutting down",
            Self::CtrlC => "interrupted",
            Self::AwaiterGone => "the awaiter has gone",
        })
    }
}

/// A cancellation: the value that travels where asyncio raises `CancelledError`.
///
/// It says [why](Cancelled::reason) and, where a task asked for it, [who](Cancelled::by). Cloning is cheap.
/// [`catch_cancel`](crate::catch_cancel) gives it to whoever cleans up, [`resume`](Cancelled::resume) passes it on.
#[doc(alias = "CancelledError")]
#[derive(Clone, thiserror::Error)]
#[error("cancelled: {}", .0.reason)]
pub struct Cancelled(Arc<Cancellation>);

/// What all clones of one [`Cancelled`] share.
#[derive(Debug)]
struct Cancellation {
    /// Why.
    reason: Reason,
    /// The task that asked, if one did.
    by: Option<Id>,
    /// The one that began it, where this one only passes that on.
    origin: Option<Cancelled>,
}

impl Cancelled {
    /// A new cancellation.
    pub(crate) fn new(reason: Reason, by: Option<Id>) -> Self {
        let origin = None;
        Self(Arc::new(Cancellation { reason, by, origin }))
    }

    /// One for a task whose awaiter has gone, for the sake of `cause` if that was cancelled.
    pub(crate) fn awaiter_gone(by: Option<Id>, cause: Option<&Self>) -> Self {
        Self(Arc::new(Cancellation {
            reason: Reason::AwaiterGone,
            by,
            origin: cause.map(|cause| cause.origin().clone()),
        }))
    }

    /// Tells why the cancellation was asked for (asyncio: the `args` of the exception).
    #[must_use]
    pub fn reason(&self) -> &Reason {
        &self.0.reason
    }

    /// True when both are clones of one cancellation.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// A cancellation that says the same and is another one: for who sends on what is not its own, and keeps the two apart.
    pub(crate) fn renewed(&self) -> Self {
        Self(Arc::new(Cancellation {
            reason: self.0.reason.clone(),
            by: self.0.by,
            origin: Some(self.origin().clone()),
        }))
    }

    /// The one that began it.
    fn origin(&self) -> &Self {
        self.0.origin.as_ref().unwrap_or(self)
    }

    /// True when both pass on the same one, or are it.
    pub(crate) fn has_origin_of(&self, other: &Self) -> bool {
        self.origin().is_same(other.origin())
    }

    /// Names the task that asked for it: the one that called `cancel`, that failed, or that was awaiting.
    ///
    /// `None` when no task did: a deadline or the end of the runtime, code outside of any task, another thread.
    #[must_use]
    pub fn by(&self) -> Option<Id> {
        self.0.by
    }
}

impl fmt::Debug for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancelled")
            .field("reason", &self.0.reason)
            .field("by", &self.0.by)
            .finish()
    }
}

/// A panic that ended a task, caught so that only its awaiter hears of it.
pub struct Panic {
    /// What `panic!` carried. The mutex only makes a `Send` payload `Sync`; the outer box keeps
    /// [`JoinError`], for which every task has room, at two words.
    payload: Box<Mutex<Box<dyn Any + Send>>>,
}

impl Panic {
    /// Keeps what a caught panic carried.
    pub(crate) fn new(payload: Box<dyn Any + Send>) -> Self {
        Self {
            payload: Box::new(Mutex::new(payload)),
        }
    }

    /// Gives the panic's message, where it carried text (as `panic!("...")` does).
    #[must_use]
    pub fn message(&self) -> Option<String> {
        let payload = self.payload.lock().unwrap_or_else(PoisonError::into_inner);
        text(&**payload).map(str::to_owned)
    }

    /// Gives what the panic carried.
    #[must_use]
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        self.payload
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the panic go on in the calling task, without running the panic hook again.
    ///
    /// # Panics
    /// Always: that is what it is for.
    pub fn resume(self) -> ! {
        std::panic::resume_unwind(self.into_payload())
    }
}

/// The text of a panic's payload, if it carried text.
fn text(payload: &(dyn Any + Send)) -> Option<&str> {
    match payload.downcast_ref::<&'static str>() {
        Some(text) => Some(text),
        None => payload.downcast_ref::<String>().map(String::as_str),
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Panic")
            .field("message", &self.message())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message() {
            Some(message) => write!(f, "panicked: {message}"),
            None => f.write_str("panicked with a value that is not text"),
        }
    }
}

/// Why a task gave no value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The task was cancelled, and nothing in it swallowed the cancellation.
    #[error("the task was {0}")]
    Cancelled(Cancelled),
    /// The task panicked.
    #[error("the task {0}")]
    Panicked(Panic),
    /// The task is a group's child and ended with an error, which went to the group.
    #[error("the task failed, and its error went to its group")]
    Failed,
}

impl JoinError {
    /// Tells whether the task was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled(_))
    }

    /// Tells whether the task panicked.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        matches!(self, Self::Panicked(_))
    }
}

/// How a [`task_group`](crate::task_group) ended that did not give its value (asyncio: `ExceptionGroup`).
///
/// A panic of a member is none of these: it goes on in the task that awaits the group.
#[doc(alias = "ExceptionGroup")]
#[derive(Debug)]
#[non_exhaustive]
pub enum GroupError<E> {
    /// A child or the body ended with an error; the others were cancelled for it.
    Failed {
        /// The error that came first.
        first: E,
        /// What other members failed with while they ended, in the order in which it came.
        others: Vec<E>,
    },
    /// The group was cancelled from inside, by `cancel`, and its body was cut down.
    Cancelled(Cancelled),
}

impl<E> GroupError<E> {
    /// Goes through the errors, the first one first; there are none in a group that was cancelled.
    pub fn errors(&self) -> impl Iterator<Item = &E> {
        let (first, others) = match self {
            Self::Failed { first, others } => (Some(first), others.as_slice()),
            Self::Cancelled(_) => (None, [].as_slice()),
        };
        first.into_iter().chain(others)
    }

    /// Returns the error that came first; `None` from a group that was cancelled.
    ///
    /// # Examples
    /// ```
    /// use wheelhouse::task_group;
    ///
    /// async fn fetch_all() -> Result<(), String> {
    ///     let outcome = task_group(async |g| {
    ///         g.spawn(async { Err::<(), _>("no such page".to_owned()) });
    ///         Ok(())
    ///     });
    ///     outcome.await.map_err(|error| error.into_first().unwrap_or_else(|| "stopped".into()))
    /// }
    ///
    /// assert_eq!(wheelhouse::run(fetch_all()).unwrap_err(), "no such page");
    /// ```
    #[must_use]
    pub fn into_first(self) -> Option<E> {
        match self {
            Self::Failed { first, .. } => Some(first),
            Self::Cancelled(_) => None,
        }
    }

    /// Tells whether the group was cancelled, and nobody failed.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled(_))
    }
}

impl<E: fmt::Display> fmt::Display for GroupError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { first, others } if others.is_empty() => {
                write!(f, "a member of the group failed: {first}")
            }
            Self::Failed { first, others } => {
                let count = others.len() + 1;
                write!(f, "{count} members of the group failed, the first: {first}")
            }
            Self::Cancelled(cancelled) => write!(f, "the group was {cancelled}"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display + 'static> std::error::Error for GroupError<E> {
    /// Returns the error that came first, as one that prints like it.
    ///
    /// That holds for any type of error, those that are no `Error` themselves included (`anyhow::Error`,
    /// `Box<dyn Error>`, `String`). So the value itself cannot be had here by a downcast, except that of
    /// a boxed error and an `io::Error`: [`into_first`](GroupError::into_first) gives it.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Failed { first, .. } => Some(as_error(first)),
            Self::Cancelled(_) => None,
        }
    }
}

/// The time given to [`timeout`](crate::timeout) or [`timeout_at`](crate::timeout_at) was up.
#[doc(alias = "TimeoutError")]
#[doc(alias = "TooSlowError")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the time was up before the future was done")]
pub struct Elapsed(pub(crate) ());

/// The error of a wait at a [`Barrier`](crate::sync::Barrier) that was reset or aborted (asyncio: `BrokenBarrierError`).
#[doc(alias = "BrokenBarrierError")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum BrokenBarrier {
    /// The barrier was reset during the wait.
    #[error("the barrier was reset while somebody waited at it")]
    Reset,
    /// The barrier was aborted, and not reset since.
    #[error("the barrier is broken: it was aborted")]
    Aborted,
}

/// The error of adding more permits to a [`Semaphore`](crate::sync::Semaphore) than its bound allows (asyncio: the `ValueError` of `BoundedSemaphore.release`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the semaphore may have {bound} permits, and has {total} that are free or held: {added} more are too many"
)]
pub struct TooManyPermits {
    /// How many it may have.
    pub(crate) bound: usize,
    /// How many it has.
    pub(crate) total: usize,
    /// How many more it was given.
    pub(crate) added: usize,
}

/// There is no runtime on this thread at this moment.
///
/// The `try_` forms give it where the plain forms panic: a library can then fall back or report.
#[doc(alias = "TryCurrentError")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no wheelhouse runtime is running on this thread: call this from inside `wheelhouse::run(..)` or `Runtime::block_on(..)`"
)]
pub struct NoRuntime(pub(crate) ());

/// The error of waiting for an item or value of a closed queue or channel (asyncio: `QueueShutDown`).
///
/// A channel is closed when its other side was dropped, a queue when [`close`](crate::sync::OrderedQueue::close) or [`close_now`](crate::sync::OrderedQueue::close_now) was called.
#[doc(alias = "QueueShutDown")]
#[doc(alias = "RecvError")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("closed")]
pub struct Closed(pub(crate) ());

/// The error of putting or sending an item into a closed queue or channel, with the item.
#[doc(alias = "SendError")]
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("closed, and the item was not delivered")]
pub struct Undelivered<T>(pub T);

impl<T> fmt::Debug for Undelivered<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Undelivered").finish_non_exhaustive()
    }
}

/// The error of putting or sending an item without waiting, with the item.
#[doc(alias = "QueueFull")]
#[doc(alias = "TrySendError")]
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
pub enum PutError<T> {
    /// The queue or channel is full (asyncio: `QueueFull`).
    #[error("full")]
    Full(T),
    /// The queue or channel is closed (asyncio: `QueueShutDown`).
    #[error("closed")]
    Closed(T),
}

impl<T> PutError<T> {
    /// Returns the item.
    #[must_use]
    pub fn into_item(self) -> T {
        match self {
            Self::Full(item) | Self::Closed(item) => item,
        }
    }
}

impl<T> fmt::Debug for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Full(_) => "Full",
            Self::Closed(_) => "Closed",
        };
        f.debug_tuple(name).finish_non_exhaustive()
    }
}

/// The error of taking an item without waiting.
#[doc(alias = "QueueEmpty")]
#[doc(alias = "TryRecvError")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GetError {
    /// The queue or channel is empty (asyncio: `QueueEmpty`).
    #[error("empty")]
    Empty,
    /// The queue or channel is closed and empty (asyncio: `QueueShutDown`).
    #[error("closed")]
    Closed,
}

/// The error of [`recv`](crate::sync::broadcast::Receiver::recv) on a [`broadcast`](crate::sync::broadcast()).
#[doc(alias = "RecvError")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BroadcastError {
    /// The receiver was too slow, and this many items were overwritten; it continues with the oldest that is left.
    #[error("lagging: {0} items were lost")]
    Lagged(u64),
    /// All senders were dropped, and all items were received.
    #[error("closed")]
    Closed,
}

/// The error of [`try_recv`](crate::sync::broadcast::Receiver::try_recv) on a [`broadcast`](crate::sync::broadcast()).
#[doc(alias = "TryRecvError")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TryBroadcastError {
    /// There is no item now.
    #[error("empty")]
    Empty,
    /// The receiver was too slow, and this many items were overwritten; it continues with the oldest that is left.
    #[error("lagging: {0} items were lost")]
    Lagged(u64),
    /// All senders were dropped, and all items were received.
    #[error("closed")]
    Closed,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cross_thread<T: Send + Sync + std::error::Error + 'static>() {}

    #[test]
    fn errors_travel_between_threads() {
        cross_thread::<JoinError>();
        cross_thread::<Cancelled>();
        cross_thread::<Elapsed>();
        cross_thread::<NoRuntime>();
        cross_thread::<BrokenBarrier>();
        cross_thread::<TooManyPermits>();
    }

    #[test]
    fn a_join_error_is_two_words() {
        assert_eq!(size_of::<JoinError>(), 2 * size_of::<usize>());
    }

    #[test]
    fn messages_read_as_sentences() {
        let cancelled = Cancelled::new(Reason::Explicit(Some("enough".into())), None);
        assert_eq!(
            JoinError::Cancelled(cancelled).to_string(),
            "the task was cancelled: enough"
        );
        let panic = Panic::new(Box::new("boom"));
        assert_eq!(panic.message().as_deref(), Some("boom"));
        assert_eq!(
            JoinError::Panicked(panic).to_string(),
            "the task panicked: boom"
        );
    }
}
