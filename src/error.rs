//! The public errors of the crate: plain values, which know no runtime. Layer 0.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::util::{Id, as_error};

/// The reason of a cancellation: see [`Cancelled::reason`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// `cancel()` or `cancel_with(message)` was called; the message, if there is one.
    Explicit(Option<Arc<str>>),
    /// A deadline passed.
    Timeout,
    /// Another member of the same group, or another branch of the same gather, failed.
    SiblingFailed,
    /// The group of the task was cancelled.
    GroupCancelled,
    /// The runtime is shutting down, or has ended.
    Shutdown,
    /// The program was interrupted from the terminal.
    CtrlC,
    /// The task's handle had been awaited and was dropped before the task ended.
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

/// A cancellation (asyncio: `CancelledError`).
///
/// [`catch_cancel`](crate::catch_cancel) returns it to code that cleans up, and
/// [`resume`](Cancelled::resume) lets it propagate. It contains the [reason](Cancelled::reason) and
/// the [task](Cancelled::by) that caused it, if a task did. Cloning is cheap.
#[doc(alias = "CancelledError")]
#[derive(Clone, thiserror::Error)]
#[error("cancelled: {}", .0.reason)]
pub struct Cancelled(Arc<Cancellation>);

/// The data that all clones of a [`Cancelled`] share.
#[derive(Debug)]
struct Cancellation {
    reason: Reason,
    /// The task that caused it, if a task did.
    by: Option<Id>,
    /// The first cancellation of the chain, if this one was caused by another one.
    origin: Option<Cancelled>,
}

impl Cancelled {
    /// Creates a cancellation that no other one has caused.
    pub(crate) fn new(reason: Reason, by: Option<Id>) -> Self {
        let origin = None;
        Self(Arc::new(Cancellation { reason, by, origin }))
    }

    /// Creates the cancellation of a task whose awaiter is gone. `cause` is the cancellation of the
    /// awaiter, if it was cancelled.
    pub(crate) fn awaiter_gone(by: Option<Id>, cause: Option<&Self>) -> Self {
        Self(Arc::new(Cancellation {
            reason: Reason::AwaiterGone,
            by,
            origin: cause.map(|cause| cause.origin().clone()),
        }))
    }

    /// Returns the reason of the cancellation (asyncio: the `args` of the exception).
    #[must_use]
    pub fn reason(&self) -> &Reason {
        &self.0.reason
    }

    /// Returns `true` if both are clones of one cancellation.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Creates another cancellation with the same content and origin, for code that passes a
    /// cancellation on and has to distinguish the two.
    pub(crate) fn renewed(&self) -> Self {
        Self(Arc::new(Cancellation {
            reason: self.0.reason.clone(),
            by: self.0.by,
            origin: Some(self.origin().clone()),
        }))
    }

    /// Returns the first cancellation of the chain.
    fn origin(&self) -> &Self {
        self.0.origin.as_ref().unwrap_or(self)
    }

    /// Returns `true` if both have the same origin.
    pub(crate) fn has_origin_of(&self, other: &Self) -> bool {
        self.origin().is_same(other.origin())
    }

    /// Returns the task that caused the cancellation: the one that called `cancel`, that failed, or
    /// that had awaited.
    ///
    /// `None` if no task caused it, but a deadline, the end of the runtime, code outside of any
    /// task or another thread.
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

/// A panic that ended a task. The task that awaits it gets the panic as an error:
/// [`JoinError::Panicked`].
pub struct Panic {
    /// The payload of the panic. The mutex makes a `Send` payload `Sync`. The outer box limits
    /// [`JoinError`], which is a part of every task, to two words.
    payload: Box<Mutex<Box<dyn Any + Send>>>,
}

impl Panic {
    /// Stores the payload of a caught panic.
    pub(crate) fn new(payload: Box<dyn Any + Send>) -> Self {
        Self {
            payload: Box::new(Mutex::new(payload)),
        }
    }

    /// Returns the panic's message, if its payload is text (as that of `panic!("...")` is).
    #[must_use]
    pub fn message(&self) -> Option<String> {
        let payload = self.payload.lock().unwrap_or_else(PoisonError::into_inner);
        text(&**payload).map(str::to_owned)
    }

    /// Returns the payload of the panic.
    #[must_use]
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        self.payload
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Resumes the panic in the calling task, without running the panic hook again.
    ///
    /// # Panics
    /// Always.
    pub fn resume(self) -> ! {
        std::panic::resume_unwind(self.into_payload())
    }
}

/// Returns the payload of a panic as text, if it is text.
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

/// The error of awaiting a task that returned no value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The task was cancelled, and did not catch the cancellation.
    #[error("the task was {0}")]
    Cancelled(Cancelled),
    /// The task panicked.
    #[error("the task {0}")]
    Panicked(Panic),
    /// The task is a child of a group and returned an error, which the group has.
    #[error("the task failed, and its error went to its group")]
    Failed,
}

impl JoinError {
    /// Returns `true` if the task was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled(_))
    }

    /// Returns `true` if the task panicked.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        matches!(self, Self::Panicked(_))
    }
}

/// The error of a [`task_group`](crate::task_group) that returned no value (asyncio:
/// `ExceptionGroup`).
///
/// A panic of a child or the body is not such an error: it propagates in the task that awaits the
/// group.
#[doc(alias = "ExceptionGroup")]
#[derive(Debug)]
#[non_exhaustive]
pub enum GroupError<E> {
    /// A child or the body returned an error, and the others were cancelled for that.
    Failed {
        /// The first error.
        first: E,
        /// The later errors of other members, in the order in which they were returned.
        others: Vec<E>,
    },
    /// The group was cancelled by its `cancel`, and its body did not return.
    Cancelled(Cancelled),
}

impl<E> GroupError<E> {
    /// Returns an iterator over the errors, the first one first. A group that was cancelled has
    /// none.
    pub fn errors(&self) -> impl Iterator<Item = &E> {
        let (first, others) = match self {
            Self::Failed { first, others } => (Some(first), others.as_slice()),
            Self::Cancelled(_) => (None, [].as_slice()),
        };
        first.into_iter().chain(others)
    }

    /// Returns the first error; `None` if the group was cancelled.
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

    /// Returns `true` if the group was cancelled and no member failed.
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
    /// Returns an error that prints like the first one.
    ///
    /// `E` need not implement `Error` (as `anyhow::Error`, `Box<dyn Error>` and `String` do not).
    /// So a downcast of the result to `E` fails, except for boxed errors and `io::Error`.
    /// [`into_first`](GroupError::into_first) returns the error itself.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Failed { first, .. } => Some(as_error(first)),
            Self::Cancelled(_) => None,
        }
    }
}

/// The error of [`timeout`](crate::timeout) and [`timeout_at`](crate::timeout_at) when the deadline
/// passed before the future was ready.
#[doc(alias = "TimeoutError")]
#[doc(alias = "TooSlowError")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the time was up before the future was done")]
pub struct Elapsed(pub(crate) ());

/// The error of a wait at a [`Barrier`](crate::sync::Barrier) that was reset or aborted (asyncio:
/// `BrokenBarrierError`).
#[doc(alias = "BrokenBarrierError")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum BrokenBarrier {
    /// The barrier was reset during the wait.
    #[error("the barrier was reset during the wait")]
    Reset,
    /// The barrier was aborted, and not reset since.
    #[error("the barrier is broken: it was aborted")]
    Aborted,
}

/// The error of adding more permits to a [`Semaphore`](crate::sync::Semaphore) than its bound
/// allows (asyncio: the `ValueError` of `BoundedSemaphore.release`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the semaphore may have {bound} permits, and has {total} that are free or held: {added} more are too many"
)]
pub struct TooManyPermits {
    pub(crate) bound: usize,
    /// The number of permits before, free and held.
    pub(crate) total: usize,
    /// The number of permits to add.
    pub(crate) added: usize,
}

/// The error of a function that needs a runtime, on a thread that runs none.
///
/// The functions that begin with `try_` return it where the others panic, so that a library can use
/// a fallback or report the error.
#[doc(alias = "TryCurrentError")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no wheelhouse runtime is running on this thread: call this from inside `wheelhouse::run(..)` or `Runtime::block_on(..)`"
)]
pub struct NoRuntime(pub(crate) ());

/// The error of waiting for an item or value of a closed queue or channel (asyncio:
/// `QueueShutDown`).
///
/// A channel is closed when its other side is dropped, a queue by
/// [`close`](crate::sync::OrderedQueue::close) or
/// [`close_now`](crate::sync::OrderedQueue::close_now).
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

/// The error of [`recv`](crate::sync::broadcast::Receiver::recv) of a
/// [`broadcast`](crate::sync::broadcast()).
#[doc(alias = "RecvError")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BroadcastError {
    /// The receiver was too slow, and this many items were overwritten. It continues with the
    /// oldest item that is left.
    #[error("lagging: {0} items were lost")]
    Lagged(u64),
    /// All senders were dropped, and all items were received.
    #[error("closed")]
    Closed,
}

/// The error of [`try_recv`](crate::sync::broadcast::Receiver::try_recv) of a
/// [`broadcast`](crate::sync::broadcast()).
#[doc(alias = "TryRecvError")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TryBroadcastError {
    /// There is no item at the moment.
    #[error("empty")]
    Empty,
    /// The receiver was too slow, and this many items were overwritten. It continues with the
    /// oldest item that is left.
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
