//! The tree itself: opening, closing, moving and asking. Where a cancellation goes is in [`deliver`](super::deliver).

use super::links::Nodes;
use super::node::{Identity, Kind, Node, Pending};
use super::outcome::Closed;
use crate::util::slab::Key;

/// Scopes and catch points of all tasks of a runtime. The [module](super) draws it.
///
/// `C` is the cancellation, `W` the waker; dropping a `C` must run no foreign code.
#[derive(Debug)]
pub(crate) struct Tree<C, W> {
    /// The nodes, of any number of tasks.
    pub(super) nodes: Nodes<C, W>,
    /// Invariant: how many nodes are [`unheard`](Node::unheard).
    pub(super) unheard: usize,
}

impl<C: Identity, W> Tree<C, W> {
    /// Makes an empty tree; it allocates with the first node.
    pub(crate) const fn new() -> Self {
        Self {
            nodes: Nodes::new(),
            unheard: 0,
        }
    }

    /// Counts the nodes.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Adds a node inside of `parent`; a parent that is gone counts as none.
    ///
    /// What is pending around it and was not raised there moves in (a branch gets its copy of what its gather or group has):
    /// ask for it with [`take_pending`](Tree::take_pending) when the future inside has been polled once and is not ready (C24).
    pub(crate) fn open(&mut self, parent: Option<Key>, kind: Kind) -> Key {
        let key = self.nodes.add(Node::new(kind), parent);
        self.inherit(key);
        key
    }

    /// Takes a node out: its future is done, or dropped.
    ///
    /// What is pending there goes on outwards, unless it was the scope's own (C14) or the task's end. Children that are still
    /// there, because foreign code keeps a future longer than the one that first polled it, become children of the parent.
    pub(crate) fn close(&mut self, key: Key) -> Closed<W> {
        self.heard(key);
        let Some(mut node) = self.nodes.remove(key) else {
            return Closed::nothing();
        };
        let wake = match (node.take_untaken(), node.parent) {
            (Some(cancel), Some(parent)) => self.let_out(parent, cancel),
            _ => None,
        };
        let waker = node.waker;
        Closed { waker, wake }
    }

    /// Moves a node, with all inside, to where its future is polled now; nothing to do in the common case.
    ///
    /// Foreign code may carry a future that has been polled from one task, or catch point, to another. A destructor that is
    /// inside of a future, as the tree knows it, may poll that future by hand; then the node stays where it is.
    pub(crate) fn adopt(&mut self, key: Key, parent: Option<Key>) {
        let Some(node) = self.nodes.find(key) else {
            return;
        };
        if node.parent != parent && self.nodes.shift(key, parent) {
            self.inherit(key);
        }
    }

    /// Gives the node around a node.
    pub(crate) fn parent(&self, key: Key) -> Option<Key> {
        self.nodes.find(key)?.parent
    }

    /// Borrows what has been delivered to a node and not taken.
    pub(crate) fn pending(&self, key: Key) -> Option<&C> {
        let pending = self.nodes.find(key)?.pending.as_ref()?;
        Some(&pending.cancel)
    }

    /// Returns `true` if a `resume` waits at a node for its owner to act.
    pub(crate) fn is_raised(&self, key: Key) -> bool {
        let pending = self.nodes.find(key).and_then(|node| node.pending.as_ref());
        pending.is_some_and(|pending| pending.raised)
    }

    /// Returns `true` if a node is, or is inside of, a shield in its task.
    pub(crate) fn is_shielded(&self, from: Key) -> bool {
        let mut next = Some(from);
        while let Some(node) = next.and_then(|at| self.nodes.find(at)) {
            if node.kind == Kind::Mask {
                return true;
            }
            next = node.parent.filter(|_| node.kind != Kind::Task);
        }
        false
    }

    /// Returns `true` if a shield inside `top`, and not in a child of a group there, holds a
    /// cancellation off.
    pub(crate) fn is_holding(&self, top: Key) -> bool {
        let mut open = vec![top];
        while let Some(node) = open.pop().and_then(|at| self.nodes.find(at)) {
            let mut next = node.first;
            while let Some((at, child)) = next.and_then(|at| Some((at, self.nodes.find(at)?))) {
                if child.kind == Kind::Mask && child.pending.is_some() {
                    return true;
                }
                if child.kind != Kind::Task {
                    open.push(at);
                }
                next = child.next;
            }
        }
        false
    }

    /// Borrows the waker of a node, to see whether it is still the right one.
    pub(crate) fn waker(&self, key: Key) -> Option<&W> {
        self.nodes.find(key)?.waker.as_ref()
    }

    /// Stores who is to be woken, and gives the waker from before, or this one if the node is gone.
    ///
    /// The caller drops it after letting go of the tree. A delivery takes the waker out, so ask and store at each poll.
    #[must_use = "a waker must be dropped after letting go of the tree"]
    pub(crate) fn set_waker(&mut self, key: Key, waker: W) -> Option<W> {
        self.heard(key);
        match self.nodes.find_mut(key) {
            Some(node) => node.waker.replace(waker),
            None => Some(waker),
        }
    }

    /// Takes all wakers out: the runtime ends.
    pub(crate) fn dissolve(&mut self) -> Vec<W> {
        let nodes = self.nodes.iter_mut();
        nodes.filter_map(|node| node.waker.take()).collect()
    }

    /// Takes what has been delivered to a node, once.
    pub(crate) fn take_pending(&mut self, key: Key) -> Option<C> {
        self.heard(key);
        let pending = self.nodes.find_mut(key)?.pending.take()?;
        Some(pending.cancel)
    }

    /// Tells whether a cancellation is the one that this scope was cancelled with, so that it may absorb it (C14).
    pub(crate) fn owns(&self, scope: Key, cancel: &C) -> bool {
        self.nodes.find(scope).is_some_and(|node| node.owns(cancel))
    }

    /// Tells which cancellation from further out has been delivered inside of a timeout.
    ///
    /// Whoever caught it may be cleaning up still: a timeout that expires then has not ended by its own cancellation alone, and
    /// sends this one on with [`raise`](Tree::raise) instead of absorbing (C13, C14).
    pub(crate) fn outer(&self, scope: Key) -> Option<&C> {
        self.nodes.find(scope)?.outer.as_ref()
    }

    /// Borrows what was delivered to a catch point last, be it pending or joined with an earlier one.
    pub(crate) fn latest(&self, catch: Key) -> Option<&C> {
        self.nodes.find(catch)?.latest.as_ref()
    }

    /// Tells whether a task has been told of the event that a cancellation comes of, be it as its own or from further out.
    pub(crate) fn has_heard(&self, task: Key, cancel: &C) -> bool {
        (self.nodes.find(task)).is_some_and(|node| node.has_heard(cancel))
    }

    /// Notes that the owner of a node has not seen what is pending there.
    pub(super) fn told(&mut self, key: Key) {
        if !std::mem::replace(&mut self.nodes.at_mut(key).unheard, true) {
            self.unheard += 1;
        }
    }

    /// Notes that the owner of a node has seen what is pending there, or that nothing is.
    pub(super) fn heard(&mut self, key: Key) {
        let node = self.nodes.find_mut(key);
        if node.is_some_and(|node| std::mem::take(&mut node.unheard)) {
            self.unheard -= 1;
        }
    }

    /// Gives a node that comes new to its place what is pending around it.
    fn inherit(&mut self, key: Key) {
        let node = self.nodes.at(key);
        let (Some(parent), None) = (node.parent, &node.pending) else {
            return;
        };
        let cancel = match node.kind {
            Kind::Scope => None,
            Kind::Task | Kind::Branch => self.shared(parent),
            Kind::Catch | Kind::Mask | Kind::Join => self.draw_in(parent),
        };
        let raised = false;
        let node = self.nodes.at_mut(key);
        if node.kind == Kind::Task {
            cancel
                .iter()
                .cloned()
                .for_each(|cancel| node.note_passed(cancel));
        }
        let is_told = cancel.is_some() && node.waker.is_none();
        node.pending = cancel.map(|cancel| Pending { cancel, raised });
        if is_told {
            self.told(key);
        }
    }

    /// Clones what a gather or group has not taken yet, for a branch of it.
    fn shared(&self, join: Key) -> Option<C> {
        let node = self.nodes.at(join);
        let pending = node.pending.as_ref().filter(|_| node.kind == Kind::Join);
        pending.map(|pending| pending.cancel.clone())
    }

    /// Takes what is pending at `from`, or at the first node outwards that takes part.
    fn draw_in(&mut self, from: Key) -> Option<C> {
        let mut at = from;
        loop {
            let node = self.nodes.at_mut(at);
            if matches!(node.kind, Kind::Mask | Kind::Join) {
                return None;
            }
            if let Some(pending) = node.pending.take_if(|pending| !pending.raised) {
                self.heard(at);
                self.note_passed(from, at, &pending.cancel);
                return Some(pending.cancel);
            }
            match (node.kind, node.parent) {
                (Kind::Scope, Some(parent)) => at = parent,
                _ => return None,
            }
        }
    }
}
