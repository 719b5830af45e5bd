//! Timers as arithmetic: a hierarchical timing wheel.
//!
//! The scheme is from G. Varghese and T. Lauck, "Hashed and Hierarchical Timing Wheels", SOSP 1987.
//! A [`Wheel`] has no clock, thread or task: the caller passes the time, and gets the entries that
//! are due.
//!
//! # The wheel
//!
//! A tick is a nanosecond, written in digits of six bits. The level of an entry is the highest
//! digit in which its tick differs from the time of the wheel, `elapsed`; its slot in that level is
//! the value of this digit. So level 0 holds the entries of the current 64 ticks, one tick in each
//! slot. They come before all entries of level 1, and so on; no level wraps around. A coarser tick
//! would save two of the five moves of a timer of 250 ms, and make virtual time inexact.
//!
//! ```text
//!   elapsed = … 0  3  7 (digits)    entry at … 0  3  9 ──▶ level 0, slot 9
//!                                   entry at … 0  5  1 ──▶ level 1, slot 5
//!   level 0    · · · · · · ·[7]· ■ · … ·  63   a slot is  1 tick,    1 ns
//!   level 1    · · ·[3]· ■ ■ · · · · … ·  63             64 ticks,  64 ns
//!   level 2   [0]· · · ■ · · · · · · … ·  63            64² ticks, 4.1 µs
//!     ⋮               level 3: 0.26 ms, 4: 17 ms, 5: 1.1 s, 6: 69 s, …
//!   level 10   · · · · · · · · · · · … ·  15             36.6 years
//!   level 11   ■                               never: deadline u64::MAX
//!
//!   ■    a slot with entries: a bit in the word of the level, a list of
//!        entries, a lower bound of their ticks
//!   [ ]  the digit of elapsed; above level 0 this slot is empty, because its
//!        entries are in lower levels
//! ```
//!
//! # The life of an entry
//!
//! ```text
//!             insert          place_fresh             pop_due: its slot has begun
//!   (value) ──────────▶ fresh ───────────▶ in a slot ─┐ it moves to a lower level
//!                         │                 │  │  ▲   │
//!                         │ remove          │  │  └───┘
//!                         ▼          remove │  │
//!                       value ◀─────────────┘  │
//!                         ▲                    │ pop_due: its tick has come
//!                         └────────────────────┘
//! ```
//!
//! When the value has left in either way, its key is stale. The latest entries stay *fresh*, in no
//! slot, until the next call of [`Wheel::pop_due`] or [`Wheel::next_deadline`]: most timers are
//! removed before they are due, and those never enter a slot. The place of the others is not
//! stored. It follows from their tick and `elapsed`, because `pop_due` never moves `elapsed` into a
//! slot without emptying that slot.
//!
//! # Guarantees
//!
//! - No entry comes out early.
//! - Each entry comes out once, through [`Wheel::pop_due`] or [`Wheel::remove`].
//! - Entries come out in the order of their ticks, and those of one tick in the order in which they
//!   were inserted. An entry whose deadline had passed when it was inserted counts as due at the
//!   current tick of the wheel, so it comes before all later ones.
//! - Insertion and removal take constant time, however many entries there are (insertion on
//!   average: one call may place the 64 entries before it). An entry moves at most ten times, each
//!   time to a lower level.
//! - There is no growth by copying: see [`slab`](crate::util::slab).
//!
//! # Not guaranteed
//!
//! - After removals [`Wheel::next_deadline`] may be earlier than what is left; never later.
//! - One call of [`Wheel::pop_due`] takes constant time only on average: when a slot begins, one
//!   call moves all its entries.

mod fresh;
mod list;
mod place;
mod tick;

#[cfg(test)]
mod tests;

use std::fmt;
use std::mem;

pub(crate) use crate::util::slab::Key;
use crate::util::slab::{NONE, Slab};

use fresh::{FRESH, Fresh};
use list::{Entry, List};
use place::{PLACES, Place, Taken};
use tick::Tick;

/// Values with deadlines. For its guarantees see the [module](self).
///
/// Deadlines and the present are nanoseconds since a base that the caller chooses. No value is
/// dropped in here, except with the wheel itself, so no third-party code runs inside any method.
pub(crate) struct Wheel<T> {
    /// The timers.
    entries: Slab<Entry<T>>,
    /// Entries without a place yet.
    fresh: Fresh,
    /// Which lists have entries.
    taken: Taken,
    /// The lists, by [`Place`].
    ///
    /// Invariant: an entry that is not fresh is in the list of [`Place::of`] its tick and
    /// `elapsed`.
    lists: Box<[List; PLACES]>,
    /// How far the wheel has turned. Invariant: no tick of an entry that has a place is before it.
    elapsed: Tick,
}

impl<T> Wheel<T> {
    /// Creates an empty wheel at time 0.
    pub(crate) fn new() -> Wheel<T> {
        Wheel {
            entries: Slab::new(),
            fresh: Fresh::EMPTY,
            taken: Taken::NONE,
            lists: Box::new([List::EMPTY; PLACES]),
            elapsed: Tick::ZERO,
        }
    }

    /// Returns the number of outstanding entries.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns `true` if no entry is outstanding.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns how far the wheel has turned, in nanoseconds; never beyond the latest `now`.
    #[cfg(test)]
    fn elapsed(&self) -> u64 {
        self.elapsed.nanos().unwrap_or(u64::MAX)
    }

    /// Adds a value that comes out as soon as `deadline` has come; `u64::MAX` never comes.
    ///
    /// # Panics
    ///
    /// When some 2^32 entries are outstanding.
    #[inline]
    pub(crate) fn insert(&mut self, deadline: u64, value: T) -> Key {
        if self.fresh.is_full() || self.entries.is_full() {
            return self.insert_slow(deadline, value);
        }
        let key = self.entries.insert(Entry {
            value,
            tick: Tick::from_deadline(deadline),
            prev: FRESH,
            next: self.fresh.end(),
        });
        self.fresh.push(key.index());
        key
    }

    /// Removes an entry before its deadline. Returns `None` if it has come out already.
    #[inline]
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let entry = self.entries.remove(key)?;
        if entry.prev == FRESH {
            self.fresh.remove(entry.next);
        } else {
            let place = Place::of(entry.tick, self.elapsed);
            self.unlink(place, entry.prev, entry.next);
        }
        Some(entry.value)
    }

    /// Borrows the value of an entry. Returns `None` if it has come out already.
    #[inline]
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        Some(&mut self.entries.get_mut(key)?.value)
    }

    /// Returns a time, in nanoseconds, before which no entry is due, or `None` if no entry ever
    /// will be.
    ///
    /// It is the moment at which the next entry comes out, if nothing was removed or only one entry
    /// is left; otherwise it may be earlier. It always lies after the present for which
    /// [`pop_due`](Wheel::pop_due) last gave `None`, if nothing was inserted since. Entries that
    /// never come count as nothing.
    #[inline]
    pub(crate) fn next_deadline(&mut self) -> Option<u64> {
        if !self.fresh.is_empty() {
            self.place_fresh();
        }
        self.lists[self.taken.first()?.index()].earliest().nanos()
    }

    /// Takes out the next entry that is due at `now`. Returns `None` if there is none.
    ///
    /// Callers repeat it until it returns `None`, or stop before: the other entries stay due. A
    /// `now` before the latest one counts as the latest one.
    #[inline]
    pub(crate) fn pop_due(&mut self, now: u64) -> Option<T> {
        if !self.fresh.is_empty() {
            self.place_fresh();
        }
        let now = Tick::from_now(now).max(self.elapsed);
        while let Some(place) = self.taken.first() {
            let list = self.lists[place.index()];
            if !place.has_begun(list.earliest(), now) {
                break;
            }
            self.elapsed = list.earliest().min(now);
            if place.level() == 0 {
                let entry = self.entries.vacate(list.head())?;
                self.unlink(place, entry.prev, entry.next);
                return Some(entry.value);
            }
            self.cascade(place);
        }
        self.elapsed = now;
        None
    }

    /// Takes all values out, also those that never come.
    pub(crate) fn dissolve(&mut self) -> Vec<T> {
        let mut values = Vec::with_capacity(self.len());
        let mut index = 0;
        while !self.is_empty() {
            values.extend(self.entries.vacate(index).map(|entry| entry.value));
            index += 1;
        }
        *self = Wheel {
            entries: mem::take(&mut self.entries),
            elapsed: self.elapsed,
            ..Wheel::new()
        };
        values
    }

    /// Frees the memory of removed entries, if no entry is outstanding.
    pub(crate) fn shrink(&mut self) {
        self.entries.shrink();
    }

    /// [`insert`](Wheel::insert) when a list is full.
    ///
    /// A tail call, so that the fast path saves no registers across a call.
    #[cold]
    #[inline(never)]
    fn insert_slow(&mut self, deadline: u64, value: T) -> Key {
        self.place_fresh();
        if self.entries.is_full() {
            self.entries.grow();
        }
        self.insert(deadline, value)
    }

    /// Moves each fresh entry to its place.
    #[inline(never)]
    fn place_fresh(&mut self) {
        for position in 0..self.fresh.end() {
            self.place(self.fresh.at(position));
        }
        self.fresh.clear();
    }

    /// Moves the entries of a slot that `elapsed` has just entered to lower levels, in their order.
    #[inline(never)]
    fn cascade(&mut self, place: Place) {
        let list = mem::replace(&mut self.lists[place.index()], List::EMPTY);
        self.taken.clear(place);
        let mut index = list.head();
        while let Some(next) = self.place(index) {
            index = next;
        }
    }

    /// Appends an entry to the list of its place. Returns the `next` that it had.
    #[inline]
    fn place(&mut self, index: u32) -> Option<u32> {
        let entry = self.entries.at_mut(index)?;
        let tick = entry.tick.max(self.elapsed);
        let place = Place::of(tick, self.elapsed);
        let list = &mut self.lists[place.index()];
        entry.tick = tick;
        entry.prev = list.tail();
        let next = mem::replace(&mut entry.next, NONE);
        if list.is_empty() {
            *list = List::of(index, tick);
            self.taken.set(place);
        } else {
            list.append(index, tick, &mut self.entries);
        }
        Some(next)
    }

    /// Unlinks an entry that was removed from the slab, by the links that it had.
    #[inline]
    fn unlink(&mut self, place: Place, prev: u32, next: u32) {
        // Two neighbours are different entries, so equal links mean that there is none.
        if prev == next {
            self.lists[place.index()] = List::EMPTY;
            self.taken.clear(place);
        } else {
            self.lists[place.index()].unlink(prev, next, &mut self.entries);
        }
    }
}

impl<T> Default for Wheel<T> {
    fn default() -> Wheel<T> {
        Wheel::new()
    }
}

impl<T> fmt::Debug for Wheel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wheel")
            .field("len", &self.len())
            .field("elapsed", &self.elapsed)
            .finish_non_exhaustive()
    }
}
