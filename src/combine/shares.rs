//! The reference count of the nodes of one combinator: of the [`Block`](super::node::Block) and the
//! cloned wakers.
//!
//! ```text
//!   one() ──▶ 1 ── retain ──▶ n ── release: false ──▶ n - 1 ── … ── release: true
//!                  ▲     │                                          the caller
//!                  └─────┘                                          frees the nodes
//! ```

use crate::util::sync::atomic::{AtomicUsize, Ordering, fence};

/// The number of owners of an allocation.
#[derive(Debug)]
pub(super) struct Shares(AtomicUsize);

impl Shares {
    /// Creates a count with one owner.
    pub(super) fn one() -> Self {
        Self(AtomicUsize::new(1))
    }

    /// Adds an owner. The caller owns a reference, or borrows from an owner.
    pub(super) fn retain(&self) {
        let before = self.0.fetch_add(1, Ordering::Relaxed);
        if before > isize::MAX as usize {
            // Reached only with billions of leaked wakers; a count that wraps around would free too
            // early.
            std::process::abort();
        }
    }

    /// Releases a reference. `true` obliges the caller to free the allocation: it was the last one.
    ///
    /// A count of one is the caller's own reference. Only an owner can add one, so the count stays
    /// one and needs no read-modify-write. The acquire load, like the fence, synchronizes with the
    /// releases of the other owners.
    #[must_use]
    #[inline]
    pub(super) fn release(&self) -> bool {
        if self.0.load(Ordering::Acquire) != 1 {
            if self.0.fetch_sub(1, Ordering::Release) != 1 {
                return false;
            }
            fence(Ordering::Acquire);
        }
        true
    }
}
