//! The memory of a wait queue: entries in one block. The waiting ones form a doubly linked list,
//! the vacant ones a stack.
//!
//! ```text
//!                append                 grant_first
//!   vacant ─────────────────▶ waiting ───────────────▶ granted
//!     ▲ ▲                        │                        │
//!     │ └────────────────────────┘ remove                 │
//!     └───────────────────────────────────────────────────┘
//!                                   remove, remove_granted
//! ```
//!
//! Invariant: `head` and `tail` are both [`NONE`], or the ends of the list of waiting entries;
//! `free` is the top of the stack of vacant ones. Only this file writes links.

use std::mem;
use std::task::Waker;

/// The index of no entry.
const NONE: u32 = u32::MAX;

/// A block with more entries than this is freed when the last entry becomes vacant.
const KEPT: usize = 256;

/// One entry.
#[derive(Debug)]
pub(super) enum Entry<R, G> {
    /// The index of the next vacant entry, or [`NONE`].
    Vacant(u32),
    Waiting(Waiting<R>),
    /// A grant that its waiter has not taken yet.
    Granted(G),
}

/// A waiter without a grant.
#[derive(Debug)]
pub(super) struct Waiting<R> {
    pub(super) request: R,
    pub(super) waker: Waker,
    /// The index of the waiter before, or [`NONE`].
    prev: u32,
    /// The index of the waiter after, or [`NONE`].
    next: u32,
}

/// All entries of a queue.
#[derive(Debug)]
pub(super) struct Entries<R, G> {
    slots: Vec<Entry<R, G>>,
    /// The index of the first waiting entry.
    head: u32,
    /// The index of the last waiting entry.
    tail: u32,
    /// The index of the top of the stack of vacant entries.
    free: u32,
    /// The number of waiting entries.
    waiting: u32,
    /// The number of waiting and granted entries.
    used: u32,
}

impl<R, G> Entries<R, G> {
    /// Creates an empty block, which allocates with the first entry.
    pub(super) const fn new() -> Self {
        Self {
            slots: Vec::new(),
            head: NONE,
            tail: NONE,
            free: NONE,
            waiting: 0,
            used: 0,
        }
    }

    /// Returns the number of waiting entries.
    #[inline]
    pub(super) fn waiting(&self) -> usize {
        self.waiting as usize
    }

    /// Returns the number of entries for which memory is allocated.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    /// Returns the index of the first waiting entry, or [`NONE`].
    #[inline]
    pub(super) fn first_index(&self) -> u32 {
        self.head
    }

    #[inline]
    pub(super) fn at(&mut self, index: u32) -> &mut Entry<R, G> {
        &mut self.slots[index as usize]
    }

    /// Borrows the first waiting entry.
    #[inline]
    pub(super) fn first(&self) -> Option<&Waiting<R>> {
        match self.slots.get(self.head as usize) {
            Some(Entry::Waiting(first)) => Some(first),
            _ => None,
        }
    }

    /// Adds a waiting entry at the end of the list and returns its index.
    pub(super) fn append(&mut self, request: R, waker: Waker) -> u32 {
        let entry = Entry::Waiting(Waiting {
            request,
            waker,
            prev: self.tail,
            next: NONE,
        });
        let index = self.occupy(entry);
        match self.waiting_at(self.tail) {
            None => self.head = index,
            Some(last) => last.next = index,
        }
        self.tail = index;
        self.waiting += 1;
        index
    }

    /// Replaces the first waiting entry by a granted one and returns the waiter.
    ///
    /// # Errors
    /// `grant`, if no entry waits.
    #[inline]
    pub(super) fn grant_first(&mut self, grant: G) -> Result<Waiting<R>, G> {
        let index = self.head;
        let Some(slot) = self.slots.get_mut(index as usize) else {
            return Err(grant);
        };
        let Entry::Waiting(first) = mem::replace(slot, Entry::Granted(grant)) else {
            unreachable!("the head of the list is a waiting entry");
        };
        self.unlink(&first);
        Ok(first)
    }

    /// Makes an entry vacant and returns what it was.
    #[inline]
    pub(super) fn remove(&mut self, index: u32) -> Entry<R, G> {
        let vacant = Entry::Vacant(self.free);
        let entry = mem::replace(&mut self.slots[index as usize], vacant);
        if let Entry::Waiting(waiting) = &entry {
            self.unlink(waiting);
        }
        self.push_vacant(index);
        entry
    }

    /// Makes an entry vacant if it is granted, and returns its grant. Most entries end so.
    #[inline]
    pub(super) fn remove_granted(&mut self, index: u32) -> Option<G> {
        let slot = &mut self.slots[index as usize];
        let Entry::Granted(_) = slot else {
            return None;
        };
        let Entry::Granted(grant) = mem::replace(slot, Entry::Vacant(self.free)) else {
            unreachable!("the entry was checked to be granted");
        };
        self.push_vacant(index);
        Some(grant)
    }

    /// Makes an entry, whose content is vacant already, the top of the stack.
    #[inline]
    fn push_vacant(&mut self, index: u32) {
        self.free = index;
        self.used -= 1;
        if self.used == 0 && self.slots.capacity() > KEPT {
            self.free_block();
        }
    }

    #[cold]
    fn free_block(&mut self) {
        self.slots = Vec::new();
        self.free = NONE;
    }

    /// Stores an entry in a vacant slot or a new one, and returns its index.
    fn occupy(&mut self, entry: Entry<R, G>) -> u32 {
        self.used += 1;
        let index = self.free;
        if let Some(slot) = self.slots.get_mut(index as usize) {
            let Entry::Vacant(next) = mem::replace(slot, entry) else {
                unreachable!("the stack of vacant entries holds vacant ones only");
            };
            self.free = next;
            return index;
        }
        assert!(self.slots.len() < NONE as usize, "too many waits");
        self.slots.push(entry);
        (self.slots.len() - 1) as u32
    }

    /// Removes a waiter, which is not in its slot any more, from the list.
    #[inline]
    fn unlink(&mut self, waiting: &Waiting<R>) {
        match self.waiting_at(waiting.prev) {
            None => self.head = waiting.next,
            Some(before) => before.next = waiting.next,
        }
        match self.waiting_at(waiting.next) {
            None => self.tail = waiting.prev,
            Some(after) => after.prev = waiting.prev,
        }
        self.waiting -= 1;
    }

    /// Borrows a waiting entry; `None` at [`NONE`].
    #[inline]
    fn waiting_at(&mut self, index: u32) -> Option<&mut Waiting<R>> {
        match self.slots.get_mut(index as usize) {
            Some(Entry::Waiting(waiting)) => Some(waiting),
            _ => None,
        }
    }
}
