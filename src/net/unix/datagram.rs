//! Datagrams within one machine.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::{SocketAddr, UnixDatagram as StdSocket};
use std::path::Path;

use super::RETRY;

use crate::reactor::{Direction, Readiness};
use crate::runtime::{IoSource, require_runtime};
use crate::time::sleep;

/// A Unix socket for datagrams, which stay within one machine.
///
/// Datagrams are neither lost nor reordered: a send waits while the queue of the receiver is full.
/// A socket needs a path to receive from others, and may be [connected](Self::connect) to the path
/// of one peer. A datagram that is longer than the buffer is truncated, and the rest is lost.
///
/// # Cancel safety
/// A send or receive that was pending has done nothing: no datagram was sent, and none is lost.
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
    socket: IoSource<StdSocket>,
}

impl UnixDatagram {
    /// Binds a new socket to a path, which must not exist.
    ///
    /// # Errors
    /// Fails outside a runtime, if the path exists (`AddrInUse`), if it is longer than 107 bytes,
    /// and with the other errors of `bind`.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        require_runtime()?;
        Self::from_std(StdSocket::bind(path)?)
    }

    /// Creates a socket without an address. It can send, but peers cannot answer.
    ///
    /// # Errors
    /// Fails outside a runtime, or if no file descriptor is left.
    pub fn unbound() -> io::Result<Self> {
        require_runtime()?;
        Self::from_std(StdSocket::unbound()?)
    }

    /// Creates two sockets that are connected to each other.
    ///
    /// # Errors
    /// Fails outside a runtime, and with the errors of `socketpair`, for example if no file
    /// descriptor is left.
    pub fn pair() -> io::Result<(Self, Self)> {
        require_runtime()?;
        let (one, other) = StdSocket::pair()?;
        Ok((Self::from_std(one)?, Self::from_std(other)?))
    }

    /// Connects the socket: from now on it sends to the socket at a path and receives only from it.
    ///
    /// # Errors
    /// Fails if the path does not exist (`NotFound`) or no socket is bound to it
    /// (`ConnectionRefused`).
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.socket.get().connect(path)
    }

    /// Sends a datagram to the connected socket. Returns its length.
    ///
    /// # Cancel safety
    /// The datagram is sent completely or not at all.
    ///
    /// # Errors
    /// Fails outside the runtime of the socket, if the socket is not connected, if its peer was
    /// closed, or if the datagram is too long.
    pub async fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.socket
            .when_ready(Direction::Write, |socket| socket.send(bytes))
            .await
    }

    /// Receives a datagram. Returns its length.
    ///
    /// # Cancel safety
    /// No datagram is lost.
    ///
    /// # Errors
    /// Fails outside the runtime of the socket, and with the errors of `recv`.
    pub async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket
            .when_ready(Direction::Read, |socket| socket.recv(buffer))
            .await
    }

    /// Sends a datagram to the socket at a path. Returns its length.
    ///
    /// While the queue of that socket is full, the system reports no event, except to a
    /// [connected](Self::connect) socket; the send is tried again after 200 µs, and then after
    /// pauses of up to 50 ms.
    ///
    /// # Cancel safety
    /// The datagram is sent completely or not at all.
    ///
    /// # Errors
    /// Fails outside the runtime of the socket, if the path does not exist (`NotFound`), if no
    /// socket is bound to it (`ConnectionRefused`), or if the datagram is too long.
    pub async fn send_to(&self, bytes: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        let mut pause = RETRY.0;
        // Not left to the reactor: Linux reports an unconnected socket as writable all the time,
        // and reports it again after each attempt.
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

    /// Receives a datagram. Returns its length and the address of its sender.
    ///
    /// # Cancel safety
    /// No datagram is lost.
    ///
    /// # Errors
    /// Fails outside the runtime of the socket, and with the errors of `recvfrom`.
    pub async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket
            .when_ready(Direction::Read, |socket| socket.recv_from(buffer))
            .await
    }

    /// Returns the local address; `is_unnamed` if the socket is not bound.
    ///
    /// # Errors
    /// Fails with the errors of `getsockname`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().local_addr()
    }

    /// Returns the address to which the socket is connected.
    ///
    /// # Errors
    /// Fails with `NotConnected` if it is not connected.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().peer_addr()
    }

    /// Converts a socket of std, and makes it non-blocking.
    ///
    /// # Errors
    /// Fails outside a runtime, or if `epoll` refuses the socket.
    pub fn from_std(socket: StdSocket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let socket = IoSource::new(socket, Readiness::WRITABLE)?;
        Ok(Self { socket })
    }

    /// Converts into a socket of std, and makes it blocking. This works on every thread.
    ///
    /// # Errors
    /// Fails with the errors of `ioctl`, and closes the socket.
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
