//! The side that waits for connections.

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
use crate::runtime::{Registered, require_runtime};

/// How many connections may wait to be accepted; the system may lower it.
const BACKLOG: i32 = 1024;

/// A TCP socket that takes connections (asyncio hides it in `asyncio.start_server`).
///
/// A server accepts in a loop and spawns a task for each connection. An error of `accept` is about
/// one connection or about the moment (`EMFILE`: no file descriptor is left): a server waits a
/// little and accepts again. Several tasks may accept from one `&TcpListener`. Dropping it stops
/// listening; connections that were accepted live on.
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
    /// The socket.
    socket: Registered<std::net::TcpListener>,
    /// What is known of the connections that it gives.
    accepted: Readiness,
}

impl TcpListener {
    /// Listens at an address; with port 0 at a port that the system chooses and [`local_addr`](Self::local_addr) tells.
    ///
    /// Up to 1024 connections may wait to be accepted. A port that was in use a moment ago can be used again at once
    /// (`SO_REUSEADDR`). Of several addresses it takes the first that works. A host name is looked up on another thread, see
    /// [`ToSocketAddrs`]; for numbers it does not wait.
    ///
    /// # Cancel safety
    /// Nothing is lost: it waits for the lookup only.
    ///
    /// # Errors
    /// Outside of a runtime; when the text is no address or the name is unknown; when the address is in use or not
    /// this machine's; when file descriptors have run out. Of several addresses, the error of the last one.
    pub async fn bind<A: ToSocketAddrs>(address: A) -> io::Result<Self> {
        require_runtime()?;
        let target = address.target();
        drop(address);
        first_success(resolve(target).await?, Self::listen)
    }

    /// Listens at one address.
    fn listen(address: SocketAddr) -> io::Result<Self> {
        let socket = new_socket(address)?;
        sockopt::set_socket_reuseaddr(&socket, true)?;
        bind(&socket, &address)?;
        listen(&socket, BACKLOG)?;
        Self::register(socket.into())
    }

    /// Takes the listener into the runtime. Its first accept waits for the loop to say that it is worth it.
    pub(super) fn register(socket: std::net::TcpListener) -> io::Result<Self> {
        // One that was taken over may be of another protocol, as MPTCP.
        let is_tcp = SockRef::from(&socket).protocol()? == Some(Protocol::TCP);
        let accepted = if is_tcp {
            Readiness::SHORT_COUNTS
        } else {
            Readiness::NONE
        };
        let socket = Registered::new(socket, Readiness::NONE)?;
        Ok(Self { socket, accepted })
    }

    /// Waits for a connection; gives it, and the address of its other end.
    ///
    /// An error is about one connection or about the moment, not about the listener, which goes on. When file
    /// descriptors have run out, the connection stays in the queue and the next call gives the same error at once: a
    /// server should sleep for a moment after an error, until some other connection is closed.
    ///
    /// # Cancel safety
    /// No connection is lost: what was not returned stays in the queue.
    ///
    /// # Errors
    /// Those of `accept4`, most likely that file descriptors have run out; outside of the listener's runtime. A
    /// connection that its peer gave up before it was accepted is no error, it is passed over.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// Asks for a connection; for futures that are written by hand.
    ///
    /// Any number of tasks may wait at once.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let accepted = ready!(self.socket.poll_io(Direction::Read, cx, accept_one));
        let register = |socket| TcpStream::connected(socket, self.accepted);
        Poll::Ready(accepted.and_then(|(socket, peer)| Ok((register(socket)?, peer))))
    }

    /// The connections as they come, as a stream that never ends.
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

    /// The address at which it listens.
    ///
    /// # Errors
    /// Those of `getsockname`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().local_addr()
    }

    /// The time to live of the packets that its connections send.
    ///
    /// # Errors
    /// Those of `getsockopt`.
    pub fn ttl(&self) -> io::Result<u32> {
        self.socket.get().ttl()
    }

    /// Sets the time to live of the packets that its connections send.
    ///
    /// # Errors
    /// Those of `setsockopt`.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.socket.get().set_ttl(ttl)
    }

    /// Takes over a listener of std, and makes it non-blocking.
    ///
    /// For sockets with unusual options, or that another process passed on.
    ///
    /// # Errors
    /// Outside of a runtime; when the system refuses to watch the socket.
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

    /// Gives the listener to std, and makes it blocking. This works on every thread.
    ///
    /// # Errors
    /// Those of `ioctl`. The listener is closed then.
    pub fn into_std(self) -> io::Result<std::net::TcpListener> {
        let listener = self.socket.into_socket();
        listener.set_nonblocking(false)?;
        Ok(listener)
    }
}

/// Takes the next living connection out of the queue, and the address of its other end. It says nothing about whether there are
/// more.
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
