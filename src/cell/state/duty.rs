//! What a transition of the state word leaves to the caller.

/// The duty after a wake.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OnWake {
    /// Put the task into the run queue.
    Enqueue,
    /// Do nothing: the task is queued, marked, or done.
    Nothing,
}

/// The duty after a poll that was pending.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OnSuspend {
    /// Put the task back into the run queue: it was woken while it ran.
    Requeue,
    /// Leave the task until it is woken.
    Rest,
}

/// The duty after the end of the future.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OnFinish {
    /// Wake the joiner: the result is ready for the handle.
    Deliver,
    /// Drop the result and give the task up: there is no handle.
    Discard,
}

/// The duty after a request to cancel.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OnCancel {
    /// Keep the reason and wake the task.
    Record,
    /// Do nothing: an earlier request is not delivered yet, and its reason stands.
    Merge,
    /// Do nothing: the task has ended.
    Refuse,
}

/// The duty after the handle was dropped.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OnHandleGone {
    /// The task continues to run.
    Detach,
    /// Give the task up: it has ended.
    GiveUp,
    /// Drop the result, which was never taken, and give the task up.
    DropOutputAndGiveUp,
}
