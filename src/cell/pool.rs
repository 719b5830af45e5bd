//! A pool of the memory blocks of ended tasks, for new tasks.
//!
//! The general allocator merges and splits blocks when a thousand tasks come and go together, which
//! costs more than all other work for a task. So a runtime keeps blocks of each size, up to a
//! bound, and reuses them. Every block is an allocation of its own and may be returned to the
//! global allocator at any time, on any thread: a task that outlives its runtime does not need the
//! pool.
//!
//! The pool knows addresses only, no tasks. The unsafe part is in [`raw`](super::raw).

use std::alloc::Layout;
use std::cell::RefCell;
use std::fmt;
use std::ptr::NonNull;

/// Sizes are rounded up to 16 n + 8 bytes, which is what common allocators round to themselves.
const STEP: usize = 16;
/// The part of a step that the allocator uses for its own word.
const WORD: usize = 8;
/// The number of sizes.
const CLASSES: usize = 64;
/// The greatest number of bytes in a pool. 0 for the tools that check memory (`.ci/memory`,
/// `.ci/valgrind`): they do not detect a use after free in a kept block.
const KEEP: usize = if cfg!(wheelhouse_no_pool) { 0 } else { 1 << 20 };

/// A size of blocks that a pool may keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Class(usize);

impl Class {
    /// Returns the class for a layout; `None` if it is too large, or has a greater alignment than
    /// the allocator guarantees.
    pub(super) const fn of(layout: Layout) -> Option<Self> {
        let class = (layout.size() + STEP - WORD - 1) / STEP;
        if class < CLASSES && layout.align() <= STEP {
            Some(Self(class))
        } else {
            None
        }
    }

    pub(super) const fn layout(self) -> Layout {
        match Layout::from_size_align(self.size(), STEP) {
            Ok(layout) => layout,
            Err(_) => unreachable!(),
        }
    }

    const fn size(self) -> usize {
        self.0 * STEP + WORD
    }
}

/// The blocks that a runtime keeps.
pub(crate) struct Pool(RefCell<Kept>);

/// The content of a pool.
struct Kept {
    /// The blocks of each class, the last one returned on top.
    blocks: [Vec<NonNull<u8>>; CLASSES],
    /// The size of all blocks together.
    bytes: usize,
}

impl Pool {
    pub(crate) fn new() -> Self {
        Self(RefCell::new(Kept::new()))
    }

    /// Takes a block from the pool.
    #[inline]
    pub(crate) fn take(&self, class: Class) -> Option<NonNull<u8>> {
        let mut kept = self.0.borrow_mut();
        let block = kept.blocks[class.0].pop()?;
        kept.bytes -= class.size();
        Some(block)
    }

    /// Keeps a block if the pool has capacity; otherwise passes it to `free`.
    #[inline]
    pub(crate) fn keep(&self, class: Class, block: NonNull<u8>, free: fn(Class, NonNull<u8>)) {
        if let Ok(mut kept) = self.0.try_borrow_mut()
            && kept.has_spare_entry(class)
        {
            return kept.push(class, block);
        }
        self.keep_or_free(class, block, free);
    }

    /// As [`keep`](Self::keep), where the list of blocks must grow. Not inlined, so that the common
    /// case (bench `spawn_detached_burst`) needs no stack frame.
    #[cold]
    #[inline(never)]
    fn keep_or_free(&self, class: Class, block: NonNull<u8>, free: fn(Class, NonNull<u8>)) {
        let mut kept = self.0.borrow_mut();
        if kept.has_capacity(class) {
            kept.push(class, block);
        } else {
            free(class, block);
        }
    }

    /// Takes all blocks from the pool.
    pub(super) fn drain(&self) -> impl Iterator<Item = (Class, NonNull<u8>)> {
        let kept = self.0.replace(Kept::new());
        let classes = kept.blocks.into_iter().enumerate();
        classes
            .flat_map(|(class, blocks)| blocks.into_iter().map(move |block| (Class(class), block)))
    }
}

impl Kept {
    fn new() -> Self {
        Self {
            blocks: [const { Vec::new() }; CLASSES],
            bytes: 0,
        }
    }

    /// Returns `true` if one more block of the class stays within the bound.
    #[inline]
    fn has_capacity(&self, class: Class) -> bool {
        self.bytes + class.size() <= KEEP
    }

    /// Returns `true` if, moreover, the list of blocks need not grow.
    #[inline]
    fn has_spare_entry(&self, class: Class) -> bool {
        let blocks = &self.blocks[class.0];
        self.has_capacity(class) && blocks.len() < blocks.capacity()
    }

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
    fn a_larger_alignment_is_not_served() {
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
    fn a_full_pool_frees_blocks() {
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
