//! How a queue stores its items, and which of them is next.

use std::collections::VecDeque;
use std::fmt;

/// The order of an [`OrderedQueue`](super::OrderedQueue): [`Fifo`], [`Lifo`] or [`Smallest`].
///
/// It stores the items and decides which of them is next. The trait cannot be implemented outside
/// this crate.
pub trait Order: Default + sealed::Sealed {
    /// The type of the items.
    type Item;

    /// The name of the queue with this order.
    #[doc(hidden)]
    const QUEUE: &'static str;

    /// Whether it compares items, that is, runs third-party code.
    #[doc(hidden)]
    const COMPARES: bool;

    /// Adds an item, even if a comparison panics.
    #[doc(hidden)]
    fn push(&mut self, item: Self::Item);

    /// Removes the next item. If a comparison panics, none is removed.
    #[doc(hidden)]
    fn pop(&mut self) -> Option<Self::Item>;

    /// Removes any item, without a comparison.
    #[doc(hidden)]
    fn discard(&mut self) -> Option<Self::Item> {
        self.pop()
    }
}

/// Prevents implementations of [`Order`] outside this crate.
mod sealed {
    /// Implemented for the three orders.
    pub trait Sealed {}
    impl<T> Sealed for super::Fifo<T> {}
    impl<T> Sealed for super::Lifo<T> {}
    impl<T> Sealed for super::Smallest<T> {}
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
    const QUEUE: &'static str = "Queue";
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
    const QUEUE: &'static str = "LifoQueue";
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

/// The smallest first, the oldest of equal ones: the order of a
/// [`PriorityQueue`](super::PriorityQueue).
// Not `std::collections::BinaryHeap`, which loses an item when a comparison panics within `pop`.
// This heap only swaps items.
pub struct Smallest<T> {
    /// Each item with the number of its put. Invariant: none is before its parent, at
    /// `(index - 1) / 2`.
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
    /// Returns `true` if the item at `a` comes before the one at `b`.
    fn is_before(&self, a: usize, b: usize) -> bool {
        let (a, b) = (&self.heap[a], &self.heap[b]);
        a.0.cmp(&b.0).then(a.1.cmp(&b.1)).is_lt()
    }

    /// Moves the last item up to its place.
    fn rise(&mut self) {
        let mut at = self.heap.len() - 1;
        while at > 0 && self.is_before(at, (at - 1) / 2) {
            self.heap.swap(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
    }

    /// Moves the first item down to its place among the first `len` items.
    fn sink(&mut self, len: usize) {
        let mut at = 0;
        loop {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            if left >= len {
                return;
            }
            let child = if right < len && self.is_before(right, left) {
                right
            } else {
                left
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
    const QUEUE: &'static str = "PriorityQueue";
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
