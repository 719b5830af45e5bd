//! How many own the nodes of one combinator: the [`Block`](super::node::Block) and the wakers that were cloned. Floor: F4.
//!
//! ```text
//!   one() ──▶ 1 ── retain ──▶ n ── release: false ──▶ n - 1 ─ … ─ release: true ──▶ freed, by who released last
//!                  ▲     │
//!                  └─────┘
//! ```

use crate::util::sync::atomic::{AtomicUsize, Ordering, fence};

/// Counts the owners of an allocation.
#[derive(Debug)]
pub(super) struct Shares(AtomicUsize);

impl Shares {
    /// A count with one owner.
    pub(super) fn one() -> Self {
        Self(AtomicUsize::new(1))
    }

    /// Counts one more owner. The caller owns a share, or borrows from an owner.
    pub(super) fn retain(&self) {
        let before = self.0.fetch_add(1, Ordering::Relaxed);
        if before > isize::MAX as usize {
            // Only wakers that were leaked by the billion get here; a count that wraps round would free too early.
            std::process::abort();
        }
    }

    /// Gives a share up; `true` obliges the caller to free what is shared: it was the last one.
    ///
    /// A count of one is the caller's own share. Only an owner can make another one, so the count stays one, and need not be
    /// given back by a read-modify-write. The acquiring load, like the fence, sees what the others did before they released.
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
