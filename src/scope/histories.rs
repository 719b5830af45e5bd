//! Random histories of the tree beside those of its [`model`](super::model).

use proptest::prelude::*;

use super::model::{Forest, Names, Twig};
use super::tests::Tag;
use super::tree::Tree;
use super::*;
use crate::util::slab::Key;

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
    PassBy(usize),
    Look(usize),
    Redeliver(usize),
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
        3 => at.clone().prop_map(Step::Wake),
        2 => at.clone().prop_map(Step::PassBy),
        1 => at.clone().prop_map(Step::Look),
        2 => at.prop_map(Step::Redeliver),
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
            inner: None,
            caught_inside: None,
            is_asked: false,
            unheard: false,
            latest: None,
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
            Step::Close(at) | Step::Take(at) | Step::Wake(at) | Step::PassBy(at) => at,
            Step::Look(at) | Step::Redeliver(at) => at,
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
            Step::PassBy(_) => self.pass_by(name, key),
            Step::Redeliver(_) => self.redeliver(name, key),
            Step::Look(_) => {
                self.forest.look(name);
                let expected = self.forest.at(name).pending.map(|(tag, _)| tag);
                assert_eq!(self.tree.pending(key).map(|tag| tag.0), expected);
            }
            Step::Take(_) => {
                let expected = self.forest.take(name);
                assert_eq!(self.tree.take_pending(key).map(|tag| tag.0), expected);
            }
            _ => {
                let twig = self.forest.at(name);
                twig.unheard = false;
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

    fn pass_by(&mut self, name: u32, key: Key) {
        let mut woken = Vec::new();
        self.forest.pass_by(name, &mut woken);
        let wakes = self.tree.pass_by(key);
        assert_eq!(wakes.into_iter().collect::<Vec<_>>(), woken);
    }

    fn redeliver(&mut self, name: u32, key: Key) {
        let mut woken = Vec::new();
        self.forest.redeliver(name, &mut woken);
        let wakes = self.tree.redeliver(key);
        assert_eq!(wakes.into_iter().collect::<Vec<_>>(), woken);
    }

    fn raise(&mut self, name: u32, key: Key, tag: u32) {
        let (path, mut woken) = (self.forest.path(name), Vec::new());
        let stop = self.forest.outwards(&path, tag, true, &mut woken);
        let got = match self.tree.raise(key, &Tag(tag)) {
            Raise::Nowhere => None,
            Raise::Caught(_, wake) => Some((None, wake)),
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
        let unheard = self
            .keys
            .iter()
            .filter(|(_, key)| self.tree.nodes.at(*key).unheard);
        assert_eq!(self.tree.unheard, unheard.count());
        for (name, key) in &self.keys {
            let parent = self.forest.parent(*name);
            let twig = self.forest.at(*name);
            let node = self.tree.nodes.at(*key);
            let pending = node.pending.as_ref();
            assert_eq!(pending.map(|at| (at.cancel.0, at.arrival)), twig.pending);
            let inner = pending.and_then(|at| at.inner);
            assert_eq!(inner.map(|tag| tag.0), twig.inner);
            assert_eq!(node.caught_inside.map(|tag| tag.0), twig.caught_inside);
            assert_eq!((node.unheard, node.is_asked), (twig.unheard, twig.is_asked));
            let own: Names = node
                .earlier
                .iter()
                .chain(&node.own)
                .map(|tag| tag.0)
                .collect();
            assert_eq!(own, twig.own());
            assert_eq!(node.outer.map(|tag| tag.0), twig.outer);
            assert_eq!(node.waker.is_some(), twig.awake);
            let told = node.pending.is_some() && node.waker.is_none();
            assert!(told || !node.unheard);
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
