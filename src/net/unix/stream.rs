//! One connection.

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::{SocketAddr, UnixStream as StdStream};
use std::path::Path;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, connect, socket_with};

use super::RETRY;
use crate::net::FLAGS;
use crate::net::halves::{
    OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf, split_borrowed, split_owned,
};
use crate::reactor::Readiness;
use crate::runtime::{Registered, require_runtime};
use crate::time::sleep;

/// A Unix socket's connection (asyncio: `asyncio.open_unix_connection`).
///
/// It reads and writes like a [`TcpStream`](crate::net::TcpStream), and what is said there of cancelling, of sharing one
/// `&UnixStream` and of closing holds here, too.
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
    /// The socket.
    pub(in crate::net) socket: Registered<StdStream>,
}

impl UnixStream {
    /// Connects to the listener at a path.
    ///
    /// While the listener's queue is full it is tried again, after 200 µs at first and 50 ms in the end: the system gives no
    /// sign when there is room.
    ///
    /// # Cancel safety
    /// Dropping the future gives the attempt up and closes its socket.
    ///
    /// # Errors
    /// Outside of a runtime; when nothing is there (`NotFound`), nobody listens (`ConnectionRefused`), or the path is longer
    /// than 107 bytes; when file descriptors have run out.
    #[doc(alias = "open_unix_connection")]
    pub async fn connect(path: impl AsRef<Path>) -> io::Result<Self> {
        // `path` lives until then: the socket of a temporary one is there only as long.
        Self::connect_to(SocketAddrUnix::new(path.as_ref())?).await
    }

    /// Connects to the listener at an address, which may be a name without a file (`std::os::linux::net::SocketAddrExt`).
    ///
    /// # Cancel safety
    /// As [`connect`](Self::connect).
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_addr(address: &SocketAddr) -> io::Result<Self> {
        use std::os::linux::net::SocketAddrExt;
        let address = match (address.as_pathname(), address.as_abstract_name()) {
            (Some(path), _) => SocketAddrUnix::new(path)?,
            (_, Some(name)) => SocketAddrUnix::new_abstract_name(name)?,
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        };
        Self::connect_to(address).await
    }

    /// Connects to one address.
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

    /// Makes two streams that are connected to each other.
    ///
    /// # Errors
    /// Outside of a runtime; those of `socketpair`, as when file descriptors have run out.
    pub fn pair() -> io::Result<(Self, Self)> {
        require_runtime()?;
        let (one, other) = StdStream::pair()?;
        Ok((Self::from_std(one)?, Self::from_std(other)?))
    }

    /// Takes in a non-blocking socket that is connected: it can be written to, and has nothing to read as yet.
    pub(super) fn connected(socket: StdStream) -> io::Result<Self> {
        let socket = Registered::new(socket, Readiness::WRITABLE)?;
        Ok(Self { socket })
    }

    /// Lends the two directions, to be used at once in one task; see [`TcpStream::split_mut`](crate::net::TcpStream::split_mut).
    pub fn split_mut(&mut self) -> (ReadHalf<'_, Self>, WriteHalf<'_, Self>) {
        split_borrowed(self)
    }

    /// Parts the stream into two halves that may go to different tasks.
    ///
    /// Dropping the half that writes tells the peer the end; [`reunite`](OwnedReadHalf::reunite) undoes the parting.
    #[must_use = "dropping the halves closes the connection"]
    pub fn into_split(self) -> (OwnedReadHalf<Self>, OwnedWriteHalf<Self>) {
        split_owned(self)
    }

    /// Ends one direction or both.
    ///
    /// # Errors
    /// Those of `shutdown`, as when the connection has ended already.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket.get().shutdown(how)
    }

    /// The address of this end; mostly it has none.
    ///
    /// # Errors
    /// Those of `getsockname`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().local_addr()
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// Those of `getpeername`.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().peer_addr()
    }

    /// Takes over a connected stream of std, and makes it non-blocking.
    ///
    /// # Errors
    /// Outside of a runtime; when the system refuses to watch the socket.
    pub fn from_std(stream: StdStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Self::connected(stream)
    }

    /// Gives the stream to std, and makes it blocking. This works on every thread.
    ///
    /// # Errors
    /// Those of `ioctl`. The connection is closed then.
    pub fn into_std(self) -> io::Result<StdStream> {
        let stream = self.socket.into_socket();
        stream.set_nonblocking(false)?;
        Ok(stream)
    }
}

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
