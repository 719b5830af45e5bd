//! The wheel compared with a sorted map, and its corner cases.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::task::Waker;

/// Ticks in all slots of level 0, of level 1, and so on.
const SPANS: [u64; 10] = {
    let mut spans = [64; 10];
    let mut level = 1;
    while level < 10 {
        spans[level] = spans[level - 1] * 64;
        level += 1;
    }
    spans
};

/// What a run of the model test does next.
#[derive(Clone, Debug)]
enum Step {
    /// Insert with a deadline at this distance.
    InsertIn(u64),
    /// Insert with a deadline that may lie in the past.
    InsertAt(u64),
    /// Remove the outstanding entry at this position, counted round.
    Remove(usize),
    /// Let time pass, then take at most a number of entries.
    Advance(u64, usize),
    /// Go to the next deadline and take all that is due.
    Jump,
    /// Pass a time in the past.
    GoBack(u64),
    /// Ask for the next deadline.
    Ask,
}

/// A length of time of any magnitude, with the borders of levels likely.
fn length() -> impl Strategy<Value = u64> {
    prop_oneof![
        3 => (0_u32..64, any::<u64>()).prop_map(|(shift, bits)| bits >> shift),
        2 => (0_usize..10, 0_u64..5).prop_map(|(level, off)| SPANS[level] + off),
        2 => (0_usize..10, 0_u64..2050).prop_map(|(level, off)| SPANS[level].wrapping_sub(off)),
        3 => 0_u64..200_000,
        1 => Just(0),
        1 => Just(u64::MAX),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => length().prop_map(Step::InsertIn),
        3 => length().prop_map(Step::InsertAt),
        6 => any::<usize>().prop_map(Step::Remove),
        4 => (0_u64..2_000_000, 0_usize..20).prop_map(|(by, limit)| Step::Advance(by, limit)),
        1 => (length(), 0_usize..20).prop_map(|(by, limit)| Step::Advance(by, limit)),
        3 => Just(Step::Jump),
        1 => any::<u64>().prop_map(Step::GoBack),
        3 => Just(Step::Ask),
    ]
}

/// A wheel, what should be in it, and the present.
#[derive(Default)]
struct Pair {
    wheel: Wheel<u32>,
    /// By tick and by order of insertion: key, deadline, and value.
    model: BTreeMap<(u64, u32), (Key, u64, u32)>,
    /// Keys of entries that have come out.
    gone: Vec<Key>,
    /// The expected `elapsed` of the wheel.
    elapsed: u64,
    now: u64,
    count: u32,
}

impl Pair {
    fn insert(&mut self, deadline: u64) {
        let value = self.count;
        self.count += 1;
        let key = self.wheel.insert(deadline, value);
        let tick = deadline.max(self.elapsed);
        let old = self.model.insert((tick, value), (key, deadline, value));
        assert!(old.is_none());
    }

    fn remove(&mut self, at: usize) {
        let Some(&rank) = self.model.keys().nth(at % self.model.len().max(1)) else {
            return;
        };
        let (key, _, value) = self.model.remove(&rank).unwrap();
        assert_eq!(self.wheel.get_mut(key), Some(&mut { value }));
        assert_eq!(self.wheel.remove(key), Some(value));
        self.gone.push(key);
    }

    /// Takes one entry out and compares it with the model. Returns `true` if there was one.
    fn pop(&mut self) -> bool {
        let present = self.now.min(u64::MAX - 1).max(self.elapsed);
        let due = self.model.first_key_value();
        let due = due.filter(|((tick, _), _)| *tick <= present);
        let Some((&rank, &(key, deadline, value))) = due else {
            assert_eq!(self.wheel.pop_due(self.now), None);
            self.elapsed = present;
            return false;
        };
        assert_eq!(self.wheel.pop_due(self.now), Some(value));
        assert!(deadline <= self.now.max(self.elapsed), "early");
        self.elapsed = rank.0;
        self.model.remove(&rank);
        self.gone.push(key);
        true
    }

    /// Asks for the next deadline, compares it with the model, and returns it.
    fn ask(&mut self) -> Option<u64> {
        let mut ticks = self.model.keys().map(|(tick, _)| *tick);
        let real = ticks
            .next()
            .and_then(|tick| (tick != u64::MAX).then_some(tick));
        let said = self.wheel.next_deadline();
        match real {
            None => assert_eq!(said, None),
            Some(real) => assert!(said.unwrap() <= real, "{said:?} is after {real}"),
        }
        if self.model.len() == 1 {
            assert_eq!(said, real);
        }
        said
    }

    /// Takes out all that is due, after which the next deadline must lie ahead.
    fn drain(&mut self) -> bool {
        let some = self.pop();
        while self.pop() {}
        assert!(self.ask().is_none_or(|next| next > self.now), "no progress");
        some
    }

    /// Goes from one answer of `ask` to the next until something comes out.
    fn jump(&mut self) {
        while let Some(next) = self.ask() {
            self.now = self.now.max(next);
            if self.drain() {
                return;
            }
        }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::InsertIn(length) => self.insert(self.now.saturating_add(length)),
            Step::InsertAt(deadline) => self.insert(deadline),
            Step::Remove(at) => self.remove(at),
            Step::Advance(by, limit) => {
                self.now = self.now.saturating_add(by);
                let _all = (0..limit).all(|_| self.pop());
            }
            Step::Jump => self.jump(),
            Step::GoBack(past) => {
                let now = self.now;
                self.now = past.min(now);
                while self.pop() {}
                self.now = now;
            }
            Step::Ask => _ = self.ask(),
        }
        assert_eq!(self.wheel.len(), self.model.len());
        assert_eq!(self.wheel.is_empty(), self.model.is_empty());
        assert_eq!(self.wheel.elapsed(), self.elapsed);
    }

    /// Takes out everything that ever comes, and then the rest.
    fn finish(&mut self) {
        while self.ask().is_some() {
            self.jump();
        }
        self.now = u64::MAX;
        self.drain();
        for key in mem::take(&mut self.gone) {
            assert_eq!(self.wheel.get_mut(key), None);
            assert_eq!(self.wheel.remove(key), None);
        }
        while !self.model.is_empty() {
            self.remove(0);
        }
        assert!(self.wheel.is_empty());
        assert_eq!(self.wheel.taken.first(), None);
    }
}

proptest! {
    #[test]
    fn it_behaves_like_a_sorted_map(steps in prop::collection::vec(step(), 0..300)) {
        let mut pair = Pair::default();
        for step in steps {
            pair.run(step);
        }
        pair.finish();
    }

    #[test]
    fn a_single_entry_comes_out_at_the_next_deadline(base in length(), length in length()) {
        let mut wheel = Wheel::new();
        assert_eq!(wheel.pop_due(base), None::<u8>);
        let deadline = base.saturating_add(length);
        wheel.insert(deadline, 7);
        match wheel.next_deadline() {
            None => prop_assert!(deadline == u64::MAX),
            Some(next) => {
                prop_assert_eq!(next, deadline);
                prop_assert!(next == 0 || wheel.pop_due(next - 1).is_none() || next <= base);
                prop_assert!(wheel.is_empty() || wheel.pop_due(next) == Some(7));
            }
        }
    }
}

/// Takes out all that is due.
fn due(wheel: &mut Wheel<u64>, now: u64) -> Vec<u64> {
    std::iter::from_fn(|| wheel.pop_due(now)).collect()
}

#[test]
fn a_lower_bound_that_has_passed_is_corrected_by_the_next_pop() {
    let mut pair = Pair::default();
    let inserts = [10_000_000, 10_100_000, 10_200_000].map(Step::InsertIn);
    inserts.into_iter().for_each(|step| pair.run(step));
    for step in [Step::Ask, Step::Advance(10_050_000, 0), Step::Remove(0)] {
        pair.run(step);
    }
    assert!(pair.wheel.next_deadline() < Some(pair.now));
    pair.run(Step::Jump);
    assert_eq!(pair.now, 10_100_000);
}

#[test]
fn each_side_of_each_levels_border_comes_out_at_its_own_tick() {
    for span in SPANS {
        let mut wheel = Wheel::new();
        for tick in [span + 1, span, span - 1] {
            wheel.insert(tick, tick);
        }
        for tick in [span - 1, span, span + 1] {
            assert_eq!(wheel.next_deadline(), Some(tick));
            assert_eq!(wheel.pop_due(tick - 1), None);
            assert_eq!(due(&mut wheel, tick), [tick]);
        }
        assert_eq!(wheel.next_deadline(), None);
    }
}

#[test]
fn one_entry_in_each_slot_of_each_level_comes_out_in_order() {
    let mut wheel = Wheel::new();
    let slots = SPANS
        .iter()
        .flat_map(|span| (1..64).map(move |slot| span / 64 * slot));
    let ticks: Vec<u64> = slots.collect();
    for &tick in ticks.iter().rev() {
        wheel.insert(tick, tick);
    }
    assert_eq!(wheel.next_deadline(), Some(1));
    assert_eq!(due(&mut wheel, u64::MAX), ticks);
}

#[test]
fn the_place_of_a_tick_is_its_highest_digit_that_differs() {
    let tick = |number: u64| Tick::from_now(number);
    let place = |number, elapsed| Place::of(tick(number), tick(elapsed)).index();
    assert_eq!(place(0, 0), 0);
    assert_eq!(place(63, 0), 63);
    assert_eq!(place(64, 0), 64 + 1);
    assert_eq!(place(64, 63), 64 + 1);
    assert_eq!(place(65, 64), 1);
    assert_eq!(place(4095, 0), 64 + 63);
    assert_eq!(place(4096, 4095), 2 * 64 + 1);
    assert_eq!(place((1 << 54) - 1, 0), 8 * 64 + 63);
    assert_eq!(place(u64::MAX - 1, 0), 10 * 64 + 15);
    assert_eq!(Place::of(Tick::NEVER, tick(0)).index(), 11 * 64);
    assert_eq!(Place::of(Tick::NEVER, tick(u64::MAX - 1)).index(), 11 * 64);
    assert_eq!(place(1 << 54, (1 << 54) - 1), 9 * 64 + 1);
}

#[test]
fn nothing_comes_out_a_nanosecond_early_or_late() {
    for deadline in [1, 1023, 1024, 123_456_789, 5_000_000_001, u64::MAX - 1] {
        let mut wheel = Wheel::new();
        wheel.insert(deadline, deadline);
        assert_eq!(due(&mut wheel, deadline - 1), []);
        assert_eq!(due(&mut wheel, deadline), [deadline]);
    }
}

#[test]
fn a_deadline_of_zero_is_due_at_once() {
    let mut wheel = Wheel::new();
    wheel.insert(0, 1);
    assert_eq!(wheel.next_deadline(), Some(0));
    assert_eq!(due(&mut wheel, 0), [1]);
}

#[test]
fn the_last_moment_never_comes_and_is_no_next_deadline() {
    let mut wheel = Wheel::new();
    let key = wheel.insert(u64::MAX, 1);
    assert_eq!(wheel.next_deadline(), None);
    wheel.insert(u64::MAX - 1, 3);
    assert_eq!(wheel.next_deadline(), Some(u64::MAX - 1));
    assert_eq!(due(&mut wheel, u64::MAX), [3]);
    assert_eq!(wheel.len(), 1);
    assert_eq!(wheel.remove(key), Some(1));
    assert_eq!(wheel.next_deadline(), None);
}

#[test]
fn entries_inserted_after_their_deadline_come_first_in_order_of_insertion() {
    let mut wheel = Wheel::new();
    assert_eq!(due(&mut wheel, 1_000_000), []);
    wheel.insert(2_000_000, 9);
    wheel.insert(900_000, 1);
    wheel.insert(0, 2);
    wheel.insert(900_000, 3);
    assert!(wheel.next_deadline() <= Some(1_000_000));
    assert_eq!(due(&mut wheel, 2_000_001), [1, 2, 3, 9]);
}

#[test]
fn entries_of_one_tick_come_out_in_order_of_insertion_from_whatever_level() {
    let mut wheel = Wheel::new();
    let deadline = 300_000;
    for (value, now) in [(1, 0), (2, 1), (3, deadline / 2), (4, deadline - 1)] {
        assert_eq!(due(&mut wheel, now), []);
        wheel.insert(deadline, value);
        wheel.insert(deadline, value + 10);
    }
    assert_eq!(due(&mut wheel, deadline), [1, 11, 2, 12, 3, 13, 4, 14]);
}

#[test]
fn the_rest_stays_due_when_the_caller_stops_in_between() {
    let mut wheel = Wheel::new();
    (0..10).for_each(|value| _ = wheel.insert(value * 2000, value));
    let some: Vec<u64> = std::iter::from_fn(|| wheel.pop_due(1 << 40))
        .take(4)
        .collect();
    assert_eq!(some, [0, 1, 2, 3]);
    assert!(wheel.next_deadline() <= Some(10_000));
    wheel.insert(0, 99);
    assert_eq!(due(&mut wheel, 1 << 40)[..2], [99, 4]);
}

#[test]
fn time_that_runs_backwards_counts_as_no_time() {
    let mut wheel = Wheel::new();
    assert_eq!(due(&mut wheel, 1 << 30), []);
    wheel.insert(5, 5);
    assert_eq!(due(&mut wheel, 3), [5]);
    assert_eq!(wheel.elapsed(), 1 << 30);
}

#[test]
fn the_next_deadline_of_a_slot_is_exact_when_one_entry_is_left() {
    let mut wheel = Wheel::new();
    let first = wheel.insert(10_000_000, 1);
    wheel.insert(11_000_000, 2);
    assert_eq!(wheel.next_deadline(), Some(10_000_000));
    wheel.remove(first);
    assert_eq!(wheel.next_deadline(), Some(11_000_000));
}

#[test]
fn fresh_entries_may_be_removed_in_any_order() {
    for count in [1, 2, 63, 64, 65, 200] {
        for stride in [1, 7, count - 1] {
            let mut wheel = Wheel::new();
            let mut keys: Vec<Key> = (0..count)
                .map(|i| wheel.insert(i as u64 * 1000, i))
                .collect();
            let mut at = 0;
            while !keys.is_empty() {
                at = (at + stride) % keys.len();
                assert!(wheel.remove(keys.swap_remove(at)).is_some());
            }
            assert_eq!(wheel.next_deadline(), None);
            assert_eq!(wheel.pop_due(u64::MAX), None);
        }
    }
}

#[test]
fn a_value_may_be_changed_before_its_time() {
    let mut wheel = Wheel::new();
    let key = wheel.insert(5, 1);
    *wheel.get_mut(key).unwrap() = 2;
    assert_eq!(wheel.next_deadline(), Some(5));
    *wheel.get_mut(key).unwrap() += 1;
    assert_eq!(due(&mut wheel, 5), [3]);
    assert_eq!(wheel.get_mut(key), None);
}

#[test]
fn the_memory_of_removed_entries_is_freed_and_the_wheel_stays_usable() {
    let mut wheel = Wheel::new();
    let keys: Vec<Key> = (0..10_000)
        .map(|value| wheel.insert(value, value))
        .collect();
    assert_eq!(due(&mut wheel, 20_000).len(), 10_000);
    wheel.shrink();
    wheel.insert(30_000, 3);
    assert!(keys.iter().all(|&key| wheel.remove(key).is_none()));
    assert_eq!(due(&mut wheel, 40_000), [3]);
}

#[test]
fn a_timer_with_a_waker_has_32_bytes() {
    assert_eq!(size_of::<Entry<Waker>>(), 32);
    assert_eq!(size_of::<List>(), 16);
}
