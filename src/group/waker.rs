//! Whom a group wakes: the task that polls it, and its body in particular.
//!
//! The body has a waker of its own, so that a poll of the group knows whether it is for the body. Any thread may have that
//! waker, and keep it for longer than the group.
//!
//! ```text
//!   body's waker ─▶ BODY_WOKEN ─┐
//!   the yard ───────────────────┴─▶ the outer waker is taken and woken: nobody is, until the next poll leaves it again
//! ```
//!
//! A poll leaves the outer waker first and looks at the mark second; a wake sets the mark first and takes the outer waker
//! second. So one of the two sees the other: a wake that finds no outer waker comes before a poll, which an earlier wake
//! has asked for.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use crate::util::sync::atomic::{AtomicBool, Ordering};
use crate::util::{drop_quietly, wake_quietly};

/// The wakers of one group.
#[derive(Debug)]
pub(super) struct GroupWaker {
    /// Whether the body is to be polled.
    body_woken: AtomicBool,
    /// Wakes what polls the group. Nothing foreign runs under the lock.
    outer: Mutex<Option<Waker>>,
}

impl Default for GroupWaker {
    /// The body is to be polled: it never was.
    fn default() -> Self {
        Self {
            body_woken: AtomicBool::new(true),
            outer: Mutex::new(None),
        }
    }
}

impl GroupWaker {
    /// A poll of the group begins, with this waker.
    pub(super) fn leave(&self, waker: &Waker) {
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

    /// Whether the body was woken since it was polled last.
    pub(super) fn is_body_woken(&self) -> bool {
        self.body_woken.load(Ordering::Acquire)
    }

    /// The same, when the body is about to be polled.
    pub(super) fn take_body_wake(&self) -> bool {
        self.body_woken.swap(false, Ordering::AcqRel)
    }

    /// Wakes what polls the group.
    pub(super) fn wake_outer(&self) {
        let outer = self.lock().take();
        outer.into_iter().for_each(wake_quietly);
    }

    /// Nobody polls the group any more.
    pub(super) fn close(&self) {
        let outer = self.lock().take();
        // Somebody else's, and this may be part of an unwinding.
        drop_quietly(outer);
    }

    /// The outer waker.
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
        // A read-modify-write also where the mark is there, so that the poll that takes it sees what was written before.
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

    /// The task's waker: counts.
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: StdArc<Self>) {
            self.0.fetch_add(1, Ordering::Release);
        }
    }

    /// Two threads write something and wake the body, the second by way of the yard if `by_yard`.
    fn both_are_seen(by_yard: bool) {
        let group = StdArc::new(GroupWaker::default());
        let written = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let task = StdArc::new(Task(AtomicUsize::new(0)));
        let waker = Waker::from(task.clone());
        assert!(group.take_body_wake());
        group.leave(&waker);
        let threads = [0, 1].map(|index| {
            let (group, written) = (group.clone(), written.clone());
            thread::spawn(move || {
                written[index].store(1, Ordering::Relaxed);
                if by_yard && index == 1 {
                    group.wake_outer();
                } else {
                    Waker::from(group).wake();
                }
            })
        });
        let (mut seen, mut polls) = (0, 0);
        while seen < if by_yard { 1 } else { 2 } {
            if task.0.load(Ordering::Acquire) == polls {
                thread::yield_now();
                continue;
            }
            polls = task.0.load(Ordering::Acquire);
            group.leave(&waker);
            if group.take_body_wake() {
                let counted = if by_yard { &written[..1] } else { &written[..] };
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
