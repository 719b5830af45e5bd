//! Random histories against a naive reference: a forest of owned nodes, walked by recursion, with no links and no scratch.

use std::ops::Range;

use proptest::prelude::*;

use super::tests::Tag;
use super::*;
use crate::util::slab::Key;

/// A node of the reference, with all that is inside.
#[derive(Debug)]
struct Twig {
    name: u32,
    kind: Kind,
    /// The cancellation, and whether it was raised.
    pending: Option<(u32, bool)>,
    /// What it was cancelled with: a task each time, another scope the first time.
    cancels: Vec<u32>,
    outer: Option<u32>,
    awake: bool,
    twigs: Vec<Twig>,
}

/// Names: the way from a root to a node, or the woken in their order.
type Names = Vec<u32>;

/// What the scopes on a path know as theirs, outermost first.
type Owns = [Names];

/// How many of its cancellations a task knows: the last, and eight before it.
const KNOWN: usize = 9;

/// The reference: roots, oldest first.
#[derive(Default)]
struct Forest(Vec<Twig>);

fn path_in(twigs: &[Twig], name: u32) -> Option<Names> {
    twigs.iter().find_map(|twig| {
        let below = match twig.name == name {
            true => Vec::new(),
            false => path_in(&twig.twigs, name)?,
        };
        Some([vec![twig.name], below].concat())
    })
}

fn find(twigs: &mut [Twig], name: u32) -> Option<&mut Twig> {
    twigs.iter_mut().find_map(|twig| match twig.name == name {
        true => Some(twig),
        false => find(&mut twig.twigs, name),
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
    fn post(&mut self, owns: &Owns, tag: u32, raised: bool, woken: &mut Names) {
        let replaces = match self.pending {
            None => true,
            // A resume does not wait behind what waits for the next suspension, unless that is from further out.
            Some((old, false)) if raised => !outranks(owns, old, tag),
            Some((old, _)) => outranks(owns, tag, old),
        };
        let was_raised = self.pending.is_some_and(|(_, raised)| raised);
        let stands = self.pending.filter(|_| !replaces);
        let stands = stands.map_or(tag, |(old, _)| old);
        self.pending = Some((stands, raised || was_raised));
        if std::mem::take(&mut self.awake) {
            woken.push(self.name);
        }
    }

    /// What it knows as its own.
    fn own(&self) -> Names {
        let first_known = self.cancels.len().saturating_sub(KNOWN);
        self.cancels[first_known..].to_vec()
    }

    /// A timeout has let in, or let out, what is not its own; that from furthest out counts. `owns` ends with its own.
    fn note(&mut self, owns: &Owns, tag: u32) {
        let keeps = |old: &u32| outranks(owns, *old, tag);
        self.outer = self.outer.filter(keeps).or(Some(tag));
    }

    /// Delivers inside; `top` is the scope that is cancelled.
    fn deliver(&mut self, above: &Owns, tag: u32, top: bool, woken: &mut Names) -> bool {
        let owns = [above, &[self.own()]].concat();
        if self.kind == Kind::Mask {
            self.post(&owns, tag, false, woken);
            return true;
        }
        let inner: Vec<bool> = (self.twigs.iter_mut())
            .map(|twig| twig.deliver(&owns, tag, false, woken))
            .collect();
        let caught = inner.contains(&true);
        match self.kind {
            Kind::Catch if !caught => self.post(&owns, tag, false, woken),
            Kind::Join if caught || top => {
                for (twig, caught) in self.twigs.iter_mut().zip(inner) {
                    if !caught && matches!(twig.kind, Kind::Task | Kind::Branch) {
                        let owns = [&owns[..], &[twig.own()]].concat();
                        twig.post(&owns, tag, false, woken);
                    }
                }
                self.post(&owns, tag, false, woken);
            }
            Kind::Scope if caught && !top => self.note(&owns, tag),
            _ if top && !caught => self.post(&owns, tag, false, woken),
            _ => {}
        }
        caught || self.kind == Kind::Catch
    }
}

impl Forest {
    fn at(&mut self, name: u32) -> &mut Twig {
        find(&mut self.0, name).expect("the name of a living node")
    }

    fn path(&self, name: u32) -> Names {
        path_in(&self.0, name).expect("the name of a living node")
    }

    fn parent(&self, name: u32) -> Option<u32> {
        self.path(name).iter().rev().nth(1).copied()
    }

    fn owns(&mut self, path: &[u32]) -> Vec<Names> {
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

    fn attach(&mut self, parent: Option<u32>, twig: Twig) {
        let name = twig.name;
        match parent {
            Some(parent) => self.at(parent).twigs.push(twig),
            None => self.0.push(twig),
        }
        if let (Some(parent), None) = (parent, self.at(name).pending) {
            let kind = self.kind(name);
            let tag = self.around(parent, self.path(name), kind);
            self.at(name).pending = tag.map(|tag| (tag, false));
        }
    }

    fn kind(&mut self, name: u32) -> Kind {
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
            if let Some((tag, false)) = twig.pending {
                twig.pending = None;
                self.passed(&path, at + 1..inside, tag);
                return Some(tag);
            }
            if twig.kind != Kind::Scope {
                return None;
            }
        }
        None
    }

    fn cancel(&mut self, name: u32, tag: u32, woken: &mut Names) -> Duty {
        let path = self.path(name);
        let above = self.owns(&path[..path.len() - 1]);
        let twig = self.at(name);
        if twig.kind == Kind::Task || twig.cancels.is_empty() {
            twig.cancels.push(tag);
        }
        let tag = *twig
            .cancels
            .last()
            .expect("one was there or has been added");
        match twig.deliver(&above, tag, true, woken) {
            true => Duty::Wait,
            false => Duty::Drop,
        }
    }

    /// Goes outwards to the first node that stops it, which it gives.
    fn outwards(&mut self, path: &[u32], tag: u32, up: bool, woken: &mut Names) -> Option<u32> {
        for at in (0..path.len()).rev() {
            let twig = self.at(path[at]);
            let stops = match twig.kind {
                Kind::Mask => !up,
                Kind::Scope => at == 0 || twig.own().contains(&tag),
                _ => true,
            };
            if stops {
                let owns = self.owns(&path[..=at]);
                self.at(path[at]).post(&owns, tag, up, woken);
                if up {
                    self.passed(path, at + 1..path.len(), tag);
                }
                return Some(path[at]);
            }
        }
        None
    }

    fn close(&mut self, name: u32, woken: &mut Names) {
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

    fn adopt(&mut self, name: u32, parent: Option<u32>) {
        if self.parent(name) != parent {
            let twig = detach(&mut self.0, name).expect("the name of a living node");
            self.attach(parent, twig);
        }
    }
}

/// One step of a history. Numbers choose among the living nodes.
#[derive(Clone, Debug)]
enum Step {
    Open(usize, Kind),
    OpenRoot(Kind),
    Close(usize),
    Adopt(usize, usize),
    Cancel(usize, u32),
    Raise(usize, u32),
    Take(usize),
    Wake(usize),
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        1 => Just(Kind::Task),
        2 => Just(Kind::Scope),
        2 => Just(Kind::Join),
        3 => Just(Kind::Branch),
        4 => Just(Kind::Catch),
        1 => Just(Kind::Mask),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    let at = any::<prop::sample::Index>().prop_map(|index| index.index(1 << 20));
    let tag = 0..8_u32;
    prop_oneof![
        8 => (at.clone(), kinds()).prop_map(|(at, kind)| Step::Open(at, kind)),
        1 => kinds().prop_map(Step::OpenRoot),
        3 => at.clone().prop_map(Step::Close),
        1 => (at.clone(), at.clone()).prop_map(|(at, to)| Step::Adopt(at, to)),
        4 => (at.clone(), tag.clone()).prop_map(|(at, tag)| Step::Cancel(at, tag)),
        3 => (at.clone(), tag).prop_map(|(at, tag)| Step::Raise(at, tag)),
        2 => at.clone().prop_map(Step::Take),
        3 => at.prop_map(Step::Wake),
    ]
}

/// Both, side by side.
struct Pair {
    tree: Tree<Tag, u32>,
    forest: Forest,
    /// The living nodes by name.
    keys: Vec<(u32, Key)>,
    /// The name of the next node.
    next: u32,
}

impl Pair {
    fn open(&mut self, parent: Option<(u32, Key)>, kind: Kind) {
        let name = self.next;
        self.next += 1;
        let key = self.tree.open(parent.map(|(_, key)| key), kind);
        assert_eq!(self.tree.set_waker(key, name), None);
        self.keys.push((name, key));
        let twig = Twig {
            name,
            kind,
            pending: None,
            cancels: Vec::new(),
            outer: None,
            awake: true,
            twigs: Vec::new(),
        };
        self.forest.attach(parent.map(|(name, _)| name), twig);
    }

    fn pick(&self, at: usize) -> Option<(u32, Key)> {
        self.keys.get(at % self.keys.len().max(1)).copied()
    }

    fn run(&mut self, step: Step) {
        let at = match step {
            Step::OpenRoot(kind) => return self.open(None, kind),
            Step::Open(at, kind) => return self.open(self.pick(at), kind),
            Step::Close(at) | Step::Take(at) | Step::Wake(at) => at,
            Step::Adopt(at, _) | Step::Cancel(at, _) | Step::Raise(at, _) => at,
        };
        let Some((name, key)) = self.pick(at) else {
            return;
        };
        match step {
            Step::Close(_) => self.close(name, key),
            Step::Adopt(_, to) => self.adopt(name, key, to),
            Step::Cancel(_, tag) => self.cancel(name, key, tag),
            Step::Raise(_, tag) => self.raise(name, key, tag),
            Step::Take(_) => {
                let expected = self.forest.at(name).pending.take();
                assert_eq!(
                    self.tree.take_pending(key).map(|tag| tag.0),
                    expected.map(|at| at.0)
                );
            }
            _ => {
                let twig = self.forest.at(name);
                let old = std::mem::replace(&mut twig.awake, true).then_some(name);
                assert_eq!(self.tree.set_waker(key, name), old);
            }
        }
    }

    fn close(&mut self, name: u32, key: Key) {
        self.keys.retain(|(other, _)| *other != name);
        let mut woken = Vec::new();
        let had_waker = self.forest.at(name).awake.then_some(name);
        self.forest.close(name, &mut woken);
        let closed = self.tree.close(key);
        assert_eq!((closed.waker, closed.wake), (had_waker, woken.pop()));
    }

    fn adopt(&mut self, name: u32, key: Key, to: usize) {
        let to = self.pick(to).filter(|_| !to.is_multiple_of(5));
        if to.is_some_and(|(to, _)| self.forest.path(to).contains(&name)) {
            return;
        }
        self.tree.adopt(key, to.map(|(_, key)| key));
        self.forest.adopt(name, to.map(|(name, _)| name));
    }

    fn cancel(&mut self, name: u32, key: Key, tag: u32) {
        if matches!(self.forest.kind(name), Kind::Catch | Kind::Mask) {
            return;
        }
        let mut woken = Vec::new();
        let duty = self.forest.cancel(name, tag, &mut woken);
        let delivery = self.tree.cancel(key, Tag(tag));
        assert_eq!(delivery.duty, duty);
        assert_eq!(delivery.wakes.into_iter().collect::<Vec<_>>(), woken);
    }

    fn raise(&mut self, name: u32, key: Key, tag: u32) {
        let (path, mut woken) = (self.forest.path(name), Vec::new());
        let stop = self.forest.outwards(&path, tag, true, &mut woken);
        let got = match self.tree.raise(key, &Tag(tag)) {
            Raise::Nowhere => None,
            Raise::Caught(wake) => Some((None, wake)),
            Raise::Ends(scope, wake) => Some((Some(scope), wake)),
        };
        let expected = stop.map(|stop| {
            let ends = (self.keys.iter()).find(|(name, _)| *name == stop);
            let ends = ends.filter(|_| self.forest.kind(stop) != Kind::Catch);
            (ends.map(|(_, key)| *key), woken.pop())
        });
        assert_eq!(got, expected);
    }

    /// Compares all that can be seen of every node.
    fn check(&mut self) {
        assert_eq!(self.tree.len(), self.keys.len());
        for (name, key) in &self.keys {
            let parent = self.forest.parent(*name);
            let twig = self.forest.at(*name);
            let node = self.tree.nodes.at(*key);
            let pending = node.pending.as_ref();
            assert_eq!(pending.map(|at| (at.cancel.0, at.raised)), twig.pending);
            let own: Names = node
                .earlier
                .iter()
                .chain(&node.own)
                .map(|tag| tag.0)
                .collect();
            assert_eq!(own, twig.own());
            assert_eq!(node.outer.map(|tag| tag.0), twig.outer);
            assert_eq!(node.waker.is_some(), twig.awake);
            let above = self.keys.iter().find(|(name, _)| Some(*name) == parent);
            assert_eq!(node.parent, above.map(|(_, key)| *key));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_history_goes_as_in_the_reference(steps in prop::collection::vec(steps(), 1..120)) {
        let forest = Forest::default();
        let mut pair = Pair { tree: Tree::new(), forest, keys: Vec::new(), next: 0 };
        for step in steps {
            pair.run(step);
            pair.check();
        }
    }
}
