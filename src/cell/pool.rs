//! Memory of tasks that are gone, kept for tasks to come.
//!
//! The general allocator merges and splits blocks when a thousand tasks come and go together, which
//! costs more than all else that a task costs. So a runtime keeps some blocks of each size, up to a
//! bound, and hands them out again. Every block came from the global allocator by itself and may go
//! back to it at any time, on any thread: a task that outlives its runtime needs nothing of the
//! pool.
//!
//! This file does not know what a task is; it keeps addresses. The unsafe part is in
//! [`raw`](super::raw).

use std::alloc::Layout;
use std::cell::RefCell;
use std::fmt;
use std::ptr::NonNull;

/// Sizes are rounded up to 16 n + 8 bytes, which is what common allocators round to themselves.
const STEP: usize = 16;
/// What is left of the step for the allocator's own word.
const WORD: usize = 8;
/// How many sizes are kept.
const CLASSES: usize = 64;
/// How many bytes a pool keeps at most. None for the tools that look at memory (`.ci/memory`,
/// `.ci/valgrind`): in a kept block they see no use after free.
const KEEP: usize = if cfg!(wheelhouse_no_pool) { 0 } else { 1 << 20 };

/// A size of blocks that a pool may keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Class(usize);

impl Class {
    /// The class that serves a layout; `None` if it is too large, or aligned to more than the
    /// allocator gives anyway.
    pub(super) const fn of(layout: Layout) -> Option<Self> {
        let class = (layout.size() + STEP - WORD - 1) / STEP;
        match class < CLASSES && layout.align() <= STEP {
            true => Some(Self(class)),
            false => None,
        }
    }

    /// The layout of the class's blocks.
    pub(super) const fn layout(self) -> Layout {
        match Layout::from_size_align(self.size(), STEP) {
            Ok(layout) => layout,
            Err(_) => unreachable!(),
        }
    }

    /// The size of the class's blocks.
    const fn size(self) -> usize {
        self.0 * STEP + WORD
    }
}

/// The blocks that a runtime keeps.
pub(crate) struct Pool(RefCell<Kept>);

/// What is in a pool.
struct Kept {
    /// For each class the blocks, the last one given back on top.
    blocks: [Vec<NonNull<u8>>; CLASSES],
    /// How many bytes they are together.
    bytes: usize,
}

impl Pool {
    /// An empty pool.
    pub(crate) fn new() -> Self {
        Self(RefCell::new(Kept::new()))
    }

    /// Takes a block out.
    #[inline]
    pub(crate) fn take(&self, class: Class) -> Option<NonNull<u8>> {
        let mut kept = self.0.borrow_mut();
        let block = kept.blocks[class.0].pop()?;
        kept.bytes -= class.size();
        Some(block)
    }

    /// Keeps a block, if there is room; else lets `free` have it.
    #[inline]
    pub(crate) fn keep(&self, class: Class, block: NonNull<u8>, free: fn(Class, NonNull<u8>)) {
        if let Ok(mut kept) = self.0.try_borrow_mut()
            && kept.has_place(class)
        {
            return kept.push(class, block);
        }
        self.keep_or_free(class, block, free);
    }

    /// Keeps a block where there is no place to note it, if there is room. Apart, so that the usual
    /// case needs no frame.
    #[cold]
    #[inline(never)]
    fn keep_or_free(&self, class: Class, block: NonNull<u8>, free: fn(Class, NonNull<u8>)) {
        let mut kept = self.0.borrow_mut();
        match kept.has_room(class) {
            true => kept.push(class, block),
            false => free(class, block),
        }
    }

    /// Takes every block out.
    pub(super) fn drain(&self) -> impl Iterator<Item = (Class, NonNull<u8>)> {
        let kept = self.0.replace(Kept::new());
        let classes = kept.blocks.into_iter().enumerate();
        classes
            .flat_map(|(class, blocks)| blocks.into_iter().map(move |block| (Class(class), block)))
    }
}

impl Kept {
    /// Nothing.
    fn new() -> Self {
        Self {
            blocks: [const { Vec::new() }; CLASSES],
            bytes: 0,
        }
    }

    /// True when one more block of the class is not too much.
    #[inline]
    fn has_room(&self, class: Class) -> bool {
        self.bytes + class.size() <= KEEP
    }

    /// True when, moreover, noting it needs no memory.
    #[inline]
    fn has_place(&self, class: Class) -> bool {
        let blocks = &self.blocks[class.0];
        self.has_room(class) && blocks.len() < blocks.capacity()
    }

    /// Keeps a block.
    #[inline]
    fn push(&mut self, class: Class, block: NonNull<u8>) {
        self.bytes += class.size();
        self.blocks[class.0].push(block);
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("bytes", &self.0.borrow().bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(not(wheelhouse_no_pool))]
    use std::cell::Cell;

    #[test]
    fn a_class_holds_every_layout_that_it_serves() {
        for size in 0..2000 {
            let layout = Layout::from_size_align(size, 8).unwrap();
            match Class::of(layout) {
                Some(class) => {
                    assert!(
                        class.layout().size() >= size && class.layout().size() < size + STEP + WORD,
                        "{size}"
                    );
                }
                None => assert!(size > (CLASSES - 1) * STEP + WORD, "{size}"),
            }
        }
    }

    #[test]
    fn what_is_aligned_to_more_is_not_served() {
        assert_eq!(Class::of(Layout::from_size_align(64, 32).unwrap()), None);
    }

    /// What the tools that look at memory rely on.
    #[cfg(wheelhouse_no_pool)]
    #[test]
    fn a_pool_for_tools_keeps_nothing() {
        let pool = Pool::new();
        let class = Class::of(Layout::from_size_align(1, 1).unwrap()).unwrap();
        pool.keep(class, NonNull::dangling(), |_, _| ());
        assert_eq!(pool.take(class), None);
    }

    #[cfg(not(wheelhouse_no_pool))]
    #[test]
    fn a_full_pool_gives_blocks_back() {
        let pool = Pool::new();
        let class = Class::of(Layout::from_size_align(100, 8).unwrap()).unwrap();
        thread_local! {
            static FREED: Cell<usize> = const { Cell::new(0) };
        }
        let keep = |_| {
            pool.keep(class, NonNull::dangling(), |_, _| {
                FREED.set(FREED.get() + 1);
            });
        };
        let room = KEEP / class.size();
        (0..room).for_each(keep);
        assert_eq!(FREED.get(), 0);
        keep(0);
        assert_eq!(FREED.get(), 1);
        assert_eq!(pool.drain().count(), room);
        assert_eq!(pool.take(class), None);
        keep(0);
        assert_eq!(FREED.get(), 1);
    }
}
