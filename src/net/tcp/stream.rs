//! A connection.

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
use crate::net::{custom_io, readable, stream_calls, writable};
use crate::reactor::{Direction, Readiness};
use crate::runtime::{IoSource, require_runtime};

/// A TCP connection (asyncio: a `StreamReader` and a `StreamWriter`).
///
/// It implements `AsyncRead` and `AsyncWrite` of `futures::io`; `AsyncReadExt` and `AsyncWriteExt`
/// add `read`, `write_all` and more. `&TcpStream` implements them, too, so one task may read while
/// another writes, without splitting. Writes are not buffered, so `flush` does nothing.
///
/// Dropping the stream closes the connection. `AsyncWriteExt::close` and
/// [`shutdown`](Self::shutdown) end only the write side: the peer reads the end of the stream, and
/// may still send.
///
/// # Cancel safety
/// A read or write that was pending has moved no bytes. Operations that combine several of them
/// (`read_exact`, `write_all`) may have moved some bytes when they are cancelled, and do not return
/// how many.
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
    pub(in crate::net) socket: IoSource<std::net::TcpStream>,
}

impl TcpStream {
    /// Connects to an address (asyncio: `asyncio.open_connection`).
    ///
    /// Several addresses, or those of a host name, are tried as RFC 8305 ("Happy Eyeballs")
    /// describes: IPv6 and IPv4 alternate, and the next attempt starts when one fails or has taken
    /// 250 ms. The first connection is returned. For the lookup of host names see
    /// [`ToSocketAddrs`].
    ///
    /// If the peer does not answer, the system gives up after minutes; [`timeout`](crate::timeout)
    /// sets a shorter limit.
    ///
    /// # Cancel safety
    /// Dropping the future abandons all attempts and closes their sockets.
    ///
    /// # Errors
    /// Fails outside a runtime, if the text is no address, if the host name is unknown, if the peer
    /// refuses the connection or does not answer, or if no file descriptor is left. If all of
    /// several addresses fail, the error is that of the last failure.
    #[doc(alias = "open_connection")]
    pub async fn connect<A: ToSocketAddrs>(address: A) -> io::Result<Self> {
        require_runtime()?;
        let target = address.target();
        drop(address);
        happy_eyeballs(resolve(target).await?, Self::connect_to).await
    }

    async fn connect_to(address: SocketAddr) -> io::Result<Self> {
        Self::connect_by(new_socket(address)?, address).await
    }

    /// Connects a given socket.
    pub(super) async fn connect_by(fd: OwnedFd, address: SocketAddr) -> io::Result<Self> {
        match connect(&fd, &address) {
            Ok(()) => return Self::connected(fd.into(), Readiness::SHORT_COUNTS),
            // After a signal the attempt continues in the background.
            Err(Errno::INPROGRESS | Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let socket = std::net::TcpStream::from(fd);
        let socket = IoSource::new(socket, Readiness::SHORT_COUNTS)?;
        let outcome = |socket: &std::net::TcpStream| socket.take_error()?.map_or(Ok(()), Err);
        socket.when_ready(Direction::Write, outcome).await?;
        Ok(Self { socket })
    }

    /// Registers a connected, non-blocking socket: it is writable, and nothing has arrived yet.
    /// `known` says in addition what a short count proves.
    pub(super) fn connected(socket: std::net::TcpStream, known: Readiness) -> io::Result<Self> {
        let socket = IoSource::new(socket, Readiness::WRITABLE | known)?;
        Ok(Self { socket })
    }

    /// Borrows the two directions, for use at the same time in one task.
    ///
    /// The name is not `split`, because a method of that name exists in
    /// `futures::io::AsyncReadExt`; it consumes the stream and puts a lock between its halves.
    pub fn split_mut(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        split_borrowed(self)
    }

    /// Splits the stream into two halves that may go to different tasks.
    ///
    /// Dropping the write half ends the write side. [`reunite`](OwnedReadHalf::reunite) joins the
    /// halves again.
    #[must_use = "dropping the halves closes the connection"]
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        split_owned(self)
    }

    /// Shuts down one direction or both (asyncio, for [`Shutdown::Write`]:
    /// `StreamWriter.write_eof`).
    ///
    /// After [`Shutdown::Write`] the peer reads what was written before, and then the end of the
    /// stream.
    ///
    /// # Errors
    /// Fails with the errors of `shutdown`, for example if the connection has ended.
    #[doc(alias = "write_eof")]
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket.get().shutdown(how)
    }

    /// Waits for bytes and copies them into `buffer` without consuming them: the next read returns
    /// them again. Returns their number, 0 at the end of the stream.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Errors
    /// Fails outside the runtime of the stream, and with the errors of `recv`.
    pub async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        // A short count proves nothing: the bytes are still there to be read.
        let look = |socket: &std::net::TcpStream| socket.peek(buffer);
        self.socket.when_ready(Direction::Read, look).await
    }

    /// Returns the local address.
    ///
    /// # Errors
    /// Fails with the errors of `getsockname`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().local_addr()
    }

    /// Returns the address of the peer.
    ///
    /// # Errors
    /// Fails with the errors of `getpeername`, for example if the connection was reset.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().peer_addr()
    }

    /// Returns `true` if small writes are sent at once (`TCP_NODELAY`). Otherwise they may be held
    /// back until the peer has acknowledged earlier ones (Nagle's algorithm, RFC 896).
    ///
    /// # Errors
    /// Fails with the errors of `getsockopt`.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.socket.get().nodelay()
    }

    /// Sets `TCP_NODELAY`, see [`nodelay`](Self::nodelay). asyncio sets it on every connection,
    /// this crate does not.
    ///
    /// # Errors
    /// Fails with the errors of `setsockopt`.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.socket.get().set_nodelay(nodelay)
    }

    /// Returns the time to live of sent packets (`IP_TTL`).
    ///
    /// # Errors
    /// Fails with the errors of `getsockopt`.
    pub fn ttl(&self) -> io::Result<u32> {
        self.socket.get().ttl()
    }

    /// Sets the time to live of sent packets (`IP_TTL`).
    ///
    /// # Errors
    /// Fails with the errors of `setsockopt`.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.socket.get().set_ttl(ttl)
    }

    /// Returns how long closing the connection waits for the delivery of written bytes
    /// (`SO_LINGER`).
    ///
    /// `None` is the default: closing does not wait, and the system delivers the bytes in the
    /// background.
    ///
    /// # Errors
    /// Fails with the errors of `getsockopt`.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        Ok(sockopt::socket_linger(self.socket.get())?)
    }

    /// Sets how long closing waits, in whole seconds; see [`linger`](Self::linger).
    ///
    /// With `Some(Duration::ZERO)`, dropping the stream resets the connection: unsent bytes are
    /// discarded, and the peer gets an error (asyncio: `transport.abort`). With a longer time,
    /// dropping the stream **blocks the thread of the runtime**.
    ///
    /// # Errors
    /// Fails with the errors of `setsockopt`.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        Ok(sockopt::set_socket_linger(self.socket.get(), linger)?)
    }

    /// Converts a connected stream of std, and makes it non-blocking.
    ///
    /// # Errors
    /// Fails outside a runtime, or if `epoll` refuses the socket.
    pub fn from_std(stream: std::net::TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        // It may have another protocol, and urgent data may have been read from it.
        Self::connected(stream, Readiness::NONE)
    }

    /// Converts into a stream of std, and makes it blocking. This works on every thread.
    ///
    /// # Errors
    /// Fails with the errors of `ioctl`, and closes the connection.
    pub fn into_std(self) -> io::Result<std::net::TcpStream> {
        let stream = self.socket.into_socket();
        stream.set_nonblocking(false)?;
        Ok(stream)
    }
}

readable!(TcpStream, socket);
writable!(TcpStream, socket);
custom_io!(TcpStream, socket, std::net::TcpStream);
stream_calls!(TcpStream, socket);

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
