//! The links between nodes: each node has its parent, its siblings, its first and its last child.
//!
//! Invariant: a link leads to an open node, which has the link back. The chain of parents ends at a
//! root. Only this file writes links.

use super::node::Node;
use crate::util::slab::{Key, Slab};

/// The nodes of a tree under their keys.
#[derive(Debug)]
pub(super) struct Nodes<C, W>(Slab<Node<C, W>>);

impl<C, W> Nodes<C, W> {
    pub(super) const fn new() -> Self {
        Self(Slab::new())
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns a node that may be closed.
    pub(super) fn find(&self, key: Key) -> Option<&Node<C, W>> {
        self.0.get(key)
    }

    pub(super) fn find_mut(&mut self, key: Key) -> Option<&mut Node<C, W>> {
        self.0.get_mut(key)
    }

    /// Iterates over all nodes. The caller writes no link.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Node<C, W>> {
        self.0.iter_mut().map(|(_, node)| node)
    }

    /// Returns a node that a link leads to.
    pub(super) fn at(&self, key: Key) -> &Node<C, W> {
        self.0.get(key).expect("links lead to living nodes")
    }

    pub(super) fn at_mut(&mut self, key: Key) -> &mut Node<C, W> {
        self.0.get_mut(key).expect("links lead to living nodes")
    }

    /// Adds a node as the last child of `parent`, or as a root if that is closed.
    pub(super) fn add(&mut self, node: Node<C, W>, parent: Option<Key>) -> Key {
        let key = self.0.insert(node);
        self.tie(key, parent);
        key
    }

    /// Removes a node. Its children become the last children of its parent. The returned node still
    /// has its parent.
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

    /// Makes a node the last child of another parent. Returns `false`, and changes nothing, if that
    /// parent is inside of the node, which would close a cycle.
    pub(super) fn shift(&mut self, key: Key, parent: Option<Key>) -> bool {
        if parent.is_some_and(|parent| self.is_around(key, parent)) {
            return false;
        }
        self.untie(key);
        self.tie(key, parent);
        true
    }

    /// Returns `true` if `inner` is `outer`, or inside of it.
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

    /// Links a node without a parent to the end of the children of `parent`, if that is open.
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

    /// Unlinks a node from its parent and siblings. Its children stay with it.
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
