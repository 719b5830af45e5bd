//! The intended differences from asyncio. The reference records which of them a program meets.

use std::cell::RefCell;
use std::collections::BTreeSet;

/// A difference that the README's table names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Difference {
    /// A group is cancelled from outside while its body cleans up: asyncio cancels the children
    /// only when the body has ended, and drops the cancellation if the body swallows it. Here
    /// children and body are cancelled at once, and the cancellation propagates.
    GroupBodyFirst,
    /// A group that is ending is cancelled from outside again: asyncio ignores that. Here the
    /// members are cancelled again.
    GroupHitAgain,
    /// A group is cancelled from outside and a member fails during its clean-up: asyncio raises the
    /// failure and drops the cancellation. Here the cancellation propagates.
    GroupFailsWhenCancelled,
    /// A child fails after the body has ended: asyncio 3.11 cancels the parent and does not take
    /// that back (`uncancel`), so a timeout around it that expires later ends the task instead of
    /// raising `TimeoutError`.
    GroupFailsAfterBody,
    /// The cancellation of another task comes out of an expired timeout: asyncio cannot distinguish
    /// the two, and raises `TimeoutError`. Here the cancellation propagates (C22).
    TimeoutTakesForeign,
    /// A timeout expires while its task, cancelled from further out, waits inside it for a task
    /// that cleans up: the timeout of asyncio still exists, and cancels the clean-up. Here it was
    /// dropped with its content.
    DroppedTimeoutFires,
    /// Not specific to asyncio: an awaited task ended at the moment at which its awaiter was
    /// cancelled, or was cancelled again while it waited for that end; or the group of the awaited
    /// child ended with it, and its awaiter resumes the cancellation, which may end the code around
    /// that group; or the last member of a group ended as it cancelled the task of that group. The
    /// order of these is not promised.
    OneInstant,
    /// A branch of a gather raises the cancellation of another task: with `return_exceptions`,
    /// asyncio returns it as an output. Here it ends the gather and propagates (C22).
    GatherPassesForeign,
}

thread_local! {
    /// The differences that the running program has met.
    static MET: RefCell<BTreeSet<Difference>> = const { RefCell::new(BTreeSet::new()) };
}

/// Records that the program has met a difference.
pub(super) fn note(difference: Difference) {
    MET.with_borrow_mut(|met| met.insert(difference));
}

/// Returns the differences since the last call.
pub(crate) fn take() -> BTreeSet<Difference> {
    MET.take()
}
