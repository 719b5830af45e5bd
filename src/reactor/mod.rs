//! The reactor: which file descriptor is ready, and which wakers to wake.
//!
//! A [`Reactor`] joins a [`Poller`](poller) (the operating system) with a slab of [sources](source)
//! (the waiting tasks) and an [`Unparker`] (other threads). The reactor knows no runtime, accesses
//! no thread-local and wakes no waker: it returns the wakers to the caller, which wakes them after
//! it has released the reactor.
//!
//! ```text
//!    register          wait                                  interest
//!   fd ──▶ epoll ADD, ──▶ edges ─▶ readiness bits of a source ─▶ Ready: system
//!          once              │          ▲                  │       call
//!                            │          │ drained, blocked │ not     │ short count
//!                            ▼          └──────────────────┼─ ready ─┘ or EAGAIN
//!               wakers to the caller ◀─ waiters of a side ◀┘ park
//! ```
//!
//! [`readiness`] draws the life of the bits, [`source`] and [`line`](mod@line) that of a waiter,
//! [`unparker`] the wait, and [`poll_io`](mod@poll_io) the whole path of one operation.
//!
//! # Guarantees
//!
//! - An edge that the kernel reports is never lost: it is recorded until a call proves that it is
//!   used up.
//! - A source that is ready costs its system call and no other; it is never re-armed.
//! - A stale [`Key`] finds nothing, even if its slot and the number of its descriptor were reused.
//! - Every registered waker is returned: by an edge, by a sweep of its line, or with the end of its
//!   source. Only dropping the reactor drops wakers without returning them.
//! - Any number of tasks may wait for one source. While no edge comes, they cost no time.
//!
//! # Not guaranteed
//!
//! - Wakes may be spurious. The waker of a task that is no longer interested stays in the line
//!   until the next edge or sweep.
//! - [`waiting`](Reactor::waiting) counts the source of such a waker, too.

mod doorbell;
mod interest;
mod line;
mod poll_io;
mod poller;
mod probe;
mod readiness;
mod source;
#[cfg(all(test, not(wheelhouse_loom)))]
mod tests;
mod timer_slack;
mod unparker;

use std::io;
use std::mem;
use std::os::fd::{AsFd, BorrowedFd};
use std::task::Waker;
use std::time::Duration;

pub(crate) use doorbell::Doorbell;
pub(crate) use interest::{Interest, Side};
pub(crate) use line::Waiters;
pub(crate) use poll_io::{Access, Done, poll_edges, poll_io};
pub(crate) use poller::{Detacher, EventFd};
pub(crate) use probe::{is_closed, is_ready};
pub use readiness::Direction;
pub(crate) use readiness::Readiness;
pub(crate) use unparker::Unparker;

use crate::util::slab::{Key, Slab};
use crate::util::sync::Arc;
use poller::Poller;
use source::Source;

/// The token of the event descriptor, and of the timer of a [`Doorbell`]. No key has it: a slab has no slot with the index `u32::MAX`.
const EVENT_FD: u64 = u64::MAX;

/// All sources of one thread.
#[derive(Debug)]
pub(crate) struct Reactor {
    poller: Poller,
    sources: Slab<Source>,
    /// The number of sources with waiters.
    waiting: usize,
    /// The number of iterations of the loop.
    lap: u64,
    unparker: Arc<Unparker<EventFd>>,
}

impl Reactor {
    /// Opens the two descriptors of a reactor: the one to wait on, and the one that unparks it.
    ///
    /// # Errors
    /// Those of `epoll_create1`, `eventfd` and `epoll_ctl`, most likely that descriptors have run
    /// out.
    pub(crate) fn new() -> io::Result<Self> {
        let poller = Poller::new()?;
        let event_fd = EventFd::new()?;
        poller.add_event_fd(&event_fd, EVENT_FD)?;
        Ok(Self {
            poller,
            sources: Slab::new(),
            waiting: 0,
            lap: 0,
            unparker: Arc::new(Unparker::new(event_fd)),
        })
    }

    /// Returns the unparker, with which other threads end a [`wait`](Self::wait). It may outlive
    /// the reactor, and then does nothing.
    pub(crate) fn unparker(&self) -> &Arc<Unparker<EventFd>> {
        &self.unparker
    }

    /// Returns a `Detacher`, with which other threads take descriptors out of this reactor before
    /// they close them; [`remove`](Self::remove) then ends the source. It may outlive the reactor.
    pub(crate) fn detacher(&self) -> Detacher {
        self.poller.detacher()
    }

    /// Opens the descriptor by which another loop waits for this reactor.
    ///
    /// # Errors
    /// Those of `timerfd_create` and `epoll_ctl`: descriptors have run out.
    pub(crate) fn doorbell(&self) -> io::Result<Doorbell> {
        Doorbell::new(&self.poller, EVENT_FD)
    }

    /// Reads the timer slack of this thread, the one that will wait.
    pub(crate) fn read_slack(&mut self) {
        self.poller.read_slack();
    }

    /// Returns the number of sources.
    pub(crate) fn len(&self) -> usize {
        self.sources.len()
    }

    /// Returns the number of sources with waiters.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Registers a non-blocking descriptor for both directions.
    ///
    /// `initial` is the readiness that the caller assumes. To assume too little loses nothing,
    /// because the next wait reports all readiness: [`Readiness::NONE`] for a listener or a socket
    /// that is connecting, [`Readiness::WRITABLE`] for an accepted stream, whose first read often
    /// returns EAGAIN. [`Readiness::SHORT_COUNTS`]
    /// may be passed only if the kernel guarantees it. Register a TCP socket after the call to
    /// `connect`; before that, Linux reports a hang-up.
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

    /// Ends a source whose descriptor is still open. Moves the wakers of its waiters to `woken`.
    ///
    /// # Errors
    /// Those of `epoll_ctl`. The source is removed in any case.
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

    /// Ends a source whose descriptor was [detached](Self::detacher) already. Returns `false` if
    /// there was no such source.
    pub(crate) fn remove(&mut self, key: Key, woken: &mut Vec<Waker>) -> bool {
        let Some(source) = self.sources.remove(key) else {
            return false;
        };
        self.waiting -= usize::from(source.is_waited_for());
        source.dissolve(woken);
        true
    }

    /// Returns the wakers of all waiters, as the runtime ends.
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

    /// Returns whether `side` is ready, and if not, whether `waker` is in its line already.
    pub(crate) fn interest(&self, side: Side, waker: &Waker) -> Interest {
        match self.sources.get(side.key) {
            None => Interest::Gone,
            Some(source) if source.readiness().is_ready(side.direction) => Interest::Ready,
            Some(source) if source.waiters(side.direction).contains(waker) => Interest::Parked,
            Some(_) => Interest::Unparked,
        }
    }

    /// Puts a waker into the line after [`Interest::Unparked`].
    ///
    /// Moves the wakers that must be woken now to `woken`: those of a line that is swept, or `waker`
    /// itself if the source became ready, was removed, or parked it while it was cloned.
    pub(crate) fn park(&mut self, side: Side, waker: Waker, woken: &mut Vec<Waker>) {
        match self.interest(side, &waker) {
            // One that its own `clone` has parked is not dropped here, under the caller's borrow.
            Interest::Ready | Interest::Gone | Interest::Parked => woken.push(waker),
            Interest::Unparked => {
                let lap = self.lap;
                self.edit(side.key, |source| {
                    source.waiters_mut(side.direction).join(waker, lap, woken)
                });
            }
        }
    }

    /// Puts a waker into the line until the next edge, even if its side is ready. Moves the wakers
    /// of a line that is swept to `woken`.
    ///
    /// Returns `waker` for the caller to drop if it is in the line already, and as an error if
    /// there is no such source.
    pub(crate) fn await_edge(
        &mut self,
        side: Side,
        waker: Waker,
        woken: &mut Vec<Waker>,
    ) -> Result<Option<Waker>, Waker> {
        let lap = self.lap;
        let mut outcome = Err(waker);
        self.edit(side.key, |source| {
            let waiters = source.waiters_mut(side.direction);
            outcome = match mem::replace(&mut outcome, Ok(None)) {
                Err(waker) => Ok(waiters.admit(waker, lap, woken)),
                parked => parked,
            };
        });
        outcome
    }

    /// Returns the number of iterations of the loop.
    pub(crate) fn lap(&self) -> u64 {
        self.lap
    }

    /// Begins an iteration of the loop: every task that was ready when the last one began was
    /// polled since.
    pub(crate) fn begin_lap(&mut self) {
        self.lap += 1;
    }

    /// Records that a call transferred less than it could have, if that proves that the next one
    /// would block.
    pub(crate) fn drained(&mut self, side: Side) {
        if let Some(source) = self.sources.get_mut(side.key) {
            source.readiness_mut().drained(side.direction);
        }
    }

    /// Records that a call returned EAGAIN.
    pub(crate) fn blocked(&mut self, side: Side) {
        if let Some(source) = self.sources.get_mut(side.key) {
            source.readiness_mut().blocked(side.direction);
        }
    }

    /// Waits until an edge comes, another thread unparks the loop, or the timeout ends. Moves the
    /// wakers to wake to `woken`.
    ///
    /// Returns the number of events, including that of the unparker: 0
    /// if the timeout has ended, which is never early, or if a signal came, which may be at any
    /// time. More than about a thousand events come in several waits.
    ///
    /// # Errors
    /// Those of `epoll_wait` and `ppoll`, of which none is expected.
    pub(crate) fn wait(
        &mut self,
        timeout: Option<Duration>,
        woken: &mut Vec<Waker>,
    ) -> io::Result<usize> {
        self.poller.wait(timeout)?;
        let mut events = 0;
        for (token, edge) in self.poller.events() {
            events += 1;
            // The token of the event descriptor, and that of a removed source, find nothing.
            if let Some(source) = self.sources.get_mut(Key::from_bits(token)) {
                let before = source.is_waited_for();
                source.on_edge(edge, woken);
                self.waiting -= usize::from(before) - usize::from(source.is_waited_for());
            }
        }
        Ok(events)
    }

    /// Changes a source, and updates the number of sources with waiters.
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
