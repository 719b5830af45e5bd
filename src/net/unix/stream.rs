//! A connection.

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::{SocketAddr, UnixStream as StdStream};
use std::path::Path;

use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SocketAddrUnix, SocketType, connect, socket_with};

use super::RETRY;
use super::ancillary::{PeerCredentials, passes_fds};
use crate::net::FLAGS;
use crate::net::halves::{
    OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf, split_borrowed, split_owned,
};
use crate::net::{custom_io, readable, recv, stream_calls, writable};
use crate::reactor::{Direction, Readiness};
use crate::runtime::{IoSource, require_runtime};
use crate::time::sleep;

/// A connection between Unix sockets (asyncio: `asyncio.open_unix_connection`).
///
/// It reads, writes, closes and is shared like a [`TcpStream`](crate::net::TcpStream), and has the
/// same cancel safety.
///
/// # Examples
/// ```
/// use futures::io::{AsyncReadExt, AsyncWriteExt};
/// use wheelhouse::net::UnixStream;
///
/// # fn main() -> std::io::Result<()> {
/// wheelhouse::run(async {
///     let (mut one, mut other) = UnixStream::pair()?;
///     one.write_all(b"ping").await?;
///     let mut got = [0; 4];
///     other.read_exact(&mut got).await?;
///     assert_eq!(&got, b"ping");
///     Ok(())
/// })
/// # }
/// ```
#[derive(Debug)]
pub struct UnixStream {
    pub(in crate::net) socket: IoSource<StdStream>,
}

impl UnixStream {
    /// Connects to the listener at a path.
    ///
    /// While the queue of the listener is full, the system reports no event; the connection is
    /// tried again after 200 µs, and then after pauses of up to 50 ms.
    ///
    /// # Cancel safety
    /// Dropping the future abandons the attempt and closes its socket.
    ///
    /// # Errors
    /// Fails outside a runtime, if the path does not exist (`NotFound`), if no socket listens there
    /// (`ConnectionRefused`), if the path is longer than 107 bytes, or if no file descriptor is
    /// left.
    #[doc(alias = "open_unix_connection")]
    pub async fn connect(path: impl AsRef<Path>) -> io::Result<Self> {
        // `path` is kept until the end: it may be a temporary file that is removed when it is
        // dropped.
        Self::connect_to(SocketAddrUnix::new(path.as_ref())?).await
    }

    /// Connects to the listener at an address, which may be in the abstract namespace of Linux
    /// (`std::os::linux::net::SocketAddrExt`).
    ///
    /// # Cancel safety
    /// As for [`connect`](Self::connect).
    ///
    /// # Errors
    /// As for [`connect`](Self::connect).
    pub async fn connect_addr(address: &SocketAddr) -> io::Result<Self> {
        use std::os::linux::net::SocketAddrExt;
        let address = match (address.as_pathname(), address.as_abstract_name()) {
            (Some(path), _) => SocketAddrUnix::new(path)?,
            (_, Some(name)) => SocketAddrUnix::new_abstract_name(name)?,
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        };
        Self::connect_to(address).await
    }

    async fn connect_to(address: SocketAddrUnix) -> io::Result<Self> {
        require_runtime()?;
        let fd = socket_with(AddressFamily::UNIX, SocketType::STREAM, FLAGS, None)?;
        let mut pause = RETRY.0;
        loop {
            match connect(&fd, &address) {
                Ok(()) => return Self::connected(fd.into()),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    sleep(pause).await;
                    pause = (pause * 2).min(RETRY.1);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Creates two streams that are connected to each other.
    ///
    /// # Errors
    /// Fails outside a runtime, and with the errors of `socketpair`, for example if no file
    /// descriptor is left.
    pub fn pair() -> io::Result<(Self, Self)> {
        require_runtime()?;
        let (one, other) = StdStream::pair()?;
        Ok((Self::from_std(one)?, Self::from_std(other)?))
    }

    /// Registers a connected, non-blocking socket: it is writable, and nothing has arrived yet.
    pub(super) fn connected(socket: StdStream) -> io::Result<Self> {
        let socket = IoSource::new(socket, Readiness::WRITABLE)?;
        Ok(Self { socket })
    }

    /// Borrows the two directions, for use at the same time in one task; see
    /// [`TcpStream::split_mut`](crate::net::TcpStream::split_mut).
    pub fn split_mut(&mut self) -> (ReadHalf<'_, Self>, WriteHalf<'_, Self>) {
        split_borrowed(self)
    }

    /// Splits the stream into two halves that may go to different tasks.
    ///
    /// Dropping the write half ends the write side. [`reunite`](OwnedReadHalf::reunite) joins the
    /// halves again.
    #[must_use = "dropping the halves closes the connection"]
    pub fn into_split(self) -> (OwnedReadHalf<Self>, OwnedWriteHalf<Self>) {
        split_owned(self)
    }

    /// Shuts down one direction or both.
    ///
    /// After [`Shutdown::Write`] the peer reads what was written before, and then the end of the
    /// stream.
    ///
    /// # Errors
    /// Fails with the errors of `shutdown`, for example if the connection has ended.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket.get().shutdown(how)
    }

    /// Waits for bytes and copies them into `buffer` without consuming them: the next read returns
    /// them again. Returns 0 at the end of the stream.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Errors
    /// Fails outside the runtime of the stream, and with the errors of `recv`.
    pub async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let look = |socket: &StdStream| recv(socket, buffer, RecvFlags::PEEK);
        self.socket.when_ready(Direction::Read, look).await
    }

    /// Returns which process connected to the listener, or listened for this connection.
    ///
    /// The kernel recorded the credentials when the connection was made; the process may have
    /// passed the socket on since.
    ///
    /// # Errors
    /// Fails with the errors of `getsockopt`.
    ///
    /// # Examples
    /// ```
    /// use wheelhouse::net::UnixStream;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// wheelhouse::run(async {
    ///     let (one, _other) = UnixStream::pair()?;
    ///     assert_eq!(one.peer_cred()?.pid(), Some(std::process::id()));
    ///     Ok(())
    /// })
    /// # }
    /// ```
    #[doc(alias = "SO_PEERCRED")]
    pub fn peer_cred(&self) -> io::Result<PeerCredentials> {
        PeerCredentials::of(self.socket.get().as_fd())
    }

    /// Returns the local address, which usually has no path.
    ///
    /// # Errors
    /// Fails with the errors of `getsockname`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().local_addr()
    }

    /// Returns the address of the peer.
    ///
    /// # Errors
    /// Fails with the errors of `getpeername`.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().peer_addr()
    }

    /// Converts a connected stream of std, and makes it non-blocking.
    ///
    /// # Errors
    /// Fails outside a runtime, or if `epoll` refuses the socket.
    pub fn from_std(stream: StdStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Self::connected(stream)
    }

    /// Converts into a stream of std, and makes it blocking. This works on every thread.
    ///
    /// # Errors
    /// Fails with the errors of `ioctl`, and closes the connection.
    pub fn into_std(self) -> io::Result<StdStream> {
        let stream = self.socket.into_socket();
        stream.set_nonblocking(false)?;
        Ok(stream)
    }
}

passes_fds!(UnixStream, socket);
readable!(UnixStream, socket);
writable!(UnixStream, socket);
custom_io!(UnixStream, socket, StdStream);
stream_calls!(UnixStream, socket);

impl AsRef<UnixStream> for UnixStream {
    fn as_ref(&self) -> &UnixStream {
        self
    }
}

impl AsFd for UnixStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.get().as_fd()
    }
}

impl AsRawFd for UnixStream {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
