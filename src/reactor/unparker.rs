//! The unparker: another thread ends the wait of the loop, with at most one system call per wait.
//!
//! The work for the loop is in a queue outside this file; the unparker only decides whether the
//! home thread must be woken to look at it.
//!
//! ```text
//!              prepare_park (home)            unpark (any thread): notify
//!   ┌───────┐ ────────────────────▶ ┌────────┐ ───────────────▶ ┌──────────┐
//!   │ AWAKE │                       │ ASLEEP │                  │ NOTIFIED │
//!   └───────┘ ◀──────────────────── └────────┘                  └──────────┘
//!     │  ▲ ▲     awake (home)                                     │ │ ▲
//!     └──┘ │                                         awake (home) │ └─┘ unpark:
//!  unpark: └──────────────────────────────────────────────────────┘     nothing
//!  nothing
//! ```
//!
//! Each side writes one thing and then reads the other's, so at least one of them sees the other:
//!
//! ```text
//!   home thread                            other thread
//!   state = ASLEEP      (prepare_park)     push to the queue
//!   fence SeqCst        (prepare_park)     fence SeqCst          (unpark)
//!   is the queue empty?                    is the state ASLEEP?  (unpark)
//! ```
//!
//! If both reads missed the other's write, each fence would precede the other in the single total
//! order of `SeqCst` fences. So either the home thread sees the entry and calls
//! [`awake`](Unparker::awake) in place of waiting, or the other thread sees `ASLEEP` and notifies.
//! If both happen, one wait ends early and finds nothing, which is harmless. The event descriptor
//! keeps a notification that comes between the look at the queue and the wait.

use crate::util::sync::atomic::{AtomicU8, Ordering, fence};
use crate::util::sync::{Mutex, MutexGuard};

/// Ends the wait of the home thread, even one that has not begun yet.
pub(crate) trait Notify {
    fn notify(&self);
}

/// The home thread runs, and will look at the queue before it waits.
const AWAKE: u8 = 0;
/// The home thread waits, or is about to.
const ASLEEP: u8 = 1;
/// The home thread waited and was notified.
const NOTIFIED: u8 = 2;

/// The state that home thread and other threads share.
#[derive(Debug)]
pub(crate) struct Unparker<C> {
    /// One of [`AWAKE`], [`ASLEEP`], [`NOTIFIED`].
    state: AtomicU8,
    /// Present until [`close`](Self::close). Locked only for a notification that is needed.
    event_fd: Mutex<Option<C>>,
}

impl<C: Notify> Unparker<C> {
    /// Creates an unparker whose home thread runs.
    pub(crate) fn new(event_fd: C) -> Self {
        Self {
            state: AtomicU8::new(AWAKE),
            event_fd: Mutex::new(Some(event_fd)),
        }
    }

    /// Home thread: announces a wait. The caller must look at the queue *after* this call, and wait
    /// only if it is empty.
    pub(crate) fn prepare_park(&self) {
        self.state.store(ASLEEP, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Home thread: ends the wait, or the announcement of one.
    pub(crate) fn awake(&self) {
        self.state.store(AWAKE, Ordering::Relaxed);
    }

    /// Any thread: ensures that the home thread looks at the queue, to which the caller has
    /// *already* added its entry.
    ///
    /// After [`close`](Self::close) it does nothing.
    pub(crate) fn unpark(&self) {
        fence(Ordering::SeqCst);
        if self.state.load(Ordering::Relaxed) == ASLEEP && self.claim() {
            self.notify();
        }
    }

    /// Returns `true` to one thread per wait, which must notify.
    #[must_use = "the caller that claims must notify"]
    fn claim(&self) -> bool {
        let claimed =
            self.state
                .compare_exchange(ASLEEP, NOTIFIED, Ordering::Relaxed, Ordering::Relaxed);
        claimed.is_ok()
    }

    /// Home thread, at its end: disables the unparker and closes the event descriptor.
    pub(crate) fn close(&self) {
        let event_fd = self.lock().take();
        drop(event_fd);
    }

    /// Notifies, unless the unparker is closed.
    #[cold]
    fn notify(&self) {
        if let Some(event_fd) = &*self.lock() {
            event_fd.notify();
        }
    }

    /// Locks the descriptor. A panic cannot have left the option half changed.
    fn lock(&self) -> MutexGuard<'_, Option<C>> {
        self.event_fd
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(all(test, not(wheelhouse_loom)))]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Counts its notifications.
    #[derive(Default)]
    struct Counter(Cell<u32>);

    impl Notify for &Counter {
        fn notify(&self) {
            self.0.set(self.0.get() + 1);
        }
    }

    #[test]
    fn many_unparks_in_one_wait_notify_once() {
        let counter = Counter::default();
        let unparker = Unparker::new(&counter);
        unparker.prepare_park();
        for _ in 0..10 {
            unparker.unpark();
        }
        assert_eq!(counter.0.get(), 1);
        unparker.awake();
        unparker.prepare_park();
        unparker.unpark();
        assert_eq!(counter.0.get(), 2);
    }

    #[test]
    fn an_unpark_of_a_running_home_notifies_nothing() {
        let counter = Counter::default();
        let unparker = Unparker::new(&counter);
        unparker.unpark();
        unparker.prepare_park();
        unparker.awake();
        unparker.unpark();
        assert_eq!(counter.0.get(), 0);
    }

    #[test]
    fn an_unpark_after_the_close_does_nothing() {
        let counter = Counter::default();
        let unparker = Unparker::new(&counter);
        unparker.prepare_park();
        unparker.close();
        unparker.unpark();
        unparker.close();
        assert_eq!(counter.0.get(), 0);
    }
}

#[cfg(all(test, wheelhouse_loom))]
mod loom_tests {
    use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use loom::sync::{Arc, Notify as Signal};
    use loom::thread;

    use super::*;

    /// Models the eventfd: keeps a notification until a wait takes it, and counts.
    #[derive(Clone)]
    struct EventFd {
        notification: Arc<Signal>,
        notifications: Arc<AtomicUsize>,
    }

    impl EventFd {
        fn new() -> Self {
            Self {
                notification: Arc::new(Signal::new()),
                notifications: Arc::new(AtomicUsize::new(0)),
            }
        }
    }

    impl Notify for EventFd {
        fn notify(&self) {
            self.notifications.fetch_add(1, Relaxed);
            self.notification.notify();
        }
    }

    /// A model of the lock-free queue: an entry is one atomic addition, and orders no other access.
    struct Queue(AtomicUsize);

    /// The home thread: runs until it has seen `expected` entries. Returns how often it prepared to
    /// wait.
    fn home(
        unparker: &Unparker<EventFd>,
        queue: &Queue,
        event_fd: &EventFd,
        expected: usize,
    ) -> usize {
        let (mut seen, mut prepared) = (0, 0);
        loop {
            seen += queue.0.swap(0, Relaxed);
            if seen == expected {
                return prepared;
            }
            prepared += 1;
            unparker.prepare_park();
            if queue.0.load(Relaxed) == 0 {
                event_fd.notification.wait();
            }
            unparker.awake();
        }
    }

    /// Runs the model with threads that each push and unpark once.
    fn check(unparkers: usize) {
        loom::model(move || {
            let event_fd = EventFd::new();
            let shared = Arc::new((Unparker::new(event_fd.clone()), Queue(AtomicUsize::new(0))));
            let threads: Vec<_> = (0..unparkers)
                .map(|_| {
                    let shared = Arc::clone(&shared);
                    thread::spawn(move || {
                        shared.1.0.fetch_add(1, Relaxed);
                        shared.0.unpark();
                    })
                })
                .collect();
            let prepared = home(&shared.0, &shared.1, &event_fd, unparkers);
            for thread in threads {
                thread.join().expect("no ringer panics");
            }
            assert!(event_fd.notifications.load(Relaxed) <= prepared.min(unparkers));
        });
    }

    #[test]
    fn the_home_thread_never_waits_while_there_is_an_entry() {
        check(1);
    }

    #[test]
    fn the_home_thread_sees_the_entries_of_two_threads() {
        check(2);
    }

    #[test]
    fn an_unpark_during_the_close_notifies_at_most_once() {
        loom::model(|| {
            let event_fd = EventFd::new();
            let unparker = Arc::new(Unparker::new(event_fd.clone()));
            unparker.prepare_park();
            let unparkers: Vec<_> = (0..2)
                .map(|_| {
                    let unparker = Arc::clone(&unparker);
                    thread::spawn(move || unparker.unpark())
                })
                .collect();
            unparker.close();
            for ringer in unparkers {
                ringer.join().expect("no ringer panics");
            }
            assert!(event_fd.notifications.load(Relaxed) <= 1);
            unparker.awake();
            unparker.prepare_park();
            unparker.unpark();
            assert!(event_fd.notifications.load(Relaxed) <= 1);
        });
    }

    /// Without the fence on one side the model must find the lost wake. This shows that the test
    /// can fail.
    #[test]
    #[should_panic(expected = "deadlock")]
    fn the_model_detects_a_missing_fence() {
        loom::model(|| {
            let event_fd = EventFd::new();
            let shared = Arc::new((Unparker::new(event_fd.clone()), Queue(AtomicUsize::new(0))));
            let other = Arc::clone(&shared);
            let ringer = thread::spawn(move || {
                other.1.0.fetch_add(1, Relaxed);
                if other.0.state.load(Relaxed) == ASLEEP && other.0.claim() {
                    other.0.notify();
                }
            });
            home(&shared.0, &shared.1, &event_fd, 1);
            ringer.join().expect("the ringer does not panic");
        });
    }
}
