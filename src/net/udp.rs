//! UDP.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket as StdSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll};

use super::address::{ToSocketAddrs, first_success, resolve};
use super::{custom_io, datagram_calls, readable, writable};
use crate::reactor::{Direction, Done, Readiness};
use crate::runtime::{IoSource, require_runtime};

/// A UDP socket (asyncio: `loop.create_datagram_endpoint`).
///
/// A [connected](Self::connect) socket sends to one address and receives only from it. All methods
/// take `&self`: one task may receive while others send.
///
/// A datagram that is longer than the buffer is truncated, and the rest is lost. Options without a
/// method here are set with `socket2::SockRef::from(&socket)`.
///
/// # Cancel safety
/// A send or receive that was pending has done nothing: no datagram was sent, and none is lost.
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
    socket: IoSource<StdSocket>,
}

impl UdpSocket {
    /// Binds a new socket to an address of this machine.
    ///
    /// With port 0 the system chooses a port, which [`local_addr`](Self::local_addr) returns. Of
    /// several addresses the first that works is used.
    ///
    /// # Cancel safety
    /// Nothing is lost: only the lookup of a host name waits, see [`ToSocketAddrs`].
    ///
    /// # Errors
    /// Fails outside a runtime, if the text is no address, if the host name is unknown, if the
    /// address is in use or does not belong to this machine, or if no file descriptor is left.
    pub async fn bind<A: ToSocketAddrs>(address: A) -> io::Result<Self> {
        require_runtime()?;
        let target = address.target();
        drop(address);
        first_success(resolve(target).await?, |address| {
            Self::from_std(StdSocket::bind(address)?)
        })
    }

    /// Connects the socket: from now on it sends to one address and receives only from it. This
    /// sends no packet.
    ///
    /// # Cancel safety
    /// Nothing is lost: only the lookup of a host name waits, see [`ToSocketAddrs`].
    ///
    /// # Errors
    /// Fails if the text is no address, if the host name is unknown, or if there is no route to the
    /// address. A host name also fails outside a runtime.
    pub async fn connect<A: ToSocketAddrs>(&self, address: A) -> io::Result<()> {
        let target = address.target();
        drop(address);
        let socket = self.socket.get();
        first_success(resolve(target).await?, |address| socket.connect(address))
    }

    /// Sends a datagram to the connected address. Returns its length.
    ///
    /// # Cancel safety
    /// The datagram is sent completely or not at all.
    ///
    /// # Errors
    /// Fails outside the runtime of the socket, if the socket is not connected, or if the datagram
    /// is too long. `ConnectionRefused` means that the peer rejected an earlier datagram (ICMP).
    pub async fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.socket
            .when_ready(Direction::Write, |socket| socket.send(bytes))
            .await
    }

    /// Receives a datagram from the connected address. Returns its length.
    ///
    /// # Cancel safety
    /// No datagram is lost.
    ///
    /// # Errors
    /// Fails outside the runtime of the socket, or if the socket is not connected.
    /// `ConnectionRefused` means that the peer rejected an earlier datagram (ICMP).
    pub async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket
            .when_ready(Direction::Read, |socket| socket.recv(buffer))
            .await
    }

    /// Sends a datagram to an address. Returns its length.
    ///
    /// # Cancel safety
    /// The datagram is sent completely or not at all.
    ///
    /// # Errors
    /// Fails outside the runtime of the socket, if the datagram is too long, or if there is no
    /// route to the address.
    pub async fn send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.socket
            .when_ready(Direction::Write, |socket| socket.send_to(bytes, to))
            .await
    }

    /// Receives a datagram. Returns its length and the address of its sender.
    ///
    /// # Cancel safety
    /// No datagram is lost.
    ///
    /// # Errors
    /// Fails outside the runtime of the socket, and with the errors of `recvfrom`.
    pub async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket
            .when_ready(Direction::Read, |socket| socket.recv_from(buffer))
            .await
    }

    /// Sends a datagram to an address without waiting. Returns its length.
    ///
    /// # Errors
    /// `WouldBlock` if there is no space. Fails outside the runtime of the socket, and with the
    /// other errors of [`send_to`](Self::send_to).
    pub fn try_send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        let send = |socket: &StdSocket| socket.send_to(bytes, to);
        self.socket.try_io(Direction::Write, send)
    }

    /// Receives a datagram without waiting. Returns its length and the address of its sender.
    ///
    /// # Errors
    /// `WouldBlock` if there is none. Fails outside the runtime of the socket, and with the other
    /// errors of [`recv_from`](Self::recv_from).
    pub fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let receive = |socket: &StdSocket| socket.recv_from(buffer);
        self.socket.try_io(Direction::Read, receive)
    }

    /// Waits for a datagram and copies it into `buffer` without consuming it: the next receive
    /// returns it again. Returns its length and the address of its sender.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Errors
    /// Fails outside the runtime of the socket, and with the errors of `recvfrom`.
    pub async fn peek_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket
            .when_ready(Direction::Read, |socket| socket.peek_from(buffer))
            .await
    }

    /// Polls for a datagram; for futures that are written by hand.
    ///
    /// # Errors
    /// As for [`recv_from`](Self::recv_from).
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.socket.poll_io(Direction::Read, cx, |socket| {
            socket.recv_from(buffer).map(Done::with)
        })
    }

    /// Polls until a datagram is sent; for futures that are written by hand.
    ///
    /// # Errors
    /// As for [`send_to`](Self::send_to).
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

    /// Returns the local address.
    ///
    /// # Errors
    /// Fails with the errors of `getsockname`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().local_addr()
    }

    /// Returns the address to which the socket is connected.
    ///
    /// # Errors
    /// Fails with `NotConnected` if it is not connected.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().peer_addr()
    }

    /// Sets whether the socket may send to broadcast addresses (`SO_BROADCAST`).
    ///
    /// # Errors
    /// Fails with the errors of `setsockopt`.
    pub fn set_broadcast(&self, broadcast: bool) -> io::Result<()> {
        self.socket.get().set_broadcast(broadcast)
    }

    /// Sets the time to live of sent packets (`IP_TTL`).
    ///
    /// # Errors
    /// Fails with the errors of `setsockopt`.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.socket.get().set_ttl(ttl)
    }

    /// Joins an IPv4 multicast group on the interface with this address (`IP_ADD_MEMBERSHIP`).
    ///
    /// # Errors
    /// Fails with the errors of `setsockopt`.
    pub fn join_multicast_v4(&self, group: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.socket.get().join_multicast_v4(group, interface)
    }

    /// Leaves an IPv4 multicast group (`IP_DROP_MEMBERSHIP`).
    ///
    /// # Errors
    /// Fails with the errors of `setsockopt`.
    pub fn leave_multicast_v4(&self, group: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.socket.get().leave_multicast_v4(group, interface)
    }

    /// Joins an IPv6 multicast group on the interface with this index (`IPV6_ADD_MEMBERSHIP`).
    ///
    /// # Errors
    /// Fails with the errors of `setsockopt`.
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.socket.get().join_multicast_v6(group, interface)
    }

    /// Leaves an IPv6 multicast group (`IPV6_DROP_MEMBERSHIP`).
    ///
    /// # Errors
    /// Fails with the errors of `setsockopt`.
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.socket.get().leave_multicast_v6(group, interface)
    }

    /// Converts a socket of std, and makes it non-blocking.
    ///
    /// # Errors
    /// Fails outside a runtime, or if `epoll` refuses the socket.
    pub fn from_std(socket: StdSocket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let socket = IoSource::new(socket, Readiness::WRITABLE)?;
        Ok(Self { socket })
    }

    /// Converts into a socket of std, and makes it blocking. This works on every thread.
    ///
    /// # Errors
    /// Fails with the errors of `ioctl`, and closes the socket.
    pub fn into_std(self) -> io::Result<StdSocket> {
        let socket = self.socket.into_socket();
        socket.set_nonblocking(false)?;
        Ok(socket)
    }
}

datagram_calls!(UdpSocket, socket);
readable!(UdpSocket, socket);
writable!(UdpSocket, socket);
custom_io!(UdpSocket, socket, StdSocket);

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
