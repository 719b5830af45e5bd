//! The wakers of a group: the outer waker, which wakes the task that polls the group, and the
//! waker of the body.
//!
//! The body has its own waker, so that a poll of the group knows whether the body was woken. Any
//! thread may own a clone of that waker, and keep it for longer than the group exists.
//!
//! ```text
//!   wake of the body's waker ─▶ body_woken = true ─┐
//!   ChildSet ──────────────────────────────────────┴─▶ wake_outer: takes and wakes
//!                                                      the outer waker; the next
//!   poll of the group ─▶ register ─▶ take_body_wake    poll registers it again
//! ```
//!
//! A poll registers the outer waker first and reads `body_woken` second; a wake sets `body_woken`
//! first and takes the outer waker second. So one of the two sees the other: a wake that finds no
//! outer waker precedes a poll that an earlier wake has requested.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use crate::util::sync::atomic::{AtomicBool, Ordering};
use crate::util::{drop_quietly, wake_quietly};

/// The wakers of one group.
#[derive(Debug)]
pub(super) struct GroupWaker {
    /// Whether the body was woken since its last poll.
    body_woken: AtomicBool,
    /// Wakes the future that polls the group. No third-party code runs under the lock.
    outer: Mutex<Option<Waker>>,
}

impl Default for GroupWaker {
    /// The body counts as woken, so that the first poll polls it.
    fn default() -> Self {
        Self {
            body_woken: AtomicBool::new(true),
            outer: Mutex::new(None),
        }
    }
}

impl GroupWaker {
    /// Stores the waker of the poll that begins.
    pub(super) fn register(&self, waker: &Waker) {
        let is_known = self
            .lock()
            .as_ref()
            .is_some_and(|known| known.will_wake(waker));
        if !is_known {
            let waker = waker.clone();
            let old = self.lock().replace(waker);
            drop(old);
        }
    }

    pub(super) fn is_body_woken(&self) -> bool {
        self.body_woken.load(Ordering::Acquire)
    }

    /// Resets the mark before a poll of the body, and returns it.
    pub(super) fn take_body_wake(&self) -> bool {
        self.body_woken.swap(false, Ordering::AcqRel)
    }

    /// Wakes the future that polls the group.
    pub(super) fn wake_outer(&self) {
        let outer = self.lock().take();
        outer.into_iter().for_each(wake_quietly);
    }

    /// Releases the outer waker: the group is not polled again.
    pub(super) fn close(&self) {
        let outer = self.lock().take();
        // Its destructor is third-party code and may panic, and this may run during unwinding.
        drop_quietly(outer);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Waker>> {
        self.outer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The body's waker.
impl Wake for GroupWaker {
    fn wake(self: std::sync::Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &std::sync::Arc<Self>) {
        // A read-modify-write even if the mark is set already: the poll that takes the mark then
        // sees all writes that precede this wake.
        if !self.body_woken.swap(true, Ordering::AcqRel) {
            self.wake_outer();
        }
    }
}

#[cfg(all(test, wheelhouse_loom))]
mod loom_tests {
    use std::sync::Arc as StdArc;

    use loom::sync::Arc;
    use loom::sync::atomic::AtomicUsize;
    use loom::thread;

    use super::*;

    /// A task whose waker counts its wakes.
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: StdArc<Self>) {
            self.0.fetch_add(1, Ordering::Release);
        }
    }

    /// Two threads write something and wake the body; if `one_wakes_outer`, the second one wakes
    /// the group only.
    fn both_are_seen(one_wakes_outer: bool) {
        let group = StdArc::new(GroupWaker::default());
        let written = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let task = StdArc::new(Task(AtomicUsize::new(0)));
        let waker = Waker::from(task.clone());
        assert!(group.take_body_wake());
        group.register(&waker);
        let threads = [0, 1].map(|index| {
            let (group, written) = (group.clone(), written.clone());
            thread::spawn(move || {
                written[index].store(1, Ordering::Relaxed);
                if one_wakes_outer && index == 1 {
                    group.wake_outer();
                } else {
                    Waker::from(group).wake();
                }
            })
        });
        let (mut seen, mut polls) = (0, 0);
        while seen < if one_wakes_outer { 1 } else { 2 } {
            if task.0.load(Ordering::Acquire) == polls {
                thread::yield_now();
                continue;
            }
            polls = task.0.load(Ordering::Acquire);
            group.register(&waker);
            if group.take_body_wake() {
                let counted = if one_wakes_outer {
                    &written[..1]
                } else {
                    &written[..]
                };
                seen = counted.iter().map(|one| one.load(Ordering::Relaxed)).sum();
            }
        }
        for thread in threads {
            thread.join().unwrap();
        }
    }

    #[test]
    fn two_wakes_of_a_body_from_two_threads_are_both_seen() {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(2);
        model.check(|| both_are_seen(false));
    }

    #[test]
    fn a_wake_of_the_body_beside_one_of_the_group_is_seen() {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(2);
        model.check(|| both_are_seen(true));
    }
}
