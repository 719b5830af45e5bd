//! A cancellation and its reason.

use std::fmt;
use std::sync::Arc;

use crate::util::Id;

/// The reason of a cancellation: see [`Cancelled::reason`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// `cancel` was called, or `cancel_with` with this message.
    Explicit(Option<Arc<str>>),
    /// A deadline passed.
    Timeout,
    /// Another member of the same group, or another branch of the same gather, failed.
    SiblingFailed,
    /// The group of the task was cancelled.
    GroupCancelled,
    /// The runtime is shutting down, or has ended.
    Shutdown,
    /// The program was interrupted: see
    /// [`Builder::cancel_on_ctrl_c`](crate::Builder::cancel_on_ctrl_c).
    CtrlC,
    /// The awaiter of the task is gone: the handle was awaited, and dropped before the task ended.
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
///
/// # Examples
/// ```
/// use wheelhouse::{catch_cancel, spawn, yield_now};
///
/// wheelhouse::run(async {
///     let task = spawn(async {
///         if let Err(cancelled) = catch_cancel(std::future::pending::<()>()).await {
///             println!("cleaning up: {}", cancelled.reason());
///             cancelled.resume().await // the task ends as cancelled
///         }
///     });
///     yield_now().await;
///     task.cancel_with("enough");
///     let error = task.await.unwrap_err();
///     assert_eq!(error.to_string(), "the task was cancelled: enough");
/// });
/// ```
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
