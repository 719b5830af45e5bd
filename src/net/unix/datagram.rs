//! Datagrams within one machine.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::{SocketAddr, UnixDatagram as StdSocket};
use std::path::Path;

use super::RETRY;
use super::ancillary::passes_fds;
use crate::net::{custom_io, datagram_calls, readable, writable};

use crate::reactor::{Direction, Readiness};
use crate::runtime::{IoSource, require_runtime};
use crate::time::sleep;

/// A Unix socket for datagrams, which stay within one machine.
///
/// Datagrams are neither lost nor reordered: a send waits while the queue of the receiver is full.
/// A socket needs a path or an abstract name to receive from others, and may be
/// [connected](Self::connect) to that of one peer. A datagram that is longer than the buffer is
/// truncated, and the rest is lost.
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

    /// Binds a new socket to an address, which may be an abstract name
    /// (`std::os::linux::net::SocketAddrExt`): that needs no file, and is free again when the
    /// socket is closed.
    ///
    /// # Errors
    /// As for [`bind`](Self::bind).
    ///
    /// # Examples
    /// ```
    /// use std::os::linux::net::SocketAddrExt;
    /// use std::os::unix::net::SocketAddr;
    /// use wheelhouse::net::UnixDatagram;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// wheelhouse::run(async {
    ///     # let name = format!("wheelhouse-doc-{}", std::process::id());
    ///     # /*
    ///     let name = "my-service";
    ///     # */
    ///     let address = SocketAddr::from_abstract_name(&name)?;
    ///     let server = UnixDatagram::bind_addr(&address)?;
    ///     let client = UnixDatagram::unbound()?;
    ///     client.send_to_addr(b"ping", &address).await?;
    ///     assert_eq!(server.recv(&mut [0; 100]).await?, 4);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn bind_addr(address: &SocketAddr) -> io::Result<Self> {
        require_runtime()?;
        Self::from_std(StdSocket::bind_addr(address)?)
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

    /// Connects the socket to the one with an address, which may be an abstract name; see
    /// [`connect`](Self::connect).
    ///
    /// # Errors
    /// Fails if no socket has the address (`ConnectionRefused`, or `NotFound` for a path).
    pub fn connect_addr(&self, address: &SocketAddr) -> io::Result<()> {
        self.socket.get().connect_addr(address)
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
        self.send_by(|socket| socket.send_to(bytes, &path)).await
    }

    /// Sends a datagram to the socket with an address, which may be an abstract name. Returns its
    /// length. While the queue of that socket is full, it waits as [`send_to`](Self::send_to) does.
    ///
    /// # Cancel safety
    /// The datagram is sent completely or not at all.
    ///
    /// # Errors
    /// As for [`send_to`](Self::send_to).
    pub async fn send_to_addr(&self, bytes: &[u8], address: &SocketAddr) -> io::Result<usize> {
        self.send_by(|socket| socket.send_to_addr(bytes, address))
            .await
    }

    /// Repeats `send`, with pauses, until it does not block.
    async fn send_by(
        &self,
        mut send: impl FnMut(&StdSocket) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let mut pause = RETRY.0;
        // Not left to the reactor: Linux reports an unconnected socket as writable all the time,
        // and reports it again after each attempt.
        let mut attempt = |socket: &StdSocket| match send(socket) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            outcome => outcome.map(Some),
        };
        loop {
            let sent = self.socket.when_ready(Direction::Write, &mut attempt);
            if let Some(length) = sent.await? {
                return Ok(length);
            }
            sleep(pause).await;
            pause = (pause * 2).min(RETRY.1);
        }
    }

    /// Sends a datagram to the socket at a path without waiting. Returns its length.
    ///
    /// # Errors
    /// `WouldBlock` if the queue of that socket is full; [`writable`](Self::writable) does not wait
    /// for that, as the system does not report it. Fails with the other errors of
    /// [`send_to`](Self::send_to), and outside the runtime of the socket.
    pub fn try_send_to(&self, bytes: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        let send = |socket: &StdSocket| socket.send_to(bytes, path);
        self.socket.try_io(Direction::Write, send)
    }

    /// Receives a datagram without waiting. Returns its length and the address of its sender.
    ///
    /// # Errors
    /// `WouldBlock` if there is none. Fails outside the runtime of the socket, and with the other
    /// errors of [`recv_from`](Self::recv_from).
    pub fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let receive = |socket: &StdSocket| socket.recv_from(buffer);
        self.socket.try_io(Direction::Read, receive)
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

passes_fds!(UnixDatagram, socket);
datagram_calls!(UnixDatagram, socket);
readable!(UnixDatagram, socket);
writable!(UnixDatagram, socket);
custom_io!(UnixDatagram, socket, StdSocket);

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
