//! What `ctrl_c` waits for: the interrupts of one runtime, counted.
//!
//! A waiter remembers how many interrupts had been *taken* when it was made, and is done when more have *arrived*:
//!
//! ```text
//!   new waiter: since = taken          poll: arrived > since ── yes ──▶ done, taken = arrived
//!                                        │ no
//!                                        ▼
//!                                      read the socket ── there was something ──▶ arrived += 1, done as above
//!                                        │ nothing
//!                                        ▼
//!                                      in line
//! ```
//!
//! So all who waited when an interrupt came hear of it, also those that are polled after the first of them; who comes
//! after it was taken waits for the next; and one that nobody took, because whoever waited was dropped or nobody
//! was there, is kept for the next waiter.

use std::cell::Cell;
use std::io;
use std::task::{Poll, Waker, ready};

use signal_hook::consts::SIGINT;

use super::{SignalPipe, Subscription, drain};
use crate::reactor::{Direction, Side, poll_io};
use crate::runtime::Core;

/// The interrupts of one runtime.
#[derive(Debug)]
pub(super) struct CtrlC {
    /// Where they come in.
    ear: SignalPipe,
    /// How many have come in.
    arrived: Cell<u64>,
    /// How many of these some waiter has given to its user.
    taken: Cell<u64>,
}

impl Core {
    /// What a new waiter for an interrupt remembers. From the first on, the runtime listens.
    pub(crate) fn wait_for_ctrl_c(&self) -> io::Result<u64> {
        Ok(self.ctrl_c()?.taken.get())
    }

    /// Polls for the next interrupt of a waiter that remembers `since`.
    pub(crate) fn poll_ctrl_c(&self, since: u64, waker: &Waker) -> Poll<io::Result<()>> {
        let ctrl_c = self.ctrl_c()?;
        if ctrl_c.arrived.get() <= since {
            let side = Side {
                key: ctrl_c.ear.key,
                direction: Direction::Read,
            };
            ready!(poll_io(&self.io, side, waker, || drain(&ctrl_c.ear.socket)))?;
            ctrl_c.arrived.set(ctrl_c.arrived.get() + 1);
        }
        ctrl_c.taken.set(ctrl_c.arrived.get());
        Poll::Ready(Ok(()))
    }

    /// The interrupts, listened to.
    fn ctrl_c(&self) -> io::Result<&CtrlC> {
        let place = &self.signals().ctrl_c;
        if place.get().is_none() {
            let (subscription, socket) = Subscription::new(SIGINT)?;
            let new = CtrlC {
                ear: SignalPipe::new(self, subscription, socket)?,
                arrived: Cell::new(0),
                taken: Cell::new(0),
            };
            // Nothing in between can have come back in here.
            place.set(new).ok();
        }
        Ok(place.get().expect("it was put there just now, or before"))
    }
}
