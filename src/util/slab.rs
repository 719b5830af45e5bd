//! A table of values under keys that never come back to life.
//!
//! It is the store under every handle that is an id and not a pointer: a timer, a registration, a
//! task. It is not a map: it picks the keys. Floor F0: imports nothing from the rest of the crate.
//!
//! # Guarantees
//!
//! - [`insert`](Slab::insert), [`get`](Slab::get), [`get_mut`](Slab::get_mut) and
//!   [`remove`](Slab::remove) take constant time.
//! - A key whose value was removed finds nothing, for ever, however often its slot is used again.
//! - Growing takes one chunk of [`CHUNK`] slots from the allocator. It moves no value, copies none,
//!   and reserves nothing beyond that chunk.
//!
//! # What it does not promise
//!
//! - Memory goes back to the allocator through [`shrink`](Slab::shrink) or a drop, not by itself.
//! - A key says nothing about the slab that it came from; a key of another slab may find a value.
//!
//! # How
//!
//! ```text
//!             grow, shrink                      insert
//!   (chunk) ───────────────▶ vacant, gen g ──────────────▶ occupied, gen g
//!                                  ▲                            │
//!                                  │ remove, g + 1              │ remove
//!                                  └────────────────────────────┤
//!                                                               │ remove, g is the last number
//!                                                               ▼
//!                                                            retired: vacant, on no list
//! ```
//!
//! Vacant slots form a stack threaded through the slots themselves, so the slot that was left last,
//! and is warm in the cache, is taken first. A slot that has used up its generations, some 2^32, is never
//! taken again: that costs its few bytes once in four billion uses, and buys that no key can alias.

#[cfg(test)]
mod tests;

use std::fmt;
use std::mem;

/// Number of slots in a chunk, the unit of growth.
pub(crate) const CHUNK: usize = 128;

/// The index of no slot: ends the stack of vacant slots, and any list that a user threads through.
///
/// The 127 numbers below it are no index either, as slots come in whole chunks.
pub(crate) const NONE: u32 = u32::MAX;

/// The first generation: not 0, so that no key packs to 0 and users can let 0 mean "no key".
const DAWN: u32 = 1;

/// Names one value in one [`Slab`], until that value is removed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Key {
    /// Which slot.
    index: u32,
    /// Which of the values that live in that slot one after the other.
    generation: u32,
}

impl Key {
    /// Packs the key into a number, which is never 0.
    pub(crate) fn to_bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    /// Unpacks what [`to_bits`](Key::to_bits) packed.
    ///
    /// Any number is accepted; one that is no key of a living value finds nothing.
    pub(crate) fn from_bits(bits: u64) -> Key {
        Key {
            index: bits as u32,
            generation: (bits >> 32) as u32,
        }
    }

    /// Gives the number of the slot, which no other living value of the slab has.
    pub(crate) fn index(self) -> u32 {
        self.index
    }
}

/// Room for one value.
struct Slot<T> {
    /// The generation of the value that is here, or else of the next one that will be.
    generation: u32,
    /// The value, or the way to the next vacant slot.
    content: Content<T>,
}

/// What a slot holds.
enum Content<T> {
    /// Nothing; the next vacant slot, or [`NONE`].
    Vacant(u32),
    /// A value.
    Occupied(T),
}

impl<T> Slot<T> {
    /// Makes a slot without a value, on top of `next` in the stack of vacant ones.
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

/// Slots that came from the allocator together and go back together.
type Chunk<T> = Box<[Slot<T>; CHUNK]>;

/// A growing table that hands out a [`Key`] for each value. See the [module](self) for its promises.
pub(crate) struct Slab<T> {
    /// All slots. Invariant: at most `u32::MAX` of them, so that [`NONE`] is no index.
    chunks: Vec<Chunk<T>>,
    /// Top of the stack of vacant slots, or [`NONE`].
    free: u32,
    /// Number of values.
    len: u32,
    /// Where the generations of a new chunk begin: above all keys that pointed into chunks given back.
    dawn: u32,
}

impl<T> Slab<T> {
    /// Makes an empty slab; it allocates with the first insertion.
    pub(crate) const fn new() -> Slab<T> {
        Slab {
            chunks: Vec::new(),
            free: NONE,
            len: 0,
            dawn: DAWN,
        }
    }

    /// Counts the values.
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    /// Tells whether there is no value.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Tells whether the next insertion has to ask the allocator for a chunk.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.free == NONE
    }

    /// Stores a value and gives its key.
    ///
    /// # Panics
    ///
    /// When there are nearly 2^32 values, and room for no more indices.
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

    /// Takes a value out; its key finds nothing from then on.
    #[inline]
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let slot = self.slot_mut(key.index)?;
        if slot.generation != key.generation {
            return None;
        }
        self.vacate(key.index)
    }

    /// Takes a value out by the number of its slot, whatever its generation.
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

    /// Borrows a value by the number of its slot, whatever its generation.
    ///
    /// It is for links between values of one slab, which their owner keeps right by itself.
    #[inline]
    pub(crate) fn at(&self, index: u32) -> Option<&T> {
        self.slot(index)?.value()
    }

    /// Borrows a value for writing by the number of its slot, as [`at`](Slab::at) does.
    #[inline]
    pub(crate) fn at_mut(&mut self, index: u32) -> Option<&mut T> {
        self.slot_mut(index)?.value_mut()
    }

    /// Goes over all values, in the order of their slots.
    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        let slots = self.chunks.iter().flat_map(|chunk| chunk.iter());
        (0..).zip(slots).filter_map(|(index, slot)| {
            let generation = slot.generation;
            Some((Key { index, generation }, slot.value()?))
        })
    }

    /// Goes over all values for writing, in the order of their slots.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (Key, &mut T)> {
        let slots = self.chunks.iter_mut().flat_map(|chunk| chunk.iter_mut());
        (0..).zip(slots).filter_map(|(index, slot)| {
            let generation = slot.generation;
            Some((Key { index, generation }, slot.value_mut()?))
        })
    }

    /// Gives all memory but one chunk back to the allocator, if the slab is empty.
    ///
    /// It looks at every slot once, so that keys from before find nothing in chunks to come.
    pub(crate) fn shrink(&mut self) {
        if self.len != 0 || self.chunks.len() < 2 {
            return;
        }
        let slots = self.chunks.iter().flat_map(|chunk| chunk.iter());
        let dawn = slots.map(|slot| slot.generation).max().unwrap_or(DAWN);
        if dawn == u32::MAX {
            return;
        }
        self.dawn = dawn;
        self.chunks = Vec::new();
        self.free = NONE;
        self.grow();
    }

    /// Adds a chunk, and puts its slots on the stack of vacant ones, the lowest on top.
    ///
    /// # Panics
    ///
    /// When there are nearly 2^32 values, and room for no more indices.
    #[cold]
    #[inline(never)]
    pub(crate) fn grow(&mut self) {
        let first = self.chunks.len() * CHUNK;
        assert!(
            first + CHUNK <= NONE as usize,
            "too many values in one slab"
        );
        let slots: Vec<Slot<T>> = (first + 1..=first + CHUNK)
            .map(|next| Slot::vacant(self.dawn, next as u32))
            .collect();
        let Ok(mut chunk) = Chunk::<T>::try_from(slots.into_boxed_slice()) else {
            unreachable!("the chunk was made with its length");
        };
        chunk[CHUNK - 1].content = Content::Vacant(self.free);
        self.free = first as u32;
        self.chunks.push(chunk);
    }

    /// Borrows a slot, if the slab is that large.
    #[inline]
    fn slot(&self, index: u32) -> Option<&Slot<T>> {
        let chunk = self.chunks.get(chunk_of(index))?;
        Some(&chunk[within_chunk(index)])
    }

    /// Borrows a slot for writing, if the slab is that large.
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

/// Gives the chunk that a slot is in.
#[inline]
fn chunk_of(index: u32) -> usize {
    index as usize / CHUNK
}

/// Gives the place of a slot within its chunk.
#[inline]
fn within_chunk(index: u32) -> usize {
    index as usize % CHUNK
}
