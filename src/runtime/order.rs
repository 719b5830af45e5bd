//! Orders of the run queue other than first in, first out, for tests that look for races.
//!
//! When several tasks are ready, an order chooses the one that runs: `0` is the first in the queue.
//! A [`Schedule`] has the choices other than 0. The same program with the same schedule makes the
//! same choices.
//!
//! ```text
//!   Seeded: by a generator ──┐
//!                            ├─▶ choose ─▶ recorded, if not 0
//!   Scripted: by a schedule ─┘
//! ```
//!
//! A test or its simulated network can ask for choices, too. They are part of the same sequence, so
//! a schedule has the delays of a network along with the order of the tasks.

use std::collections::BTreeMap;

/// The choices other than 0, by their numbers.
pub(crate) type Schedule = BTreeMap<u64, usize>;

/// Chooses which of the ready tasks runs next.
#[derive(Debug)]
pub(crate) struct Order {
    source: Source,
    /// The number of choices so far.
    count: u64,
    /// The choices that were not 0.
    made: Schedule,
}

/// The source of choices.
#[derive(Debug)]
enum Source {
    /// The state of a generator.
    Seeded(u64),
    Scripted(Schedule),
}

impl Order {
    /// Creates the order of a seed.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self::from(Source::Seeded(seed))
    }

    /// Creates the order of a schedule.
    pub(crate) fn scripted(schedule: Schedule) -> Self {
        Self::from(Source::Scripted(schedule))
    }

    fn from(source: Source) -> Self {
        Self {
            source,
            count: 0,
            made: Schedule::new(),
        }
    }

    /// Chooses one of `ready` tasks.
    pub(crate) fn choose(&mut self, ready: usize) -> usize {
        if ready < 2 {
            return 0;
        }
        let number = self.count;
        self.count += 1;
        let choice = match &mut self.source {
            Source::Seeded(state) => (next(state) % ready as u64) as usize,
            Source::Scripted(schedule) => schedule.get(&number).map_or(0, |choice| choice % ready),
        };
        if choice != 0 {
            self.made.insert(number, choice);
        }
        choice
    }

    /// Returns the choices so far that were not 0.
    pub(crate) fn made(&self) -> &Schedule {
        &self.made
    }
}

/// Returns the next number of a SplitMix64 generator (Steele, Lea and Flood 2014). Not from a
/// crate, since a seed must give the same order in all versions.
pub(crate) fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_published_one() {
        let mut state = 1_234_567;
        let numbers = [next(&mut state), next(&mut state)];
        assert_eq!(
            numbers,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]
        );
    }

    #[test]
    fn a_schedule_that_was_recorded_makes_the_same_choices() {
        let sizes = [1, 2, 7, 3, 1, 5, 2, 9];
        let mut seeded = Order::seeded(42);
        let choices: Vec<_> = sizes.map(|ready| seeded.choose(ready)).into();
        assert!(
            choices
                .iter()
                .zip(sizes)
                .all(|(choice, ready)| *choice < ready)
        );
        assert!(choices.iter().any(|choice| *choice > 0));
        let mut scripted = Order::scripted(seeded.made().clone());
        let again: Vec<_> = sizes.map(|ready| scripted.choose(ready)).into();
        assert_eq!(again, choices);
        assert_eq!(scripted.made(), seeded.made());
    }
}
