//! Which children were woken, in the order of their wakes. Pure and safe: it sees the nodes as a slice.
//!
//! It is not a scheduler: it polls nothing. Floor: F4, below the engine.
//!
//! Each child has a [`Node`]. A wake marks the node and puts it before the newest one of a chain whose start is
//! [`Queue`]'s head; the poller takes the whole chain in one step, turns it round, and so gets the oldest first.
//! A chain that is only ever taken whole has no ABA problem.
//!
//! ```text
//!   head:              push (wakes the parent)
//!          asleep ────────────────────────────────▶ chain ◀─┐ push
//!           ▲  │ take                          take │  ▲ └──┘
//!      park │  ▼                                    ▼  │
//!          awake ◀──────────────────────────────────┘  │        any of them ── close ──▶ closed
//!            └─────────────────────────────────────────┘
//!                    push (wakes nobody: the poller is at work and looks again before it parks)
//! ```
//!
//! So the parent is woken at most once between two polls: by the push that finds the head asleep, or by the
//! poller whose [`Queue::park`] was refused.

use crate::util::drop_quietly;
use crate::util::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// Head: the parent waits and has left its waker.
const ASLEEP: u32 = u32::MAX;
/// Head: the parent is at work; the chain is empty.
const AWAKE: u32 = u32::MAX - 1;
/// Head: the parent is gone; wakes do nothing.
const CLOSED: u32 = u32::MAX - 2;
/// The end of a chain.
const END: u32 = u32::MAX;

/// Word: the node stands in a chain.
const QUEUED: u32 = 1;
/// Word: the child has ended; wakes do nothing.
const MUTED: u32 = 1 << 1;
/// Word: the node's index begins at this bit.
const INDEX: u32 = 2;

/// More children than this have no place in a node's word.
pub(super) const MAX_CHILDREN: usize = 1 << 30;

/// One child's place in the chain.
#[derive(Debug)]
pub(super) struct Node {
    /// The index of the node, `MUTED` and `QUEUED`.
    word: AtomicU32,
    /// The next node of the chain. Whoever set `QUEUED` owns it, then whoever took the chain.
    next: AtomicU32,
}

impl Node {
    /// The node of child `index`, not queued.
    pub(super) fn new(index: u32) -> Self {
        Self {
            word: AtomicU32::new(index << INDEX),
            next: AtomicU32::new(END),
        }
    }

    /// Which child it is.
    #[inline]
    pub(super) fn index(&self) -> u32 {
        self.word.load(Ordering::Relaxed) >> INDEX
    }

    /// Marks it as queued; `true` obliges the caller to push it.
    ///
    /// A read-modify-write in any case: the poller's [`unmark`](Self::unmark) then sees what happened before this
    /// wake, also when an earlier wake does the pushing.
    #[must_use]
    fn mark(&self) -> bool {
        if self.word.load(Ordering::Relaxed) & MUTED != 0 {
            return false;
        }
        self.word.fetch_or(QUEUED, Ordering::AcqRel) & QUEUED == 0
    }

    /// Takes the mark off before the child is polled; `false` when the child has ended.
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
    /// A read-modify-write: another thread may set `QUEUED` at the same time, and that mark must stay. Without it
    /// the next wake would push the node a second time, which closes the chain to a circle.
    #[inline]
    pub(super) fn mute(&self) {
        self.word.fetch_or(MUTED, Ordering::Relaxed);
    }

    /// Whether the child was woken since it was polled last.
    pub(super) fn is_queued(&self) -> bool {
        self.word.load(Ordering::Relaxed) & QUEUED != 0
    }

    /// Whether the child has ended. For the poller only.
    #[inline]
    pub(super) fn is_muted(&self) -> bool {
        self.word.load(Ordering::Relaxed) & MUTED != 0
    }

    /// The next node of the chain.
    fn next(&self) -> u32 {
        self.next.load(Ordering::Relaxed)
    }

    /// Links it before `next`.
    fn link(&self, next: u32) {
        self.next.store(next, Ordering::Relaxed);
    }
}

/// Children that were woken, oldest first: taken from the queue, not polled yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chain(u32);

impl Chain {
    /// No children.
    pub(super) const EMPTY: Self = Self(END);

    /// Takes the oldest child that has not ended, ready to be polled.
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

/// The head of the chain, and whom to wake for it.
#[derive(Debug)]
pub(super) struct Queue {
    /// The newest node, or `ASLEEP`, `AWAKE`, `CLOSED`.
    head: AtomicU32,
    /// The waker of the task that polls, for the push that finds `ASLEEP`; there from the first `park` on.
    parent: Mutex<Option<Waker>>,
}

impl Queue {
    /// An empty queue whose parent is at work.
    pub(super) fn new() -> Self {
        Self {
            head: AtomicU32::new(AWAKE),
            parent: Mutex::new(None),
        }
    }

    /// Child `index` was woken. From any thread, at any time.
    pub(super) fn wake(&self, nodes: &[Node], index: u32) {
        let node = &nodes[index as usize];
        if node.mark() && self.push(node, index) {
            let parent = self.lock().take();
            if let Some(parent) = parent {
                parent.wake();
            }
        }
    }

    /// Puts a marked node before the newest; `true` obliges the caller to wake the parent.
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

    /// Takes the children that were woken so far; from here on the parent is at work.
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

    /// Goes to sleep; `false` obliges the caller to wake itself: children were woken since [`take`](Self::take).
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

    /// Leaves the parent's waker, unless it is there already.
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

    /// The parent is gone: later wakes do nothing, and its waker is let go.
    pub(super) fn close(&self) {
        self.head.store(CLOSED, Ordering::Release);
        let parent = self.lock().take();
        // Somebody else's, and this may be part of an unwinding.
        drop_quietly(parent);
    }

    /// The parent's waker. Nothing that could panic or wait runs under the lock.
    fn lock(&self) -> MutexGuard<'_, Option<Waker>> {
        self.parent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
