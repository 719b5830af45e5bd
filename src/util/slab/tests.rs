//! The slab compared with a `HashMap`, and edge cases.

use super::*;
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

/// An operation of the model test.
#[derive(Clone, Debug)]
enum Step {
    /// Insert a value.
    Insert(u32),
    /// Remove the present key at this index, modulo their number.
    Remove(usize),
    /// Use the removed key at this index, modulo their number.
    UseDead(usize),
    /// Write through the present key at this index, modulo their number.
    Write(usize, u32),
    /// Remove everything, then free memory.
    ClearAndShrink,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => any::<u32>().prop_map(Step::Insert),
        6 => any::<usize>().prop_map(Step::Remove),
        2 => any::<usize>().prop_map(Step::UseDead),
        2 => any::<(usize, u32)>().prop_map(|(at, value)| Step::Write(at, value)),
        1 => Just(Step::ClearAndShrink),
    ]
}

/// A slab, its expected content, and the removed keys.
#[derive(Default)]
struct Pair {
    slab: Slab<u32>,
    model: HashMap<Key, u32>,
    alive: Vec<Key>,
    dead: Vec<Key>,
    seen: HashSet<Key>,
}

impl Pair {
    fn insert(&mut self, value: u32) {
        let key = self.slab.insert(value);
        assert_eq!(self.model.insert(key, value), None, "a key twice");
        assert!(self.seen.insert(key), "a dead key again");
        assert_eq!(Key::from_bits(key.to_bits()), key);
        assert_ne!(key.to_bits(), 0);
        self.alive.push(key);
    }

    fn remove(&mut self, at: usize) {
        if self.alive.is_empty() {
            return;
        }
        let key = self.alive.swap_remove(at % self.alive.len());
        assert_eq!(self.slab.remove(key), self.model.remove(&key));
        self.dead.push(key);
    }

    fn use_dead(&mut self, at: usize) {
        if self.dead.is_empty() {
            return;
        }
        let key = self.dead[at % self.dead.len()];
        assert_eq!(self.slab.get(key), None);
        assert_eq!(self.slab.get_mut(key), None);
        assert_eq!(self.slab.remove(key), None);
    }

    fn write(&mut self, at: usize, value: u32) {
        if self.alive.is_empty() {
            return;
        }
        let key = self.alive[at % self.alive.len()];
        *self.slab.get_mut(key).unwrap() = value;
        self.model.insert(key, value);
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Insert(value) => self.insert(value),
            Step::Remove(at) => self.remove(at),
            Step::UseDead(at) => self.use_dead(at),
            Step::Write(at, value) => self.write(at, value),
            Step::ClearAndShrink => {
                while !self.alive.is_empty() {
                    self.remove(0);
                }
                self.slab.shrink();
                assert!(self.slab.chunks.len() < 2);
            }
        }
    }

    fn check(&mut self) {
        assert_eq!(self.slab.len(), self.model.len());
        assert_eq!(self.slab.is_empty(), self.model.is_empty());
        for (&key, value) in &self.model {
            assert_eq!(self.slab.get(key), Some(value));
            assert_eq!(self.slab.at(key.index()), Some(value));
        }
        let all: HashMap<Key, u32> = self.slab.iter().map(|(key, value)| (key, *value)).collect();
        assert_eq!(all, self.model);
        let all = self.slab.iter_mut().map(|(key, value)| (key, *value));
        assert_eq!(all.collect::<HashMap<Key, u32>>(), self.model);
    }
}

proptest! {
    #[test]
    fn it_behaves_like_a_map_that_picks_its_keys(
        first in 0..300_u32,
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let mut pair = Pair::default();
        (0..first).for_each(|value| pair.insert(value));
        for step in steps {
            pair.run(step);
        }
        pair.check();
    }

    #[test]
    fn any_number_is_taken_for_a_key_and_finds_only_its_own_value(bits in any::<u64>()) {
        let mut slab = Slab::new();
        let keys: Vec<Key> = (0..3).map(|value| slab.insert(value)).collect();
        let found = slab.get(Key::from_bits(bits)).copied();
        prop_assert_eq!(found, keys.iter().position(|key| key.to_bits() == bits));
    }
}

#[test]
fn the_slot_that_was_left_last_is_taken_first() {
    let mut slab = Slab::new();
    let keys: Vec<Key> = (0..5).map(|value| slab.insert(value)).collect();
    slab.remove(keys[1]);
    slab.remove(keys[3]);
    assert_eq!(slab.insert(10).index(), keys[3].index());
    assert_eq!(slab.insert(11).index(), keys[1].index());
    assert_eq!(slab.insert(12).index(), 5);
}

#[test]
fn growing_moves_no_value_and_adds_one_chunk_at_a_time() {
    let mut slab = Slab::new();
    let keys: Vec<Key> = (0..CHUNK).map(|value| slab.insert(value)).collect();
    let places: Vec<*const usize> = keys
        .iter()
        .map(|&key| slab.get(key).unwrap() as _)
        .collect();
    assert_eq!(slab.chunks.len(), 1);
    (0..10 * CHUNK).for_each(|value| _ = slab.insert(value));
    assert_eq!(slab.chunks.len(), 11);
    for (key, place) in keys.into_iter().zip(places) {
        assert!(std::ptr::eq(slab.get(key).unwrap(), place));
    }
}

#[test]
fn a_slot_that_has_used_up_its_generations_is_never_taken_again() {
    let mut slab = Slab::new();
    let first = slab.insert(1);
    slab.chunks[0][first.index as usize].generation = u32::MAX;
    let last = Key {
        generation: u32::MAX,
        ..first
    };
    assert_eq!(slab.get(first), None);
    assert_eq!(slab.remove(last), Some(1));
    assert_eq!(slab.get(last), None);
    assert_eq!(slab.remove(last), None);
    assert!(slab.is_empty());
    for value in 0..2 * CHUNK {
        assert_ne!(slab.insert(value).index(), first.index());
    }
}

#[test]
fn shrink_keeps_all_memory_while_a_value_lives() {
    let mut slab = Slab::new();
    let keys: Vec<Key> = (0..3 * CHUNK).map(|value| slab.insert(value)).collect();
    keys[1..].iter().for_each(|&key| _ = slab.remove(key));
    slab.shrink();
    assert_eq!(slab.chunks.len(), 3);
    assert_eq!(slab.get(keys[0]), Some(&0));
}

#[test]
fn shrink_keeps_all_memory_when_a_slot_has_no_generation_left() {
    let mut slab = Slab::new();
    let keys: Vec<Key> = (0..3 * CHUNK).map(|value| slab.insert(value)).collect();
    slab.chunks[2][0].generation = u32::MAX;
    keys.iter().for_each(|&key| _ = slab.remove(key));
    let odd = Key {
        index: 2 * CHUNK as u32,
        generation: u32::MAX,
    };
    slab.remove(odd);
    slab.shrink();
    assert_eq!(slab.chunks.len(), 3);
}

#[test]
fn keys_from_before_a_shrink_find_nothing_after_it() {
    let mut slab = Slab::new();
    let old: Vec<Key> = (0..3 * CHUNK).map(|value| slab.insert(value)).collect();
    old.iter().for_each(|&key| _ = slab.remove(key));
    slab.shrink();
    assert_eq!(slab.chunks.len(), 1);
    let new: Vec<Key> = (0..3 * CHUNK).map(|value| slab.insert(value)).collect();
    assert!(old.iter().all(|&key| slab.get(key).is_none()));
    assert!(new.iter().all(|&key| slab.get(key).is_some()));
}

#[test]
fn values_are_dropped_with_the_slab_and_not_before() {
    let value = std::rc::Rc::new(());
    let mut slab = Slab::new();
    let keys: Vec<Key> = (0..200).map(|_| slab.insert(value.clone())).collect();
    slab.remove(keys[7]);
    assert_eq!(std::rc::Rc::strong_count(&value), 200);
    drop(slab);
    assert_eq!(std::rc::Rc::strong_count(&value), 1);
}

#[test]
fn a_value_of_two_words_with_a_pointer_costs_eight_bytes_more_than_itself() {
    assert_eq!(size_of::<Slot<std::task::Waker>>(), 16 + 8);
    assert_eq!(size_of::<Slot<(std::task::Waker, u64, u32, u32)>>(), 32 + 8);
    assert_eq!(size_of::<Key>(), 8);
}
