//! The entries of one place, in the order in which they came.

use super::tick::Tick;
use crate::util::slab::{NONE, Slab};

/// A timer.
///
/// With a waker as its value it has 32 bytes, and 40 in the slab.
pub(super) struct Entry<T> {
    /// Returned when the timer fires.
    pub(super) value: T,
    /// When it fires.
    pub(super) tick: Tick,
    /// The entry before it in its list, or [`NONE`]; [`FRESH`](super::fresh::FRESH) while it
    /// is in no list.
    pub(super) prev: u32,
    /// The entry after it in its list, or [`NONE`]; its position in
    /// [`Fresh`](super::fresh::Fresh) while it is in no list.
    pub(super) next: u32,
}

/// A doubly linked list of entries.
///
/// Invariant: `head` and `tail` are both [`NONE`], or the ends of a chain of occupied slots.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    /// The first entry, or [`NONE`].
    head: u32,
    /// The last entry, or [`NONE`].
    tail: u32,
    /// No entry's tick is before this one; it is exact as long as nothing was unlinked, and when
    /// there is one entry. It is a tick of this place, and stale when there is no entry.
    earliest: Tick,
}

impl List {
    pub(super) const EMPTY: List = List {
        head: NONE,
        tail: NONE,
        earliest: Tick::NEVER,
    };

    /// Creates a list of one entry.
    #[inline]
    pub(super) fn of(index: u32, tick: Tick) -> List {
        List {
            head: index,
            tail: index,
            earliest: tick,
        }
    }

    /// Returns `true` if there is no entry.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.head == NONE
    }

    /// Returns the first entry, or [`NONE`].
    #[inline]
    pub(super) fn head(&self) -> u32 {
        self.head
    }

    /// Returns the last entry, or [`NONE`].
    #[inline]
    pub(super) fn tail(&self) -> u32 {
        self.tail
    }

    /// Returns a lower bound of the ticks. The list must have entries.
    #[inline]
    pub(super) fn earliest(&self) -> Tick {
        self.earliest
    }

    /// Appends an entry to a list that has entries. The caller sets the links of the entry.
    #[inline]
    pub(super) fn append<T>(&mut self, index: u32, tick: Tick, entries: &mut Slab<Entry<T>>) {
        if let Some(last) = entries.at_mut(self.tail) {
            last.next = index;
        }
        self.tail = index;
        self.earliest = self.earliest.min(tick);
    }

    /// Unlinks an entry that was removed from the slab, by the links that it had.
    #[inline]
    pub(super) fn unlink<T>(&mut self, prev: u32, next: u32, entries: &mut Slab<Entry<T>>) {
        match entries.at_mut(prev) {
            None => self.head = next,
            Some(before) => before.next = next,
        }
        match entries.at_mut(next) {
            None => self.tail = prev,
            Some(after) => after.prev = prev,
        }
        if self.head == self.tail {
            self.refresh(entries);
        }
    }

    /// Makes the lower bound exact for a list of one entry.
    #[inline]
    fn refresh<T>(&mut self, entries: &Slab<Entry<T>>) {
        if let Some(only) = entries.at(self.head) {
            self.earliest = only.tick;
        }
    }
}
