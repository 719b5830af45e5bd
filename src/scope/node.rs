//! A node of the tree: data only. [`links`](super::links) links the nodes.

use crate::util::slab::Key;

/// The identity of a cancellation, apart from its reason.
pub(crate) trait Identity: Clone {
    /// Returns `true` if both are clones of one cancellation.
    fn is(&self, other: &Self) -> bool;

    /// Returns `true` if both come of one event, on two ways.
    fn is_of_one_event(&self, other: &Self) -> bool;
}

/// The number of earlier cancellations that a task, gather or group remembers; also of those from
/// further out that a task remembers.
const EARLIER: usize = 8;

/// What a node stands for. The table in the [module](super) says what each kind owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A task, or a child of a group. No cancellation leaves it.
    Task,
    /// A timeout. Cancellations that are not its own pass it.
    Scope,
    /// A gather or a group: a scope whose futures all live in branches or children.
    Join,
    /// A branch of a gather, or the body of a group. It may end before its siblings.
    Branch,
    /// A catch point.
    Catch,
    /// A shield. It holds cancellations from outside; those from inside pass it.
    Mask,
}

/// How a cancellation came to a node. Of two that become one, the greater counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Arrival {
    /// From inside: a node there was closed or passed by. It arrives when the code inside suspends.
    LetOut,
    /// By a delivery.
    Delivered,
    /// It was resumed inside: it ends this node and does not move inwards.
    Raised,
}

/// A cancellation that is pending at a node, and that its owner has not taken yet.
#[derive(Debug)]
pub(super) struct Pending<C> {
    pub(super) cancel: C,
    pub(super) arrival: Arrival,
    /// The cancellation of a scope further in that has become one with it. It comes back if this one
    /// passes the node by.
    pub(super) inner: Option<C>,
}

impl<C> Pending<C> {
    pub(super) const fn new(cancel: C, arrival: Arrival) -> Self {
        Self {
            cancel,
            arrival,
            inner: None,
        }
    }
}

/// A node, with its links.
#[derive(Debug)]
pub(super) struct Node<C, W> {
    pub(super) kind: Kind,
    /// The next node outwards.
    pub(super) parent: Option<Key>,
    /// The oldest child.
    pub(super) first: Option<Key>,
    /// The youngest child.
    pub(super) last: Option<Key>,
    /// The next older sibling.
    pub(super) prev: Option<Key>,
    /// The next younger sibling.
    pub(super) next: Option<Key>,
    /// The waker of the owner. A delivery takes it and the next poll puts one back: without it, the
    /// future has not been polled since the delivery.
    pub(super) waker: Option<W>,
    /// The cancellation that waits to be taken; in a mask, the one that is held.
    pub(super) pending: Option<Pending<C>>,
    /// The cancellation of this scope.
    pub(super) own: Option<C>,
    /// In a task, gather or group, its cancellations before, the latest last. They may still wait
    /// in a shield.
    pub(super) earlier: Vec<C>,
    /// In a timeout that was not cancelled, its deadline, in nanoseconds; in a group that is about
    /// to cancel itself, 0.
    pub(super) ends_at: Option<u64>,
    /// In a timeout, the cancellation from further out that was caught inside.
    pub(super) outer: Option<C>,
    /// In a task, the cancellations from further out that were delivered inside, the latest last.
    pub(super) passed: Vec<C>,
    /// In a catch point, the cancellation that was delivered last, even if an earlier one is
    /// pending.
    pub(super) latest: Option<C>,
    /// The cancellation that a catch point inside has caught last, while others had not been polled.
    pub(super) caught_inside: Option<C>,
    /// Invariant: set only while something is pending and the waker is gone. Counted by the tree.
    pub(super) unheard: bool,
    /// Whether the owner was woken once more for the cancellation that it holds.
    pub(super) is_asked: bool,
    /// How many times the node was found unpolled since the delivery, while its scope was busy.
    pub(super) missed: u8,
    /// In a scope, how many of its polls have ended with a wake of their own while any node was
    /// unheard.
    pub(super) busy_polls: u32,
    /// Scratch of the walk of a delivery: a node inside catches or holds.
    pub(super) caught: bool,
    /// Scratch of the walk of a delivery: a node inside received the cancellation.
    pub(super) received: bool,
    /// Scratch of the walk in [`pass_by`](super::tree::Tree::pass_by): its future was not polled since
    /// the delivery.
    pub(super) unpolled: bool,
}

impl<C, W> Node<C, W> {
    /// Creates a node without links.
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            parent: None,
            first: None,
            last: None,
            prev: None,
            next: None,
            waker: None,
            pending: None,
            own: None,
            earlier: Vec::new(),
            ends_at: None,
            outer: None,
            passed: Vec::new(),
            latest: None,
            caught_inside: None,
            unheard: false,
            is_asked: false,
            missed: 0,
            busy_polls: 0,
            caught: false,
            received: false,
            unpolled: false,
        }
    }
}

impl<C: Identity, W> Node<C, W> {
    /// Returns `true` if this scope was cancelled with `cancel`.
    pub(super) fn owns(&self, cancel: &C) -> bool {
        let mut all = self.own.iter().chain(&self.earlier);
        all.any(|own| own.is(cancel))
    }

    /// Sets the cancellation of a task, gather or group, and remembers the one before. The oldest
    /// are forgotten, and then count as from elsewhere.
    pub(super) fn supersede(&mut self, cancel: C) {
        if let Some(superseded) = self.own.replace(cancel) {
            remember(&mut self.earlier, superseded);
        }
    }

    /// Remembers a cancellation from further out that was delivered inside of a task.
    pub(super) fn note_passed(&mut self, cancel: C) {
        remember(&mut self.passed, cancel);
    }

    /// Returns `true` if a task has received a cancellation of the same event.
    pub(super) fn has_heard(&self, cancel: &C) -> bool {
        let mut all = self.own.iter().chain(&self.earlier).chain(&self.passed);
        all.any(|heard| heard.is_of_one_event(cancel))
    }

    /// Returns `true` once for each delivery: the owner is to be woken again, to see that it is
    /// polled still.
    pub(super) fn is_to_ask(&mut self) -> bool {
        !std::mem::replace(&mut self.is_asked, true)
    }

    /// Takes the cancellation that propagates when this node closes.
    pub(super) fn take_untaken(&mut self) -> Option<C> {
        let left = self.pending.take()?.cancel;
        (self.kind != Kind::Task && !self.owns(&left)).then_some(left)
    }
}

/// Adds to a bounded list, and drops the oldest if it is full.
fn remember<C>(list: &mut Vec<C>, cancel: C) {
    if list.len() == EARLIER {
        list.remove(0);
    }
    list.push(cancel);
}
