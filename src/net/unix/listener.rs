//! The side that waits for connections.

use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::{SocketAddr, UnixListener as StdListener};
use std::path::Path;
use std::task::{Context, Poll, ready};

use super::UnixStream;
use crate::net::{Incoming, Listen};
use crate::reactor::{Direction, Done, Readiness};
use crate::runtime::{Registered, require_runtime};

/// A Unix socket that takes connections (asyncio hides it in `asyncio.start_unix_server`).
///
/// Dropping it stops listening, and leaves its path in the file system.
///
/// # Examples
/// ```
/// use futures::io::{AsyncReadExt, AsyncWriteExt};
/// use wheelhouse::net::{UnixListener, UnixStream};
///
/// # fn main() -> std::io::Result<()> {
/// # let path = std::env::temp_dir().join(format!("wheelhouse-doc-{}.sock", std::process::id()));
/// wheelhouse::run(async {
///     let listener = UnixListener::bind(&path)?;
///     let server = wheelhouse::spawn(async move {
///         let (mut stream, _peer) = listener.accept().await?;
///         stream.write_all(b"hello").await
///     });
///     let mut answer = String::new();
///     UnixStream::connect(&path).await?.read_to_string(&mut answer).await?;
///     assert_eq!(answer, "hello");
///     std::fs::remove_file(&path)?;
///     server.await.unwrap()
/// })
/// # }
/// ```
#[doc(alias = "start_unix_server")]
#[derive(Debug)]
pub struct UnixListener {
    /// The socket.
    socket: Registered<StdListener>,
}

impl UnixListener {
    /// Listens at a path, which must not exist.
    ///
    /// # Errors
    /// Outside of a runtime; when something is at the path (`AddrInUse`), or it is longer than 107 bytes; those of `bind`.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        require_runtime()?;
        Self::from_std(StdListener::bind(path)?)
    }

    /// Listens at an address, which may be a name without a file (`std::os::linux::net::SocketAddrExt`).
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub fn bind_addr(address: &SocketAddr) -> io::Result<Self> {
        require_runtime()?;
        Self::from_std(StdListener::bind_addr(address)?)
    }

    /// Waits for a connection; gives it, and the address of its other end, which mostly has none.
    ///
    /// For errors see [`TcpListener::accept`](crate::net::TcpListener::accept).
    ///
    /// # Cancel safety
    /// No connection is lost: what was not returned stays in the queue.
    ///
    /// # Errors
    /// Those of `accept4`, most likely that file descriptors have run out; outside of the listener's runtime.
    pub async fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// Asks for a connection; for futures that are written by hand.
    ///
    /// Any number of tasks may wait at once.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, SocketAddr)>> {
        let accept = |listener: &StdListener| listener.accept().map(Done::with);
        let (stream, peer) = ready!(self.socket.poll_io(Direction::Read, cx, accept))?;
        Poll::Ready(Ok((UnixStream::from_std(stream)?, peer)))
    }

    /// The connections as they come, as a stream that never ends; see [`Listen::incoming`].
    pub fn incoming(&self) -> Incoming<'_, Self> {
        Listen::incoming(self)
    }

    /// The address at which it listens.
    ///
    /// # Errors
    /// Those of `getsockname`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().local_addr()
    }

    /// Takes over a listener of std, and makes it non-blocking.
    ///
    /// # Errors
    /// Outside of a runtime; when the system refuses to watch the socket.
    pub fn from_std(listener: StdListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let socket = Registered::new(listener, Readiness::NONE)?;
        Ok(Self { socket })
    }

    /// Gives the listener to std, and makes it blocking. This works on every thread.
    ///
    /// # Errors
    /// Those of `ioctl`. The listener is closed then.
    pub fn into_std(self) -> io::Result<StdListener> {
        let listener = self.socket.into_socket();
        listener.set_nonblocking(false)?;
        Ok(listener)
    }
}

impl Listen for UnixListener {
    type Stream = UnixStream;
    type Address = SocketAddr;

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, SocketAddr)>> {
        self.poll_accept(cx)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }
}

impl AsFd for UnixListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.get().as_fd()
    }
}

impl AsRawFd for UnixListener {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
