//! The memory of a wait queue: entries in one block, the waiting ones linked in order, the vacant ones in a stack.
//!
//! Invariant: `head` and `tail` are both [`NONE`], or the ends of a chain of waiting entries; `free` is the top of a stack of
//! vacant ones. Only this file writes links.

use std::mem;
use std::task::Waker;

/// The index of no entry.
const NONE: u32 = u32::MAX;

/// More room than this is given back when the last entry leaves.
const KEPT: usize = 256;

/// One entry.
#[derive(Debug)]
pub(super) enum Entry<W, G> {
    /// Nobody; the next vacant entry, or [`NONE`].
    Vacant(u32),
    /// Somebody who waits.
    Waiting(Waiting<W>),
    /// Somebody who was served, and has not taken this yet.
    Served(G),
}

/// Somebody who waits.
#[derive(Debug)]
pub(super) struct Waiting<W> {
    /// What for.
    pub(super) want: W,
    /// Whom to wake then.
    pub(super) waker: Waker,
    /// The one before, or [`NONE`].
    prev: u32,
    /// The one after, or [`NONE`].
    next: u32,
}

/// All entries.
#[derive(Debug)]
pub(super) struct Entries<W, G> {
    /// The block.
    slots: Vec<Entry<W, G>>,
    /// The first that waits.
    head: u32,
    /// The last that waits.
    tail: u32,
    /// The top of the stack of vacant ones.
    free: u32,
    /// How many wait.
    waiting: u32,
    /// How many are not vacant.
    used: u32,
}

impl<W, G> Entries<W, G> {
    /// None; the first that comes allocates.
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

    /// How many wait.
    #[inline]
    pub(super) fn waiting(&self) -> usize {
        self.waiting as usize
    }

    /// For how many there is room.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.slots.capacity()
    }

    /// The place of the first that waits; that of nobody, if nobody does.
    #[inline]
    pub(super) fn first_place(&self) -> u32 {
        self.head
    }

    /// Borrows an entry.
    #[inline]
    pub(super) fn at(&mut self, index: u32) -> &mut Entry<W, G> {
        &mut self.slots[index as usize]
    }

    /// Borrows the first that waits.
    #[inline]
    pub(super) fn first(&self) -> Option<&Waiting<W>> {
        match self.slots.get(self.head as usize) {
            Some(Entry::Waiting(first)) => Some(first),
            _ => None,
        }
    }

    /// Puts somebody at the end of those who wait.
    pub(super) fn append(&mut self, want: W, waker: Waker) -> u32 {
        let entry = Entry::Waiting(Waiting {
            want,
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

    /// Turns the first that waits into one that is served, and gives what it was.
    #[inline]
    pub(super) fn serve_first(&mut self, grant: G) -> Result<Waiting<W>, G> {
        let index = self.head;
        let Some(slot) = self.slots.get_mut(index as usize) else {
            return Err(grant);
        };
        let Entry::Waiting(first) = mem::replace(slot, Entry::Served(grant)) else {
            unreachable!("the head of those who wait, waits");
        };
        self.unlink(&first);
        Ok(first)
    }

    /// Takes an entry out, wherever it stands.
    #[inline]
    pub(super) fn remove(&mut self, index: u32) -> Entry<W, G> {
        let vacant = Entry::Vacant(self.free);
        let entry = mem::replace(&mut self.slots[index as usize], vacant);
        if let Entry::Waiting(waiting) = &entry {
            self.unlink(waiting);
        }
        self.vacated(index);
        entry
    }

    /// Takes an entry out if it is one that is served: the way of most.
    #[inline]
    pub(super) fn remove_served(&mut self, index: u32) -> Option<G> {
        let slot = &mut self.slots[index as usize];
        let Entry::Served(_) = slot else {
            return None;
        };
        let Entry::Served(grant) = mem::replace(slot, Entry::Vacant(self.free)) else {
            unreachable!("it was served a moment ago");
        };
        self.vacated(index);
        Some(grant)
    }

    /// Puts an entry that was made vacant on the stack.
    #[inline]
    fn vacated(&mut self, index: u32) {
        self.free = index;
        self.used -= 1;
        if self.used == 0 && self.slots.capacity() > KEPT {
            self.give_back();
        }
    }

    /// Gives the block back.
    #[cold]
    fn give_back(&mut self) {
        self.slots = Vec::new();
        self.free = NONE;
    }

    /// Finds room for an entry.
    fn occupy(&mut self, entry: Entry<W, G>) -> u32 {
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

    /// Takes somebody who has left their entry already out of the chain.
    #[inline]
    fn unlink(&mut self, waiting: &Waiting<W>) {
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

    /// Borrows somebody who waits; nobody, at [`NONE`].
    #[inline]
    fn waiting_at(&mut self, index: u32) -> Option<&mut Waiting<W>> {
        match self.slots.get_mut(index as usize) {
            Some(Entry::Waiting(waiting)) => Some(waiting),
            _ => None,
        }
    }
}
