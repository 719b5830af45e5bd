//! Where a cancellation goes: inwards by [`cancel`](Tree::cancel), outwards by
//! [`raise`](Tree::raise).
//!
//! `cancel` visits each node inside the scope once, children before parents, along the links and
//! without a stack:
//!
//! ```text
//!   descend: to the first leaf ──▶ leave: catch or hold, mark the parent ─┐
//!      ▲                             ▲                                      │
//!      │                             └── no next sibling: the parent ◀──────┤
//!      └──────────────────────────────── the next sibling ◀─────────────────┘
//! ```

use super::node::{Identity, Kind, Pending};
use super::outcome::{Delivery, Duty, Raise, Wakes};
use super::tree::Tree;
use crate::util::slab::Key;

impl<C: Identity, W> Tree<C, W> {
    /// Cancels a scope of any kind: delivers to the innermost catch points inside.
    ///
    /// If no node inside catches, the cancellation is pending at the scope itself, and the duty is
    /// [`Duty::Drop`]. A second call delivers the new cancellation (C9), except for a timeout,
    /// which has one only. An owner that passes on a cancellation from elsewhere gives it a new
    /// identity first, so that it becomes the scope's own.
    pub(crate) fn cancel(&mut self, scope: Key, cancel: C) -> Delivery<W> {
        let mut wakes = Wakes::new();
        let Some(cancel) = self.brand(scope, cancel) else {
            let duty = Duty::Gone;
            return Delivery { duty, wakes };
        };
        self.walk(scope, &cancel, &mut wakes);
        let node = self.nodes.at(scope);
        let caught = node.caught;
        match node.kind {
            Kind::Join => self.pass(scope, &cancel, &mut wakes),
            _ if caught => wakes.add(self.nodes.at_mut(scope).waker.take()),
            _ => wakes.add(self.post(scope, &cancel, false)),
        }
        let duty = if caught { Duty::Wait } else { Duty::Drop };
        Delivery { duty, wakes }
    }

    /// Sends a cancellation outwards from `from`, the innermost node around the code that resumes
    /// it.
    ///
    /// The first catch point catches it. Before that, it ends the scope that owns it, a branch, or
    /// the task (C7, C8). Shields do not hold it, because it comes from inside.
    pub(crate) fn raise(&mut self, from: Key, cancel: &C) -> Raise<W> {
        let Some(stop) = self.stop(from, cancel, false) else {
            return Raise::Nowhere;
        };
        self.note_passed(from, stop, cancel);
        let wake = self.post(stop, cancel, true);
        self.bring_held(from, stop);
        match self.nodes.at(stop).kind {
            Kind::Catch => Raise::Caught(stop, wake),
            _ => Raise::Ends(stop, wake),
        }
    }

    /// Moves what the shields on the way of a resume hold to the node where it stopped. Each shield
    /// would let it out there when it is dropped; here it joins the resume before the owner of the
    /// node acts.
    fn bring_held(&mut self, from: Key, stop: Key) {
        let mut at = from;
        while at != stop {
            let node = self.nodes.at_mut(at);
            let Some(parent) = node.parent else { return };
            let held = node.pending.as_ref().filter(|_| node.kind == Kind::Mask);
            let held = held.map(|held| held.cancel.clone());
            if let Some(held) = held
                && self.stop(parent, &held, true) == Some(stop)
            {
                self.nodes.at_mut(at).pending = None;
                self.heard(at);
                // The resume has woken the owner.
                self.leave_with(stop, &held, false);
            }
            at = parent;
        }
    }

    /// Sends the pending cancellation of a closed node outwards, to wait for the next suspension
    /// there.
    pub(super) fn let_out(&mut self, parent: Key, cancel: C) -> Option<W> {
        let stop = self.stop(parent, &cancel, true)?;
        self.post(stop, &cancel, false)
    }

    /// Finds the first node, from `from` outwards, that a cancellation cannot pass.
    fn stop(&self, from: Key, cancel: &C, masks_hold: bool) -> Option<Key> {
        let (mut at, mut node) = (from, self.nodes.find(from)?);
        loop {
            let stops = match node.kind {
                Kind::Task | Kind::Join | Kind::Branch | Kind::Catch => true,
                Kind::Mask => masks_hold,
                Kind::Scope => node.parent.is_none() || node.owns(cancel),
            };
            if stops {
                return Some(at);
            }
            at = node.parent?;
            node = self.nodes.at(at);
        }
    }

    /// Records the cancellation at the scope, and returns the one to be delivered; `None` if the node
    /// has gone, or is a catch point or shield, which nothing cancels by itself.
    fn brand(&mut self, scope: Key, cancel: C) -> Option<C> {
        let node = self.nodes.find_mut(scope)?;
        if matches!(node.kind, Kind::Catch | Kind::Mask) {
            return None;
        }
        node.ends_at = None;
        if matches!(node.kind, Kind::Task | Kind::Join) {
            node.supersede(cancel.clone());
        }
        Some(node.own.get_or_insert(cancel).clone())
    }

    /// Delivers to all nodes inside `top` that catch or hold. Sets `caught` at `top` if there was
    /// one.
    fn walk(&mut self, top: Key, cancel: &C, wakes: &mut Wakes<W>) {
        let mut at = self.descend(top);
        while at != top {
            self.leave(at, cancel, wakes);
            let node = self.nodes.at(at);
            at = match (node.next, node.parent) {
                (Some(sibling), _) => self.descend(sibling),
                (None, Some(parent)) => parent,
                (None, None) => unreachable!("every node inside has a parent"),
            };
        }
    }

    /// Enters `from` and each first child inside. Returns the leaf; a mask counts as one.
    fn descend(&mut self, from: Key) -> Key {
        let mut at = from;
        loop {
            let node = self.nodes.at_mut(at);
            node.caught = false;
            match node.first {
                Some(child) if node.kind != Kind::Mask => at = child,
                _ => return at,
            }
        }
    }

    /// Finishes a node whose children are finished, and marks its parent.
    fn leave(&mut self, at: Key, cancel: &C, wakes: &mut Wakes<W>) {
        let node = self.nodes.at(at);
        let (mut caught, kind) = (node.caught, node.kind);
        match kind {
            Kind::Catch | Kind::Mask if !caught => {
                wakes.add(self.post(at, cancel, false));
                caught = true;
            }
            Kind::Join if caught => self.pass(at, cancel, wakes),
            Kind::Scope if caught => self.note(at, cancel),
            Kind::Task => self.nodes.at_mut(at).note_passed(cancel.clone()),
            _ => {}
        }
        if caught && matches!(kind, Kind::Scope | Kind::Branch | Kind::Task) {
            // The catch points inside have until its next poll to be polled (C26).
            wakes.add(self.nodes.at_mut(at).waker.take());
        }
        if let (true, Some(parent)) = (caught, self.nodes.at(at).parent) {
            self.nodes.at_mut(parent).caught = true;
        }
    }

    /// Delivers to a gather or group, and to those of its branches in which no node catches.
    fn pass(&mut self, join: Key, cancel: &C, wakes: &mut Wakes<W>) {
        let mut next = self.nodes.at(join).first;
        while let Some(at) = next {
            let node = self.nodes.at(at);
            next = node.next;
            if matches!(node.kind, Kind::Task | Kind::Branch) && !node.caught {
                wakes.add(self.post(at, cancel, false));
            }
        }
        wakes.add(self.post(join, cancel, false));
    }

    /// Records a cancellation from further out at a timeout: of several the one from furthest out,
    /// of several from one scope the latest.
    fn note(&mut self, scope: Key, cancel: &C) {
        let old = self.nodes.at(scope).outer.as_ref();
        if !old.is_some_and(|old| self.outranks(old, cancel, scope)) {
            self.nodes.at_mut(scope).outer = Some(cancel.clone());
        }
    }

    /// Records a cancellation at the timeouts from `from` to `stop`, exclusive, that do not own it.
    pub(super) fn note_passed(&mut self, from: Key, stop: Key, cancel: &C) {
        let mut at = from;
        while at != stop {
            let node = self.nodes.at(at);
            let Some(parent) = node.parent else { return };
            if node.kind == Kind::Scope && !node.owns(cancel) {
                self.note(at, cancel);
            }
            at = parent;
        }
    }

    /// Makes a cancellation pending at a node, and takes the waker out.
    fn post(&mut self, at: Key, cancel: &C, raised: bool) -> Option<W> {
        self.leave_with(at, cancel, raised);
        let waker = self.nodes.at_mut(at).waker.take();
        self.told(at);
        waker
    }

    /// Makes a cancellation pending at a node whose owner will look at it.
    fn leave_with(&mut self, at: Key, cancel: &C, raised: bool) {
        let node = self.nodes.at_mut(at);
        if node.kind == Kind::Catch {
            node.latest = Some(cancel.clone());
        }
        let old = self.nodes.at(at).pending.as_ref();
        let cancel = match old {
            Some(old) if self.stands(old, cancel, (at, raised)) => old.cancel.clone(),
            _ => cancel.clone(),
        };
        let raised = raised || old.is_some_and(|old| old.raised);
        let node = self.nodes.at_mut(at);
        node.pending = Some(Pending { cancel, raised });
        // The scope ends by this one now, even if its own deadline was close.
        node.ends_at = None;
    }

    /// Returns `true` if the pending cancellation of a node stays when `new` arrives. It stays
    /// unless `new` is from further out. But a resumed one replaces one that only waits, unless
    /// that is from further out.
    fn stands(&self, old: &Pending<C>, new: &C, (at, raised): (Key, bool)) -> bool {
        if raised && !old.raised {
            self.outranks(&old.cancel, new, at)
        } else {
            !self.outranks(new, &old.cancel, at)
        }
    }

    /// Returns `true` if `new` belongs to a scope around that of `old`, both around `from`.
    pub(crate) fn outranks(&self, new: &C, old: &C, from: Key) -> bool {
        let mut at = Some(from);
        let mut met_old = false;
        while let Some(key) = at {
            let Some(node) = self.nodes.find(key) else {
                return false;
            };
            if node.owns(new) {
                return met_old;
            }
            met_old |= node.owns(old);
            at = node.parent;
        }
        false
    }
}
