//! The latest entries, which have no place on the wheel yet.

use crate::util::slab::NONE;

/// The greatest number of entries without a place.
const CAPACITY: usize = 64;

/// The `prev` of a fresh entry; its `next` is then a position in [`Fresh`].
pub(super) const FRESH: u32 = NONE - 1;

/// A short list of entries, by their slots in the slab, in the order of insertion.
///
/// Many timers are removed soon. Until the wheel is asked for due entries or for the next deadline,
/// an entry stays here, and its removal costs one store.
#[derive(Debug)]
pub(super) struct Fresh {
    /// How much of `entries` is in use. Invariant: at most [`CAPACITY`].
    len: u32,
    /// The entries; [`NONE`] for those that were removed.
    entries: [u32; CAPACITY],
}

impl Fresh {
    pub(super) const EMPTY: Fresh = Fresh {
        len: 0,
        entries: [NONE; CAPACITY],
    };

    /// Returns `true` if there is no entry.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns `true` if no other entry fits.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.len as usize >= CAPACITY
    }

    /// Returns the position of the next entry.
    #[inline]
    pub(super) fn end(&self) -> u32 {
        self.len
    }

    /// Appends an entry to a list that is not full.
    #[inline]
    pub(super) fn push(&mut self, index: u32) {
        self.entries[self.len as usize] = index;
        self.len += 1;
    }

    /// Removes the entry at a position.
    #[inline]
    pub(super) fn remove(&mut self, position: u32) {
        if position + 1 == self.len {
            self.len = position;
        } else {
            self.entries[position as usize] = NONE;
        }
    }

    /// Returns the entry at a position, or [`NONE`] if it was removed.
    #[inline]
    pub(super) fn at(&self, position: u32) -> u32 {
        self.entries[position as usize]
    }

    /// Removes all entries.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.len = 0;
    }
}
