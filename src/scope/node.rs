//! One place in the tree. Data only; [`links`](super::links) ties the nodes together.

use crate::util::slab::Key;

/// What tells one cancellation from another, however equal their reasons.
pub(crate) trait Identity: Clone {
    /// Tells whether both are clones of one cancellation.
    fn is(&self, other: &Self) -> bool;

    /// Tells whether both come of one event: somebody was told of it twice, by different ways.
    fn is_of_one_event(&self, other: &Self) -> bool;
}

/// How many earlier cancellations a task, gather or group remembers, and a task besides how many that came from further out.
const EARLIER: usize = 8;

/// What a node stands for. The table in the [module](super) says what each kind owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A task; inside of a group, a child. No cancellation leaves it.
    Task,
    /// A timeout: lets pass what is not its own.
    Scope,
    /// A gather or a group: a scope whose futures all live in branches or children.
    Join,
    /// A branch of a gather, or the body of a group: may end while its neighbours go on.
    Branch,
    /// A catch point.
    Catch,
    /// A shield: nothing comes in, all goes out.
    Mask,
}

/// A cancellation that has arrived at a node, and that its owner has not taken yet.
#[derive(Debug)]
pub(super) struct Pending<C> {
    /// The cancellation.
    pub(super) cancel: C,
    /// A `resume` waits behind it, so it must end this very node and not move inwards.
    pub(super) raised: bool,
}

/// A node, with its place among the others.
#[derive(Debug)]
pub(super) struct Node<C, W> {
    /// What it stands for.
    pub(super) kind: Kind,
    /// The next node outwards.
    pub(super) parent: Option<Key>,
    /// The child that was opened first.
    pub(super) first: Option<Key>,
    /// The child that was opened last.
    pub(super) last: Option<Key>,
    /// The sibling that was opened before it.
    pub(super) prev: Option<Key>,
    /// The sibling that was opened after it.
    pub(super) next: Option<Key>,
    /// Wakes whoever polls the future that this stands for. A delivery takes it, the next poll puts
    /// it back: while it is not there, the future has not been polled since.
    pub(super) waker: Option<W>,
    /// What waits to be taken; in a mask, what is held.
    pub(super) pending: Option<Pending<C>>,
    /// What this scope was cancelled with.
    pub(super) own: Option<C>,
    /// In a task, gather or group, what it was cancelled with before, the latest last: it may wait in a shield still.
    pub(super) earlier: Vec<C>,
    /// In a timeout that has not been cancelled, when that is due, in nanoseconds; in a group, 0 if
    /// it is going to cancel itself.
    pub(super) ends_at: Option<u64>,
    /// In a timeout, what came in from further out, and was caught inside.
    pub(super) outer: Option<C>,
    /// In a child, what was delivered inside and came from further out, the latest last.
    pub(super) passed: Vec<C>,
    /// In a catch point, what was delivered last, though another one may have stood.
    pub(super) latest: Option<C>,
    /// Invariant: set only while something is pending and the waker is gone. Counted by the tree.
    pub(super) unheard: bool,
    /// Scratch of the walk in [`cancel`](super::Tree::cancel): somebody in here deals with it.
    pub(super) caught: bool,
    /// Scratch of the walk in [`pass_by`](super::Tree::pass_by): its future was not polled since it
    /// was told.
    pub(super) unpolled: bool,
}

impl<C, W> Node<C, W> {
    /// Makes a node that is tied to nothing.
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
            unheard: false,
            caught: false,
            unpolled: false,
        }
    }
}

impl<C: Identity, W> Node<C, W> {
    /// Tells whether a cancellation is the one that this scope was cancelled with.
    pub(super) fn owns(&self, cancel: &C) -> bool {
        let mut all = self.own.iter().chain(&self.earlier);
        all.any(|own| own.is(cancel))
    }

    /// Remembers one more cancellation of a task, gather or group. Of very many the oldest are forgotten, and then count as from elsewhere.
    pub(super) fn supersede(&mut self, cancel: C) {
        if let Some(superseded) = self.own.replace(cancel) {
            remember(&mut self.earlier, superseded);
        }
    }

    /// Remembers what was delivered inside of a child and came from further out.
    pub(super) fn note_passed(&mut self, cancel: C) {
        remember(&mut self.passed, cancel);
    }

    /// Tells whether a task has been told of the event that a cancellation comes of.
    pub(super) fn has_heard(&self, cancel: &C) -> bool {
        let mut all = self.own.iter().chain(&self.earlier).chain(&self.passed);
        all.any(|heard| heard.is_of_one_event(cancel))
    }

    /// Takes what has to go on outwards when this node closes.
    pub(super) fn take_untaken(&mut self) -> Option<C> {
        let left = self.pending.take()?.cancel;
        (self.kind != Kind::Task && !self.owns(&left)).then_some(left)
    }
}

/// Adds to a list that has a bound: the oldest goes.
fn remember<C>(list: &mut Vec<C>, cancel: C) {
    if list.len() == EARLIER {
        list.remove(0);
    }
    list.push(cancel);
}
