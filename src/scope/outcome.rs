//! The results of the tree's operations: duties, and wakers to be woken when the tree is no longer
//! borrowed.

use crate::util::slab::Key;

/// What the owner of a scope owes after [`cancel`](super::tree::Tree::cancel).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a scope without a catch point ends only when its owner drops the future"]
pub(crate) enum Duty {
    /// Continue to poll: catch points or masks inside received the cancellation.
    Wait,
    /// No node inside catches: drop the scope's future on its next turn, unless
    /// [`take_pending`](super::tree::Tree::take_pending) finds by then that the cancellation has moved
    /// inwards.
    Drop,
    /// The scope has been closed before.
    Gone,
}

/// The result of [`cancel`](super::tree::Tree::cancel).
#[derive(Debug)]
#[must_use = "the wakers must be woken after the borrow of the tree ends"]
pub(crate) struct Delivery<W> {
    /// What the owner of the scope does next.
    pub(crate) duty: Duty,
    /// The wakers of the futures that received the cancellation, the innermost and oldest first.
    pub(crate) wakes: Wakes<W>,
}

/// Where [`raise`](super::tree::Tree::raise) stopped.
#[derive(Debug)]
#[must_use = "the waker must be woken after the borrow of the tree ends"]
pub(crate) enum Raise<W> {
    /// At this catch point, with its waker.
    Caught(Key, Option<W>),
    /// At this scope or branch, which ends, with its waker.
    Ends(Key, Option<W>),
    /// Nowhere: the node that it came from is closed.
    Nowhere,
}

/// The result of [`close`](super::tree::Tree::close).
#[derive(Debug)]
#[must_use = "the wakers must be woken and dropped after the borrow of the tree ends"]
pub(crate) struct Closed<W> {
    /// The waker of the node itself, to be dropped.
    pub(crate) waker: Option<W>,
    /// The waker of the node further out that received a cancellation that was not taken, to be
    /// woken.
    pub(crate) wake: Option<W>,
}

impl<W> Closed<W> {
    pub(super) const fn nothing() -> Self {
        Self {
            waker: None,
            wake: None,
        }
    }
}

/// Wakers to be woken, in order. Allocates from the second one on.
#[derive(Debug)]
#[must_use = "wakers must be woken after the borrow of the tree ends"]
pub(crate) struct Wakes<W> {
    first: Option<W>,
    rest: Vec<W>,
}

impl<W> Wakes<W> {
    pub(super) const fn new() -> Self {
        Self {
            first: None,
            rest: Vec::new(),
        }
    }

    /// Adds a waker, if there is one.
    pub(super) fn add(&mut self, waker: Option<W>) {
        match self.first {
            None => self.first = waker,
            Some(_) => self.rest.extend(waker),
        }
    }
}

impl<W> IntoIterator for Wakes<W> {
    type Item = W;
    type IntoIter = std::iter::Chain<std::option::IntoIter<W>, std::vec::IntoIter<W>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.rest)
    }
}
