//! The woken children of a combinator, in the order of their wakes.
//!
//! Each child has a [`Node`]. A wake marks the node and pushes it to the front of a chain that
//! begins at the head of the [`Queue`]; the poller takes the whole chain in one step and reverses
//! it, so the oldest comes first. A chain that is only ever taken whole has no ABA problem. The
//! nodes are passed in as a slice; the queue polls nothing.
//!
//! ```text
//!   head:            push (wakes the parent)
//!          ASLEEP ────────────────────────────▶ chain ◀─┐ push
//!           ▲  │ take                      take │  ▲ └──┘
//!      park │  ▼                                ▼  │
//!          AWAKE ◀──────────────────────────────┘  │    any of them ─ close ─▶ CLOSED
//!            └─────────────────────────────────────┘
//!                 push (no wake: the poller runs, and looks again before it parks)
//! ```
//!
//! So the parent is woken at most once between two polls: by the push that finds the head `ASLEEP`,
//! or by the poller when [`Queue::park`] returns `false`.

use crate::util::drop_quietly;
use crate::util::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// Head: the parent waits, and its waker is registered.
const ASLEEP: u32 = u32::MAX;
/// Head: the parent is being polled; the chain is empty.
const AWAKE: u32 = u32::MAX - 1;
/// Head: the combinator has ended; wakes do nothing.
const CLOSED: u32 = u32::MAX - 2;
/// The end of a chain.
const END: u32 = u32::MAX;

/// Word: the node is in a chain.
const QUEUED: u32 = 1;
/// Word: the child has ended; wakes do nothing.
const MUTED: u32 = 1 << 1;
/// Word: the node's index begins at this bit.
const INDEX: u32 = 2;

/// The greatest number of children whose indices fit into the word of a node.
pub(super) const MAX_CHILDREN: usize = 1 << 30;

/// One child's link in the chain.
#[derive(Debug)]
pub(super) struct Node {
    /// The index of the node, `MUTED` and `QUEUED`.
    word: AtomicU32,
    /// The next node of the chain. Owned by the thread that set `QUEUED`, then by the one that took
    /// the chain.
    next: AtomicU32,
}

impl Node {
    pub(super) fn new(index: u32) -> Self {
        Self {
            word: AtomicU32::new(index << INDEX),
            next: AtomicU32::new(END),
        }
    }

    #[inline]
    pub(super) fn index(&self) -> u32 {
        self.word.load(Ordering::Relaxed) >> INDEX
    }

    /// Marks the node as queued. `true` obliges the caller to push it.
    ///
    /// A read-modify-write in any
    /// case: the poller's [`unmark`](Self::unmark) then synchronizes with this wake, even if an
    /// earlier wake pushes the node.
    #[must_use]
    fn mark(&self) -> bool {
        if self.word.load(Ordering::Relaxed) & MUTED != 0 {
            return false;
        }
        self.word.fetch_or(QUEUED, Ordering::AcqRel) & QUEUED == 0
    }

    /// Removes the mark before a poll of the child. Returns `false` if the child has ended.
    #[inline]
    #[must_use]
    fn unmark(&self) -> bool {
        if self.word.load(Ordering::Relaxed) & MUTED != 0 {
            return false;
        }
        self.word.fetch_and(!QUEUED, Ordering::AcqRel);
        true
    }

    /// Marks the child as ended. For the poller only.
    ///
    /// A read-modify-write: another thread may set
    /// `QUEUED` at the same time, and that mark must stay. Otherwise the next wake would push the
    /// node a second time, which would close the chain into a circle.
    #[inline]
    pub(super) fn mute(&self) {
        self.word.fetch_or(MUTED, Ordering::Relaxed);
    }

    /// Returns `true` if the child was woken since its last poll.
    pub(super) fn is_queued(&self) -> bool {
        self.word.load(Ordering::Relaxed) & QUEUED != 0
    }

    /// Returns `true` if the child has ended. For the poller only.
    #[inline]
    pub(super) fn is_muted(&self) -> bool {
        self.word.load(Ordering::Relaxed) & MUTED != 0
    }

    fn next(&self) -> u32 {
        self.next.load(Ordering::Relaxed)
    }

    fn link(&self, next: u32) {
        self.next.store(next, Ordering::Relaxed);
    }
}

/// Woken children that were taken from the queue and not polled yet, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chain(u32);

impl Chain {
    pub(super) const EMPTY: Self = Self(END);

    /// Takes the oldest child that has not ended, and removes its mark.
    #[inline]
    pub(super) fn pop(&mut self, nodes: &[Node]) -> Option<usize> {
        while self.0 != END {
            let index = self.0 as usize;
            let node = &nodes[index];
            self.0 = node.next();
            if node.unmark() {
                return Some(index);
            }
        }
        None
    }
}

/// The head of the chain, and the waker of the parent.
#[derive(Debug)]
pub(super) struct Queue {
    /// The index of the newest node, or `ASLEEP`, `AWAKE`, `CLOSED`.
    head: AtomicU32,
    /// The waker for the push that finds `ASLEEP`. Registered by `park`.
    parent: Mutex<Option<Waker>>,
}

impl Queue {
    /// Creates an empty queue whose parent is being polled.
    pub(super) fn new() -> Self {
        Self {
            head: AtomicU32::new(AWAKE),
            parent: Mutex::new(None),
        }
    }

    /// Wakes child `index`. Callable from any thread, at any time.
    pub(super) fn wake(&self, nodes: &[Node], index: u32) {
        let node = &nodes[index as usize];
        if node.mark() && self.push(node, index) {
            let parent = self.lock().take();
            if let Some(parent) = parent {
                parent.wake();
            }
        }
    }

    /// Pushes a marked node to the front. `true` obliges the caller to wake the parent.
    #[must_use]
    fn push(&self, node: &Node, index: u32) -> bool {
        let mut seen = self.head.load(Ordering::Relaxed);
        loop {
            match seen {
                CLOSED => return false,
                ASLEEP | AWAKE => node.link(END),
                newest => node.link(newest),
            }
            let swap =
                self.head
                    .compare_exchange_weak(seen, index, Ordering::AcqRel, Ordering::Relaxed);
            match swap {
                Ok(_) => return seen == ASLEEP,
                Err(now) => seen = now,
            }
        }
    }

    /// Takes the children that were woken so far, and marks the parent as being polled.
    pub(super) fn take(&self, nodes: &[Node]) -> Chain {
        let mut newest = match self.head.swap(AWAKE, Ordering::AcqRel) {
            ASLEEP | AWAKE => END,
            newest => newest,
        };
        let mut oldest = END;
        while newest != END {
            let node = &nodes[newest as usize];
            let older = node.next();
            node.link(oldest);
            oldest = newest;
            newest = older;
        }
        Chain(oldest)
    }

    /// Registers `waker` and marks the parent as asleep. `false` obliges the caller to wake itself:
    /// children were woken since [`take`](Self::take).
    #[must_use]
    pub(super) fn park(&self, waker: &Waker) -> bool {
        if self.head.load(Ordering::Relaxed) != AWAKE {
            return false;
        }
        self.register(waker);
        let sleep = self
            .head
            .compare_exchange(AWAKE, ASLEEP, Ordering::AcqRel, Ordering::Relaxed);
        sleep.is_ok()
    }

    /// Stores the parent's waker, unless it is stored already.
    fn register(&self, waker: &Waker) {
        let known = self
            .lock()
            .as_ref()
            .is_some_and(|held| held.will_wake(waker));
        if !known {
            let fresh = waker.clone();
            let stale = self.lock().replace(fresh);
            drop(stale);
        }
    }

    /// Closes the queue: later wakes do nothing, and the parent's waker is dropped.
    pub(super) fn close(&self) {
        self.head.store(CLOSED, Ordering::Release);
        let parent = self.lock().take();
        // Its destructor is third-party code and may panic, and this may run during unwinding.
        drop_quietly(parent);
    }

    /// Locks the parent's waker. Nothing that could panic or block runs under the lock.
    fn lock(&self) -> MutexGuard<'_, Option<Waker>> {
        self.parent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
