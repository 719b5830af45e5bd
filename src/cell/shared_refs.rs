//! The shared reference count of a task, which every thread may change, with two flags.
//!
//! References are counted in two places (biased reference counting, Choi, Shull and Torrellas 2018,
//! simplified): references created and dropped on the home thread in a plain counter
//! (`Header::refs`), all others here. A reference may be created on one side and dropped on the
//! other, so each count alone may be wrong, even negative; their sum is the number of references.
//! While the runtime owns the task it holds a reference in the home count, so the sum is not
//! needed. When it gives the task up, it *merges*: it adds the home count here; afterwards every
//! thread counts here, and the one that reaches zero frees the cell.
//!
//! The word has 32 bits, since every task pays for it. The home count stays between 0 and
//! [`HOME_LIMIT`], beyond which the home thread counts here, too. So this count is never below
//! `-HOME_LIMIT`. A count above [`LIMIT`], after hundreds of millions of leaked clones, aborts the
//! process, as with an `Arc`. The merge then adds two numbers whose sum fits.
//!
//! ```text
//!   biased ── merge(home) ──▶ merged ── release: Last ──▶ freed
//!     │                          ▲
//!     └── is_idle, and home == 0: freed without an atomic read-modify-write
//! ```

use std::process::abort;

use crate::util::sync::atomic::{AtomicI32, Ordering, fence};

/// A wake from another thread is on its way to the home thread; further wakes merge with it.
const SENT: i32 = 1;
/// The home count has been added here.
const MERGED: i32 = 1 << 1;
/// One reference.
const ONE: i32 = 1 << 2;

/// The greatest home count.
pub(crate) const HOME_LIMIT: i32 = 1 << 27;
/// The shared count at which the process is aborted.
const LIMIT: i32 = 1 << 28;
// The values above are for threads that add one before they detect the excess.
const _: () = assert!((LIMIT + HOME_LIMIT + (1 << 26)).checked_mul(ONE).is_some());

/// The duty after a release.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Release {
    /// No reference is left: free the cell.
    Last,
    /// Other references are left, or the counts are not merged.
    Others,
}

/// The shared word.
#[derive(Debug)]
pub(crate) struct SharedRefs(AtomicI32);

/// Returns `true` if no further reference may be added.
const fn is_too_many(word: i32) -> bool {
    word >= LIMIT * ONE
}

impl SharedRefs {
    pub(crate) fn new() -> Self {
        Self(AtomicI32::new(0))
    }

    /// Adds a reference. The caller holds one.
    pub(crate) fn retain(&self) {
        // Relaxed, as in every reference count: an existing reference is cloned.
        let before = self.0.fetch_add(ONE, Ordering::Relaxed);
        if is_too_many(before) {
            abort();
        }
    }

    /// Releases a reference.
    pub(crate) fn release(&self) -> Release {
        let before = self.0.fetch_sub(ONE, Ordering::Release);
        self.after_change(before - ONE)
    }

    /// Returns `true` if count and flags are zero. Together with a home count of zero, no reference
    /// exists: a reference that was added here and dropped on the home thread was passed there,
    /// which made its addition visible to that thread.
    pub(crate) fn is_idle(&self) -> bool {
        self.0.load(Ordering::Acquire) == 0
    }

    /// Adds the home count, once. All references are counted here from now on.
    pub(crate) fn merge(&self, home: i32) -> Release {
        let change = home * ONE + MERGED;
        let before = self.0.fetch_add(change, Ordering::AcqRel);
        assert!(before & MERGED == 0, "the home count is added once");
        self.after_change(before + change)
    }

    fn after_change(&self, now: i32) -> Release {
        if now & MERGED == 0 || now >= ONE {
            return Release::Others;
        }
        // Pairs with the Release of all earlier releases.
        fence(Ordering::Acquire);
        Release::Last
    }

    /// Returns `true` for the first wake since the last [`collect`](SharedRefs::collect), which
    /// must be sent to the home thread; further wakes merge with it. Release: the poll that follows
    /// sees all writes before a merged wake.
    pub(crate) fn send(&self) -> bool {
        self.0.fetch_or(SENT, Ordering::AcqRel) & SENT == 0
    }

    /// Marks the sent wake as processed: the next wake is sent again.
    pub(crate) fn collect(&self) {
        self.0.fetch_and(!SENT, Ordering::AcqRel);
    }
}

#[cfg(all(test, not(wheelhouse_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_reference_made_away_and_dropped_at_home_balances_when_merged() {
        let word = SharedRefs::new();
        word.retain();
        assert!(!word.is_idle());
        assert_eq!(word.merge(-1), Release::Last);
    }

    #[test]
    fn references_made_at_home_and_dropped_away_balance_when_merged() {
        let word = SharedRefs::new();
        assert_eq!(word.release(), Release::Others);
        assert_eq!(word.release(), Release::Others);
        assert_eq!(word.merge(2), Release::Last);
    }

    #[test]
    fn after_the_merge_the_last_release_frees() {
        let word = SharedRefs::new();
        assert_eq!(word.merge(2), Release::Others);
        assert_eq!(word.release(), Release::Others);
        assert_eq!(word.release(), Release::Last);
    }

    #[test]
    fn a_word_that_home_has_merged_into_at_its_limit_holds() {
        let word = SharedRefs(AtomicI32::new((LIMIT - 1) * ONE));
        word.retain();
        assert_eq!(word.merge(HOME_LIMIT), Release::Others);
        assert_eq!(word.release(), Release::Others);
        assert!(is_too_many(word.0.load(Ordering::Relaxed)));
    }

    #[test]
    fn a_hundred_million_references_are_not_too_many() {
        assert!(!is_too_many((100_000_000 * ONE) | MERGED | SENT));
        assert!(!is_too_many(-HOME_LIMIT * ONE));
    }

    #[test]
    fn wakes_between_two_collections_post_once() {
        let word = SharedRefs::new();
        assert!(word.send());
        assert!(!word.send());
        word.collect();
        assert!(word.send());
    }
}

#[cfg(all(test, wheelhouse_loom))]
mod loom_tests {
    use super::*;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicUsize;

    /// A word, and the number of times that a release was the last one.
    struct Cell {
        word: SharedRefs,
        freed: AtomicUsize,
    }

    impl Cell {
        fn new() -> Arc<Self> {
            Arc::new(Self {
                word: SharedRefs::new(),
                freed: AtomicUsize::new(0),
            })
        }

        fn settle(&self, release: Release) {
            if release == Release::Last {
                self.freed.fetch_add(1, Ordering::Relaxed);
            }
        }

        fn freed(&self) -> usize {
            self.freed.load(Ordering::Relaxed)
        }
    }

    /// Two threads clone and drop references while the home thread merges.
    #[test]
    fn exactly_one_side_frees() {
        loom::model(|| {
            let cell = Cell::new();
            let threads: Vec<_> = (0..2)
                .map(|_| {
                    let cell = cell.clone();
                    loom::thread::spawn(move || {
                        cell.word.retain();
                        cell.settle(cell.word.release());
                        cell.settle(cell.word.release());
                    })
                })
                .collect();
            cell.settle(cell.word.merge(2));
            for thread in threads {
                thread.join().unwrap();
            }
            assert_eq!(cell.freed(), 1);
        });
    }

    /// The poll after a `collect` sees all writes before the wakes.
    #[test]
    fn a_merged_wake_is_not_lost() {
        loom::model(|| {
            let cell = Cell::new();
            let data = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
            let posts = Arc::new(AtomicUsize::new(0));
            let threads: Vec<_> = (0..2)
                .map(|index| {
                    let (cell, data, posts) = (cell.clone(), data.clone(), posts.clone());
                    loom::thread::spawn(move || {
                        data[index].store(1, Ordering::Relaxed);
                        if cell.word.send() {
                            posts.fetch_add(1, Ordering::Release);
                        }
                    })
                })
                .collect();
            let mut collected = 0;
            let mut seen = 0;
            while seen < 2 {
                if posts.load(Ordering::Acquire) > collected {
                    collected += 1;
                    cell.word.collect();
                    seen = data.iter().map(|one| one.load(Ordering::Relaxed)).sum();
                } else {
                    loom::thread::yield_now();
                }
            }
            for thread in threads {
                thread.join().unwrap();
            }
        });
    }
}
