//! The errors of awaiting a task or a group.

use std::any::Any;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::Cancelled;
use crate::util::{as_error, text_of};

/// The panic that ended a task, as a part of [`JoinError::Panicked`].
///
/// # Examples
/// ```
/// use wheelhouse::{JoinError, spawn};
///
/// wheelhouse::run(async {
///     match spawn(async { panic!("on purpose") }).await {
///         Err(JoinError::Panicked(panic)) => {
///             assert_eq!(panic.message().as_deref(), Some("on purpose"));
///             // or: panic.resume()
///         }
///         other => unreachable!("{other:?}"),
///     }
/// });
/// ```
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
        text_of(&**payload).map(str::to_owned)
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

/// The error of awaiting a task that ended without a value.
///
/// # Examples
/// ```
/// use wheelhouse::{JoinError, spawn};
///
/// wheelhouse::run(async {
///     let task = spawn(std::future::pending::<()>());
///     task.cancel_with("no longer needed");
///     let error = task.await.unwrap_err();
///     assert_eq!(error.to_string(), "the task was cancelled: no longer needed");
///     assert!(matches!(error, JoinError::Cancelled(_)));
/// });
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The task was cancelled, and did not swallow the cancellation.
    #[error("the task was {0}")]
    Cancelled(Cancelled),
    /// The task panicked.
    #[error("the task {0}")]
    Panicked(Panic),
    /// The task is a child of a group and returned an error. The group has the error: see
    /// [`GroupError`].
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

/// The error of a [`task_group`](crate::task_group) that ended without a value (asyncio:
/// `ExceptionGroup`).
///
/// If a child or the body panics, there is no such error: the panic propagates in the task that
/// awaits the group.
#[doc(alias = "ExceptionGroup")]
#[derive(Debug)]
#[non_exhaustive]
pub enum GroupError<E> {
    /// A child or the body returned an error. The other members were cancelled.
    Failed {
        /// The first error.
        first: E,
        /// The later errors of other members, in the order in which they were returned.
        others: Vec<E>,
    },
    /// The group was cancelled by [`TaskGroup::cancel`](crate::TaskGroup::cancel), and its body did
    /// not return.
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
