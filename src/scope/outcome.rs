//! What the operations of the tree give back: duties, and wakers to be woken once the tree is let go of.

use crate::util::slab::Key;

/// What the owner of a scope owes after [`cancel`](super::Tree::cancel).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a scope in which nobody catches ends only when its owner drops the future"]
pub(crate) enum Duty {
    /// Catch points or masks inside deal with it: go on polling.
    Wait,
    /// Nobody inside catches: drop the scope's future on its next turn, unless
    /// [`take_pending`](super::Tree::take_pending) finds by then that the cancellation has moved inwards.
    Drop,
    /// The scope has been closed before.
    Gone,
}

/// Who hears of a cancellation.
#[derive(Debug)]
#[must_use = "the wakers must be woken after letting go of the tree"]
pub(crate) struct Delivery<W> {
    /// What the scope's owner owes.
    pub(crate) duty: Duty,
    /// Wakers of all the futures that have something pending now, the innermost and oldest first.
    pub(crate) wakes: Wakes<W>,
}

/// How far [`raise`](super::Tree::raise) got.
#[derive(Debug)]
#[must_use = "the waker must be woken after letting go of the tree"]
pub(crate) enum Raise<W> {
    /// This catch point has it; its waker.
    Caught(Key, Option<W>),
    /// It ends this scope or branch; its waker.
    Ends(Key, Option<W>),
    /// The place that it came from is gone.
    Nowhere,
}

/// What was in a node that is closed now.
#[derive(Debug)]
#[must_use = "the wakers must be woken and dropped after letting go of the tree"]
pub(crate) struct Closed<W> {
    /// The waker of the node itself, to be dropped.
    pub(crate) waker: Option<W>,
    /// The waker of the node further out to which an untaken cancellation has gone, to be woken.
    pub(crate) wake: Option<W>,
}

impl<W> Closed<W> {
    /// Says that there was nothing.
    pub(super) const fn nothing() -> Self {
        Self {
            waker: None,
            wake: None,
        }
    }
}

/// Wakers to be woken, in order. One needs no allocation.
#[derive(Debug)]
#[must_use = "wakers must be woken after letting go of the tree"]
pub(crate) struct Wakes<W> {
    /// The first of them.
    first: Option<W>,
    /// The others.
    rest: Vec<W>,
}

impl<W> Wakes<W> {
    /// Makes an empty list.
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
