//! Waiting for an [`IoSource`] without a call that moves bytes, and calls that do not wait.
//!
//! ```text
//!               bit set               poll(2): ready
//!   poll_ready ─────────▶ poll(2) ───────────────────▶ Ready
//!        │ bit clear         │ not ready: the bit is cleared
//!        └───────────────────┴──────────────────────────▶ parked until the next edge
//!
//!               not closed
//!   poll_closed ──────────▶ parked until the next edge, whatever the bit says
//!
//!   try_io ──▶ the call ── WouldBlock ──▶ the bit is cleared
//! ```
//!
//! Only the kernel's answer clears a bit: a `WouldBlock` of the call, or a `poll(2)` that finds
//! nothing. So a caller may drain a descriptor behind the reactor's back, as a C library does,
//! and [`poll_ready`](IoSource::poll_ready) still waits for the next event instead of returning at
//! once forever. Edges are recorded by the loop on this thread, so none comes between the answer
//! and the clearing: what the kernel reports after the answer makes a new edge.

use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::task::{Context, Poll};

use super::source::IoSource;
use crate::reactor::{Access, Direction, Done, is_closed, is_ready, poll_edges};

impl<S: AsFd> IoSource<S> {
    /// Waits until a call in `direction` does not block.
    pub(crate) fn poll_ready(
        &self,
        direction: Direction,
        cx: &Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_io(direction, cx, |socket| {
            if is_ready(socket.as_fd(), direction)? {
                Ok(Done::with(()))
            } else {
                Err(ErrorKind::WouldBlock.into())
            }
        })
    }

    /// Waits until the peer has ended its writing side or the connection is broken. `direction` is
    /// the one whose edges report it.
    pub(crate) fn poll_closed(
        &self,
        direction: Direction,
        cx: &Context<'_>,
    ) -> Poll<io::Result<()>> {
        let side = self.side(direction);
        let polled = self.with_home(|core| {
            poll_edges(&core.io, side, cx.waker(), || is_closed(self.get().as_fd()))
        });
        polled.unwrap_or_else(|| Poll::Ready(Err(self.misplaced())))
    }

    /// Makes `call` once, even if no edge said that it is worth it.
    ///
    /// # Errors
    /// Those of `call`, `WouldBlock` among them; away from the runtime, without a call.
    pub(crate) fn try_io<T>(
        &self,
        direction: Direction,
        call: impl FnOnce(&S) -> io::Result<T>,
    ) -> io::Result<T> {
        let side = self.side(direction);
        let outcome = self.with_home(|core| {
            let outcome = call(self.get());
            if matches!(&outcome, Err(error) if error.kind() == ErrorKind::WouldBlock) {
                core.io.with_reactor(|reactor| reactor.blocked(side));
            }
            outcome
        });
        outcome.unwrap_or_else(|| Err(self.misplaced()))
    }
}
