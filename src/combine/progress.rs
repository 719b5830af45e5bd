//! How far a [`Wait`](super::Wait) has come, and what it returns.

use std::fmt;

/// The handles that a [`Wait`](super::Wait) returns.
#[derive(Debug)]
#[non_exhaustive]
pub struct Waited<H> {
    /// The tasks that have ended, in the order in which they did.
    ///
    /// Those that had ended before the wait began come first, in argument order.
    pub done: Vec<H>,
    /// The tasks that continue to run, in argument order.
    pub pending: Vec<H>,
}

/// When a [`Wait`](super::Wait) returns; in any case when all tasks have ended.
pub(super) enum ReturnWhen<P> {
    /// Not before all tasks have ended.
    AllCompleted,
    /// As soon as one task has ended.
    FirstCompleted,
    /// As soon as one task has ended with a `JoinError`.
    FirstFailed,
    /// As soon as the predicate holds.
    Until(P),
}

impl<P> ReturnWhen<P> {
    /// Returns `true` if the wait is over after one more task has ended.
    pub(super) fn is_met<H>(&mut self, progress: &Progress<'_, H>) -> bool
    where
        P: FnMut(&Progress<'_, H>) -> bool,
    {
        match self {
            Self::AllCompleted => false,
            Self::FirstCompleted => true,
            Self::FirstFailed => progress.failed > 0,
            Self::Until(predicate) => predicate(progress),
        }
    }
}

/// How far a [`Wait`](super::Wait) has come: the argument of the predicate of [`Wait::until`](super::Wait::until).
pub struct Progress<'a, H> {
    /// The tasks that have ended.
    pub(super) done: &'a [H],
    /// How many have not.
    pub(super) pending: usize,
    /// How many of `done` ended with a `JoinError`.
    pub(super) failed: usize,
}

impl<'a, H> Progress<'a, H> {
    /// Returns the handles of the tasks that have ended, in the order in which they did; the last
    /// one has just ended.
    #[must_use]
    pub fn done(&self) -> &'a [H] {
        self.done
    }

    /// Returns the number of tasks that have not ended.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending
    }

    /// Returns the number of tasks that ended with a `JoinError`.
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
