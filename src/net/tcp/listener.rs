//! Accepting connections.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll, ready};

use rustix::io::Errno;
use rustix::net::{acceptfrom_with, bind, listen, sockopt};
use socket2::{Protocol, SockRef};

use super::{TcpStream, new_socket};
use crate::net::address::{ToSocketAddrs, first_success, resolve};
use crate::net::{FLAGS, Incoming, Listen};
use crate::reactor::{Direction, Done, Readiness};
use crate::runtime::{IoSource, require_runtime};

/// The longest queue of connections that wait to be accepted; the system may lower it.
const BACKLOG: i32 = 1024;

/// A TCP socket that accepts connections (asyncio: `asyncio.start_server` creates one).
///
/// A server accepts in a loop and spawns a task for each connection. Several tasks may accept from
/// one `&TcpListener`. Dropping the listener stops listening; accepted connections stay open.
///
/// An error of [`accept`](Self::accept) does not end the listener: it concerns one connection, or a
/// passing shortage (`EMFILE`: no file descriptor is left). A server sleeps for a moment and
/// accepts again.
///
/// # Examples
/// ```
/// use futures::io::{AsyncReadExt, AsyncWriteExt};
/// use wheelhouse::net::{TcpListener, TcpStream};
///
/// # fn main() -> std::io::Result<()> {
/// wheelhouse::run(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let address = listener.local_addr()?;
///     let server = wheelhouse::spawn(async move {
///         let (mut stream, _peer) = listener.accept().await?;
///         stream.write_all(b"hello").await
///     });
///     let mut answer = String::new();
///     TcpStream::connect(address).await?.read_to_string(&mut answer).await?;
///     assert_eq!(answer, "hello");
///     server.await.unwrap()
/// })
/// # }
/// ```
#[doc(alias = "start_server")]
#[derive(Debug)]
pub struct TcpListener {
    socket: IoSource<std::net::TcpListener>,
    /// What the system reports about the connections that it accepts.
    accepted: Readiness,
}

impl TcpListener {
    /// Listens at an address.
    ///
    /// With port 0 the system chooses a port, which [`local_addr`](Self::local_addr) returns. Of
    /// several addresses the first that works is used. Up to 1024 connections wait to be accepted.
    /// The listener sets `SO_REUSEADDR`, so a server that restarts can use its port again at once.
    ///
    /// # Cancel safety
    /// Nothing is lost: only the lookup of a host name waits, see [`ToSocketAddrs`].
    ///
    /// # Errors
    /// Fails outside a runtime, if the text is no address, if the host name is unknown, if the
    /// address is in use or does not belong to this machine, or if no file descriptor is left. If
    /// all of several addresses fail, the error is that of the last one.
    pub async fn bind<A: ToSocketAddrs>(address: A) -> io::Result<Self> {
        require_runtime()?;
        let target = address.target();
        drop(address);
        first_success(resolve(target).await?, Self::listen)
    }

    fn listen(address: SocketAddr) -> io::Result<Self> {
        let socket = new_socket(address)?;
        sockopt::set_socket_reuseaddr(&socket, true)?;
        bind(&socket, &address)?;
        listen(&socket, BACKLOG)?;
        Self::register(socket.into())
    }

    /// Registers a socket. No readiness is assumed, so the first accept waits for the reactor to
    /// report one.
    pub(super) fn register(socket: std::net::TcpListener) -> io::Result<Self> {
        // A socket from `from_std` may have another protocol, for example MPTCP.
        let is_tcp = SockRef::from(&socket).protocol()? == Some(Protocol::TCP);
        let accepted = if is_tcp {
            Readiness::SHORT_COUNTS
        } else {
            Readiness::NONE
        };
        let socket = IoSource::new(socket, Readiness::NONE)?;
        Ok(Self { socket, accepted })
    }

    /// Waits for a connection. Returns it and the address of its peer.
    ///
    /// A connection that its peer closed before it was accepted is skipped.
    ///
    /// # Cancel safety
    /// No connection is lost: a connection that was not returned stays in the queue.
    ///
    /// # Errors
    /// Fails outside the runtime of the listener, and with the errors of `accept4`. The listener
    /// stays usable. If no file descriptor is left, the connection stays in the queue and the next
    /// call fails at once, too: sleep for a moment after an error, until some other descriptor is
    /// closed.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// Accepts a connection without waiting. Returns it with the address of its peer.
    ///
    /// # Errors
    /// `WouldBlock` if there is none. Fails with the other errors of [`accept`](Self::accept).
    pub fn try_accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let accepted = self.socket.try_io(Direction::Read, accept_one);
        let (socket, peer) = accepted?.into_value();
        Ok((TcpStream::connected(socket, self.accepted)?, peer))
    }

    /// Polls for a connection; for futures that are written by hand.
    ///
    /// Any number of tasks may wait at once.
    ///
    /// # Errors
    /// As for [`accept`](Self::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let accepted = ready!(self.socket.poll_io(Direction::Read, cx, accept_one));
        let register = |socket| TcpStream::connected(socket, self.accepted);
        Poll::Ready(accepted.and_then(|(socket, peer)| Ok((register(socket)?, peer))))
    }

    /// Returns a stream of the connections, without the addresses of their peers. It never ends.
    ///
    /// # Cancel safety
    /// No connection is lost, whether the stream or its [`next`](Incoming::next) is dropped.
    ///
    /// # Examples
    /// ```
    /// use futures::io::AsyncWriteExt;
    /// use wheelhouse::net::{TcpListener, TcpStream};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// wheelhouse::run(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let _client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let mut incoming = listener.incoming();
    ///     while let Some(stream) = incoming.next().await {
    ///         stream?.write_all(b"welcome").await?;
    ///         # break;
    ///     }
    ///     # Ok(())
    /// })
    /// # }
    /// ```
    pub fn incoming(&self) -> Incoming<'_, Self> {
        Incoming::of(self)
    }

    /// Returns the address of the listener.
    ///
    /// # Errors
    /// Fails with the errors of `getsockname`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().local_addr()
    }

    /// Returns the time to live of the packets that its connections send (`IP_TTL`).
    ///
    /// # Errors
    /// Fails with the errors of `getsockopt`.
    pub fn ttl(&self) -> io::Result<u32> {
        self.socket.get().ttl()
    }

    /// Sets the time to live of the packets that its connections send (`IP_TTL`).
    ///
    /// # Errors
    /// Fails with the errors of `setsockopt`.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.socket.get().set_ttl(ttl)
    }

    /// Converts a listener of std, and makes it non-blocking.
    ///
    /// Use it for a socket with unusual options, or one that another process passed on.
    ///
    /// # Errors
    /// Fails outside a runtime, or if `epoll` refuses the socket.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// wheelhouse::run(async {
    ///     let plain = std::net::TcpListener::bind("127.0.0.1:0")?;
    ///     let listener = wheelhouse::net::TcpListener::from_std(plain)?;
    ///     assert_ne!(listener.local_addr()?.port(), 0);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Self::register(listener)
    }

    /// Converts into a listener of std, and makes it blocking. This works on every thread.
    ///
    /// # Errors
    /// Fails with the errors of `ioctl`, and closes the listener.
    pub fn into_std(self) -> io::Result<std::net::TcpListener> {
        let listener = self.socket.into_socket();
        listener.set_nonblocking(false)?;
        Ok(listener)
    }
}

/// Accepts the next connection whose peer has not closed it. The outcome does not say whether more
/// connections are waiting.
fn accept_one(
    listener: &std::net::TcpListener,
) -> io::Result<Done<(std::net::TcpStream, SocketAddr)>> {
    loop {
        match acceptfrom_with(listener, FLAGS) {
            Err(Errno::CONNABORTED) => {}
            Err(error) => return Err(error.into()),
            Ok((stream, peer)) => {
                let peer = peer.ok_or(Errno::AFNOSUPPORT)?.try_into()?;
                return Ok(Done::with((stream.into(), peer)));
            }
        }
    }
}

impl Listen for TcpListener {
    type Stream = TcpStream;
    type Address = SocketAddr;

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        self.poll_accept(cx)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }
}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.get().as_fd()
    }
}

impl AsRawFd for TcpListener {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
