//! The word of a task that every thread may touch: references counted away from home, and two
//! flags.
//!
//! References are counted in two places (biased reference counting, Choi, Shull and Torrellas 2018,
//! simplified): those made and dropped on the home thread in a plain counter, all others here. A
//! reference may be made on one side and dropped on the other, so each count alone may be off, even
//! negative; their sum is the truth. While the runtime owns the task it holds a reference at home,
//! so nobody needs the sum. When it gives the task up, it *merges*: the home count is added here,
//! and from then on everybody counts here and whoever reaches zero frees.
//!
//! The word has 32 bits, since every task pays for it. The home count stays between 0 and
//! [`HOME_LIMIT`], beyond which home counts here too. So this count, being the truth less that, is
//! never below `-HOME_LIMIT`; who brings it above [`LIMIT`], by forgetting hundreds of millions of
//! clones, ends the process, as with an `Arc`. The merge then adds two numbers whose sum fits.
//!
//! ```text
//!   biased ── merge(home) ──▶ merged ── release() == Last ──▶ freed
//!     │                          ▲
//!     └── is_idle() and home == 0: freed at once, no atomic read-modify-write paid
//! ```

use std::process::abort;

use crate::util::sync::atomic::{AtomicI32, Ordering, fence};

/// A wake from another thread is on its way home; further ones join it.
const POSTED: i32 = 1;
/// The home count has been added here.
const MERGED: i32 = 1 << 1;
/// One reference.
const ONE: i32 = 1 << 2;

/// How many references home counts by itself.
pub(crate) const HOME_LIMIT: i32 = 1 << 27;
/// How many references may be counted here before the process is ended.
const LIMIT: i32 = 1 << 28;
// What is left above is for threads that count one more before they see that it is too many.
const _: () = assert!((LIMIT + HOME_LIMIT + (1 << 26)).checked_mul(ONE).is_some());

/// Whether a release was the last one.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Release {
    /// No reference is left: free the cell.
    Last,
    /// Others are left, or the task is still owned at home.
    Others,
}

/// The shared word.
#[derive(Debug)]
pub(crate) struct SharedRefs(AtomicI32);

/// True when no further reference may be counted on a word.
const fn is_too_many(word: i32) -> bool {
    word >= LIMIT * ONE
}

impl SharedRefs {
    /// No reference away from home, nothing posted, not merged.
    pub(crate) fn new() -> Self {
        Self(AtomicI32::new(0))
    }

    /// Counts a reference. Whoever calls holds one.
    pub(crate) fn retain(&self) {
        // Relaxed, as in every reference count: the new reference comes from one that is alive.
        let before = self.0.fetch_add(ONE, Ordering::Relaxed);
        if is_too_many(before) {
            abort();
        }
    }

    /// Gives a reference up.
    pub(crate) fn release(&self) -> Release {
        let before = self.0.fetch_sub(ONE, Ordering::Release);
        self.after_change(before - ONE)
    }

    /// True when nothing is counted or flagged here. Together with a home count of zero it means
    /// that no reference exists: a reference that is missing in the home count came home before it
    /// was dropped there, and brought the sight of its being counted here with it.
    pub(crate) fn is_idle(&self) -> bool {
        self.0.load(Ordering::Acquire) == 0
    }

    /// Adds the home count, once; from now on all references are counted here.
    pub(crate) fn merge(&self, home: i32) -> Release {
        let change = home * ONE + MERGED;
        let before = self.0.fetch_add(change, Ordering::AcqRel);
        assert!(before & MERGED == 0, "the home count is added once");
        self.after_change(before + change)
    }

    /// Whether the word says that nobody is left.
    fn after_change(&self, now: i32) -> Release {
        if now & MERGED == 0 || now >= ONE {
            return Release::Others;
        }
        // Pairs with the Release of everybody who gave a reference up before.
        fence(Ordering::Acquire);
        Release::Last
    }

    /// True for the first wake since the last [`collect`](SharedRefs::collect): it must be sent
    /// home, the others ride along. Release, so that what a rider wrote before is seen by the poll
    /// that follows.
    pub(crate) fn send(&self) -> bool {
        self.0.fetch_or(POSTED, Ordering::AcqRel) & POSTED == 0
    }

    /// The posted wake came home; later wakes post anew.
    pub(crate) fn collect(&self) {
        self.0.fetch_and(!POSTED, Ordering::AcqRel);
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
        assert!(!is_too_many((100_000_000 * ONE) | MERGED | POSTED));
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

    /// A word and how often somebody was told to free the cell.
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

    /// Two references went away, were cloned and dropped there, while home merges.
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

    /// Whatever a thread writes before its wake is seen after the collection that answers it.
    #[test]
    fn a_wake_that_rides_along_is_not_lost() {
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
