//! The way of a signal from its handler to the loop: a socket pair, whose reader is in the reactor.

use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::task::{Poll, Waker};

use super::Subscription;
use crate::reactor::{Direction, Done, Readiness, Side, poll_io};
use crate::runtime::io::Io;
use crate::util::slab::Key;

/// A socket that becomes readable when a signal comes. It stays in the reactor until that is
/// dropped.
#[derive(Debug)]
pub(super) struct SignalPipe {
    socket: UnixStream,
    key: Key,
    /// Makes the handler write to the socket.
    _subscription: Subscription,
}

impl SignalPipe {
    /// Puts the socket of a subscription into the reactor.
    pub(super) fn new(io: &Io, subscription: Subscription, socket: UnixStream) -> io::Result<Self> {
        let key = io.register(socket.as_fd(), Readiness::NONE)?;
        Ok(Self {
            socket,
            key,
            _subscription: subscription,
        })
    }

    /// Returns `Ready` if a signal has come since the last call.
    pub(super) fn poll(&self, io: &Io, waker: &Waker) -> Poll<io::Result<()>> {
        let side = Side {
            key: self.key,
            direction: Direction::Read,
        };
        poll_io(io, side, waker, || self.drain())
    }

    /// Reads all bytes, so that the socket is never full.
    pub(super) fn drain(&self) -> io::Result<Done<()>> {
        drain(&self.socket)
    }
}

/// Reads all bytes that the handler has written. Returns `WouldBlock` if there are none.
pub(crate) fn drain(mut socket: &UnixStream) -> io::Result<Done<()>> {
    let mut buffer = [0; 128];
    let mut came = false;
    loop {
        match socket.read(&mut buffer) {
            Ok(0) => return Ok(Done::with(())),
            Ok(_) => came = true,
            Err(error) if error.kind() == ErrorKind::WouldBlock && came => {
                return Ok(Done::with(()));
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_drain_reads_every_byte_however_many_there_are() {
        let (reader, mut writer) = UnixStream::pair().unwrap();
        reader.set_nonblocking(true).unwrap();
        for count in [1, 127, 128, 129, 256] {
            writer.write_all(&vec![b'X'; count]).unwrap();
            drain(&reader).unwrap();
            let empty = drain(&reader).unwrap_err();
            assert_eq!(empty.kind(), ErrorKind::WouldBlock, "after {count}");
        }
    }
}
