//! The tasks that wait for other tasks to end before they end themselves (C21), so that no wait
//! closes a cycle.
//!
//! A new wait closes a cycle if its target leads to one of its waiters. The search alternates
//! between both ends, one edge at a time, and stops when one end is exhausted: it costs twice the
//! smaller of the two parts that the wait joins.
//!
//! ```text
//!   chain, first to last:  waiter ──▶ target ──▶ … ──▶ …   one step a wait
//!   chain, last to first:  … ──▶ … ──▶ waiter ──▶ target   one step a wait
//!   chain, in any order:   … ──▶ waiter ──▶ target ──▶ …   O(n log n) in all
//! ```
//!
//! Data only: no task, no waker, no third-party code.

use std::collections::{BTreeMap, BTreeSet};

/// A waiter and the task that it waits for, by their numbers.
pub(crate) type Wait = (u64, u64);

/// The waits that have not ended.
#[derive(Debug, Default)]
pub(super) struct Waits {
    /// The number of waits of one task for another. If a waiter is in a group, the group's task
    /// waits with it.
    counts: BTreeMap<Wait, usize>,
    /// Invariant: the same pairs, target first.
    reversed: BTreeSet<Wait>,
}

/// One end of a search.
struct Front {
    /// The tasks that were reached.
    seen: BTreeSet<u64>,
    /// Those with edges left to follow, and the first number that the next edge may lead to.
    open: Vec<(u64, u64)>,
}

impl Front {
    /// Begins at `tasks`.
    fn at(tasks: &[u64]) -> Self {
        Self {
            seen: tasks.iter().copied().collect(),
            open: tasks.iter().map(|&task| (task, 0)).collect(),
        }
    }

    /// Follows one edge, found by `next`. Returns the task that it leads to, if that was not
    /// reached before.
    fn step(&mut self, next: impl Fn(u64, u64) -> Option<u64>) -> Option<u64> {
        let (task, from) = self.open.pop()?;
        let reached = next(task, from)?;
        let rest = reached.checked_add(1).map(|next| (task, next));
        self.open.extend(rest);
        if !self.seen.insert(reached) {
            return None;
        }
        self.open.push((reached, 0));
        Some(reached)
    }
}

impl Waits {
    /// Returns `true` if `target` waits, directly or through others, for one of `waiters`, or is
    /// one of them.
    pub(super) fn leads_back(&self, target: u64, waiters: &[u64]) -> bool {
        self.search(target, waiters).0
    }

    /// [`leads_back`](Waits::leads_back), and the number of steps of the search.
    fn search(&self, target: u64, waiters: &[u64]) -> (bool, usize) {
        let (mut forward, mut backward) = (Front::at(&[target]), Front::at(waiters));
        let mut meet = backward.seen.contains(&target);
        let mut steps = 0;
        while !meet && !forward.open.is_empty() && !backward.open.is_empty() {
            steps += 1;
            let reached = forward.step(|task, from| self.target_of(task, from));
            meet = reached.is_some_and(|task| backward.seen.contains(&task));
            let reached = backward.step(|task, from| self.waiter_for(task, from));
            meet |= reached.is_some_and(|task| forward.seen.contains(&task));
        }
        (meet, steps)
    }

    /// Returns the first task from number `from` on that `waiter` waits for.
    fn target_of(&self, waiter: u64, from: u64) -> Option<u64> {
        let mut targets = self.counts.range((waiter, from)..=(waiter, u64::MAX));
        targets.next().map(|(&(_, target), _)| target)
    }

    /// Returns the first task from number `from` on that waits for `target`.
    fn waiter_for(&self, target: u64, from: u64) -> Option<u64> {
        let mut waiters = self.reversed.range((target, from)..=(target, u64::MAX));
        waiters.next().map(|&(_, waiter)| waiter)
    }

    /// Returns `true` if a task is waited for.
    pub(super) fn is_target(&self, target: u64) -> bool {
        self.waiter_for(target, 0).is_some()
    }

    /// Returns the tasks that wait for `target`.
    pub(super) fn waiters_for(&self, target: u64) -> Vec<u64> {
        let waits = self.reversed.range((target, 0)..=(target, u64::MAX));
        waits.map(|&(_, waiter)| waiter).collect()
    }

    /// Adds a wait.
    pub(super) fn add(&mut self, (waiter, target): Wait) {
        *self.counts.entry((waiter, target)).or_default() += 1;
        self.reversed.insert((target, waiter));
    }

    /// Removes waits that are over.
    pub(super) fn remove(&mut self, waits: &[Wait]) {
        for &(waiter, target) in waits {
            match self.counts.get_mut(&(waiter, target)) {
                Some(count) if *count > 1 => *count -= 1,
                _ => {
                    self.counts.remove(&(waiter, target));
                    self.reversed.remove(&(target, waiter));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// How long the chains are.
    const LENGTH: u64 = 1 << 12;

    /// Adds the waits of a chain, each task for the one before, in this order; returns the steps of
    /// all searches.
    fn steps_of_a_chain(order: impl IntoIterator<Item = u64>) -> usize {
        let mut waits = Waits::default();
        let mut add = |task: u64| {
            let (closes, steps) = waits.search(task - 1, &[task]);
            assert!(!closes);
            waits.add((task, task - 1));
            steps
        };
        order.into_iter().map(&mut add).sum()
    }

    /// The numbers up to [`LENGTH`], mixed: an odd factor permutes the numbers below a power of
    /// two.
    fn mixed() -> impl Iterator<Item = u64> {
        (0..LENGTH).map(|n| 1 + n.wrapping_mul(2_654_435_769) % LENGTH)
    }

    /// A chain of n waits took n²/2 steps when its tasks ended first to last, as at the end of a
    /// runtime: 33 s for 16,000.
    #[test]
    fn a_chain_takes_one_step_a_wait_from_either_end() {
        let linear = usize::try_from(LENGTH).expect("a small number");
        assert!(steps_of_a_chain(1..=LENGTH) <= linear);
        assert!(steps_of_a_chain((1..=LENGTH).rev()) <= linear);
    }

    #[test]
    fn a_chain_in_mixed_order_takes_few_steps_a_wait() {
        let linear = usize::try_from(LENGTH).expect("a small number");
        let evens_last = (1..=LENGTH)
            .filter(|n| n % 2 == 1)
            .chain((1..=LENGTH).filter(|n| n % 2 == 0));
        assert!(steps_of_a_chain(mixed()) <= 2 * 12 * linear);
        assert!(steps_of_a_chain(evens_last) <= 2 * 12 * linear);
    }

    #[test]
    fn one_that_waits_for_many_costs_each_of_them_one_step() {
        let mut waits = Waits::default();
        waits.add((1, 0));
        for target in 2..LENGTH {
            let (closes, steps) = waits.search(target, &[1]);
            assert!(!closes && steps <= 1);
            waits.add((1, target));
        }
    }

    /// Whether `from` leads to `to`, by a search that is plainly right.
    fn leads(waits: &[Wait], from: u64, to: u64) -> bool {
        let mut seen = vec![from];
        let mut next = 0;
        while let Some(&task) = seen.get(next) {
            next += 1;
            let further = waits
                .iter()
                .filter(|wait| wait.0 == task)
                .map(|wait| wait.1);
            let fresh: Vec<_> = further.filter(|task| !seen.contains(task)).collect();
            seen.extend(fresh);
        }
        seen.contains(&to)
    }

    proptest! {
        #[test]
        fn the_search_from_both_ends_finds_what_a_plain_one_finds(
            pairs in prop::collection::vec((0..12_u64, 0..12_u64, any::<bool>()), 0..60),
            target in 0..12_u64,
            waiters in prop::collection::vec(0..12_u64, 1..4),
        ) {
            let (mut waits, mut list) = (Waits::default(), Vec::new());
            for (waiter, other, adds) in pairs {
                let at = list.iter().position(|wait| *wait == (waiter, other));
                match (adds, at) {
                    (true, _) => {
                        waits.add((waiter, other));
                        list.push((waiter, other));
                    }
                    (false, Some(at)) => waits.remove(&[list.swap_remove(at)]),
                    (false, None) => {}
                }
                let expected = waiters.iter().any(|waiter| leads(&list, target, *waiter));
                prop_assert_eq!(waits.leads_back(target, &waiters), expected);
            }
        }
    }
}
