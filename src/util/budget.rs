//! Bounds how many steps one poll of a task takes, so that tasks which are always ready yield.
//!
//! A task that only awaits what is ready would never suspend. So every operation that is often
//! ready at once (a socket with data, a free lock, a late tick of an interval) spends a step first.
//! When no step is left, the operation wakes its waker and returns `Pending`.
//!
//! ```text
//!              begin                spend         spend
//!   no bound ─────────▶ BUDGET left ─────▶ 0 left ─────▶ refused
//!     ▲                     ▲                              │
//!     │                     └──────────────────────────────┤
//!     │                       refused MAX_REFUSALS times   │
//!     └────────────────────────────────────────────────────┘
//!                              end
//! ```
//!
//! A poll that is refused so often does not yield: an executor inside the task, such as
//! `futures::executor::block_on`, polls again at once. Such a poll gets more steps, since otherwise
//! it would never end.
//!
//! The count belongs to the thread. The runtime [begins](begin) it with each poll of a task, and
//! [ends](end) it when no other poll follows at once. Under another executor nothing is bounded.
//! This module knows no runtime. Layer 0.

use std::cell::Cell;
use std::task::{Context, Poll, Waker, ready};

/// The number of steps of one poll.
const BUDGET: i64 = 128;

/// The number of refusals in one poll after which it gets as many steps once more.
const MAX_REFUSALS: i64 = 1024;

/// More steps than any poll takes. Half of the maximum, so that `give_back` cannot overflow.
const NO_BOUND: i64 = i64::MAX / 2;

thread_local! {
    /// The number of steps left; if negative, the number of refusals.
    static STEPS: Cell<i64> = const { Cell::new(NO_BOUND) };
    /// Whether a step was refused since the last [`take_refusal`].
    static REFUSED: Cell<bool> = const { Cell::new(false) };
}

/// Starts the count for a poll of a task.
#[inline]
pub(crate) fn begin() {
    STEPS.set(BUDGET);
}

/// Ends the count after the last of several polls. What runs until the next one, such as wakers, is
/// not bounded.
#[inline]
pub(crate) fn end() {
    STEPS.set(NO_BOUND);
}

/// The count of a poll that another one interrupts.
#[must_use]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rest(i64);

/// Returns the count, and removes the bound until [`put_back`].
pub(crate) fn set_aside() -> Rest {
    Rest(STEPS.replace(NO_BOUND))
}

/// Continues the count of an interrupted poll.
pub(crate) fn put_back(rest: Rest) {
    STEPS.set(rest.0);
}

/// Returns `true` if no step is left.
#[inline]
pub(crate) fn is_spent() -> bool {
    STEPS.get() <= 0
}

/// Returns how often this poll was refused a step; 0 while a step is left.
#[inline]
pub(crate) fn refusals() -> i64 {
    -STEPS.get().min(0)
}

/// Returns how often this poll was refused a step; `None` while a step is left.
#[inline]
pub(crate) fn refusals_of_spent() -> Option<i64> {
    is_spent().then(refusals)
}

/// Spends one step. Returns `false` if none is left, so that the caller has to yield.
#[inline]
#[must_use]
pub(crate) fn spend() -> bool {
    let is_left = take_step();
    if !is_left {
        refuse();
    }
    is_left
}

/// Takes a step off the count. Returns `false` if none was left.
#[inline]
fn take_step() -> bool {
    STEPS.set(STEPS.get() - 1);
    // Read again from memory, so that the decrement is one instruction (bench `queue_free`).
    STEPS.get() >= 0
}

/// Counts a refusal. After many refusals, the poll evidently does not yield, and gets more steps.
#[cold]
#[inline(never)]
fn refuse() {
    REFUSED.set(true);
    if STEPS.get() <= -MAX_REFUSALS {
        STEPS.set(BUDGET);
    }
}

/// Returns `true` if a step was refused since the last [`take_refusal`], in any poll.
#[inline]
pub(crate) fn was_refused() -> bool {
    REFUSED.get()
}

/// Resets [`was_refused`].
#[inline]
pub(crate) fn take_refusal() {
    REFUSED.set(false);
}

/// Returns a step that was spent by an operation that then had to wait.
#[inline]
pub(crate) fn give_back() {
    STEPS.set(STEPS.get() + 1);
}

/// Spends one step. If none is left, wakes `waker` and returns `Pending`. Nothing may be borrowed.
#[inline]
pub(crate) fn poll_spend(waker: &Waker) -> Poll<()> {
    if take_step() {
        return Poll::Ready(());
    }
    give_way(waker);
    Poll::Pending
}

/// Counts a refusal, and wakes the waker, so that the task is polled again after the other ready
/// tasks. Not inlined, and without a result: a caller that has a step (bench `lock_free`) keeps
/// nothing for what comes after the call.
#[cold]
#[inline(never)]
fn give_way(waker: &Waker) {
    refuse();
    waker.wake_by_ref();
}

/// Calls `poll`, and spends one step if it is ready.
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

    /// Spends until a step is refused, and returns the number of steps before.
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
    fn a_poll_that_does_not_yield_gets_more_steps_after_a_while() {
        begin();
        spend_all();
        let refused = (1..).find(|_| spend()).unwrap();
        assert_eq!(refused, MAX_REFUSALS);
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
