//! Datagrams within one machine.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::{SocketAddr, UnixDatagram as StdSocket};
use std::path::Path;

use super::RETRY;

use crate::reactor::{Direction, Readiness};
use crate::runtime::{Registered, require_runtime};
use crate::time::sleep;

/// A Unix socket for datagrams. Unlike those of UDP they are neither lost nor reordered: who sends waits while the other end's
/// queue is full.
///
/// It may be bound to a path, which it needs to be sent to, and connected to one. A datagram that is longer than the buffer is
/// cut; the rest is gone.
///
/// # Cancel safety
/// A send or receive that was not ready has done nothing: no datagram is lost or sent by one that is cancelled.
///
/// # Examples
/// ```
/// use wheelhouse::net::UnixDatagram;
///
/// # fn main() -> std::io::Result<()> {
/// wheelhouse::run(async {
///     let (one, other) = UnixDatagram::pair()?;
///     one.send(b"ping").await?;
///     let mut buffer = [0; 1500];
///     assert_eq!(other.recv(&mut buffer).await?, 4);
///     Ok(())
/// })
/// # }
/// ```
#[derive(Debug)]
pub struct UnixDatagram {
    /// The socket.
    socket: Registered<StdSocket>,
}

impl UnixDatagram {
    /// Takes a path, which must not exist.
    ///
    /// # Errors
    /// Outside of a runtime; when something is at the path (`AddrInUse`), or it is longer than 107 bytes; those of `bind`.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        require_runtime()?;
        Self::from_std(StdSocket::bind(path)?)
    }

    /// Makes a socket without an address: it can send, and nobody can answer.
    ///
    /// # Errors
    /// Outside of a runtime; when file descriptors have run out.
    pub fn unbound() -> io::Result<Self> {
        require_runtime()?;
        Self::from_std(StdSocket::unbound()?)
    }

    /// Makes two sockets that are connected to each other.
    ///
    /// # Errors
    /// Outside of a runtime; those of `socketpair`, as when file descriptors have run out.
    pub fn pair() -> io::Result<(Self, Self)> {
        require_runtime()?;
        let (one, other) = StdSocket::pair()?;
        Ok((Self::from_std(one)?, Self::from_std(other)?))
    }

    /// Sends to the socket at a path, and hears from that one only, from now on.
    ///
    /// # Errors
    /// When nothing is there (`NotFound`), or nobody listens (`ConnectionRefused`).
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.socket.get().connect(path)
    }

    /// Sends a datagram to the socket that this one is connected to; gives its length.
    ///
    /// # Cancel safety
    /// It is sent whole or not at all.
    ///
    /// # Errors
    /// When the socket is not connected, or its peer has gone; when the datagram is too long; away from the socket's runtime.
    pub async fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.socket
            .when_ready(Direction::Write, |socket| socket.send(bytes))
            .await
    }

    /// Receives a datagram; gives its length.
    ///
    /// # Cancel safety
    /// No datagram is lost.
    ///
    /// # Errors
    /// Those of `recv`; away from the socket's runtime.
    pub async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket
            .when_ready(Direction::Read, |socket| socket.recv(buffer))
            .await
    }

    /// Sends a datagram to the socket at a path; gives its length.
    ///
    /// While the queue there is full it is tried again, after 200 µs at first and 50 ms in the end: the system gives a sign only
    /// for the socket that this one is [connected](Self::connect) to.
    ///
    /// # Cancel safety
    /// It is sent whole or not at all.
    ///
    /// # Errors
    /// When nothing is there (`NotFound`), or nobody listens (`ConnectionRefused`); when the datagram is too long; away from the
    /// socket's runtime.
    pub async fn send_to(&self, bytes: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        let mut pause = RETRY.0;
        // Not left to the reactor: to Linux this socket can be written to all the time, and each attempt makes it say so again.
        let attempt = |socket: &StdSocket| match socket.send_to(bytes, &path) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            outcome => outcome.map(Some),
        };
        loop {
            if let Some(length) = self.socket.when_ready(Direction::Write, attempt).await? {
                return Ok(length);
            }
            sleep(pause).await;
            pause = (pause * 2).min(RETRY.1);
        }
    }

    /// Receives a datagram; gives its length and where it came from.
    ///
    /// # Cancel safety
    /// No datagram is lost.
    ///
    /// # Errors
    /// Those of `recvfrom`; away from the socket's runtime.
    pub async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket
            .when_ready(Direction::Read, |socket| socket.recv_from(buffer))
            .await
    }

    /// The address of this end; `is_unnamed` when it has none.
    ///
    /// # Errors
    /// Those of `getsockname`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().local_addr()
    }

    /// The address that it is connected to.
    ///
    /// # Errors
    /// `NotConnected`, when it is not.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().peer_addr()
    }

    /// Takes over a socket of std, and makes it non-blocking.
    ///
    /// # Errors
    /// Outside of a runtime; when the system refuses to watch the socket.
    pub fn from_std(socket: StdSocket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let socket = Registered::new(socket, Readiness::WRITABLE)?;
        Ok(Self { socket })
    }

    /// Gives the socket to std, and makes it blocking. This works on every thread.
    ///
    /// # Errors
    /// Those of `ioctl`. The socket is closed then.
    pub fn into_std(self) -> io::Result<StdSocket> {
        let socket = self.socket.into_socket();
        socket.set_nonblocking(false)?;
        Ok(socket)
    }
}

impl AsFd for UnixDatagram {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.get().as_fd()
    }
}

impl AsRawFd for UnixDatagram {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
