//! The loop of every I/O operation: check readiness, make the system call, or wait.
//!
//! Reading, writing, accepting, connecting and receiving differ only in their system call. So the
//! call is an argument of [`poll_io`]:
//!
//! ```text
//!         ┌─────────────────────────────────────────────┐ EAGAIN: blocked
//!         ▼                                             │
//!     interest ── Ready ──▶ may_call ── true ──▶ the call ── EINTR: interest
//!         │  │                 │                   │
//!         │  │                 └─ false:           └─ value or error ─▶ Ready;
//!         │  │                    wake, Pending       drained, if it was short
//!         │  └── Gone ──▶ Ready(Err)
//!         └── Parked, Unparked: the waker is in the line ──▶ Pending
//! ```
//!
//! The reactor is not borrowed while the call runs, or while a waker is cloned or woken.

use std::io::{self, ErrorKind};
use std::task::{Poll, Waker};

use super::Reactor;
use super::interest::{Interest, Side};
use crate::util::wake_quietly;

/// Access to the reactor, which the layer above owns.
pub(crate) trait Access {
    /// Runs `work` with the reactor. `work` calls no third-party code.
    fn with_reactor<R>(&self, work: impl FnOnce(&mut Reactor) -> R) -> R;

    /// Counts one system call before it is made. Returns `false` if the task has used up its calls
    /// in this poll, so that other tasks run. Only calls count: a task that waits for hundreds of
    /// sockets reaches each of them.
    fn may_call(&self) -> bool {
        true
    }
}

/// The result of a successful call, and whether it was short, which on some descriptors proves that
/// the kernel has no more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done<T> {
    value: T,
    /// Whether the call transferred less than it could have.
    drained: bool,
}

impl<T> Done<T> {
    /// Wraps a result that implies nothing about the next call: an accepted connection, a datagram.
    pub(crate) fn with(value: T) -> Self {
        Self {
            value,
            drained: false,
        }
    }

    /// Returns the result alone.
    pub(crate) fn into_value(self) -> T {
        self.value
    }
}

impl Done<usize> {
    /// Wraps a number of bytes of a stream, of at most `capacity`. Zero is the end of the stream,
    /// not a short count.
    pub(crate) fn bytes(count: usize, capacity: usize) -> Self {
        Self {
            value: count,
            drained: 0 < count && count < capacity,
        }
    }
}

/// Makes `call` if `side` may be ready, or parks `waker` until it is.
///
/// `call` must not block. Returns [`ErrorKind::NotConnected`] if the source of `side` was removed.
// Not inlined by default, as many kinds of sockets use it; an echo then costs 136 instructions
// more.
#[inline]
pub(crate) fn poll_io<T>(
    driver: &impl Access,
    side: Side,
    waker: &Waker,
    mut call: impl FnMut() -> io::Result<Done<T>>,
) -> Poll<io::Result<T>> {
    loop {
        match driver.with_reactor(|reactor| reactor.interest(side, waker)) {
            Interest::Ready if driver.may_call() => {}
            Interest::Ready => {
                waker.wake_by_ref();
                return Poll::Pending;
            }
            Interest::Parked => return Poll::Pending,
            Interest::Unparked => {
                park(driver, side, waker);
                return Poll::Pending;
            }
            Interest::Gone => return Poll::Ready(Err(gone())),
        }
        match call() {
            Ok(done) => {
                if done.drained {
                    driver.with_reactor(|reactor| reactor.drained(side));
                }
                return Poll::Ready(Ok(done.value));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                driver.with_reactor(|reactor| reactor.blocked(side));
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Poll::Ready(Err(error)),
        }
    }
}

/// Returns `Ready` once `condition` holds, which edges in the direction of `side` may change, and
/// parks `waker` until the next one.
///
/// The readiness of `side` does not matter: it may be ready all the time, as a socket with unread
/// bytes is. `condition` must not block. For errors see [`poll_io`].
pub(crate) fn poll_edges(
    driver: &impl Access,
    side: Side,
    waker: &Waker,
    condition: impl FnOnce() -> io::Result<bool>,
) -> Poll<io::Result<()>> {
    if !driver.may_call() {
        waker.wake_by_ref();
        return Poll::Pending;
    }
    // Edges are recorded by the loop only, so none is missed between the condition and the line.
    if condition()? {
        return Poll::Ready(Ok(()));
    }
    let (own, mut woken) = (waker.clone(), Vec::new());
    let parked = driver.with_reactor(|reactor| reactor.await_edge(side, own, &mut woken));
    woken.into_iter().for_each(wake_quietly);
    match parked {
        Ok(_) => Poll::Pending,
        Err(_) => Poll::Ready(Err(gone())),
    }
}

/// Puts a clone of `waker` into the line, and wakes the wakers that the line returns.
#[cold]
fn park(driver: &impl Access, side: Side, waker: &Waker) {
    let (own, mut woken) = (waker.clone(), Vec::new());
    driver.with_reactor(|reactor| reactor.park(side, own, &mut woken));
    woken.into_iter().for_each(wake_quietly);
}

/// Returns the error of a call on a removed source.
#[cold]
fn gone() -> io::Error {
    io::Error::new(
        ErrorKind::NotConnected,
        "the I/O source is no longer registered with its runtime",
    )
}
