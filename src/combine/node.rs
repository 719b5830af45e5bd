//! The wakers of the children, and pinned access to the elements of a slice. Unsafe module.
//!
//! All nodes of one combinator lie in one allocation behind a header, and a child's waker is a
//! pointer to its node:
//!
//! ```text
//!   Block ──────▶ ┌────────────────────────┬────────┬────────┬─────
//!                 │ header: refs, len,     │ node 0 │ node 1 │ ...
//!                 │         queue          │        │        │
//!                 └────────────────────────┴────────┴────────┴─────
//!                                                   ▲
//!   waker of child 1 ───────────────────────────────┘
//!                      the node stores its index, which leads back to the header
//! ```
//!
//! # Rules
//!
//! 1. `refs` counts the [`Block`] values and the cloned wakers; each of them owns one reference.
//!    The owner that releases the last one frees the allocation. The waker that [`Block::enter`]
//!    lends owns none and does not outlive the `Block`.
//! 2. Every pointer into the allocation is derived from the allocation's own pointer, so it may
//!    reach all of it.
//! 3. Header and nodes are initialised before the first `Block` exists and only accessed through
//!    `&` afterwards; what changes in them is atomic or locked. So any thread may use them.
//! 4. The data pointer of a waker with [`VTABLE`] is the address of a node of a live allocation
//!    (rule 1).
#![allow(unsafe_code)]

use super::queue::{MAX_CHILDREN, Node, Queue};
use super::shares::Shares;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, RawWaker, RawWakerVTable, Waker};

/// The start of the allocation.
#[repr(C)]
struct Header {
    refs: Shares,
    /// The number of nodes that follow.
    len: usize,
    queue: Queue,
}

// The nodes begin right behind the header, without a gap.
const _: () = assert!(size_of::<Header>().is_multiple_of(align_of::<Node>()));

/// An owned reference to the allocation.
pub(super) struct Block {
    /// Invariant: an initialised header with `len` nodes behind it; this value owns one of its
    /// `refs`.
    base: NonNull<Header>,
}

// SAFETY: rule 3: any thread may use the allocation, and free it.
unsafe impl Send for Block {}
// SAFETY: rule 3: a `&Block` returns only `&Queue` and `&[Node]`, which are `Sync`.
unsafe impl Sync for Block {}

/// Returns the layout of a header with `len` nodes.
fn layout(len: usize) -> Layout {
    assert!(
        len <= MAX_CHILDREN,
        "a combinator takes at most 2^30 futures, got {len}"
    );
    let nodes = Layout::array::<Node>(len).expect("2^30 nodes fit into the address space");
    let (layout, _) = Layout::new::<Header>()
        .extend(nodes)
        .expect("a header and 2^30 nodes fit into the address space");
    layout
}

impl Block {
    /// Allocates `len` nodes, none of them woken, and a queue whose parent is being polled.
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
        // SAFETY: `layout` includes a header at its start, aligned for it.
        unsafe { base.write(header) };
        // SAFETY: `layout` put the nodes right behind the header, within the same allocation.
        let mut at = unsafe { base.add(1) }.cast::<Node>();
        for index in 0..len {
            // SAFETY: `layout` includes `len` nodes, and `index < len`.
            unsafe { at.write(Node::new(index as u32)) };
            // SAFETY: at most one past the last node, which is the end of the allocation.
            at = unsafe { at.add(1) };
        }
        Self { base }
    }

    #[inline]
    fn header(&self) -> &Header {
        // SAFETY: `base`'s invariant and rule 3; `self` keeps it alive (rule 1).
        unsafe { self.base.as_ref() }
    }

    /// Returns a pointer to the first node that may reach the whole allocation (rule 2).
    #[inline]
    fn first(&self) -> NonNull<Node> {
        // SAFETY: the nodes begin right behind the header (`base`'s invariant).
        unsafe { self.base.add(1) }.cast()
    }

    #[inline]
    fn all(&self) -> NonNull<[Node]> {
        NonNull::slice_from_raw_parts(self.first(), self.header().len)
    }

    #[inline]
    pub(super) fn nodes(&self) -> &[Node] {
        // SAFETY: `len` initialised nodes lie there (`base`'s invariant), shared only (rule 3),
        // kept alive by `self`.
        unsafe { self.all().as_ref() }
    }

    #[inline]
    pub(super) fn queue(&self) -> &Queue {
        &self.header().queue
    }

    /// Runs `f` with a context that has the waker of child `index`.
    pub(super) fn enter<R>(&self, index: usize, f: impl FnOnce(&mut Context<'_>) -> R) -> R {
        assert!(index < self.header().len, "child {index} does not exist");
        // SAFETY: `index < len`, so the node lies within the allocation.
        let node = unsafe { self.first().add(index) };
        let data = node.as_ptr().cast_const().cast();
        // SAFETY: rule 4 holds for `data`; no reference is counted for this waker, and it is never
        // dropped (rule 1).
        let waker = ManuallyDrop::new(unsafe { Waker::new(data, &VTABLE) });
        f(&mut Context::from_waker(&waker))
    }

    /// Returns the reference that a waker with this data pointer owns, and the index of its node.
    ///
    /// # Safety
    ///
    /// `data` obeys rule 4, and the caller transfers the waker's reference, or forgets the block.
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
    /// Releases the reference; the last one frees the allocation.
    fn drop(&mut self) {
        if !self.header().refs.release() {
            return;
        }
        let layout = layout(self.header().len);
        // SAFETY: that was the last reference (rule 1), so the nodes are not used any more.
        unsafe { self.all().drop_in_place() };
        // SAFETY: as above, for the header.
        unsafe { self.base.drop_in_place() };
        // SAFETY: `new` allocated it with this layout.
        unsafe { dealloc(self.base.as_ptr().cast(), layout) };
    }
}

/// The functions of a child's waker, whose data pointer obeys rule 4.
static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, forget);

/// Clones the waker and adds a reference.
///
/// # Safety
///
/// `data` obeys rule 4.
unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the caller ensures rule 4; the waker keeps its reference, so the block is forgotten.
    let (block, _) = unsafe { Block::of_waker(data) };
    ManuallyDrop::new(block).header().refs.retain();
    RawWaker::new(data, &VTABLE)
}

/// Wakes the child, then drops the waker, even if the parent's waker panics.
///
/// # Safety
///
/// `data` obeys rule 4; the waker is not used again.
unsafe fn wake(data: *const ()) {
    // SAFETY: the caller ensures rule 4 and transfers the reference.
    let (block, index) = unsafe { Block::of_waker(data) };
    block.queue().wake(block.nodes(), index);
}

/// Wakes the child.
///
/// # Safety
///
/// `data` obeys rule 4.
unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the caller ensures rule 4; the waker keeps its reference, so the block is forgotten.
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
    // SAFETY: the caller ensures rule 4 and transfers the reference.
    let (block, _) = unsafe { Block::of_waker(data) };
    drop(block);
}

/// Returns one element of a pinned slice, pinned.
pub(super) fn pinned_at<T>(slice: Pin<&mut [T]>, index: usize) -> Pin<&mut T> {
    // SAFETY: a slice pins its elements as a struct pins a field: nothing moves them while the
    // slice is pinned, a slice is `Unpin` only if they are, and it has no destructor but theirs.
    unsafe { slice.map_unchecked_mut(|slice| &mut slice[index]) }
}
