//! UDP.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket as StdSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll};

use super::address::{ToSocketAddrs, first_success, resolve};
use crate::reactor::{Direction, Done, Readiness};
use crate::runtime::{Registered, require_runtime};

/// A UDP socket (asyncio: `loop.create_datagram_endpoint`).
///
/// One that is [connected](Self::connect) sends to one address and hears from that one only. All methods take `&self`: one task
/// may receive while others send.
///
/// A datagram that is longer than the buffer is cut; the rest is gone. [`set_broadcast`](Self::set_broadcast) and the
/// multicast options are here; any other is set through `socket2::SockRef::from(&socket)`.
///
/// # Cancel safety
/// A send or receive that was not ready has done nothing: no datagram is lost or sent by one that is cancelled.
///
/// # Examples
/// ```
/// use wheelhouse::net::UdpSocket;
///
/// # fn main() -> std::io::Result<()> {
/// wheelhouse::run(async {
///     let server = UdpSocket::bind("127.0.0.1:0").await?;
///     let client = UdpSocket::bind("127.0.0.1:0").await?;
///     client.connect(server.local_addr()?).await?;
///
///     client.send(b"ping").await?;
///     let mut buffer = [0; 1500];
///     let (length, from) = server.recv_from(&mut buffer).await?;
///     server.send_to(&buffer[..length], from).await?;
///     assert_eq!(client.recv(&mut buffer).await?, 4);
///     Ok(())
/// })
/// # }
/// ```
#[doc(alias = "create_datagram_endpoint")]
#[derive(Debug)]
pub struct UdpSocket {
    /// The socket.
    socket: Registered<StdSocket>,
}

impl UdpSocket {
    /// Takes an address of this machine; with port 0 a port that the system chooses.
    ///
    /// Of several addresses it takes the first that works. A host name is looked up on another thread, see [`ToSocketAddrs`].
    ///
    /// # Cancel safety
    /// Nothing is lost: it waits for the lookup only.
    ///
    /// # Errors
    /// Outside of a runtime; when the text is no address or the name is unknown; when the address is in use or not this
    /// machine's; when file descriptors have run out.
    pub async fn bind<A: ToSocketAddrs>(address: A) -> io::Result<Self> {
        require_runtime()?;
        let target = address.target();
        drop(address);
        first_success(resolve(target).await?, |address| {
            Self::from_std(StdSocket::bind(address)?)
        })
    }

    /// Sends to and hears from one address only, from now on. No packet is sent for that.
    ///
    /// # Cancel safety
    /// Nothing is lost: it waits for the lookup only.
    ///
    /// # Errors
    /// When the text is no address or the name is unknown; outside of a runtime, if it is a name; when there is no way to the
    /// address.
    pub async fn connect<A: ToSocketAddrs>(&self, address: A) -> io::Result<()> {
        let target = address.target();
        drop(address);
        let socket = self.socket.get();
        first_success(resolve(target).await?, |address| socket.connect(address))
    }

    /// Sends a datagram to the address that the socket is connected to; gives its length.
    ///
    /// # Cancel safety
    /// It is sent whole or not at all.
    ///
    /// # Errors
    /// When the socket is not connected, or the datagram is too long; `ConnectionRefused` when an earlier one came back; away
    /// from the socket's runtime.
    pub async fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.socket
            .when_ready(Direction::Write, |socket| socket.send(bytes))
            .await
    }

    /// Receives a datagram from the address that the socket is connected to; gives its length.
    ///
    /// # Cancel safety
    /// No datagram is lost.
    ///
    /// # Errors
    /// When the socket is not connected; `ConnectionRefused` when one that was sent came back; away from the socket's runtime.
    pub async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket
            .when_ready(Direction::Read, |socket| socket.recv(buffer))
            .await
    }

    /// Sends a datagram to an address; gives its length.
    ///
    /// # Cancel safety
    /// It is sent whole or not at all.
    ///
    /// # Errors
    /// When the datagram is too long, or there is no way to the address; away from the socket's runtime.
    pub async fn send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.socket
            .when_ready(Direction::Write, |socket| socket.send_to(bytes, to))
            .await
    }

    /// Receives a datagram; gives its length and where it came from.
    ///
    /// # Cancel safety
    /// No datagram is lost.
    ///
    /// # Errors
    /// Those of `recvfrom`; away from the socket's runtime.
    pub async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket
            .when_ready(Direction::Read, |socket| socket.recv_from(buffer))
            .await
    }

    /// Waits for a datagram and copies it, but leaves it to be received again.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Errors
    /// Those of `recvfrom`; away from the socket's runtime.
    pub async fn peek_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket
            .when_ready(Direction::Read, |socket| socket.peek_from(buffer))
            .await
    }

    /// Asks for a datagram; for futures that are written by hand.
    ///
    /// # Errors
    /// As [`recv_from`](Self::recv_from).
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.socket.poll_io(Direction::Read, cx, |socket| {
            socket.recv_from(buffer).map(Done::with)
        })
    }

    /// Sends a datagram if that goes at once; for futures that are written by hand.
    ///
    /// # Errors
    /// As [`send_to`](Self::send_to).
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        to: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.socket.poll_io(Direction::Write, cx, |socket| {
            socket.send_to(bytes, to).map(Done::with)
        })
    }

    /// The address of this end.
    ///
    /// # Errors
    /// Those of `getsockname`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().local_addr()
    }

    /// The address that it is connected to.
    ///
    /// # Errors
    /// `NotConnected`, when it is not.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().peer_addr()
    }

    /// Whether it may send to broadcast addresses (`SO_BROADCAST`).
    ///
    /// # Errors
    /// Those of `setsockopt`.
    pub fn set_broadcast(&self, broadcast: bool) -> io::Result<()> {
        self.socket.get().set_broadcast(broadcast)
    }

    /// Sets the time to live of the packets.
    ///
    /// # Errors
    /// Those of `setsockopt`.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.socket.get().set_ttl(ttl)
    }

    /// Hears what is sent to a multicast group, at the interface that has this address.
    ///
    /// # Errors
    /// Those of `setsockopt`.
    pub fn join_multicast_v4(&self, group: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.socket.get().join_multicast_v4(group, interface)
    }

    /// Hears it no longer.
    ///
    /// # Errors
    /// Those of `setsockopt`.
    pub fn leave_multicast_v4(&self, group: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.socket.get().leave_multicast_v4(group, interface)
    }

    /// Hears what is sent to a multicast group, at the interface of this number.
    ///
    /// # Errors
    /// Those of `setsockopt`.
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.socket.get().join_multicast_v6(group, interface)
    }

    /// Hears it no longer.
    ///
    /// # Errors
    /// Those of `setsockopt`.
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.socket.get().leave_multicast_v6(group, interface)
    }

    /// Takes over a socket of std, and makes it non-blocking.
    ///
    /// # Errors
    /// Outside of a runtime; when the system refuses to watch the socket.
    pub fn from_std(socket: StdSocket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let socket = Registered::new(socket, Readiness::WRITABLE)?;
        Ok(Self { socket })
    }

    /// Gives the socket to std, and makes it blocking. This works on every thread.
    ///
    /// # Errors
    /// Those of `ioctl`. The socket is closed then.
    pub fn into_std(self) -> io::Result<StdSocket> {
        let socket = self.socket.into_socket();
        socket.set_nonblocking(false)?;
        Ok(socket)
    }
}

impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.get().as_fd()
    }
}

impl AsRawFd for UdpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
