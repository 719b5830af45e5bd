//! A socket that is neither listening nor connected.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

use socket2::{Domain, Protocol, Socket, Type};

use super::{TcpListener, TcpStream};
use crate::runtime::require_runtime;

/// A TCP socket whose options can be set before it listens or connects.
///
/// [`listen`](Self::listen) turns it into a [`TcpListener`], [`connect`](Self::connect) into a
/// [`TcpStream`]. Options without a method here are set with `socket2::SockRef::from(&socket)`, as
/// on every socket of this module.
///
/// # Examples
/// A port that several runtimes share, each on its own thread:
///
/// ```
/// use wheelhouse::net::{TcpListener, TcpSocket};
///
/// fn listener(address: std::net::SocketAddr) -> std::io::Result<TcpListener> {
///     let socket = TcpSocket::new(address)?;
///     socket.set_reuse_port(true)?;
///     socket.bind(address)?;
///     socket.listen(1024)
/// }
///
/// # fn main() -> std::io::Result<()> {
/// wheelhouse::run(async {
///     let first = listener("127.0.0.1:0".parse().unwrap())?;
///     let second = listener(first.local_addr()?)?;
///     assert_eq!(first.local_addr()?, second.local_addr()?);
///     Ok(())
/// })
/// # }
/// ```
#[derive(Debug)]
pub struct TcpSocket {
    socket: Socket,
}

impl TcpSocket {
    /// Creates a socket of the family of `address` (IPv4 or IPv6); the address is not used
    /// otherwise.
    ///
    /// # Errors
    /// Fails with the errors of `socket`, for example if no file descriptor is left.
    pub fn new(address: SocketAddr) -> io::Result<Self> {
        let domain = Domain::for_address(address);
        let socket = Socket::new(domain, Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
        Ok(Self { socket })
    }

    /// Sets `SO_REUSEADDR`: the socket may listen at an address that was in use a moment ago.
    /// [`TcpListener::bind`] sets it.
    ///
    /// # Errors
    /// Fails with the errors of `setsockopt`.
    pub fn set_reuse_address(&self, reuse: bool) -> io::Result<()> {
        self.socket.set_reuse_address(reuse)
    }

    /// Sets `SO_REUSEPORT`: several sockets of one user may listen at the same address. The system
    /// distributes the connections among them.
    ///
    /// # Errors
    /// Fails with the errors of `setsockopt`.
    pub fn set_reuse_port(&self, reuse: bool) -> io::Result<()> {
        self.socket.set_reuse_port(reuse)
    }

    /// Sets the size of the receive buffer (`SO_RCVBUF`). Linux doubles the value.
    ///
    /// # Errors
    /// Fails with the errors of `setsockopt`.
    pub fn set_recv_buffer_size(&self, bytes: usize) -> io::Result<()> {
        self.socket.set_recv_buffer_size(bytes)
    }

    /// Sets the size of the send buffer (`SO_SNDBUF`). Linux doubles the value.
    ///
    /// # Errors
    /// Fails with the errors of `setsockopt`.
    pub fn set_send_buffer_size(&self, bytes: usize) -> io::Result<()> {
        self.socket.set_send_buffer_size(bytes)
    }

    /// Sets `SO_KEEPALIVE`: the system probes an idle connection to find out whether its peer still
    /// exists.
    ///
    /// # Errors
    /// Fails with the errors of `setsockopt`.
    pub fn set_keepalive(&self, keepalive: bool) -> io::Result<()> {
        self.socket.set_keepalive(keepalive)
    }

    /// Binds the socket to an address of this machine. With port 0 the system chooses a port.
    ///
    /// # Errors
    /// Fails if the address is in use, does not belong to this machine, or is of the other family.
    pub fn bind(&self, address: SocketAddr) -> io::Result<()> {
        self.socket.bind(&address.into())
    }

    /// Returns the address to which the socket is bound.
    ///
    /// # Errors
    /// Fails with the errors of `getsockname`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        let address = self.socket.local_addr()?;
        address
            .as_socket()
            .ok_or_else(|| io::ErrorKind::Unsupported.into())
    }

    /// Starts to listen. At most `backlog` connections wait to be accepted; the system may lower
    /// that number.
    ///
    /// # Errors
    /// Fails outside a runtime, and with the errors of `listen`, for example if the address is in
    /// use.
    pub fn listen(self, backlog: i32) -> io::Result<TcpListener> {
        require_runtime()?;
        self.socket.listen(backlog)?;
        TcpListener::register(self.socket.into())
    }

    /// Connects to an address.
    ///
    /// # Cancel safety
    /// Dropping the future abandons the attempt and closes the socket.
    ///
    /// # Errors
    /// Fails outside a runtime, if the peer refuses the connection or does not answer, or if the
    /// address is of the other family.
    pub async fn connect(self, address: SocketAddr) -> io::Result<TcpStream> {
        require_runtime()?;
        TcpStream::connect_by(self.socket.into(), address).await
    }
}

impl AsFd for TcpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
