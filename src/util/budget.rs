//! What one poll of a task may do before it gives way: a number of steps that are ready at once.
//!
//! A task that only ever awaits what is ready would never suspend. So whatever is often ready at
//! once (a socket with data, a free lock, a late tick of an interval) counts a step before it takes
//! it, and where none is left it wakes its waker and is pending.
//!
//! ```text
//!                begin                   spend                  spend
//!   no bound ───────────▶ BUDGET left ─────────▶ … ──▶ 0 left ─────────▶ refused
//!       ▲                     ▲                                             │
//!       │ end                 └─────────── refused PATIENCE times ──────────┤
//!       └───────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Whoever is refused so often in one poll does not give way: an executor inside of the task, as
//! `futures::executor::block_on`, polls again and again. It would do so for ever, so it goes on.
//!
//! The count belongs to the thread. Whoever polls tasks [begins](begin) it with each poll, and [ends](end)
//! it when no other follows at once; under another executor nothing is bounded. Floor F0: it knows no
//! runtime.

use std::cell::Cell;
use std::task::{Context, Poll, Waker, ready};

/// How many steps one poll may take.
const BUDGET: i64 = 128;

/// How often one poll is refused before it may take as many steps once more.
const PATIENCE: i64 = 1024;

/// So many steps that nobody takes them all; half of what fits, so that giving back cannot overflow.
const NO_BOUND: i64 = i64::MAX / 2;

thread_local! {
    /// How many steps are left; below zero, how often one was refused.
    static LEFT: Cell<i64> = const { Cell::new(NO_BOUND) };
    /// Whether a step was refused since the last [`take_refusal`].
    static REFUSED: Cell<bool> = const { Cell::new(false) };
}

/// A poll of a task begins.
#[inline]
pub(crate) fn begin() {
    LEFT.set(BUDGET);
}

/// The last of several polls has ended: what runs until the next one, wakers for example, is not
/// bounded.
#[inline]
pub(crate) fn end() {
    LEFT.set(NO_BOUND);
}

/// What was left of a poll that another one interrupts.
#[must_use]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rest(i64);

/// Sets aside what is left, for something that is not bounded by it.
pub(crate) fn set_aside() -> Rest {
    Rest(LEFT.replace(NO_BOUND))
}

/// The interrupted poll goes on.
pub(crate) fn put_back(rest: Rest) {
    LEFT.set(rest.0);
}

/// True when no step is left.
#[inline]
pub(crate) fn is_spent() -> bool {
    LEFT.get() <= 0
}

/// How often this poll was refused a step; 0 while some are left.
#[inline]
pub(crate) fn refusals() -> i64 {
    -LEFT.get().min(0)
}

/// The same where no step is left; `None` while some are.
#[inline]
pub(crate) fn refusals_of_spent() -> Option<i64> {
    is_spent().then(refusals)
}

/// Counts one step; `false` when none is left, so that the caller has to give way.
#[inline]
#[must_use]
pub(crate) fn spend() -> bool {
    LEFT.set(LEFT.get() - 1);
    // Looked at again and not passed on, so that it is counted in place: one instruction.
    LEFT.get() >= 0 || has_tried_enough()
}

/// Whether the poll was refused so often that it may go on.
#[cold]
#[inline(never)]
fn has_tried_enough() -> bool {
    REFUSED.set(true);
    let enough = LEFT.get() < -PATIENCE;
    if enough {
        LEFT.set(BUDGET - 1);
    }
    enough
}

/// Returns `true` if a step was refused since the last [`take_refusal`], in whichever poll.
#[inline]
pub(crate) fn was_refused() -> bool {
    REFUSED.get()
}

/// Forgets that a step was refused.
#[inline]
pub(crate) fn take_refusal() {
    REFUSED.set(false);
}

/// Gives back a step that was counted and not taken, since there was a need to wait.
#[inline]
pub(crate) fn give_back() {
    LEFT.set(LEFT.get() + 1);
}

/// Counts one step; pending when none is left, and then `waker` was woken. Nothing may be borrowed.
#[inline]
pub(crate) fn poll_spend(waker: &Waker) -> Poll<()> {
    if spend() {
        return Poll::Ready(());
    }
    give_way(waker)
}

/// Wakes the waker, so that the task is polled again when the others had their turns.
#[cold]
#[inline(never)]
pub(crate) fn give_way(waker: &Waker) -> Poll<()> {
    waker.wake_by_ref();
    Poll::Pending
}

/// Polls what may be ready at once, as one step if it is.
#[inline]
pub(crate) fn counted<T>(
    cx: &mut Context<'_>,
    poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    ready!(poll_spend(cx.waker()));
    let polled = poll(cx);
    if polled.is_pending() {
        give_back();
    }
    polled
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spends until it is refused; returns how often it was not.
    fn spend_all() -> i64 {
        (0..).find(|_| !spend()).unwrap()
    }

    #[test]
    fn a_poll_may_take_a_number_of_steps_and_the_next_one_as_many() {
        for _ in 0..3 {
            begin();
            assert!(!is_spent());
            assert_eq!(spend_all(), BUDGET);
            assert!(is_spent());
            assert_eq!(refusals(), 1);
            end();
        }
    }

    #[test]
    fn outside_of_a_poll_there_is_no_bound() {
        assert!((0..10 * BUDGET).all(|_| spend()));
        begin();
        spend_all();
        end();
        assert!(spend() && !is_spent());
    }

    #[test]
    fn a_step_that_is_given_back_can_be_taken() {
        begin();
        for _ in 0..3 * BUDGET {
            assert!(spend());
            give_back();
        }
        assert_eq!(spend_all(), BUDGET);
        end();
    }

    #[test]
    fn a_refusal_is_remembered_until_it_is_taken_also_from_a_poll_inside_of_another() {
        take_refusal();
        let rest = set_aside();
        begin();
        assert!((0..BUDGET).all(|_| spend()) && !was_refused());
        assert!(!spend() && was_refused());
        end();
        put_back(rest);
        assert!(was_refused());
        take_refusal();
        assert!(!was_refused());
    }

    #[test]
    fn who_does_not_give_way_goes_on_after_a_while() {
        begin();
        spend_all();
        let refused = (1..).find(|_| spend()).unwrap();
        assert_eq!(refused, PATIENCE);
        assert_eq!(spend_all(), BUDGET - 1);
        end();
    }

    #[test]
    fn a_poll_inside_of_another_has_steps_of_its_own() {
        begin();
        assert!(spend());
        let rest = set_aside();
        assert!((0..2 * BUDGET).all(|_| spend()), "not bounded");
        begin();
        spend_all();
        end();
        put_back(rest);
        assert_eq!(spend_all(), BUDGET - 1);
        end();
    }
}
