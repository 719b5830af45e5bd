//! The one unsafe door of this folder: the wakers of the children, and their pinned places.
//!
//! It decides nothing: which child is ready is the queue's business, what a wake means the engine's.
//! Floor: F4, below the engine.
//!
//! All nodes of one combinator lie in one allocation behind a header, and a child's waker is a pointer to its node:
//!
//! ```text
//!   Block ──────▶ ┌────────────────────────┬────────┬────────┬─────
//!                 │ header: refs, len,     │ node 0 │ node 1 │ ...
//!                 │         queue          │        │        │
//!                 └────────────────────────┴────────┴────────┴─────
//!                                                       ▲
//!   waker of child 1 ───────────────────────────────────┘  (the node knows its index, so the header is found)
//! ```
//!
//! # Rules
//!
//! 1. `refs` counts the [`Block`] values and the wakers that were cloned; each of them owns one. Whoever takes the
//!    last one frees the allocation. The waker that [`Block::enter`] lends owns none and dies before the `Block`.
//! 2. Every pointer into the allocation is derived from the allocation's own pointer, so it may reach all of it.
//! 3. Header and nodes are initialised before the first `Block` exists and only ever seen through `&` after that;
//!    what changes in them is atomic or locked. So they may be used from any thread.
//! 4. The data pointer of a waker with [`VTABLE`] is the address of a node of a live allocation (rule 1).
#![allow(unsafe_code)]

use super::queue::{MAX_CHILDREN, Node, Queue};
use super::shares::Shares;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, RawWaker, RawWakerVTable, Waker};

/// What precedes the nodes.
#[repr(C)]
struct Header {
    /// How many blocks and cloned wakers there are.
    refs: Shares,
    /// How many nodes follow.
    len: usize,
    /// The nodes that were woken.
    queue: Queue,
}

// The nodes begin right behind the header, without a gap.
const _: () = assert!(size_of::<Header>().is_multiple_of(align_of::<Node>()));

/// A share in the allocation.
pub(super) struct Block {
    /// Invariant: an initialised header with `len` nodes behind it; this value owns one of its `refs`.
    base: NonNull<Header>,
}

// SAFETY: rule 3: what lies behind the pointer may be used from any thread, and freed there.
unsafe impl Send for Block {}
// SAFETY: rule 3: a shared block gives `&Queue` and `&[Node]` only, which are `Sync`.
unsafe impl Sync for Block {}

/// The layout of a header with `len` nodes.
fn layout(len: usize) -> Layout {
    assert!(
        len <= MAX_CHILDREN,
        "a combinator takes at most 2^30 futures, got {len}"
    );
    let nodes = Layout::array::<Node>(len).expect("2^30 nodes fit into the address space");
    let (layout, _) = Layout::new::<Header>()
        .extend(nodes)
        .expect("so does a header");
    layout
}

impl Block {
    /// Makes a block with `len` nodes, none of them woken, and its parent at work.
    pub(super) fn new(len: usize) -> Self {
        let layout = layout(len);
        // SAFETY: the layout holds a header, so its size is not zero.
        let raw = unsafe { alloc(layout) };
        let Some(base) = NonNull::new(raw.cast::<Header>()) else {
            handle_alloc_error(layout)
        };
        let header = Header {
            refs: Shares::one(),
            len,
            queue: Queue::new(),
        };
        // SAFETY: `layout` made room for a header at its start, aligned for it.
        unsafe { base.write(header) };
        // SAFETY: `layout` put the nodes right behind the header, within the same allocation.
        let mut at = unsafe { base.add(1) }.cast::<Node>();
        for index in 0..len {
            // SAFETY: `layout` made room for `len` nodes, and `index < len`.
            unsafe { at.write(Node::new(index as u32)) };
            // SAFETY: at most one past the last node, which is the end of the allocation.
            at = unsafe { at.add(1) };
        }
        Self { base }
    }

    /// The header.
    #[inline]
    fn header(&self) -> &Header {
        // SAFETY: `base`'s invariant and rule 3; `self` keeps it alive (rule 1).
        unsafe { self.base.as_ref() }
    }

    /// The first node, with leave to reach the whole allocation (rule 2).
    #[inline]
    fn first(&self) -> NonNull<Node> {
        // SAFETY: the nodes begin right behind the header (`base`'s invariant).
        unsafe { self.base.add(1) }.cast()
    }

    /// All nodes, as a pointer.
    #[inline]
    fn all(&self) -> NonNull<[Node]> {
        NonNull::slice_from_raw_parts(self.first(), self.header().len)
    }

    /// The nodes.
    #[inline]
    pub(super) fn nodes(&self) -> &[Node] {
        // SAFETY: `len` initialised nodes lie there (`base`'s invariant), shared only (rule 3), kept alive by `self`.
        unsafe { self.all().as_ref() }
    }

    /// The nodes that were woken.
    #[inline]
    pub(super) fn queue(&self) -> &Queue {
        &self.header().queue
    }

    /// Runs `f` with a context whose waker is that of child `index`.
    pub(super) fn enter<R>(&self, index: usize, f: impl FnOnce(&mut Context<'_>) -> R) -> R {
        assert!(index < self.header().len, "child {index} does not exist");
        // SAFETY: `index < len`, so the node lies within the allocation.
        let node = unsafe { self.first().add(index) };
        let data = node.as_ptr().cast_const().cast();
        // SAFETY: rule 4 holds for `data`; no reference is counted for this waker, and it is never dropped (rule 1).
        let waker = ManuallyDrop::new(unsafe { Waker::new(data, &VTABLE) });
        f(&mut Context::from_waker(&waker))
    }

    /// The share that a waker with this data pointer owns, and the index of its node.
    ///
    /// # Safety
    ///
    /// `data` obeys rule 4, and the caller hands that waker's share over, or forgets the block.
    unsafe fn of_waker(data: *const ()) -> (Self, u32) {
        let node = data.cast::<Node>();
        // SAFETY: rule 4: it points to a node; rule 3: a shared reference is allowed.
        let index = unsafe { &*node }.index();
        // SAFETY: `index` nodes lie before this one (rule 2 lets the pointer reach them).
        let first = unsafe { node.sub(index as usize) };
        // SAFETY: the header lies right before the first node.
        let base = unsafe { first.cast::<Header>().sub(1) };
        // SAFETY: a pointer into an allocation is not null.
        let base = unsafe { NonNull::new_unchecked(base.cast_mut()) };
        (Self { base }, index)
    }
}

impl Drop for Block {
    /// Gives the share back; the last one frees the allocation.
    fn drop(&mut self) {
        if !self.header().refs.release() {
            return;
        }
        let layout = layout(self.header().len);
        // SAFETY: that was the last share (rule 1), so nobody looks at the nodes any more.
        unsafe { self.all().drop_in_place() };
        // SAFETY: nor at the header.
        unsafe { self.base.drop_in_place() };
        // SAFETY: `new` allocated it with this very layout.
        unsafe { dealloc(self.base.as_ptr().cast(), layout) };
    }
}

/// How a child's waker works; the data pointer obeys rule 4.
static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, forget);

/// Clones the waker: one share more.
///
/// # Safety
///
/// `data` obeys rule 4.
unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: rule 4 is the caller's; the waker keeps its share, so the block is forgotten.
    let (block, _) = unsafe { Block::of_waker(data) };
    ManuallyDrop::new(block).header().refs.retain();
    RawWaker::new(data, &VTABLE)
}

/// Wakes and drops the waker, in this order also when the parent's waker panics.
///
/// # Safety
///
/// `data` obeys rule 4; the waker is not used again.
unsafe fn wake(data: *const ()) {
    // SAFETY: rule 4 is the caller's, who also hands the share over.
    let (block, index) = unsafe { Block::of_waker(data) };
    block.queue().wake(block.nodes(), index);
}

/// Wakes.
///
/// # Safety
///
/// `data` obeys rule 4.
unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: rule 4 is the caller's; the waker keeps its share, so the block is forgotten.
    let (block, index) = unsafe { Block::of_waker(data) };
    let block = ManuallyDrop::new(block);
    block.queue().wake(block.nodes(), index);
}

/// Drops the waker.
///
/// # Safety
///
/// `data` obeys rule 4; the waker is not used again.
unsafe fn forget(data: *const ()) {
    // SAFETY: rule 4 is the caller's, who also hands the share over.
    let (block, _) = unsafe { Block::of_waker(data) };
    drop(block);
}

/// Gives one element of a pinned slice, pinned.
pub(super) fn pinned_at<T>(slice: Pin<&mut [T]>, index: usize) -> Pin<&mut T> {
    // SAFETY: a slice pins its elements as a struct pins a field: nothing moves them while the slice is pinned, a
    // slice is `Unpin` only if they are, and it has no destructor but theirs.
    unsafe { slice.map_unchecked_mut(|slice| &mut slice[index]) }
}
