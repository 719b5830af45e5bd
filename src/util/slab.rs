//! A table of values under keys that are never used again.
//!
//! It stores everything that a handle identifies by a key and not by a pointer: timers,
//! registrations, tasks. It is not a map: the slab chooses the keys. Layer 0.
//!
//! # Guarantees
//!
//! - [`insert`](Slab::insert), [`get`](Slab::get), [`get_mut`](Slab::get_mut) and
//!   [`remove`](Slab::remove) take constant time.
//! - A key whose value was removed never finds a value again, however often its slot is reused.
//! - Growing allocates one chunk of [`CHUNK`] slots. It neither moves nor copies a value.
//!
//! # Non-guarantees
//!
//! - Memory is freed by [`shrink`](Slab::shrink) or a drop, not by `remove`.
//! - A key does not identify its slab: a key of another slab may find a value.
//!
//! # States of a slot
//!
//! ```text
//!           grow, shrink                  insert
//!   (chunk) ────────────▶ vacant, gen g ────────────▶ occupied, gen g
//!                               ▲                          │
//!                               │ remove: g + 1            │
//!                               └──────────────────────────┤
//!                                                          │ remove: no
//!                                                          ▼ next generation
//!                                                   retired: vacant, but not
//!                                                   on the stack
//! ```
//!
//! Vacant slots form a stack, linked through the slots. So the slot that became vacant last, which
//! is likely in the cache, is used first. A slot that has used all of its 2^32 generations is never
//! used again: its memory is lost, but no two values ever have the same key.

#[cfg(test)]
mod tests;

use std::fmt;
use std::mem;

/// The number of slots in a chunk.
pub(crate) const CHUNK: usize = 128;

/// The index of no slot. Ends the stack of vacant slots, and lists of users that link slots.
///
/// The 127 numbers below are no index either, since slots are allocated in whole chunks.
pub(crate) const NONE: u32 = u32::MAX;

/// The first generation. Not 0, so that [`Key::to_bits`] never returns 0, which users use for "no
/// key".
const FIRST_GENERATION: u32 = 1;

/// Identifies one value of a [`Slab`], until that value is removed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Key {
    /// The index of the slot.
    index: u32,
    /// Which of the successive values of that slot.
    generation: u32,
}

impl Key {
    /// Packs the key into a number, which is never 0.
    pub(crate) fn to_bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    /// Unpacks the result of [`to_bits`](Key::to_bits).
    ///
    /// Accepts any number. A key that was never returned by `insert` finds nothing.
    pub(crate) fn from_bits(bits: u64) -> Key {
        Key {
            index: bits as u32,
            generation: (bits >> 32) as u32,
        }
    }

    /// Returns the index of the slot, which no other present value of the slab has.
    pub(crate) fn index(self) -> u32 {
        self.index
    }
}

/// Memory for one value.
struct Slot<T> {
    /// The generation of the value, or of the next one if the slot is vacant.
    generation: u32,
    content: Content<T>,
}

/// The content of a slot.
enum Content<T> {
    /// The index of the next vacant slot, or [`NONE`].
    Vacant(u32),
    Occupied(T),
}

impl<T> Slot<T> {
    /// Creates a vacant slot that is above `next` in the stack.
    fn vacant(generation: u32, next: u32) -> Slot<T> {
        let content = Content::Vacant(next);
        Slot {
            generation,
            content,
        }
    }

    /// Borrows the value, if there is one.
    #[inline]
    fn value(&self) -> Option<&T> {
        match &self.content {
            Content::Occupied(value) => Some(value),
            Content::Vacant(_) => None,
        }
    }

    /// Borrows the value for writing, if there is one.
    #[inline]
    fn value_mut(&mut self) -> Option<&mut T> {
        match &mut self.content {
            Content::Occupied(value) => Some(value),
            Content::Vacant(_) => None,
        }
    }
}

/// Slots that are allocated and freed together.
type Chunk<T> = Box<[Slot<T>; CHUNK]>;

/// A growing table that returns a [`Key`] for each value. See the [module](self) for its
/// guarantees.
pub(crate) struct Slab<T> {
    /// All slots. Invariant: at most `u32::MAX` of them, so that [`NONE`] is no index.
    chunks: Vec<Chunk<T>>,
    /// The index of the top of the stack of vacant slots, or [`NONE`].
    free: u32,
    /// The number of values.
    len: u32,
    /// The generation of the slots of a new chunk: above that of all keys of freed chunks.
    first_generation: u32,
}

impl<T> Slab<T> {
    /// Creates an empty slab, which allocates at the first insertion.
    pub(crate) const fn new() -> Slab<T> {
        Slab {
            chunks: Vec::new(),
            free: NONE,
            len: 0,
            first_generation: FIRST_GENERATION,
        }
    }

    /// Returns the number of values.
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    /// Returns `true` if there is no value.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns `true` if the next insertion has to allocate a chunk.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.free == NONE
    }

    /// Stores a value and returns its key.
    ///
    /// # Panics
    /// If there are nearly 2^32 values, so that no index is left.
    #[inline]
    pub(crate) fn insert(&mut self, value: T) -> Key {
        if self.is_full() {
            self.grow();
        }
        let index = self.free;
        let slot = &mut self.chunks[chunk_of(index)][within_chunk(index)];
        let Content::Vacant(next) = slot.content else {
            unreachable!("the stack of vacant slots holds vacant slots only");
        };
        slot.content = Content::Occupied(value);
        self.free = next;
        self.len += 1;
        Key {
            index,
            generation: slot.generation,
        }
    }

    /// Removes and returns a value.
    #[inline]
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let slot = self.slot_mut(key.index)?;
        if slot.generation != key.generation {
            return None;
        }
        self.vacate(key.index)
    }

    /// Removes and returns the value of a slot, whatever its generation.
    #[inline]
    pub(crate) fn vacate(&mut self, index: u32) -> Option<T> {
        let chunk = self.chunks.get_mut(chunk_of(index))?;
        let slot = &mut chunk[within_chunk(index)];
        slot.value()?;
        let vacant = match slot.generation.checked_add(1) {
            Some(generation) => {
                slot.generation = generation;
                Content::Vacant(mem::replace(&mut self.free, index))
            }
            None => Content::Vacant(NONE),
        };
        self.len -= 1;
        match mem::replace(&mut slot.content, vacant) {
            Content::Occupied(value) => Some(value),
            Content::Vacant(_) => None,
        }
    }

    /// Borrows a value.
    #[inline]
    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        let slot = self.slot(key.index)?;
        if slot.generation != key.generation {
            return None;
        }
        slot.value()
    }

    /// Borrows a value for writing.
    #[inline]
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let slot = self.slot_mut(key.index)?;
        if slot.generation != key.generation {
            return None;
        }
        slot.value_mut()
    }

    /// Borrows the value of a slot, whatever its generation.
    ///
    /// For links between values of one slab, which their owner keeps valid.
    #[inline]
    pub(crate) fn at(&self, index: u32) -> Option<&T> {
        self.slot(index)?.value()
    }

    /// Borrows the value of a slot for writing, as [`at`](Slab::at) does.
    #[inline]
    pub(crate) fn at_mut(&mut self, index: u32) -> Option<&mut T> {
        self.slot_mut(index)?.value_mut()
    }

    /// Iterates over all values, in the order of their slots.
    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        let slots = self.chunks.iter().flat_map(|chunk| chunk.iter());
        (0..).zip(slots).filter_map(|(index, slot)| {
            let generation = slot.generation;
            Some((Key { index, generation }, slot.value()?))
        })
    }

    /// Iterates over all values for writing, in the order of their slots.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (Key, &mut T)> {
        let slots = self.chunks.iter_mut().flat_map(|chunk| chunk.iter_mut());
        (0..).zip(slots).filter_map(|(index, slot)| {
            let generation = slot.generation;
            Some((Key { index, generation }, slot.value_mut()?))
        })
    }

    /// Frees all chunks but one, if the slab is empty.
    ///
    /// Reads the generation of every slot, so that old keys find nothing in later chunks.
    pub(crate) fn shrink(&mut self) {
        if self.len != 0 || self.chunks.len() < 2 {
            return;
        }
        let slots = self.chunks.iter().flat_map(|chunk| chunk.iter());
        let next = slots
            .map(|slot| slot.generation)
            .max()
            .unwrap_or(FIRST_GENERATION);
        if next == u32::MAX {
            return;
        }
        self.first_generation = next;
        self.chunks = Vec::new();
        self.free = NONE;
        self.grow();
    }

    /// Adds a chunk, and pushes its slots to the stack of vacant slots, the lowest index on top.
    ///
    /// # Panics
    /// If there are nearly 2^32 values, so that no index is left.
    #[cold]
    #[inline(never)]
    pub(crate) fn grow(&mut self) {
        let first = self.chunks.len() * CHUNK;
        assert!(
            first + CHUNK <= NONE as usize,
            "too many values in one slab"
        );
        let slots: Vec<Slot<T>> = (first + 1..=first + CHUNK)
            .map(|next| Slot::vacant(self.first_generation, next as u32))
            .collect();
        let Ok(mut chunk) = Chunk::<T>::try_from(slots.into_boxed_slice()) else {
            unreachable!("the chunk was created with this length");
        };
        chunk[CHUNK - 1].content = Content::Vacant(self.free);
        self.free = first as u32;
        self.chunks.push(chunk);
    }

    /// Borrows a slot, if the slab has that many.
    #[inline]
    fn slot(&self, index: u32) -> Option<&Slot<T>> {
        let chunk = self.chunks.get(chunk_of(index))?;
        Some(&chunk[within_chunk(index)])
    }

    /// Borrows a slot for writing, if the slab has that many.
    #[inline]
    fn slot_mut(&mut self, index: u32) -> Option<&mut Slot<T>> {
        let chunk = self.chunks.get_mut(chunk_of(index))?;
        Some(&mut chunk[within_chunk(index)])
    }
}

impl<T> Default for Slab<T> {
    fn default() -> Slab<T> {
        Slab::new()
    }
}

impl<T> fmt::Debug for Slab<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slots = self.chunks.len() * CHUNK;
        f.debug_struct("Slab")
            .field("len", &self.len)
            .field("slots", &slots)
            .finish_non_exhaustive()
    }
}

/// Returns the index of the chunk of a slot.
#[inline]
fn chunk_of(index: u32) -> usize {
    index as usize / CHUNK
}

/// Returns the index of a slot within its chunk.
#[inline]
fn within_chunk(index: u32) -> usize {
    index as usize % CHUNK
}
