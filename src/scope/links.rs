//! Family ties: each node knows its parent, its neighbours, its first and its last child.
//!
//! Invariant: a link leads to a node that lives, and is answered from the other side; the parents of a node end at a root.
//! Only this file writes links.

use super::node::Node;
use crate::util::slab::{Key, Slab};

/// The nodes of a tree under their keys.
#[derive(Debug)]
pub(super) struct Nodes<C, W>(Slab<Node<C, W>>);

impl<C, W> Nodes<C, W> {
    /// Makes an empty store.
    pub(super) const fn new() -> Self {
        Self(Slab::new())
    }

    /// Counts the nodes.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Borrows a node that may be gone.
    pub(super) fn find(&self, key: Key) -> Option<&Node<C, W>> {
        self.0.get(key)
    }

    /// Borrows a node that may be gone, for writing.
    pub(super) fn find_mut(&mut self, key: Key) -> Option<&mut Node<C, W>> {
        self.0.get_mut(key)
    }

    /// Goes over all nodes, for writing what is no link.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Node<C, W>> {
        self.0.iter_mut().map(|(_, node)| node)
    }

    /// Borrows a node that a link leads to.
    pub(super) fn at(&self, key: Key) -> &Node<C, W> {
        self.0.get(key).expect("links lead to living nodes")
    }

    /// Borrows a node that a link leads to, for writing.
    pub(super) fn at_mut(&mut self, key: Key) -> &mut Node<C, W> {
        self.0.get_mut(key).expect("links lead to living nodes")
    }

    /// Adds a node as the last child of `parent`; of none, if that is gone.
    pub(super) fn add(&mut self, node: Node<C, W>, parent: Option<Key>) -> Key {
        let key = self.0.insert(node);
        self.tie(key, parent);
        key
    }

    /// Takes a node out; its children become the last ones of its parent. It still says who its parent was.
    pub(super) fn remove(&mut self, key: Key) -> Option<Node<C, W>> {
        let parent = self.find(key)?.parent;
        self.untie(key);
        while let Some(child) = self.at(key).first {
            self.untie(child);
            self.tie(child, parent);
        }
        let mut node = self.0.remove(key)?;
        node.parent = parent;
        Some(node)
    }

    /// Makes a node the last child of another parent. Returns `false`, and changes nothing, if that lies inside of the node:
    /// a circle would have no end.
    pub(super) fn shift(&mut self, key: Key, parent: Option<Key>) -> bool {
        if parent.is_some_and(|parent| self.is_around(key, parent)) {
            return false;
        }
        self.untie(key);
        self.tie(key, parent);
        true
    }

    /// Tells whether `inner` is `outer`, or somewhere inside of it.
    fn is_around(&self, outer: Key, inner: Key) -> bool {
        let mut at = Some(inner);
        while let Some(key) = at {
            if key == outer {
                return true;
            }
            at = self.find(key).and_then(|node| node.parent);
        }
        false
    }

    /// Ties a lone node to the end of the children of `parent`, if that lives.
    fn tie(&mut self, key: Key, parent: Option<Key>) {
        let Some((parent, above)) = parent.and_then(|key| Some((key, self.find_mut(key)?))) else {
            return;
        };
        let prev = above.last.replace(key);
        match prev {
            Some(prev) => self.at_mut(prev).next = Some(key),
            None => above.first = Some(key),
        }
        let node = self.at_mut(key);
        node.parent = Some(parent);
        node.prev = prev;
    }

    /// Cuts a node out of the family of its parent; its own children stay with it.
    fn untie(&mut self, key: Key) {
        let node = self.at_mut(key);
        let Some(parent) = node.parent.take() else {
            return;
        };
        let (prev, next) = (node.prev.take(), node.next.take());
        match prev {
            Some(prev) => self.at_mut(prev).next = next,
            None => self.at_mut(parent).first = next,
        }
        match next {
            Some(next) => self.at_mut(next).prev = prev,
            None => self.at_mut(parent).last = prev,
        }
    }
}
