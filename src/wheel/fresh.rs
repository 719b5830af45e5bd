//! The latest entries, which have no place on the wheel yet.

use crate::util::slab::NONE;

/// Number of entries that wait for a place at most.
const ROOM: usize = 64;

/// Stands in an entry's `prev` while it is fresh; its `next` is then a position in [`Fresh`].
pub(super) const FRESH: u32 = NONE - 1;

/// A short line of entries, by their slots in the slab, in the order of insertion.
///
/// Many timers guard something that is over at once. As long as the wheel is not asked about time,
/// an entry just stands here, and to remove it costs a store.
#[derive(Debug)]
pub(super) struct Fresh {
    /// How much of `line` is in use. Invariant: at most [`ROOM`].
    len: u32,
    /// The entries, with [`NONE`] for those that were removed.
    line: [u32; ROOM],
}

impl Fresh {
    /// A line in which no entry stands.
    pub(super) const EMPTY: Fresh = Fresh {
        len: 0,
        line: [NONE; ROOM],
    };

    /// Tells whether no entry stands here.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Tells whether there is no room for another entry.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.len as usize >= ROOM
    }

    /// Gives the position that the next entry will have.
    #[inline]
    pub(super) fn end(&self) -> u32 {
        self.len
    }

    /// Puts an entry at the end of a line that has room.
    #[inline]
    pub(super) fn push(&mut self, index: u32) {
        self.line[self.len as usize] = index;
        self.len += 1;
    }

    /// Takes out the entry at a position.
    #[inline]
    pub(super) fn remove(&mut self, position: u32) {
        if position + 1 == self.len {
            self.len = position;
        } else {
            self.line[position as usize] = NONE;
        }
    }

    /// Gives the entry at a position, or [`NONE`] if it was taken out.
    #[inline]
    pub(super) fn at(&self, position: u32) -> u32 {
        self.line[position as usize]
    }

    /// Takes all entries out.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.len = 0;
    }
}
