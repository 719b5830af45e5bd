//! F1: the one way in which all I/O waits.
//!
//! Reading, writing, accepting, connecting and receiving differ in their system call and in nothing
//! else. So the call is an argument, and everything around it stands here once:
//!
//! ```text
//!              ┌──────────────────────────────────────────────┐
//!              ▼                                              │ EAGAIN: blocked
//!   ask ──► standing ── ready ──► may the task go on? ──► the call ── interrupted: once more
//!              │  │                   │                       │
//!              │  │                   └─ no: wake, Pending    └── value or error ──► Ready, drained if it was short
//!              │  └── gone ──► Ready(Err)
//!              └── not ready ──► the waker is in the line ──► Pending
//! ```
//!
//! The reactor is borrowed three times for a moment and never while the call runs, a waker is
//! cloned, or one is woken.

use std::io::{self, ErrorKind};
use std::task::{Poll, Waker};

use super::{Direction, Interest, Reactor};
use crate::util::slab::Key;
use crate::util::wake_quietly;

/// A door to the reactor, which the floor above owns.
pub(crate) trait Access {
    /// Lends the reactor to `work`, which calls no foreign code.
    fn with_reactor<R>(&self, work: impl FnOnce(&mut Reactor) -> R) -> R;

    /// Counts one call that is about to be made; `false` when the task has made so many in this
    /// poll that it is the others' turn. Only calls count: a task that waits for hundreds of
    /// sockets reaches every one of them.
    fn may_call(&self) -> bool {
        true
    }
}

/// One direction of one source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side {
    /// The source.
    pub(crate) key: Key,
    /// The direction.
    pub(crate) direction: Direction,
}

/// What a call that succeeded gives, and whether it was short, which on some descriptors proves
/// that the kernel has no more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done<T> {
    /// The result.
    value: T,
    /// Whether it moved less than it could have.
    drained: bool,
}

impl<T> Done<T> {
    /// A result that says nothing about the next call: an accepted connection, a datagram.
    pub(crate) fn with(value: T) -> Self {
        Self {
            value,
            drained: false,
        }
    }
}

impl Done<usize> {
    /// A number of bytes of a stream, of the `room` that there was. None at all is an end and not a
    /// short count.
    pub(crate) fn bytes(count: usize, room: usize) -> Self {
        Self {
            value: count,
            drained: 0 < count && count < room,
        }
    }
}

/// Makes `call` when `side` may be ready, or parks `waker` until it is.
///
/// `call` must not block. A [`Side`] whose source is gone gives [`ErrorKind::NotConnected`].
// Many kinds of sockets use it, so the compiler would not by itself; it costs an echo 136
// instructions if it does not.
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

/// Puts a clone of `waker` into the line, and wakes those that the line gives back.
#[cold]
fn park(driver: &impl Access, side: Side, waker: &Waker) {
    let (own, mut woken) = (waker.clone(), Vec::new());
    driver.with_reactor(|reactor| reactor.park(side, own, &mut woken));
    woken.into_iter().for_each(wake_quietly);
}

/// What a call on a source that is no longer there gives.
#[cold]
fn gone() -> io::Error {
    io::Error::new(
        ErrorKind::NotConnected,
        "the I/O source is no longer registered with its runtime",
    )
}
