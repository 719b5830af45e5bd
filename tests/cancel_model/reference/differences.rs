//! Where asyncio goes another way, on purpose: the reference notes that a program has come there.

use std::cell::RefCell;
use std::collections::BTreeSet;

/// A difference that the README's table names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Difference {
    /// A group is cancelled from outside while its body goes on cleaning up: asyncio cancels the children only when the body has
    /// ended, and forgets about it all if the body swallows the cancellation. Here children and body hear of it at once,
    /// and it goes on outwards.
    GroupBodyFirst,
    /// A group that is ending is cancelled from outside, again: asyncio's drops that. Here the members hear of it.
    GroupHitAgain,
    /// A group is cancelled from outside and a member fails while it cleans up: asyncio gives the failure and forgets about the
    /// cancellation. Here the cancellation goes on.
    GroupFailsWhenCancelled,
    /// A child fails when the body has ended: asyncio 3.11 cancels the parent and forgets to take that back (`uncancel`), so that a
    /// timeout around, when it expires later, ends the task instead of giving `TimeoutError`.
    GroupFailsAfterBody,
    /// The cancellation of another task comes out of a timeout that has expired: asyncio cannot tell the two apart, and gives
    /// `TimeoutError`. Here it goes on (C22).
    TimeoutTakesForeign,
    /// The time of a timeout is up while its task, cancelled from further out, waits inside of it for a task that cleans up:
    /// asyncio's timeout lives until that wait is over, and cancels the clean-up. Here it was dropped with all that was inside.
    DroppedTimeoutFires,
    /// No difference to asyncio in particular: an awaited task ended at the very instant at which its awaiter was cancelled,
    /// or was cancelled again while it waited for just that end; or the awaited child's group ended with it, and its awaiter
    /// resumes the cancellation, which may end what is around that group.
    /// Which of them comes first is not promised by anybody.
    OneInstant,
    /// A branch of a gather raises the cancellation of another task: asyncio's `return_exceptions` makes it an output. Here it
    /// ends the gather and goes on (C22).
    GatherPassesForeign,
}

thread_local! {
    /// What the program that runs has met.
    static MET: RefCell<BTreeSet<Difference>> = const { RefCell::new(BTreeSet::new()) };
}

/// The program has met a difference.
pub(super) fn note(difference: Difference) {
    MET.with_borrow_mut(|met| met.insert(difference));
}

/// Takes what was met since the last call.
pub(crate) fn take() -> BTreeSet<Difference> {
    MET.take()
}
