//! How a queue keeps its items: which of them is next.

use std::collections::VecDeque;
use std::fmt;

/// Keeps items, and says which is next.
pub trait Order: Default {
    /// What is kept.
    type Item;

    /// Whether it compares items, that is, runs foreign code.
    const COMPARES: bool;

    /// Adds an item. When a comparison panics, the item is in all the same.
    fn push(&mut self, item: Self::Item);

    /// Takes the item that is next. When a comparison panics, every item stays in.
    fn pop(&mut self) -> Option<Self::Item>;

    /// Takes any item, without a comparison.
    fn discard(&mut self) -> Option<Self::Item> {
        self.pop()
    }
}

/// First in, first out: the order of a [`Queue`](super::Queue).
pub struct Fifo<T>(VecDeque<T>);

impl<T> Default for Fifo<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Order for Fifo<T> {
    type Item = T;
    const COMPARES: bool = false;

    #[inline]
    fn push(&mut self, item: T) {
        self.0.push_back(item);
    }

    #[inline]
    fn pop(&mut self) -> Option<T> {
        self.0.pop_front()
    }
}

impl<T> fmt::Debug for Fifo<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fifo").field(&self.0.len()).finish()
    }
}

/// Last in, first out: the order of a [`LifoQueue`](super::LifoQueue).
pub struct Lifo<T>(Vec<T>);

impl<T> Default for Lifo<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Order for Lifo<T> {
    type Item = T;
    const COMPARES: bool = false;

    #[inline]
    fn push(&mut self, item: T) {
        self.0.push(item);
    }

    #[inline]
    fn pop(&mut self) -> Option<T> {
        self.0.pop()
    }
}

impl<T> fmt::Debug for Lifo<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lifo").field(&self.0.len()).finish()
    }
}

/// The smallest first, and the oldest of equals: the order of a [`PriorityQueue`](super::PriorityQueue).
///
/// A binary heap of its own, as the standard library's loses an item when a comparison panics in the midst of a `pop`. This one
/// only ever swaps.
pub struct Smallest<T> {
    /// Each not before its parent, which stands at half its index, rounded down; with the number of its put.
    heap: Vec<(T, u64)>,
    /// The number of the next put.
    next: u64,
}

impl<T> Default for Smallest<T> {
    fn default() -> Self {
        Self {
            heap: Vec::new(),
            next: 0,
        }
    }
}

impl<T: Ord> Smallest<T> {
    /// Whether the item at `a` goes before that at `b`.
    fn is_before(&self, a: usize, b: usize) -> bool {
        let (a, b) = (&self.heap[a], &self.heap[b]);
        a.0.cmp(&b.0).then(a.1.cmp(&b.1)).is_lt()
    }

    /// Moves the last item up to where it belongs.
    fn rise(&mut self) {
        let mut at = self.heap.len() - 1;
        while at > 0 && self.is_before(at, (at - 1) / 2) {
            self.heap.swap(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
    }

    /// Moves the first of the first `len` items down to where it belongs among them.
    fn sink(&mut self, len: usize) {
        let mut at = 0;
        loop {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            if left >= len {
                return;
            }
            let child = match right < len && self.is_before(right, left) {
                true => right,
                false => left,
            };
            if !self.is_before(child, at) {
                return;
            }
            self.heap.swap(child, at);
            at = child;
        }
    }
}

impl<T: Ord> Order for Smallest<T> {
    type Item = T;
    const COMPARES: bool = true;

    fn push(&mut self, item: T) {
        self.heap.push((item, self.next));
        self.next += 1;
        self.rise();
    }

    fn pop(&mut self) -> Option<T> {
        let last = self.heap.len().checked_sub(1)?;
        self.heap.swap(0, last);
        self.sink(last);
        self.discard()
    }

    fn discard(&mut self) -> Option<T> {
        self.heap.pop().map(|(item, _)| item)
    }
}

impl<T> fmt::Debug for Smallest<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Smallest").field(&self.heap.len()).finish()
    }
}
