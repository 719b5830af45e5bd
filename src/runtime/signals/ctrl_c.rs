//! The Ctrl-C of one runtime, counted for the futures of `ctrl_c`.
//!
//! A future stores how many had been *taken* when it was created, and completes when more have
//! *arrived*:
//!
//! ```text
//!   create: since = taken
//!
//!   poll: arrived > since? ── yes ─────────────────────▶ taken = arrived; Ready
//!           │ no                                              ▲
//!           ▼                                                 │
//!         read the socket ── bytes: arrived += 1 ─────────────┘
//!           │ empty
//!           ▼
//!         Pending
//! ```
//!
//! So a Ctrl-C completes all futures that waited when it arrived. A future that is created after it
//! was taken waits for the next. A Ctrl-C that no future has taken is kept for the next future.

use std::cell::Cell;
use std::io;
use std::task::{Poll, Waker, ready};

use signal_hook::consts::SIGINT;

use super::{SignalPipe, Subscription, drain};
use crate::reactor::{Direction, Side, poll_io};
use crate::runtime::Core;

/// The Ctrl-C of one runtime.
#[derive(Debug)]
pub(super) struct CtrlC {
    pipe: SignalPipe,
    /// How many have arrived.
    arrived: Cell<u64>,
    /// How many of these a future has returned.
    taken: Cell<u64>,
}

impl Core {
    /// Returns the `since` of a new future. From the first call on, the runtime listens.
    pub(crate) fn wait_for_ctrl_c(&self) -> io::Result<u64> {
        Ok(self.ctrl_c()?.taken.get())
    }

    /// Polls the future that was created with `since`.
    pub(crate) fn poll_ctrl_c(&self, since: u64, waker: &Waker) -> Poll<io::Result<()>> {
        let ctrl_c = self.ctrl_c()?;
        if ctrl_c.arrived.get() <= since {
            let side = Side {
                key: ctrl_c.pipe.key,
                direction: Direction::Read,
            };
            ready!(poll_io(&self.io, side, waker, || drain(
                &ctrl_c.pipe.socket
            )))?;
            ctrl_c.arrived.set(ctrl_c.arrived.get() + 1);
        }
        ctrl_c.taken.set(ctrl_c.arrived.get());
        Poll::Ready(Ok(()))
    }

    /// Returns the counters; starts to listen if that was not done before.
    fn ctrl_c(&self) -> io::Result<&CtrlC> {
        let place = &self.signals().ctrl_c;
        if place.get().is_none() {
            let (subscription, socket) = Subscription::new(SIGINT)?;
            let new = CtrlC {
                pipe: SignalPipe::new(self, subscription, socket)?,
                arrived: Cell::new(0),
                taken: Cell::new(0),
            };
            // Nothing above calls this function again.
            place.set(new).ok();
        }
        Ok(place.get().expect("it was set above or before"))
    }
}
