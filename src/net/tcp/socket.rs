//! A socket that neither listens nor is connected yet.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

use socket2::{Domain, Protocol, Socket, Type};

use super::{TcpListener, TcpStream};
use crate::runtime::require_runtime;

/// A TCP socket whose options can be set before it listens or connects.
///
/// The options here are those that matter before; any other is set through `socket2::SockRef::from(&socket)`, which works on
/// every socket of this module, as they all are [`AsFd`].
///
/// # Examples
/// A listener on a port that several runtimes share, each in a thread of its own:
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
    /// The socket, not blocking.
    socket: Socket,
}

impl TcpSocket {
    /// Makes a socket of the family of `address`, which is only looked at for that.
    ///
    /// # Errors
    /// Those of `socket`, as when file descriptors have run out.
    pub fn new(address: SocketAddr) -> io::Result<Self> {
        let domain = Domain::for_address(address);
        let socket = Socket::new(domain, Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
        Ok(Self { socket })
    }

    /// Lets it listen at an address that was in use a moment ago (`SO_REUSEADDR`). [`TcpListener::bind`] does.
    ///
    /// # Errors
    /// Those of `setsockopt`.
    pub fn set_reuse_address(&self, reuse: bool) -> io::Result<()> {
        self.socket.set_reuse_address(reuse)
    }

    /// Lets several sockets of this user listen at one address (`SO_REUSEPORT`); the system spreads connections over them.
    ///
    /// # Errors
    /// Those of `setsockopt`.
    pub fn set_reuse_port(&self, reuse: bool) -> io::Result<()> {
        self.socket.set_reuse_port(reuse)
    }

    /// Sets how many bytes the system takes in before they are read (`SO_RCVBUF`); Linux doubles it.
    ///
    /// # Errors
    /// Those of `setsockopt`.
    pub fn set_recv_buffer_size(&self, bytes: usize) -> io::Result<()> {
        self.socket.set_recv_buffer_size(bytes)
    }

    /// Sets how many bytes the system takes before they are sent (`SO_SNDBUF`); Linux doubles it.
    ///
    /// # Errors
    /// Those of `setsockopt`.
    pub fn set_send_buffer_size(&self, bytes: usize) -> io::Result<()> {
        self.socket.set_send_buffer_size(bytes)
    }

    /// Whether the system asks a silent peer whether it is still there (`SO_KEEPALIVE`).
    ///
    /// # Errors
    /// Those of `setsockopt`.
    pub fn set_keepalive(&self, keepalive: bool) -> io::Result<()> {
        self.socket.set_keepalive(keepalive)
    }

    /// Gives it an address of this machine; with port 0 a port that the system chooses.
    ///
    /// # Errors
    /// When the address is in use, is not this machine's, or is of the other family.
    pub fn bind(&self, address: SocketAddr) -> io::Result<()> {
        self.socket.bind(&address.into())
    }

    /// The address that it was bound to.
    ///
    /// # Errors
    /// Those of `getsockname`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        let address = self.socket.local_addr()?;
        address
            .as_socket()
            .ok_or_else(|| io::ErrorKind::Unsupported.into())
    }

    /// Listens; at most `backlog` connections wait to be accepted, or fewer if the system says so.
    ///
    /// # Errors
    /// Outside of a runtime; those of `listen`, as when the address is in use.
    pub fn listen(self, backlog: i32) -> io::Result<TcpListener> {
        require_runtime()?;
        self.socket.listen(backlog)?;
        TcpListener::register(self.socket.into())
    }

    /// Connects.
    ///
    /// # Cancel safety
    /// Dropping the future gives the attempt up and closes the socket.
    ///
    /// # Errors
    /// Outside of a runtime; when nobody listens there or answers; when the address is of the other family.
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
