//! Propagation past a catch point or shield that its holder does not poll (C26).
//!
//! A delivery takes the wakers of the nodes that receive the cancellation and of the scopes around
//! them, up to the one that was cancelled, and wakes them all. Each node that is polled puts a
//! waker back. When the poll of a scope has ended pending, and the scope is not woken again, a node
//! inside without a waker was not polled. What is pending there goes where it would have gone
//! without the node, which stays.
//!
//! ```text
//!   task ─┬─ catch P (polled) ── catch K (not polled): P catches K's
//!         └─ gather J (not polled) ── branch B ── catch M (not polled):
//!                                                 M's ends the task
//! ```
//!
//! If one such node is inside of another, the outer one still has its waker: it receives the
//! cancellation of the inner one, is woken, and is passed by after the next poll.
//!
//! If a catch point beside the node has caught the cancellation, it goes no further: `caught_inside`
//! records that, in all nodes around the catch point. If a shield beside the node holds it, the next
//! node outwards finds out by [`redeliver`](Tree::redeliver).

use super::node::{Arrival, Identity, Kind, Node, Pending};
use super::outcome::Wakes;
use super::tree::Tree;
use crate::util::slab::Key;

/// How many polls of a busy scope pass from one look at the nodes inside to the next.
const LOOK_EVERY: u32 = 256;

/// How many looks a node gets. A combinator that is busy with many futures, such as
/// `FuturesUnordered`, polls a woken one within some hundred polls of its scope.
const MISSES: u8 = 4;

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
        self.pass_by_those(top, |_| true)
    }

    /// Counts a poll of `top` that has ended pending, and after which it is woken again. After many
    /// such polls it is busy without end, and [`pass_by`](Tree::pass_by) is due all the same.
    pub(crate) fn pass_by_if_overdue(&mut self, top: Key) -> Wakes<W> {
        let Some(node) = self.nodes.find_mut(top).filter(|_| self.unheard > 0) else {
            return Wakes::new();
        };
        node.busy_polls = node.busy_polls.wrapping_add(1);
        if !node.busy_polls.is_multiple_of(LOOK_EVERY) {
            return Wakes::new();
        }
        self.pass_by_those(top, |node| {
            node.missed = node.missed.saturating_add(1);
            node.missed >= MISSES
        })
    }

    /// [`pass_by`](Tree::pass_by) of the unpolled nodes for which `is_due` holds.
    fn pass_by_those(&mut self, top: Key, is_due: impl Fn(&mut Node<C, W>) -> bool) -> Wakes<W> {
        let mut wakes = Wakes::new();
        if !self.is_any_unheard() || self.nodes.find(top).is_none() {
            return wakes;
        }
        for at in self.unpolled(top) {
            if self.nodes.find_mut(at).is_some_and(&is_due) {
                wakes.add(self.pass_by_one(top, at));
            }
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
        let cancel = self.take_passing(at)?;
        if kind == Kind::Task || self.leave_behind(parent, &cancel) {
            return None;
        }
        self.let_out(parent, cancel)
    }

    /// Takes the cancellation that passes a node by. One from further in that had become one with it
    /// is pending again.
    fn take_passing(&mut self, at: Key) -> Option<C> {
        self.heard(at);
        let node = self.nodes.at_mut(at);
        let passing = node.pending.take()?;
        if let Some(inner) = passing.inner {
            node.pending = Some(Pending::new(inner, Arrival::Delivered));
            self.told(at);
        }
        Some(passing.cancel)
    }

    /// Records that a catch point catches the cancellation that is pending there: others that were
    /// not polled are passed by, and that does not interrupt the clean-up here. Records nothing if
    /// every delivery has been polled.
    pub(super) fn note_caught(&mut self, key: Key) {
        let Some(node) = self.nodes.find(key).filter(|_| self.is_any_unheard()) else {
            return;
        };
        let (Kind::Catch, Some(pending)) = (node.kind, &node.pending) else {
            return;
        };
        let latest = node.latest.as_ref();
        let cancel = latest.unwrap_or(&pending.cancel).clone();
        let mut next = node.parent;
        while let Some(at) = next {
            let node = self.nodes.at_mut(at);
            let known = node.caught_inside.replace(cancel.clone());
            if known.is_some_and(|known| known.is(&cancel)) {
                return;
            }
            next = node.parent.filter(|_| !node.owns(&cancel));
        }
    }

    /// Removes the record of a cancellation, which has passed a node by, from the timeouts that it
    /// leaves. Returns `true` if it goes no further, because a catch point beside the node has
    /// caught it.
    fn leave_behind(&mut self, from: Key, cancel: &C) -> bool {
        let mut at = from;
        loop {
            let node = self.nodes.at(at);
            let caught = node.caught_inside.as_ref();
            if caught.is_some_and(|caught| caught.is(cancel)) {
                return true;
            }
            let Some(parent) = node.parent else {
                return false;
            };
            if node.kind != Kind::Scope || node.owns(cancel) {
                return false;
            }
            let is_noted = node.outer.as_ref().is_some_and(|outer| outer.is(cancel));
            if is_noted && !self.is_pending_inside(at, cancel) {
                self.nodes.at_mut(at).outer = None;
            }
            at = parent;
        }
    }

    /// Returns `true` if a cancellation is pending at a node inside `top`.
    fn is_pending_inside(&self, top: Key, cancel: &C) -> bool {
        let mut open = vec![top];
        while let Some(at) = open.pop() {
            let mut next = self.nodes.at(at).first;
            while let Some(child) = next {
                let node = self.nodes.at(child);
                let pending = node.pending.as_ref();
                if pending.is_some_and(|pending| pending.cancel.is(cancel)) {
                    return true;
                }
                if node.kind != Kind::Mask {
                    open.push(child);
                }
                next = node.next;
            }
        }
        false
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
