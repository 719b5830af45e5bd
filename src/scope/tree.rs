//! The tree: opening, closing, moving and queries. [`deliver`](super::deliver) decides where a
//! cancellation goes.

use super::links::Nodes;
use super::node::{Arrival, Identity, Kind, Node, Pending};
use super::outcome::Closed;
use crate::util::slab::Key;

/// The scopes and catch points of all tasks of a runtime. The [module](super) draws it.
///
/// `C` is the cancellation, `W` the waker. The drop of a `C` must run no third-party code.
#[derive(Debug)]
pub(crate) struct Tree<C, W> {
    /// The nodes, of any number of tasks.
    pub(super) nodes: Nodes<C, W>,
    /// Invariant: the number of nodes that are [`unheard`](Node::unheard).
    pub(super) unheard: usize,
}

impl<C: Identity, W> Tree<C, W> {
    /// Creates an empty tree. Allocates with the first node.
    pub(crate) const fn new() -> Self {
        Self {
            nodes: Nodes::new(),
            unheard: 0,
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Adds a node inside of `parent`, or a root if that is closed.
    ///
    /// A cancellation that is pending around the node, and was not raised there, moves in; a branch
    /// receives a copy of that of its gather or group. The owner asks with
    /// [`take_pending`](Tree::take_pending) after the first poll of its future, if that is not
    /// ready (C24).
    pub(crate) fn open(&mut self, parent: Option<Key>, kind: Kind) -> Key {
        let key = self.nodes.add(Node::new(kind), parent);
        self.inherit(key);
        key
    }

    /// Removes a node whose future is ready or dropped.
    ///
    /// A pending cancellation propagates, unless it is the scope's own (C14) or the node is a task.
    /// Children that are still open become children of the parent: third-party code may keep a
    /// future longer than the one that first polled it.
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

    /// Moves a node, with its children, to the position where its future is polled now. Commonly it
    /// is there already.
    ///
    /// Third-party code may move a future that has been polled from one task, or catch point, to
    /// another. A destructor inside of a future may poll that future by hand; then the node stays
    /// where it is.
    pub(crate) fn adopt(&mut self, key: Key, parent: Option<Key>) {
        let Some(node) = self.nodes.find(key) else {
            return;
        };
        if node.parent != parent && self.nodes.shift(key, parent) {
            self.inherit(key);
        }
    }

    /// Returns the node around a node.
    pub(crate) fn parent(&self, key: Key) -> Option<Key> {
        self.nodes.find(key)?.parent
    }

    /// Returns the cancellation that was delivered to a node, for the owner to act on. It stays
    /// there.
    pub(crate) fn pending(&mut self, key: Key) -> Option<&C> {
        if self.is_pending(key) {
            self.note_caught(key);
        }
        let pending = self.nodes.find(key)?.pending.as_ref()?;
        Some(&pending.cancel)
    }

    /// Returns `true` if a cancellation was delivered to a node and not taken.
    pub(crate) fn is_pending(&self, key: Key) -> bool {
        self.nodes
            .find(key)
            .is_some_and(|node| node.pending.is_some())
    }

    /// Returns `true` if a resumed cancellation is pending at a node.
    pub(crate) fn is_raised(&self, key: Key) -> bool {
        let pending = self.nodes.find(key).and_then(|node| node.pending.as_ref());
        pending.is_some_and(|pending| pending.arrival == Arrival::Raised)
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

    /// Returns the waker of a node.
    pub(crate) fn waker(&self, key: Key) -> Option<&W> {
        self.nodes.find(key)?.waker.as_ref()
    }

    /// Stores the waker of a node. Returns the one before, or this one if the node is closed.
    ///
    /// The caller drops it after its borrow of the tree. A delivery takes the waker out, so each
    /// poll stores one.
    #[must_use = "a waker must be dropped after the borrow of the tree ends"]
    pub(crate) fn set_waker(&mut self, key: Key, waker: W) -> Option<W> {
        self.heard(key);
        match self.nodes.find_mut(key) {
            Some(node) => node.waker.replace(waker),
            None => Some(waker),
        }
    }

    /// Takes all wakers out, at the end of the runtime.
    pub(crate) fn dissolve(&mut self) -> Vec<W> {
        let nodes = self.nodes.iter_mut();
        nodes.filter_map(|node| node.waker.take()).collect()
    }

    /// Takes the cancellation that was delivered to a node.
    pub(crate) fn take_pending(&mut self, key: Key) -> Option<C> {
        self.note_caught(key);
        self.take_delivered(key)
    }

    /// [`take_pending`](Tree::take_pending), not by the owner of the node.
    pub(super) fn take_delivered(&mut self, key: Key) -> Option<C> {
        self.heard(key);
        let pending = self.nodes.find_mut(key)?.pending.take()?;
        Some(pending.cancel)
    }

    /// Returns `true` if a scope was cancelled with `cancel`, so that it may absorb it (C14).
    pub(crate) fn owns(&self, scope: Key, cancel: &C) -> bool {
        self.nodes.find(scope).is_some_and(|node| node.owns(cancel))
    }

    /// Returns the cancellation from further out that was delivered inside of a timeout.
    ///
    /// The code that caught it may still clean up. A timeout that expires then does not end by its
    /// own cancellation alone, and resumes this one with [`raise`](Tree::raise) (C13, C14).
    pub(crate) fn outer(&self, scope: Key) -> Option<&C> {
        self.nodes.find(scope)?.outer.as_ref()
    }

    /// Returns the cancellation that was delivered to a catch point last, even if an earlier one is
    /// pending.
    pub(crate) fn latest(&self, catch: Key) -> Option<&C> {
        self.nodes.find(catch)?.latest.as_ref()
    }

    /// Returns `true` if a task has received a cancellation of the same event, as its own or from
    /// further out.
    pub(crate) fn has_heard(&self, task: Key, cancel: &C) -> bool {
        (self.nodes.find(task)).is_some_and(|node| node.has_heard(cancel))
    }

    /// Records that the owner of a node has not seen the pending cancellation.
    pub(super) fn told(&mut self, key: Key) {
        let node = self.nodes.at_mut(key);
        node.missed = 0;
        if !std::mem::replace(&mut node.unheard, true) {
            self.unheard += 1;
        }
    }

    /// Records that a poll of a node was not meant for its owner, which has not looked for a
    /// cancellation. Returns the waker that the poll stored.
    #[must_use = "a waker must be dropped after the borrow of the tree ends"]
    pub(crate) fn unhear(&mut self, key: Key) -> Option<W> {
        let node = self.nodes.find_mut(key)?;
        node.pending.as_ref()?;
        let waker = node.waker.take();
        self.told(key);
        waker
    }

    /// Records that the owner of a node has seen the pending cancellation, or that there is none.
    pub(super) fn heard(&mut self, key: Key) {
        let node = self.nodes.find_mut(key);
        if node.is_some_and(|node| std::mem::take(&mut node.unheard)) {
            self.unheard -= 1;
        }
    }

    /// Moves a cancellation that is pending around a new node to it.
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
        let node = self.nodes.at_mut(key);
        if node.kind == Kind::Task {
            cancel
                .iter()
                .cloned()
                .for_each(|cancel| node.note_passed(cancel));
        }
        let is_told = cancel.is_some() && node.waker.is_none();
        node.pending = cancel.map(|cancel| Pending::new(cancel, Arrival::Delivered));
        if is_told {
            self.told(key);
        }
    }

    /// Clones the pending cancellation of a gather or group, for a branch of it.
    fn shared(&self, join: Key) -> Option<C> {
        let node = self.nodes.at(join);
        let pending = node.pending.as_ref().filter(|_| node.kind == Kind::Join);
        pending.map(|pending| pending.cancel.clone())
    }

    /// Takes the pending cancellation of `from`, or of the first node outwards that takes part.
    fn draw_in(&mut self, from: Key) -> Option<C> {
        let mut at = from;
        loop {
            let node = self.nodes.at_mut(at);
            if matches!(node.kind, Kind::Mask | Kind::Join) {
                return None;
            }
            if let Some(pending) = node
                .pending
                .take_if(|pending| pending.arrival != Arrival::Raised)
            {
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
