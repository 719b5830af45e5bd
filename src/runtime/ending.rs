//! The end of a runtime, and the messages that are sent meanwhile: each is settled by the end or by
//! its sender.
//!
//! ```text
//!   the end                                    a sender
//!   ended = true, under the lock     (end)     push to the inbox
//!   fence SeqCst                     (end)     fence SeqCst          (is_over_after_push)
//!   hand the tasks over, unlock      (end)     is it ended?          (is_over_after_push)
//!   empty the inbox                            yes: wait for the lock, then empty the inbox
//! ```
//!
//! The end and the sender cannot both miss the other's write, since then each fence would come
//! before the other. So the end, the sender or both see the message, and the one that pops it
//! settles it. Settling may access tasks, which are handed over by then: a sender that sees the end
//! waits for the lock.

use crate::util::sync::Mutex;
use crate::util::sync::atomic::{AtomicBool, Ordering, fence};

/// Whether a runtime has ended.
#[derive(Debug)]
pub(super) struct Ending {
    /// Set once, under the lock.
    ended: AtomicBool,
    /// Held while the tasks are handed over.
    handover: Mutex<()>,
}

impl Ending {
    pub(super) fn new() -> Self {
        Self {
            ended: AtomicBool::new(false),
            handover: Mutex::new(()),
        }
    }

    /// Ends the runtime. While `hand_over` runs, each sender that sees the end waits. The caller
    /// empties the inbox afterwards.
    pub(super) fn end(&self, hand_over: impl FnOnce()) {
        let lock = self.handover.lock();
        self.ended.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        hand_over();
        drop(lock);
    }

    /// Returns `true` if the runtime has ended; waits for an end that is under way.
    pub(super) fn is_over(&self) -> bool {
        let ended = self.ended.load(Ordering::Relaxed);
        if ended {
            // A lock that a panic has poisoned is over, too.
            drop(self.handover.lock());
        }
        ended
    }

    /// Like [`is_over`](Self::is_over), after a push into the inbox; `true` obliges the caller to
    /// empty that.
    #[must_use]
    pub(super) fn is_over_after_push(&self) -> bool {
        fence(Ordering::SeqCst);
        self.is_over()
    }
}

#[cfg(all(test, wheelhouse_loom))]
mod loom_tests {
    use super::*;
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicUsize;
    use loom::thread;

    /// A runtime that ends: an inbox with relaxed ordering, and a task to which the hand-over
    /// writes.
    struct Home {
        ending: Ending,
        inbox: AtomicUsize,
        task: UnsafeCell<()>,
        settled: AtomicUsize,
    }

    impl Home {
        /// Settles the messages in the inbox, for which the tasks must have been handed over.
        fn empty(&self) {
            let messages = self.inbox.swap(0, Ordering::Relaxed);
            if messages > 0 {
                self.task.with(|_| ());
            }
            self.settled.fetch_add(messages, Ordering::Relaxed);
        }
    }

    /// Runs `send` on two threads while the runtime ends.
    fn check(send: impl Fn(&Home) + Send + Sync + Copy + 'static) {
        loom::model(move || {
            let home = Arc::new(Home {
                ending: Ending::new(),
                inbox: AtomicUsize::new(0),
                task: UnsafeCell::new(()),
                settled: AtomicUsize::new(0),
            });
            let senders: Vec<_> = (0..2)
                .map(|_| {
                    let home = home.clone();
                    thread::spawn(move || send(&home))
                })
                .collect();
            home.ending.end(|| home.task.with_mut(|_| ()));
            home.empty();
            for sender in senders {
                sender.join().unwrap();
            }
            assert_eq!(home.settled.load(Ordering::Relaxed), 2, "a message is left");
        });
    }

    #[test]
    fn every_message_is_settled_after_the_tasks_were_handed_over() {
        check(|home| {
            home.inbox.fetch_add(1, Ordering::Relaxed);
            if home.ending.is_over_after_push() {
                home.empty();
            }
        });
    }

    /// Shows that the test can fail: without its fence, a sender may miss the end that has missed
    /// its message.
    #[test]
    #[should_panic(expected = "a message is left")]
    fn the_model_notices_a_missing_fence() {
        check(|home| {
            home.inbox.fetch_add(1, Ordering::Relaxed);
            if home.ending.is_over() {
                home.empty();
            }
        });
    }

    /// Shows that the test can fail: a sender that does not wait accesses a task that is being
    /// handed over.
    #[test]
    #[should_panic(expected = "Causality violation")]
    fn the_model_notices_a_sender_that_does_not_wait_for_the_hand_over() {
        check(|home| {
            home.inbox.fetch_add(1, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            if home.ending.ended.load(Ordering::Relaxed) {
                home.empty();
            }
        });
    }
}
