//! The reactor of a runtime, as the loop and its sockets use it.
//!
//! Wakers may be of third-party code. Each method wakes them after it has released the reactor.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::BorrowedFd;
use std::task::Waker;
use std::time::Duration;

use crate::reactor::{Access, Doorbell, Reactor, Readiness};
use crate::util::slab::Key;
use crate::util::{budget, wake_quietly};

/// The reactor of a runtime.
pub(crate) struct Io {
    reactor: RefCell<Reactor>,
    /// Empty between two calls of `wait`; kept for its capacity.
    woken: Cell<Vec<Waker>>,
}

impl Io {
    pub(in crate::runtime) fn new(reactor: Reactor) -> Self {
        Self {
            reactor: RefCell::new(reactor),
            woken: Cell::default(),
        }
    }

    /// Reads the timer slack of this thread, which drives the runtime from now on.
    pub(in crate::runtime) fn read_slack(&self) {
        self.reactor.borrow_mut().read_slack();
    }

    /// Opens the descriptor by which another loop waits; see [`Reactor::doorbell`].
    pub(in crate::runtime) fn doorbell(&self) -> io::Result<Doorbell> {
        self.reactor.borrow().doorbell()
    }

    /// Registers a non-blocking descriptor; see [`Reactor::register`].
    pub(in crate::runtime) fn register(
        &self,
        fd: BorrowedFd<'_>,
        initial: Readiness,
    ) -> io::Result<Key> {
        self.reactor.borrow_mut().register(fd, initial)
    }

    /// Removes a source whose descriptor is open, and wakes the tasks that wait for it.
    pub(super) fn deregister(&self, key: Key, fd: BorrowedFd<'_>) {
        let mut woken = Vec::new();
        let removed = self.reactor.borrow_mut().deregister(key, fd, &mut woken);
        woken.drain(..).for_each(wake_quietly);
        // The source is removed even if the kernel reports an error.
        drop(removed);
    }

    /// Removes a source whose descriptor was closed on another thread, and wakes the tasks that
    /// wait for it.
    pub(super) fn remove(&self, key: Key) {
        let mut woken = Vec::new();
        self.reactor.borrow_mut().remove(key, &mut woken);
        woken.drain(..).for_each(wake_quietly);
    }

    /// Waits for sockets, and wakes the tasks that wait for them.
    pub(in crate::runtime) fn wait(&self, timeout: Option<Duration>) {
        let mut woken = self.woken.take();
        let waited = self.reactor.borrow_mut().wait(timeout, &mut woken);
        woken.drain(..).for_each(wake_quietly);
        self.woken.set(woken);
        if let Err(error) = waited {
            panic!(
                "the kernel refused to wait for events, which wheelhouse cannot do without: {error}"
            );
        }
    }

    pub(in crate::runtime) fn has_sources(&self) -> bool {
        self.reactor.borrow().len() > 0
    }

    /// Returns `true` if a task waits for a source.
    pub(in crate::runtime) fn has_waiters(&self) -> bool {
        self.reactor.borrow().waiting() > 0
    }

    /// Returns the number of iterations of the loop; see [`Reactor::begin_lap`].
    pub(in crate::runtime) fn lap(&self) -> u64 {
        self.reactor.borrow().lap()
    }

    pub(in crate::runtime) fn begin_lap(&self) {
        self.reactor.borrow_mut().begin_lap();
    }

    /// Returns the wakers of all waiters, as the runtime ends.
    #[must_use = "wakers must be dropped with no borrow alive"]
    pub(in crate::runtime) fn dissolve(&self) -> Vec<Waker> {
        self.reactor.borrow_mut().dissolve()
    }
}

impl Access for Io {
    // Inlined, as several operations share each instance: an echo then costs 267 instructions less.
    #[inline]
    fn with_reactor<R>(&self, work: impl FnOnce(&mut Reactor) -> R) -> R {
        work(&mut self.reactor.borrow_mut())
    }

    fn may_call(&self) -> bool {
        budget::spend()
    }
}
