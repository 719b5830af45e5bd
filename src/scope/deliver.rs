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

use super::node::{Arrival, Identity, Kind, Pending};
use super::outcome::{Delivery, Duty, Raise, Wakes};
use super::tree::Tree;
use crate::util::slab::Key;

/// Which round of one cancellation a walk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    First,
    /// It was let out inside of the scope, and arrives again.
    Again,
}

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
        self.walk(scope, &cancel, (Round::First, &mut wakes));
        let node = self.nodes.at(scope);
        let caught = node.caught;
        match node.kind {
            Kind::Join => self.pass(scope, &cancel, &mut wakes),
            _ if caught => wakes.add(self.nodes.at_mut(scope).waker.take()),
            _ => wakes.add(self.post(scope, &cancel, Arrival::Delivered)),
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
        let wake = self.post(stop, cancel, Arrival::Raised);
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
                self.leave_with(stop, &held, Arrival::LetOut);
            }
            at = parent;
        }
    }

    /// Sends the pending cancellation of a closed node outwards, to wait for the next suspension
    /// there.
    pub(super) fn let_out(&mut self, parent: Key, cancel: C) -> Option<W> {
        let stop = self.stop(parent, &cancel, true)?;
        self.post(stop, &cancel, Arrival::LetOut)
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

    /// Delivers what was let out to a node to the code inside, which has suspended.
    ///
    /// The owner of the node calls this before it looks for a cancellation. Afterwards the
    /// cancellation is pending at the node only if no node inside catches or holds it.
    pub(crate) fn redeliver(&mut self, key: Key) -> Wakes<W> {
        let mut wakes = Wakes::new();
        let Some(cancel) = self.take_let_out(key) else {
            return wakes;
        };
        self.walk(key, &cancel, (Round::Again, &mut wakes));
        let node = self.nodes.at_mut(key);
        if !node.caught {
            node.pending = Some(Pending::new(cancel, Arrival::Delivered));
        } else if node.received && node.kind != Kind::Catch {
            wakes.add(node.waker.take());
        }
        wakes
    }

    /// Takes what was let out to a node, unless that is a gather, a group or a shield: these keep
    /// it.
    fn take_let_out(&mut self, key: Key) -> Option<C> {
        let node = self.nodes.find_mut(key)?;
        let pending = node.pending.as_ref()?;
        if pending.arrival != Arrival::LetOut || matches!(node.kind, Kind::Join | Kind::Mask) {
            return None;
        }
        self.take_delivered(key)
    }

    /// Delivers to all nodes inside `top` that catch or hold. Sets `caught` at `top` if there was
    /// one.
    fn walk(&mut self, top: Key, cancel: &C, (round, wakes): (Round, &mut Wakes<W>)) {
        let mut at = self.descend(top, round);
        while at != top {
            self.leave(at, cancel, (round, wakes));
            let node = self.nodes.at(at);
            at = match (node.next, node.parent) {
                (Some(sibling), _) => self.descend(sibling, round),
                (None, Some(parent)) => parent,
                (None, None) => unreachable!("every node inside has a parent"),
            };
        }
    }

    /// Enters `from` and each first child inside. Returns the leaf; a mask counts as one.
    fn descend(&mut self, from: Key, round: Round) -> Key {
        let mut at = from;
        loop {
            let node = self.nodes.at_mut(at);
            (node.caught, node.received) = (false, false);
            if round == Round::First {
                node.caught_inside = None;
                node.is_asked = false;
            }
            match node.first {
                Some(child) if node.kind != Kind::Mask => at = child,
                _ => return at,
            }
        }
    }

    /// Finishes a node whose children are finished, and marks its parent.
    fn leave(&mut self, at: Key, cancel: &C, (round, wakes): (Round, &mut Wakes<W>)) {
        let node = self.nodes.at_mut(at);
        let is_new = node.received || (node.caught && node.kind == Kind::Join && node.is_to_ask());
        match node.kind {
            Kind::Catch | Kind::Mask if !node.caught => wakes.add(self.reach(at, cancel, round)),
            Kind::Join if is_new => self.pass(at, cancel, wakes),
            Kind::Scope if node.received => self.note(at, cancel),
            Kind::Task => self.nodes.at_mut(at).note_passed(cancel.clone()),
            _ => {}
        }
        let node = self.nodes.at_mut(at);
        let (caught, received) = (node.caught, node.received);
        if received && matches!(node.kind, Kind::Scope | Kind::Branch | Kind::Task) {
            // The catch points inside have until its next poll to be polled (C26).
            wakes.add(node.waker.take());
        }
        if let Some(parent) = self.nodes.at(at).parent {
            let parent = self.nodes.at_mut(parent);
            parent.caught |= caught;
            parent.received |= received;
        }
    }

    /// Delivers to a catch point or shield. In a second round, one that has the cancellation keeps
    /// it, if it is still polled: it is woken once. One that has not been polled since the first
    /// round is left out (C26).
    fn reach(&mut self, at: Key, cancel: &C, round: Round) -> Option<W> {
        let is_again = round == Round::Again;
        let pending = self.nodes.at(at).pending.as_ref();
        let has_it = pending.is_some_and(|pending| !self.outranks(cancel, &pending.cancel, at));
        let node = self.nodes.at_mut(at);
        if is_again && has_it {
            node.caught = true;
            let is_to_ask = node.waker.is_some() && node.is_to_ask();
            return is_to_ask.then(|| self.post(at, cancel, Arrival::Delivered))?;
        }
        if is_again && node.waker.is_none() {
            return None;
        }
        (node.caught, node.received) = (true, true);
        self.post(at, cancel, Arrival::Delivered)
    }

    /// Delivers to a gather or group, and to those of its branches in which no node catches.
    fn pass(&mut self, join: Key, cancel: &C, wakes: &mut Wakes<W>) {
        let mut next = self.nodes.at(join).first;
        while let Some(at) = next {
            let node = self.nodes.at(at);
            next = node.next;
            if matches!(node.kind, Kind::Task | Kind::Branch) && !node.caught {
                wakes.add(self.post(at, cancel, Arrival::Delivered));
            }
        }
        wakes.add(self.post(join, cancel, Arrival::Delivered));
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
    fn post(&mut self, at: Key, cancel: &C, arrival: Arrival) -> Option<W> {
        self.leave_with(at, cancel, arrival);
        let waker = self.nodes.at_mut(at).waker.take();
        self.told(at);
        waker
    }

    /// Makes a cancellation pending at a node whose owner will look at it.
    fn leave_with(&mut self, at: Key, cancel: &C, arrival: Arrival) {
        let node = self.nodes.at_mut(at);
        if node.kind == Kind::Catch {
            node.latest = Some(cancel.clone());
        }
        let mut pending = Pending::new(cancel.clone(), arrival);
        if let Some(old) = node.pending.take() {
            pending = self.merged(old, pending, at);
        }
        let node = self.nodes.at_mut(at);
        node.pending = Some(pending);
        // The scope ends by this one now, even if its own deadline was close.
        node.ends_at = None;
    }

    /// Makes one of two cancellations that arrive at a node (C10).
    fn merged(&self, old: Pending<C>, new: Pending<C>, at: Key) -> Pending<C> {
        let arrival = old.arrival.max(new.arrival);
        let (stays, goes) = if self.stands(&old, &new.cancel, (at, new.arrival)) {
            (old, new)
        } else {
            (new, old)
        };
        let is_inner = self.outranks(&stays.cancel, &goes.cancel, at);
        let inner = if is_inner {
            Some(goes.cancel)
        } else {
            stays.inner.or(goes.inner)
        };
        let cancel = stays.cancel;
        Pending {
            cancel,
            arrival,
            inner,
        }
    }

    /// Returns `true` if the pending cancellation of a node stays when `new` arrives. It stays
    /// unless `new` is from further out. But a resumed one replaces one that only waits, unless
    /// that is from further out.
    fn stands(&self, old: &Pending<C>, new: &C, (at, arrival): (Key, Arrival)) -> bool {
        if arrival == Arrival::Raised && old.arrival != Arrival::Raised {
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
