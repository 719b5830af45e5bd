//! The one call that takes connections out of a listener's queue.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{SocketAddrAny, SocketFlags, acceptfrom_with};

/// What every socket is: never blocking, and not inherited by child processes.
pub(super) const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);

/// Takes the next living connection out of the queue. It says nothing about whether there are more.
pub(super) fn accept(listener: impl AsFd) -> io::Result<(OwnedFd, Option<SocketAddrAny>)> {
    loop {
        match acceptfrom_with(&listener, FLAGS) {
            Err(Errno::CONNABORTED) => {}
            outcome => return Ok(outcome?),
        }
    }
}
