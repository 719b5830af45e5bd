//! Another order than first come, first served: for tests that look for races between tasks.
//!
//! Whenever more than one task is ready, one of them is chosen: `0` is the one that would run anyway. Which choices were made
//! other than that is a [`Schedule`], and a run of the same program by the same schedule makes the same choices.
//!
//! ```text
//!   Seeded: a generator decides ─┐
//!                                ├─▶ choose ─▶ recorded, if it was not 0
//!   Scripted: a schedule does ───┘
//! ```
//!
//! A test, or a simulated network under it, may have a choice made for itself, too: it is one of the sequence, so a schedule
//! has the delays of a network along with the order of the tasks.

use std::collections::BTreeMap;

/// The choices other than 0: which one of all choices, and what was chosen.
pub(crate) type Schedule = BTreeMap<u64, usize>;

/// Who of those that are ready runs next.
#[derive(Debug)]
pub(crate) struct Order {
    /// Where choices come from.
    source: Source,
    /// How many there have been.
    count: u64,
    /// Those that were not 0.
    made: Schedule,
}

/// Where choices come from.
#[derive(Debug)]
enum Source {
    /// A generator, in this state.
    Seeded(u64),
    /// A schedule.
    Scripted(Schedule),
}

impl Order {
    /// The order that belongs to a seed.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self::from(Source::Seeded(seed))
    }

    /// The order that belongs to a schedule.
    pub(crate) fn scripted(schedule: Schedule) -> Self {
        Self::from(Source::Scripted(schedule))
    }

    /// An order that has made no choice yet.
    fn from(source: Source) -> Self {
        Self {
            source,
            count: 0,
            made: Schedule::new(),
        }
    }

    /// Chooses one of so many, which are at least one.
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

    /// The choices so far that were not 0.
    pub(crate) fn made(&self) -> &Schedule {
        &self.made
    }
}

/// The next number of a SplitMix64 generator (Steele, Lea and Flood 2014). Our own few lines: a seed that is written down must
/// give the same order in all versions.
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
