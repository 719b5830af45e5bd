//! The Ctrl-C (SIGINT) that `ctrl_c` waits for.
//!
//! A waiter records how many Ctrl-C had been *taken* when it was created, and completes when more
//! have *arrived*:
//!
//! ```text
//!   new waiter: since = taken
//!
//!   poll: arrived > since ─┬─ yes ─────────────────────────▶ taken = arrived; done
//!                          └─ no: read the socket ─┬─ data: arrived += 1 ─▶ the same
//!                                                  └─ none: pending
//! ```
//!
//! So each waiter that existed when a Ctrl-C came completes, also one that is polled after the
//! first of them. A waiter that is created after a Ctrl-C was taken waits for the next. A Ctrl-C
//! that no waiter took, because there was none or it was dropped, is kept for the next waiter.

use std::cell::Cell;
use std::io;
use std::task::{Poll, Waker, ready};

use signal_hook::consts::SIGINT;

use super::Subscription;
use super::pipe::SignalPipe;
use crate::runtime::io::Io;

/// The Ctrl-C that a runtime has received.
#[derive(Debug)]
pub(super) struct CtrlC {
    pipe: SignalPipe,
    /// How many have arrived.
    arrived: Cell<u64>,
    /// How many of these a waiter has returned.
    taken: Cell<u64>,
}

impl CtrlC {
    /// Starts to listen.
    pub(super) fn new(io: &Io) -> io::Result<Self> {
        let (subscription, socket) = Subscription::new(SIGINT)?;
        Ok(Self {
            pipe: SignalPipe::new(io, subscription, socket)?,
            arrived: Cell::new(0),
            taken: Cell::new(0),
        })
    }

    /// Returns what a new waiter records.
    pub(super) fn taken(&self) -> u64 {
        self.taken.get()
    }

    /// Polls for the next Ctrl-C of a waiter that has recorded `since`.
    pub(super) fn poll(&self, io: &Io, since: u64, waker: &Waker) -> Poll<io::Result<()>> {
        if self.arrived.get() <= since {
            ready!(self.pipe.poll(io, waker))?;
            self.arrived.set(self.arrived.get() + 1);
        }
        self.taken.set(self.arrived.get());
        Poll::Ready(Ok(()))
    }
}
