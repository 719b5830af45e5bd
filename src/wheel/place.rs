//! Where on the wheel a tick belongs, and which places are taken.

use super::tick::Tick;

/// Number of bits in a digit: 64 places a level, so that one word tells which are taken.
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

/// Where what never comes is, behind all else.
const NEVER: Place = Place((LEVELS - 1) << DIGIT_BITS);

impl Place {
    /// Finds the place of `tick` on a wheel that stands at `elapsed`.
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

    /// Gives the place as a number under [`PLACES`].
    #[inline]
    pub(super) fn index(self) -> usize {
        self.0
    }

    /// Gives the level, which is the number of the digit that slots of this level go by.
    #[inline]
    pub(super) fn level(self) -> usize {
        self.0 >> DIGIT_BITS
    }

    /// Tells whether the place has begun at `now`, where `within` is any tick that belongs to it.
    #[inline]
    pub(super) fn has_begun(self, within: Tick, now: Tick) -> bool {
        if self == NEVER {
            return false;
        }
        let shift = self.level() as u32 * DIGIT_BITS;
        within.number() >> shift <= now.number() >> shift
    }
}

/// The places that are taken: a bit each, and a bit for each level that has any.
#[derive(Debug)]
pub(super) struct Taken {
    /// One bit for each level with a taken place.
    levels: u32,
    /// One bit for each taken place.
    places: [u64; LEVELS],
}

impl Taken {
    /// Has no place taken.
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

    /// Finds the taken place with the earliest ticks.
    #[inline]
    pub(super) fn first(&self) -> Option<Place> {
        let level = self.levels.trailing_zeros();
        let word = self.places.get(level as usize)?;
        let digit = word.trailing_zeros();
        Some(Place((level * DIGITS + digit) as usize))
    }
}
