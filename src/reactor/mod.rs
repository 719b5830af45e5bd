//! F1: which file descriptor is ready, and who must be told.
//!
//! The reactor joins a [`Poller`](poller) (the operating system) with a slab of [sources](source)
//! (who waits for what) and a [`Unparker`] (other threads). It is an engine and nothing more: it
//! knows no runtime, touches no thread-local, and wakes no one; all that is to be woken is handed
//! to the caller, who wakes after letting go of the reactor.
//!
//! ```text
//!     register            wait                                       standing
//!   fd ──────► epoll ADD, ─────► edges ──► readiness bits of a source ────────► ready: try the system call
//!              once                │          ▲                         │              │
//!                                  │          │ drained, blocked        │ not ready    │ short count or EAGAIN
//!                                  ▼          └─────────────────────────┼──────────────┘
//!                        wakers to the caller ◄────── line of waiters ◄─┘ park
//! ```
//!
//! The life of the bits is drawn in [`readiness`], the life of a waiter in [`source`] and
//! [`line`](mod@line), the sleep in [`unparker`], the whole path of one operation in [`poll_io`](mod@poll_io).
//!
//! # Guarantees
//!
//! - An edge that the kernel reports is never lost: it is remembered until a call proves that it is
//!   used up.
//! - A source that is ready costs its system call and no other; there is no re-arming.
//! - A stale [`Key`] finds nothing, also when its place and its descriptor's number have been given
//!   to another.
//! - Every waker that goes in comes out: by an edge, by a sweep of its line, or with the end of its
//!   source. Only dropping the reactor drops them unwoken.
//! - Any number of tasks may wait for one source. While no edge comes, they cost no time.
//!
//! # Not guaranteed
//!
//! - Wakes may be spurious. A waker whose task has lost interest stays in line until the next edge
//!   or sweep.
//! - [`waiting`](Reactor::waiting) counts such a source too.

mod line;
mod poll_io;
mod poller;
mod readiness;
mod source;
#[cfg(all(test, not(wheelhouse_loom)))]
mod tests;
mod unparker;

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::task::Waker;
use std::time::Duration;

pub(crate) use line::Waiters;
pub(crate) use poll_io::{Access, Done, Side, poll_io};
pub(crate) use poller::{Detacher, EventFd};
pub(crate) use readiness::{Direction, Readiness};
pub(crate) use unparker::Unparker;

use crate::util::slab::{Key, Slab};
use crate::util::sync::Arc;
use poller::Poller;
use source::Source;

/// The token of the bell, which is never that of a key: a slab has no slot with the index of all
/// ones.
const BELL: u64 = u64::MAX;

/// How one task stands with one side of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Interest {
    /// The system call is worth a try.
    Ready,
    /// Not ready, and the task is in line.
    Parked,
    /// Not ready, and the task is not in line: [`Reactor::park`] is due.
    Unparked,
    /// There is no such source.
    Gone,
}

/// All sources of one thread.
#[derive(Debug)]
pub(crate) struct Reactor {
    /// The operating system.
    poller: Poller,
    /// The registrations.
    sources: Slab<Source>,
    /// How many of them someone waits for.
    waiting: usize,
    /// How many laps the loop has made.
    lap: u64,
    /// What other threads ring.
    unparker: Arc<Unparker<EventFd>>,
}

impl Reactor {
    /// Opens the two descriptors that a reactor has: one to wait on, one to be rung by.
    ///
    /// # Errors
    /// Those of `epoll_create1`, `eventfd` and `epoll_ctl`, most likely that descriptors have run
    /// out.
    pub(crate) fn new() -> io::Result<Self> {
        let poller = Poller::new()?;
        let event_fd = EventFd::new()?;
        poller.add_event_fd(&event_fd, BELL)?;
        Ok(Self {
            poller,
            sources: Slab::new(),
            waiting: 0,
            lap: 0,
            unparker: Arc::new(Unparker::new(event_fd)),
        })
    }

    /// What other threads ring to end a [`wait`](Self::wait); it outlives the reactor, and is
    /// silent then.
    pub(crate) fn unparker(&self) -> &Arc<Unparker<EventFd>> {
        &self.unparker
    }

    /// Returns what other threads take descriptors out of this reactor with, before they close
    /// them; the source goes by [`remove`](Self::remove) then. It outlives the reactor.
    pub(crate) fn detacher(&self) -> Detacher {
        self.poller.detacher()
    }

    /// Reads the timer slack of this thread, which waits from now on.
    pub(crate) fn read_slack(&mut self) {
        self.poller.read_slack();
    }

    /// How many sources there are.
    pub(crate) fn len(&self) -> usize {
        self.sources.len()
    }

    /// How many sources have someone waiting for them.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Takes in a descriptor, which must be non-blocking, for both directions.
    ///
    /// `initial` is what the caller believes. Nothing is lost by believing too little, as the next
    /// wait tells what holds already: [`Readiness::NONE`] for a listener or a connect under way,
    /// [`Readiness::WRITABLE`] for an accepted stream, whose first read would give EAGAIN as often
    /// as not. [`Readiness::SHORT_COUNTS`] is more than a belief: it may be given only where the
    /// kernel promises it. A TCP socket is registered after its `connect` was called; before that,
    /// Linux reports it as hung up.
    ///
    /// # Errors
    /// Those of `epoll_ctl`: a descriptor that is registered already, one that cannot be polled (a
    /// plain file), no memory, too many watches.
    pub(crate) fn register(&mut self, fd: BorrowedFd<'_>, initial: Readiness) -> io::Result<Key> {
        let key = self.sources.insert(Source::new(initial));
        let added = self.poller.add(fd, key.to_bits());
        if added.is_err() {
            self.sources.remove(key);
        }
        added.map(|()| key)
    }

    /// Ends a source whose descriptor is still open; all who waited go to `woken`.
    ///
    /// # Errors
    /// Those of `epoll_ctl`. The source is gone all the same.
    pub(crate) fn deregister(
        &mut self,
        key: Key,
        fd: BorrowedFd<'_>,
        woken: &mut Vec<Waker>,
    ) -> io::Result<()> {
        if self.remove(key, woken) {
            self.poller.delete(fd)
        } else {
            Ok(())
        }
    }

    /// Ends a source whose descriptor was [detached](Self::detacher) already; tells whether there
    /// was one.
    pub(crate) fn remove(&mut self, key: Key, woken: &mut Vec<Waker>) -> bool {
        let Some(source) = self.sources.remove(key) else {
            return false;
        };
        self.waiting -= usize::from(source.is_waited_for());
        source.dissolve(woken);
        true
    }

    /// Gives up whoever waits for anything: the runtime ends.
    pub(crate) fn dissolve(&mut self) -> Vec<Waker> {
        let mut woken = Vec::new();
        for (_, source) in self.sources.iter_mut() {
            for direction in [Direction::Read, Direction::Write] {
                source.waiters_mut(direction).release(&mut woken);
            }
        }
        self.waiting = 0;
        woken
    }

    /// Tells whether `side` is ready, and if not, whether `waker` is in its line already.
    pub(crate) fn interest(&self, side: Side, waker: &Waker) -> Interest {
        match self.sources.get(side.key) {
            None => Interest::Gone,
            Some(source) if source.readiness().is_ready(side.direction) => Interest::Ready,
            Some(source) if source.waiters(side.direction).contains(waker) => Interest::Parked,
            Some(_) => Interest::Unparked,
        }
    }

    /// Puts a waker into line after [`Interest::Unparked`].
    ///
    /// What must be woken now goes to `woken`: the wakers of a line that is swept, or `waker`
    /// itself when the source became ready or went away while it was being cloned.
    pub(crate) fn park(&mut self, side: Side, waker: Waker, woken: &mut Vec<Waker>) {
        match self.interest(side, &waker) {
            Interest::Ready | Interest::Gone => woken.push(waker),
            Interest::Parked => {}
            Interest::Unparked => {
                let lap = self.lap;
                self.edit(side.key, |source| {
                    source.waiters_mut(side.direction).join(waker, lap, woken)
                });
            }
        }
    }

    /// How many laps the loop has made.
    pub(crate) fn lap(&self) -> u64 {
        self.lap
    }

    /// A lap of the loop begins: every task that was ready when the last one began has been polled
    /// since.
    pub(crate) fn begin_lap(&mut self) {
        self.lap += 1;
    }

    /// Remembers that a call moved less than it could have, if that proves that the next one would
    /// block.
    pub(crate) fn drained(&mut self, side: Side) {
        if let Some(source) = self.sources.get_mut(side.key) {
            source.readiness_mut().drained(side.direction);
        }
    }

    /// Remembers that a call gave EAGAIN.
    pub(crate) fn blocked(&mut self, side: Side) {
        if let Some(source) = self.sources.get_mut(side.key) {
            source.readiness_mut().blocked(side.direction);
        }
    }

    /// Sleeps until an edge comes, the bell is rung or the time is over, and gathers in `woken`
    /// whom it concerns.
    ///
    /// Gives the number of events, the bell's included. It is 0 when the time is over, which it
    /// never is early, and when a signal came, which may be at any time. More than about a thousand
    /// events come in several waits.
    ///
    /// # Errors
    /// Those of `epoll_wait` and `ppoll`, none of which is to be expected.
    pub(crate) fn wait(
        &mut self,
        timeout: Option<Duration>,
        woken: &mut Vec<Waker>,
    ) -> io::Result<usize> {
        self.poller.wait(timeout)?;
        let mut events = 0;
        for (token, edge) in self.poller.events() {
            events += 1;
            // The bell's token, and that of a source which has gone, find nothing.
            if let Some(source) = self.sources.get_mut(Key::from_bits(token)) {
                let before = source.is_waited_for();
                source.on_edge(edge, woken);
                self.waiting -= usize::from(before) - usize::from(source.is_waited_for());
            }
        }
        Ok(events)
    }

    /// Changes a line of waiters and keeps count.
    fn edit(&mut self, key: Key, change: impl FnOnce(&mut Source)) {
        if let Some(source) = self.sources.get_mut(key) {
            let before = usize::from(source.is_waited_for());
            change(source);
            self.waiting = self.waiting + usize::from(source.is_waited_for()) - before;
        }
    }
}

impl AsFd for Reactor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poller.as_fd()
    }
}

impl Drop for Reactor {
    fn drop(&mut self) {
        self.unparker.close();
    }
}
