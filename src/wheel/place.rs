//! The place of a tick on the wheel, and the set of places that have entries.

use super::tick::Tick;

/// Number of bits in a digit. A level has 64 places, so one word records which are taken.
const DIGIT_BITS: u32 = 6;

/// Number of places in a level.
const DIGITS: u32 = 1 << DIGIT_BITS;

/// Number of levels: eleven for the 64 bits of a tick, one for [`Tick::NEVER`].
const LEVELS: usize = 12;

/// Number of places in all levels.
pub(super) const PLACES: usize = LEVELS << DIGIT_BITS;

/// One slot of one level.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place(usize);

/// The place of [`Tick::NEVER`], after all others.
const NEVER: Place = Place((LEVELS - 1) << DIGIT_BITS);

impl Place {
    /// Returns the place of `tick` on a wheel that has turned to `elapsed`.
    ///
    /// The level is the highest digit in which the two differ, the slot is that digit of `tick`.
    #[inline]
    pub(super) fn of(tick: Tick, elapsed: Tick) -> Place {
        if tick == Tick::NEVER {
            return NEVER;
        }
        let differing = (tick.number() ^ elapsed.number()) | u64::from(DIGITS - 1);
        let level = differing.ilog2() / DIGIT_BITS;
        let digit = (tick.number() >> (level * DIGIT_BITS)) as u32 % DIGITS;
        Place((level * DIGITS + digit) as usize)
    }

    /// Returns the place as a number below [`PLACES`].
    #[inline]
    pub(super) fn index(self) -> usize {
        self.0
    }

    /// Returns the level, which is the number of the digit that selects a slot in it.
    #[inline]
    pub(super) fn level(self) -> usize {
        self.0 >> DIGIT_BITS
    }

    /// Returns `true` if the place has begun at `now`; `within` is any tick in the place.
    #[inline]
    pub(super) fn has_begun(self, within: Tick, now: Tick) -> bool {
        if self == NEVER {
            return false;
        }
        let shift = self.level() as u32 * DIGIT_BITS;
        within.number() >> shift <= now.number() >> shift
    }
}

/// The places that have entries: one bit for each place, and one for each level.
#[derive(Debug)]
pub(super) struct Taken {
    /// One bit for each level with a taken place.
    levels: u32,
    /// One bit for each taken place.
    places: [u64; LEVELS],
}

impl Taken {
    pub(super) const NONE: Taken = Taken {
        levels: 0,
        places: [0; LEVELS],
    };

    /// Marks a place as taken.
    #[inline]
    pub(super) fn set(&mut self, place: Place) {
        self.levels |= 1 << place.level();
        self.places[place.level()] |= 1 << (place.0 as u32 % DIGITS);
    }

    /// Marks a place as not taken.
    #[inline]
    pub(super) fn clear(&mut self, place: Place) {
        let word = &mut self.places[place.level()];
        *word &= !(1 << (place.0 as u32 % DIGITS));
        if *word == 0 {
            self.levels &= !(1 << place.level());
        }
    }

    /// Returns the taken place with the earliest ticks.
    #[inline]
    pub(super) fn first(&self) -> Option<Place> {
        let level = self.levels.trailing_zeros();
        let word = self.places.get(level as usize)?;
        let digit = word.trailing_zeros();
        Some(Place((level * DIGITS + digit) as usize))
    }
}
