//! Passing by a catch point or shield that its holder does not poll (C26).
//!
//! A delivery takes the wakers of the nodes that it tells and of the scopes around them, up to the
//! one that was cancelled, and wakes them all. Each node that is polled puts a waker back. So when
//! the poll of a scope has ended, pending and with nobody woken again, a node inside that has no
//! waker is one that nobody polls: what is pending there goes on outwards as if the node had been
//! dropped, but the node stays.
//!
//! ```text
//!   task ─┬─ catch P (polled) ── catch K (not polled)                 K's goes to P, which catches
//!         └─ gather J (not polled) ── branch B ── catch M (not polled)   M's ends the task
//! ```
//!
//! Where two stand inside of each other and neither is polled, the outer one still has its waker:
//! it is told as if the inner one had been dropped, woken, and passed by in its turn.

use super::node::{Identity, Kind};
use super::outcome::Wakes;
use super::tree::Tree;
use crate::util::slab::Key;

impl<C: Identity, W> Tree<C, W> {
    /// Returns `true` if something was delivered, anywhere, to a node that has not been polled
    /// since.
    pub(crate) fn is_any_unheard(&self) -> bool {
        self.unheard > 0
    }

    /// Sends outwards what was delivered inside `top` to nodes that have not been polled since.
    ///
    /// To be called when the future of `top` has been polled to a pending end and is not woken
    /// again. Children of a group have polls of their own, and are looked at only where nobody
    /// polls their group. Takes constant time while every delivery has been heard; the time of the
    /// part of the tree inside `top` otherwise.
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

    /// The nodes inside `top` that have not been polled since they were told, children before
    /// parents.
    fn unpolled(&mut self, top: Key) -> Vec<Key> {
        // Parents come before their children here, and the other way round when it is reversed.
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

    /// Sends what is pending at a node that is not polled outwards, if it belongs to a scope that
    /// is.
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

    /// Returns `true` if the innermost scope around `from` that a cancellation belongs to has been
    /// polled since: it is `top` or further out, or has a waker. What belongs to the node itself
    /// ends there, whenever that is polled.
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
