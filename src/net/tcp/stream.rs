//! One connection.

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{connect, sockopt};

use super::happy_eyeballs::happy_eyeballs;
use super::new_socket;
use crate::net::address::{ToSocketAddrs, resolve};
use crate::net::halves::{
    OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf, split_borrowed, split_owned,
};
use crate::reactor::{Direction, Readiness};
use crate::runtime::{Registered, require_runtime};

/// A TCP connection (asyncio gives a pair of streams, `StreamReader` and `StreamWriter`).
///
/// It reads and writes by the traits of [`futures_io`], which `futures::io::AsyncReadExt` and `AsyncWriteExt` extend
/// by `read`, `write_all` and the rest. `&TcpStream` implements them too: one task may read while another writes,
/// without splitting. Nothing is buffered here, so a flush does nothing.
///
/// Dropping it closes the connection; closing by the trait, like [`shutdown`](Self::shutdown), ends only the side that
/// writes, and the peer may still be read from.
///
/// # Cancel safety
/// A read or write that was not ready has done nothing. What is built from several of them (`read_exact`,
/// `write_all`) may have moved some bytes when it is cancelled, and does not say how many.
///
/// # Examples
/// ```
/// use futures::io::{AsyncReadExt, AsyncWriteExt};
/// use wheelhouse::net::{TcpListener, TcpStream};
///
/// # fn main() -> std::io::Result<()> {
/// wheelhouse::run(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let mut client = TcpStream::connect(listener.local_addr()?).await?;
///     let (mut server, _) = listener.accept().await?;
///
///     client.write_all(b"ping").await?;
///     client.close().await?;
///     let mut got = String::new();
///     server.read_to_string(&mut got).await?;
///     assert_eq!(got, "ping");
///     Ok(())
/// })
/// # }
/// ```
#[derive(Debug)]
pub struct TcpStream {
    /// The socket.
    pub(in crate::net) socket: Registered<std::net::TcpStream>,
}

impl TcpStream {
    /// Connects to an address (asyncio: `asyncio.open_connection`).
    ///
    /// Of several addresses, or a name that has several, it takes the first that answers: it tries those of IPv6 and
    /// IPv4 in turn, and the next one when one fails or has not answered for 250 ms, as RFC 8305 ("happy eyeballs") asks for. A
    /// host name is looked up on another thread, see [`ToSocketAddrs`]. The system gives up on a silent peer after minutes;
    /// [`timeout`](crate::timeout) bounds that.
    ///
    /// # Cancel safety
    /// Dropping the future gives all attempts up and closes their sockets.
    ///
    /// # Errors
    /// Outside of a runtime; when the text is no address or the name is unknown; when nobody listens there or answers;
    /// when file descriptors have run out. Of several addresses, the error of the one that failed last.
    #[doc(alias = "open_connection")]
    pub async fn connect<A: ToSocketAddrs>(address: A) -> io::Result<Self> {
        require_runtime()?;
        let target = address.target();
        drop(address);
        happy_eyeballs(resolve(target).await?, Self::connect_to).await
    }

    /// Connects to one address.
    async fn connect_to(address: SocketAddr) -> io::Result<Self> {
        Self::connect_by(new_socket(address)?, address).await
    }

    /// Connects a socket that was made before.
    pub(super) async fn connect_by(fd: OwnedFd, address: SocketAddr) -> io::Result<Self> {
        match connect(&fd, &address) {
            Ok(()) => return Self::connected(fd.into(), Readiness::SHORT_COUNTS),
            // A signal does not end the attempt, it only lets it go on by itself.
            Err(Errno::INPROGRESS | Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let socket = std::net::TcpStream::from(fd);
        let socket = Registered::new(socket, Readiness::SHORT_COUNTS)?;
        let outcome = |socket: &std::net::TcpStream| socket.take_error()?.map_or(Ok(()), Err);
        socket.when_ready(Direction::Write, outcome).await?;
        Ok(Self { socket })
    }

    /// Takes in a non-blocking socket that is connected: it can be written to, and has nothing to
    /// read as yet. What else is `known` of it is whether short counts prove something.
    pub(super) fn connected(socket: std::net::TcpStream, known: Readiness) -> io::Result<Self> {
        let socket = Registered::new(socket, Readiness::WRITABLE | known)?;
        Ok(Self { socket })
    }

    /// Lends the two directions, to be used at once in one task.
    ///
    /// It is not called `split`, because `futures::io::AsyncReadExt::split`, which takes the whole stream and puts a
    /// lock between its halves, would come before it.
    pub fn split_mut(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        split_borrowed(self)
    }

    /// Parts the stream into two halves that may go to different tasks.
    ///
    /// Dropping the half that writes tells the peer the end; [`reunite`](OwnedReadHalf::reunite) undoes the parting.
    #[must_use = "dropping the halves closes the connection"]
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        split_owned(self)
    }

    /// Ends one direction or both (asyncio: `StreamWriter.write_eof` for [`Shutdown::Write`]).
    ///
    /// After [`Shutdown::Write`] the peer reads the end behind all that was written before.
    ///
    /// # Errors
    /// Those of `shutdown`, as when the connection has ended already.
    #[doc(alias = "write_eof")]
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket.get().shutdown(how)
    }

    /// Waits for bytes and copies them, but leaves them to be read again.
    ///
    /// Gives 0 at the end of the stream.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Errors
    /// Those of `recv`; away from the stream's runtime.
    pub async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        // A short count says nothing: what was seen is still to be read.
        let look = |socket: &std::net::TcpStream| socket.peek(buffer);
        self.socket.when_ready(Direction::Read, look).await
    }

    /// The address of this end.
    ///
    /// # Errors
    /// Those of `getsockname`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().local_addr()
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// Those of `getpeername`, as when the connection has been reset.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().peer_addr()
    }

    /// Whether small writes go out at once (`TCP_NODELAY`). Unless set, they may wait for an answer to earlier ones.
    ///
    /// # Errors
    /// Those of `getsockopt`.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.socket.get().nodelay()
    }

    /// Sets whether small writes go out at once. asyncio sets it on every connection, this crate does not.
    ///
    /// # Errors
    /// Those of `setsockopt`.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.socket.get().set_nodelay(nodelay)
    }

    /// The time to live of the packets.
    ///
    /// # Errors
    /// Those of `getsockopt`.
    pub fn ttl(&self) -> io::Result<u32> {
        self.socket.get().ttl()
    }

    /// Sets the time to live of the packets.
    ///
    /// # Errors
    /// Those of `setsockopt`.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.socket.get().set_ttl(ttl)
    }

    /// How long closing waits for what was written to arrive (`SO_LINGER`); `None`, the default: it does not, and the
    /// system delivers it alone.
    ///
    /// # Errors
    /// Those of `getsockopt`.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        Ok(sockopt::socket_linger(self.socket.get())?)
    }

    /// Sets how long closing waits, in whole seconds.
    ///
    /// `Some(Duration::ZERO)` makes dropping the stream a reset: unsent bytes are thrown away and the peer gets an
    /// error (asyncio: `transport.abort`). Any other time lets the drop **block the whole runtime**.
    ///
    /// # Errors
    /// Those of `setsockopt`.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        Ok(sockopt::set_socket_linger(self.socket.get(), linger)?)
    }

    /// Takes over a connected stream of std, and makes it non-blocking.
    ///
    /// # Errors
    /// Outside of a runtime; when the system refuses to watch the socket.
    pub fn from_std(stream: std::net::TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        // It may be of another protocol, or have had urgent data taken out of it.
        Self::connected(stream, Readiness::NONE)
    }

    /// Gives the stream to std, and makes it blocking. This works on every thread.
    ///
    /// # Errors
    /// Those of `ioctl`. The connection is closed then.
    pub fn into_std(self) -> io::Result<std::net::TcpStream> {
        let stream = self.socket.into_socket();
        stream.set_nonblocking(false)?;
        Ok(stream)
    }
}

impl AsRef<TcpStream> for TcpStream {
    fn as_ref(&self) -> &TcpStream {
        self
    }
}

impl AsFd for TcpStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.get().as_fd()
    }
}

impl AsRawFd for TcpStream {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
