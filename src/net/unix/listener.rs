//! Accepting connections.

use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::{SocketAddr, UnixListener as StdListener};
use std::path::Path;
use std::task::{Context, Poll, ready};

use super::UnixStream;
use crate::net::{Incoming, Listen};
use crate::reactor::{Direction, Done, Readiness};
use crate::runtime::{IoSource, require_runtime};

/// A Unix socket that accepts connections (asyncio: `asyncio.start_unix_server` creates one).
///
/// Several tasks may accept from one `&UnixListener`. Dropping the listener stops listening, but
/// does not remove its path from the file system; remove the path before you bind to it again.
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
    socket: IoSource<StdListener>,
}

impl UnixListener {
    /// Listens at a path, which must not exist.
    ///
    /// # Errors
    /// Fails outside a runtime, if the path exists (`AddrInUse`), if it is longer than 107 bytes,
    /// and with the other errors of `bind`.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        require_runtime()?;
        Self::from_std(StdListener::bind(path)?)
    }

    /// Listens at an address, which may be in the abstract namespace of Linux
    /// (`std::os::linux::net::SocketAddrExt`).
    ///
    /// # Errors
    /// As for [`bind`](Self::bind).
    pub fn bind_addr(address: &SocketAddr) -> io::Result<Self> {
        require_runtime()?;
        Self::from_std(StdListener::bind_addr(address)?)
    }

    /// Waits for a connection. Returns it and the address of its peer, which usually has no path.
    ///
    /// # Cancel safety
    /// No connection is lost: a connection that was not returned stays in the queue.
    ///
    /// # Errors
    /// Fails outside the runtime of the listener, and with the errors of `accept4`. The listener
    /// stays usable; see [`TcpListener::accept`](crate::net::TcpListener::accept).
    pub async fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// Accepts a connection without waiting. Returns it with the address of its peer.
    ///
    /// # Errors
    /// `WouldBlock` if there is none. Fails with the other errors of [`accept`](Self::accept).
    pub fn try_accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let (stream, peer) = self.socket.try_io(Direction::Read, StdListener::accept)?;
        Ok((UnixStream::from_std(stream)?, peer))
    }

    /// Polls for a connection; for futures that are written by hand.
    ///
    /// Any number of tasks may wait at once.
    ///
    /// # Errors
    /// As for [`accept`](Self::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, SocketAddr)>> {
        let accept = |listener: &StdListener| listener.accept().map(Done::with);
        let (stream, peer) = ready!(self.socket.poll_io(Direction::Read, cx, accept))?;
        Poll::Ready(Ok((UnixStream::from_std(stream)?, peer)))
    }

    /// Returns a stream of the connections, without the addresses of their peers. It never ends.
    ///
    /// # Cancel safety
    /// No connection is lost, whether the stream or its [`next`](Incoming::next) is dropped.
    pub fn incoming(&self) -> Incoming<'_, Self> {
        Listen::incoming(self)
    }

    /// Returns the address of the listener.
    ///
    /// # Errors
    /// Fails with the errors of `getsockname`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().local_addr()
    }

    /// Converts a listener of std, and makes it non-blocking.
    ///
    /// # Errors
    /// Fails outside a runtime, or if `epoll` refuses the socket.
    pub fn from_std(listener: StdListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let socket = IoSource::new(listener, Readiness::NONE)?;
        Ok(Self { socket })
    }

    /// Converts into a listener of std, and makes it blocking. This works on every thread.
    ///
    /// # Errors
    /// Fails with the errors of `ioctl`, and closes the listener.
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
