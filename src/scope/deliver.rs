//! Where a cancellation goes: inwards by [`cancel`](Tree::cancel), outwards by [`raise`](Tree::raise).
//!
//! `cancel` visits each node inside the scope once, children before parents, along the links and without a stack:
//!
//! ```text
//!   descend: to the first leaf ──▶ leave: catch, hold, tell the parent ──▶ next sibling? descend
//!                                     ▲                                        │ none
//!                                     └──────────── the parent ◀───────────────┘
//! ```

use super::node::{Identity, Kind, Pending};
use super::outcome::{Delivery, Duty, Raise, Wakes};
use super::tree::Tree;
use crate::util::slab::Key;

impl<C: Identity, W> Tree<C, W> {
    /// Cancels a scope of any kind: delivers to the innermost catch points inside.
    ///
    /// Where nobody inside catches, the cancellation is pending at the scope itself, and [`Duty::Drop`] says so. What is
    /// delivered again (C9) is the new one, except to a timeout, which has but one. (An owner that passes on what came from
    /// elsewhere gives it a new identity: from now on it is the scope's own.)
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

    /// Sends a cancellation outwards, from `from` on, which is the innermost node around whoever resumes it.
    ///
    /// The first catch point catches it. Short of one it ends its own scope, or the first branch, or the task (C7, C8).
    /// Shields do not hold it: it comes from inside.
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

    /// A shield that a resume passes is done: what it holds, and would let out to the same node when it is dropped, joins the
    /// resume there, before the owner of that node acts.
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

    /// Sends what a closed node had pending outwards, to wait for the next suspension there.
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

    /// Remembers at the scope what it is cancelled with, and gives what is to be delivered.
    fn brand(&mut self, scope: Key, cancel: C) -> Option<C> {
        let node = self.nodes.find_mut(scope)?;
        debug_assert!(
            !matches!(node.kind, Kind::Catch | Kind::Mask),
            "only scopes are cancelled"
        );
        node.ends_at = None;
        if matches!(node.kind, Kind::Task | Kind::Join) {
            node.supersede(cancel.clone());
        }
        Some(node.own.get_or_insert(cancel).clone())
    }

    /// Delivers to all nodes inside `top` that catch or hold; `caught` at `top` then tells whether there was one.
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

    /// Enters `from` and the first child of the first child; gives the leaf. A mask counts as one.
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

    /// Finishes a node whose children are finished, and tells its parent.
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
            // Its next poll is what the catch points inside are waited for (C26).
            wakes.add(self.nodes.at_mut(at).waker.take());
        }
        if let (true, Some(parent)) = (caught, self.nodes.at(at).parent) {
            self.nodes.at_mut(parent).caught = true;
        }
    }

    /// Tells a gather or group that a cancellation is in it, and ends those branches where nobody catches.
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

    /// Remembers at a timeout what has come in from further out: of several the one from furthest out, and of those from one
    /// scope the latest.
    fn note(&mut self, scope: Key, cancel: &C) {
        let old = self.nodes.at(scope).outer.as_ref();
        if !old.is_some_and(|old| self.outranks(old, cancel, scope)) {
            self.nodes.at_mut(scope).outer = Some(cancel.clone());
        }
    }

    /// Remembers at the timeouts from `from` outwards, short of `stop`, what passes them and is not their own.
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

    /// Leaves a cancellation with a node, and takes the waker out.
    fn post(&mut self, at: Key, cancel: &C, raised: bool) -> Option<W> {
        self.leave_with(at, cancel, raised);
        let waker = self.nodes.at_mut(at).waker.take();
        self.told(at);
        waker
    }

    /// Leaves a cancellation with a node whose owner knows that it has to look.
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
        // It ends by this one now, if it was about to end by its own.
        node.ends_at = None;
    }

    /// Tells whether what is pending at a node stays when `new` comes: the first one does, unless the second is from further
    /// out; but what somebody resumes goes before what only waits, unless that is from further out.
    fn stands(&self, old: &Pending<C>, new: &C, (at, raised): (Key, bool)) -> bool {
        match raised && !old.raised {
            true => self.outranks(&old.cancel, new, at),
            false => !self.outranks(new, &old.cancel, at),
        }
    }

    /// Tells whether `new` belongs to a scope around the one that `old` belongs to, both around `from`.
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
