//! Propagation past a catch point or shield that its holder does not poll (C26).
//!
//! A delivery takes the wakers of the nodes that receive the cancellation and of the scopes around
//! them, up to the one that was cancelled, and wakes them all. Each node that is polled puts a
//! waker back. When the poll of a scope has ended pending, and the scope is not woken again, a node
//! inside without a waker was not polled. What is pending there propagates as if the node had been
//! dropped, but the node stays.
//!
//! ```text
//!   task ─┬─ catch P (polled) ── catch K (not polled): P catches K's
//!         └─ gather J (not polled) ── branch B ── catch M (not polled):
//!                                                 M's ends the task
//! ```
//!
//! If one such node is inside of another, the outer one still has its waker: it receives the
//! cancellation of the inner one, is woken, and is passed by after the next poll.

use super::node::{Identity, Kind};
use super::outcome::Wakes;
use super::tree::Tree;
use crate::util::slab::Key;

impl<C: Identity, W> Tree<C, W> {
    /// Returns `true` if a cancellation was delivered to any node that has not been polled since.
    pub(crate) fn is_any_unheard(&self) -> bool {
        self.unheard > 0
    }

    /// Propagates what was delivered inside `top` to nodes that have not been polled since.
    ///
    /// The caller has polled the future of `top`, which is pending and not woken again. Children of
    /// a group have polls of their own, and are included only if their group is not polled. Takes
    /// constant time while every delivery has been polled, else time proportional to the part of
    /// the tree inside `top`.
    pub(crate) fn pass_by(&mut self, top: Key) -> Wakes<W> {
        let mut wakes = Wakes::new();
        if !self.is_any_unheard() || self.nodes.find(top).is_none() {
            return wakes;
        }
        for at in self.unpolled(top) {
            wakes.add(self.pass_by_one(top, at));
        }
        wakes
    }

    /// Returns the nodes inside `top` that have not been polled since a delivery, children before
    /// parents.
    fn unpolled(&mut self, top: Key) -> Vec<Key> {
        // Parents before their children, and reversed at the end.
        let (mut found, mut open) = (Vec::new(), vec![top]);
        while let Some(at) = open.pop() {
            let node = self.nodes.at_mut(at);
            let is_polled = at == top || node.waker.is_some();
            node.unpolled = !is_polled;
            if !is_polled {
                found.push(at);
            }
            let mut next = node.first;
            while let Some(child) = next {
                let inside = self.nodes.at(child);
                next = inside.next;
                if !(is_polled && inside.kind == Kind::Task) {
                    open.push(child);
                }
            }
        }
        found.reverse();
        found
    }

    /// Propagates what is pending at a node that is not polled, if it belongs to a scope that is
    /// polled.
    fn pass_by_one(&mut self, top: Key, at: Key) -> Option<W> {
        let node = self.nodes.find(at)?;
        let parent = node.parent?;
        let cancel = &node.pending.as_ref()?.cancel;
        if !self.is_polled_scope_of(cancel, top, at) {
            return None;
        }
        let kind = node.kind;
        let cancel = self.take_pending(at)?;
        match kind {
            Kind::Task => None,
            _ => self.let_out(parent, cancel),
        }
    }

    /// Returns `true` if the innermost scope around `from` that owns a cancellation has been polled
    /// since: it is `top` or further out, or has a waker. A cancellation that the node itself owns
    /// waits for its poll.
    fn is_polled_scope_of(&self, cancel: &C, top: Key, from: Key) -> bool {
        let mut at = from;
        while at != top {
            let node = self.nodes.at(at);
            if node.owns(cancel) {
                return !node.unpolled;
            }
            let Some(parent) = node.parent else {
                return true;
            };
            at = parent;
        }
        true
    }
}
