//! Asks the kernel about one descriptor, without waiting: `poll(2)` with a timeout of zero.
//!
//! The bits of [`Readiness`](super::Readiness) only say that a call is worth trying. A caller that
//! reports readiness without making a call needs the kernel's answer: code that the reactor does
//! not see may have drained the descriptor.

use std::io;
use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};

use super::readiness::Direction;

/// Returns whether a call in `direction` would not block. The end of a stream, a hang-up and an
/// error count as ready.
pub(crate) fn is_ready(fd: BorrowedFd<'_>, direction: Direction) -> io::Result<bool> {
    let events = match direction {
        Direction::Read => PollFlags::IN | PollFlags::PRI | PollFlags::RDHUP,
        Direction::Write => PollFlags::OUT,
    };
    match has_any(fd, events) {
        // The process may have no descriptors (`RLIMIT_NOFILE` is 0). The caller's own call tells.
        Err(Errno::INVAL) => Ok(true),
        outcome => Ok(outcome?),
    }
}

/// Returns whether the peer has ended its writing side, or the connection is broken.
pub(crate) fn is_closed(fd: BorrowedFd<'_>) -> io::Result<bool> {
    Ok(has_any(fd, PollFlags::RDHUP)?)
}

/// Returns whether `fd` has any of `events`, a hang-up or an error.
fn has_any(fd: BorrowedFd<'_>, events: PollFlags) -> Result<bool, Errno> {
    let now = Timespec::default();
    let mut fds = [PollFd::from_borrowed_fd(fd, events)];
    Ok(retry_on_intr(|| poll(&mut fds, Some(&now)))? > 0)
}
