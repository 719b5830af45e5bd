//! A naive reference of the tree: a forest of owned nodes, walked by recursion, with no links and no scratch.
//! [`histories`](super::histories) runs the two side by side.

use std::ops::Range;

use super::node::Arrival;
use super::*;

/// What a delivery is.
#[derive(Clone, Copy)]
pub(super) struct Way {
    /// This node is where it began.
    pub(super) top: bool,
    /// It was let out here, and has not been taken.
    pub(super) again: bool,
}

/// A node of the reference, with all that is inside.
#[derive(Debug)]
pub(super) struct Twig {
    pub(super) name: u32,
    pub(super) kind: Kind,
    /// The cancellation, and how it came.
    pub(super) pending: Option<(u32, Arrival)>,
    /// What has become one with it, of a node further in.
    pub(super) inner: Option<u32>,
    /// What a catch point inside has caught last while others were not polled.
    pub(super) caught_inside: Option<u32>,
    /// It was woken once more for what it holds.
    pub(super) is_asked: bool,
    /// It was left something and has neither been polled nor looked since.
    pub(super) unheard: bool,
    /// What it was cancelled with: a task, gather or group each time, another scope the first time.
    pub(super) cancels: Vec<u32>,
    pub(super) outer: Option<u32>,
    /// In a catch point, what came last.
    pub(super) latest: Option<u32>,
    pub(super) awake: bool,
    pub(super) twigs: Vec<Twig>,
}

/// Names: the way from a root to a node, or the woken in their order.
pub(super) type Names = Vec<u32>;

/// What the scopes on a path know as theirs, outermost first.
type Owns = [Names];

/// How many of its cancellations a task knows: the last, and eight before it.
const KNOWN: usize = 9;

/// The reference: roots, oldest first.
#[derive(Default)]
pub(super) struct Forest(pub(super) Vec<Twig>);

fn path_in(twigs: &[Twig], name: u32) -> Option<Names> {
    twigs.iter().find_map(|twig| {
        let below = if twig.name == name {
            Vec::new()
        } else {
            path_in(&twig.twigs, name)?
        };
        Some([vec![twig.name], below].concat())
    })
}

fn find(twigs: &mut [Twig], name: u32) -> Option<&mut Twig> {
    twigs.iter_mut().find_map(|twig| {
        if twig.name == name {
            Some(twig)
        } else {
            find(&mut twig.twigs, name)
        }
    })
}

fn detach(twigs: &mut Vec<Twig>, name: u32) -> Option<Twig> {
    if let Some(place) = twigs.iter().position(|twig| twig.name == name) {
        return Some(twigs.remove(place));
    }
    twigs
        .iter_mut()
        .find_map(|twig| detach(&mut twig.twigs, name))
}

/// Tells whether `new` belongs to a node around that of `old`.
fn outranks(owns: &Owns, new: u32, old: u32) -> bool {
    let place = owns.iter().rposition(|own| own.contains(&new));
    place.is_some_and(|place| owns[place + 1..].iter().any(|own| own.contains(&old)))
}

impl Twig {
    /// Leaves a cancellation here; `owns` ends with this node's.
    fn leave_with(&mut self, owns: &Owns, tag: u32, arrival: Arrival) {
        if self.kind == Kind::Catch {
            self.latest = Some(tag);
        }
        let Some((old, came)) = self.pending else {
            self.pending = Some((tag, arrival));
            return;
        };
        let replaces = match (came, arrival) {
            // A resume does not wait behind what waits for the next suspension, unless that is from further out.
            (Arrival::LetOut | Arrival::Delivered, Arrival::Raised) => !outranks(owns, old, tag),
            _ => outranks(owns, tag, old),
        };
        let (stays, goes) = if replaces { (tag, old) } else { (old, tag) };
        if outranks(owns, stays, goes) {
            self.inner = Some(goes);
        }
        self.pending = Some((stays, came.max(arrival)));
    }

    /// Leaves a cancellation here, and wakes the owner.
    fn post(&mut self, owns: &Owns, tag: u32, arrival: Arrival, woken: &mut Names) {
        self.leave_with(owns, tag, arrival);
        self.unheard = true;
        if std::mem::take(&mut self.awake) {
            woken.push(self.name);
        }
    }

    pub(super) fn is_pending_inside(&self, tag: u32) -> bool {
        self.twigs.iter().any(|twig| {
            twig.pending.is_some_and(|(pending, _)| pending == tag)
                || (twig.kind != Kind::Mask && twig.is_pending_inside(tag))
        })
    }

    pub(super) fn is_any_unheard(&self) -> bool {
        self.unheard || self.twigs.iter().any(Self::is_any_unheard)
    }

    /// What it knows as its own.
    pub(super) fn own(&self) -> Names {
        let first_known = self.cancels.len().saturating_sub(KNOWN);
        self.cancels[first_known..].to_vec()
    }

    /// A timeout has let in, or let out, what is not its own; that from furthest out counts, the latest. `owns` ends with its own.
    fn note(&mut self, owns: &Owns, tag: u32) {
        let keeps = |old: &u32| outranks(owns, *old, tag);
        self.outer = self.outer.filter(keeps).or(Some(tag));
    }

    /// Delivers inside; `top` is the scope that is cancelled. Returns whether a scope in here has the
    /// cancellation, and whether one received it now.
    pub(super) fn deliver(
        &mut self,
        above: &Owns,
        tag: u32,
        way: Way,
        woken: &mut Names,
    ) -> (bool, bool) {
        let owns = [above, &[self.own()]].concat();
        if !way.again {
            self.caught_inside = None;
            self.is_asked = false;
        }
        let top = way.top;
        if self.kind == Kind::Mask {
            return self.reach(&owns, tag, way.again, woken);
        }
        let way = Way { top: false, ..way };
        let inner: Vec<(bool, bool)> = (self.twigs.iter_mut())
            .map(|twig| twig.deliver(&owns, tag, way, woken))
            .collect();
        let caught = inner.iter().any(|(caught, _)| *caught);
        let received = inner.iter().any(|(_, received)| *received);
        match self.kind {
            Kind::Catch if !caught && !top => return self.reach(&owns, tag, way.again, woken),
            Kind::Join
                if received
                    || (top && !way.again)
                    || (way.again && caught && !std::mem::replace(&mut self.is_asked, true)) =>
            {
                for (twig, (caught, _)) in self.twigs.iter_mut().zip(inner) {
                    if !caught && matches!(twig.kind, Kind::Task | Kind::Branch) {
                        let owns = [&owns[..], &[twig.own()]].concat();
                        twig.post(&owns, tag, Arrival::Delivered, woken);
                    }
                }
                self.post(&owns, tag, Arrival::Delivered, woken);
            }
            Kind::Scope if received && !top => self.note(&owns, tag),
            _ if top && !caught && !way.again => {
                self.post(&owns, tag, Arrival::Delivered, woken);
            }
            _ => {}
        }
        let has_turn = matches!(self.kind, Kind::Task | Kind::Scope | Kind::Branch);
        if received && has_turn && std::mem::take(&mut self.awake) {
            woken.push(self.name);
        }
        (caught, received)
    }

    /// A catch point or shield to which a delivery has come.
    fn reach(&mut self, owns: &Owns, tag: u32, again: bool, woken: &mut Names) -> (bool, bool) {
        let has_it = self
            .pending
            .is_some_and(|(pending, _)| !outranks(owns, tag, pending));
        if again && has_it && self.awake && !std::mem::replace(&mut self.is_asked, true) {
            self.post(owns, tag, Arrival::Delivered, woken);
            return (true, false);
        }
        if again && (has_it || !self.awake) {
            return (has_it, false);
        }
        self.post(owns, tag, Arrival::Delivered, woken);
        (true, true)
    }

    /// Returns the names of the scopes inside that were not polled since the delivery, children
    /// first.
    pub(super) fn unpolled(&self, is_polled: bool) -> Names {
        let mut names = Vec::new();
        for twig in &self.twigs {
            if !(is_polled && twig.kind == Kind::Task) {
                names.extend(twig.unpolled(twig.awake));
                names.extend((!twig.awake).then_some(twig.name));
            }
        }
        names
    }
}

impl Forest {
    pub(super) fn at(&mut self, name: u32) -> &mut Twig {
        find(&mut self.0, name).expect("the name of a living node")
    }

    pub(super) fn path(&self, name: u32) -> Names {
        path_in(&self.0, name).expect("the name of a living node")
    }

    pub(super) fn parent(&self, name: u32) -> Option<u32> {
        self.path(name).iter().rev().nth(1).copied()
    }

    pub(super) fn owns(&mut self, path: &[u32]) -> Vec<Names> {
        path.iter().map(|name| self.at(*name).own()).collect()
    }

    /// A cancellation has passed `path[through]`: the timeouts there that it does not belong to note it.
    fn passed(&mut self, path: &[u32], through: Range<usize>, tag: u32) {
        for at in through {
            let owns = self.owns(&path[..=at]);
            let twig = self.at(path[at]);
            if twig.kind == Kind::Scope && !owns[at].contains(&tag) {
                twig.note(&owns, tag);
            }
        }
    }

    pub(super) fn attach(&mut self, parent: Option<u32>, twig: Twig) {
        let name = twig.name;
        match parent {
            Some(parent) => self.at(parent).twigs.push(twig),
            None => self.0.push(twig),
        }
        if let (Some(parent), None) = (parent, self.at(name).pending) {
            let kind = self.kind(name);
            let tag = self.around(parent, self.path(name), kind);
            let twig = self.at(name);
            twig.unheard |= tag.is_some() && !twig.awake;
            twig.pending = tag.map(|tag| (tag, Arrival::Delivered));
        }
    }

    pub(super) fn kind(&mut self, name: u32) -> Kind {
        self.at(name).kind
    }

    /// What is pending around a node that comes new to its place.
    fn around(&mut self, parent: u32, path: Names, kind: Kind) -> Option<u32> {
        match kind {
            Kind::Scope => return None,
            Kind::Task | Kind::Branch => {
                let join = self.at(parent);
                let here = join.pending.filter(|_| join.kind == Kind::Join);
                return here.map(|(tag, _)| tag);
            }
            Kind::Catch | Kind::Mask | Kind::Join => {}
        }
        let inside = path.len() - 1;
        for at in (0..inside).rev() {
            let twig = self.at(path[at]);
            if matches!(twig.kind, Kind::Mask | Kind::Join) {
                return None;
            }
            if let Some((tag, Arrival::LetOut | Arrival::Delivered)) = twig.pending {
                (twig.pending, twig.inner, twig.unheard) = (None, None, false);
                self.passed(&path, at + 1..inside, tag);
                return Some(tag);
            }
            if twig.kind != Kind::Scope {
                return None;
            }
        }
        None
    }

    pub(super) fn cancel(&mut self, name: u32, tag: u32, woken: &mut Names) -> Duty {
        let path = self.path(name);
        let above = self.owns(&path[..path.len() - 1]);
        let twig = self.at(name);
        if matches!(twig.kind, Kind::Task | Kind::Join) || twig.cancels.is_empty() {
            twig.cancels.push(tag);
        }
        let tag = *twig
            .cancels
            .last()
            .expect("one was there or has been added");
        let way = Way {
            top: true,
            again: false,
        };
        if twig.deliver(&above, tag, way, woken).0 {
            Duty::Wait
        } else {
            Duty::Drop
        }
    }

    /// Finds the first node outwards that stops a cancellation, by its place on the path.
    fn stop(&mut self, path: &[u32], tag: u32, up: bool) -> Option<usize> {
        let mut places = (0..path.len()).rev();
        places.find(|&at| {
            let twig = self.at(path[at]);
            match twig.kind {
                Kind::Mask => !up,
                Kind::Scope => at == 0 || twig.own().contains(&tag),
                _ => true,
            }
        })
    }

    /// Goes outwards to the first node that stops it, which it gives.
    pub(super) fn outwards(
        &mut self,
        path: &[u32],
        tag: u32,
        up: bool,
        woken: &mut Names,
    ) -> Option<u32> {
        let stop = self.stop(path, tag, up)?;
        let owns = self.owns(&path[..=stop]);
        let arrival = if up { Arrival::Raised } else { Arrival::LetOut };
        self.at(path[stop]).post(&owns, tag, arrival, woken);
        if up {
            self.passed(path, stop + 1..path.len(), tag);
            self.bring_held(path, stop);
        }
        Some(path[stop])
    }

    /// What the shields hold that a resume has passed comes along, if it would go to the same node.
    fn bring_held(&mut self, path: &[u32], stop: usize) {
        let owns = self.owns(&path[..=stop]);
        for at in (stop + 1..path.len()).rev() {
            let twig = self.at(path[at]);
            let Some((held, _)) = twig.pending.filter(|_| twig.kind == Kind::Mask) else {
                continue;
            };
            if self.stop(&path[..at], held, false) == Some(stop) {
                let twig = self.at(path[at]);
                (twig.pending, twig.inner, twig.unheard) = (None, None, false);
                self.at(path[stop]).leave_with(&owns, held, Arrival::LetOut);
            }
        }
    }

    pub(super) fn close(&mut self, name: u32, woken: &mut Names) {
        let (path, parent) = (self.path(name), self.parent(name));
        let twig = detach(&mut self.0, name).expect("the path led here");
        let around = match parent {
            Some(parent) => &mut self.at(parent).twigs,
            None => &mut self.0,
        };
        let (own, twigs) = (twig.own(), twig.twigs);
        around.extend(twigs);
        match twig.pending {
            Some((tag, _)) if twig.kind != Kind::Task && !own.contains(&tag) => {
                self.outwards(&path[..path.len() - 1], tag, false, woken);
            }
            _ => {}
        }
    }

    /// Moves a node, unless the new parent is the node, or inside of it.
    pub(super) fn adopt(&mut self, name: u32, parent: Option<u32>) {
        let is_inside = parent.is_some_and(|parent| self.path(parent).contains(&name));
        if self.parent(name) != parent && !is_inside {
            let twig = detach(&mut self.0, name).expect("the name of a living node");
            self.attach(parent, twig);
        }
    }
}
