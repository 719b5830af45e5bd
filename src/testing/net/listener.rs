//! The listener, and the port that it shares with the network.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::Network;
use super::port::Port;
use super::stream::Stream;
use crate::net::{Incoming, Listen};
use crate::util::wait_graph::ResourceKind;

/// A listener on a simulated network, returned by [`Host::listen`](super::Host::listen). It
/// corresponds to [`TcpListener`](crate::net::TcpListener).
///
/// Its backlog is unbounded. Dropping the listener stops listening and breaks the connections in
/// the backlog; connections that were accepted are not affected.
///
/// The [module](super) and [`Host`](super::Host) have examples.
pub struct Listener {
    network: Network,
    port: Rc<Port>,
}

impl Listener {
    pub(super) fn new(network: &Network, address: SocketAddr) -> io::Result<Self> {
        let port = Rc::new(Port::new(address));
        if !network.add_port(&port) {
            return Err(ErrorKind::AddrInUse.into());
        }
        Ok(Self {
            network: network.clone(),
            port,
        })
    }

    /// Waits for a connection, and returns it with the address of the peer.
    ///
    /// Waits forever after its host has [crashed](super::Host::crash).
    ///
    /// # Cancel safety
    /// No connection is lost: one that was not returned stays in the backlog.
    ///
    /// # Errors
    /// None. The result exists because a real listener may fail.
    pub async fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        let _waits = self.port.note.until_dropped();
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// Polls for a connection, in a hand-written future.
    ///
    /// Any number of tasks may wait at once.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream, SocketAddr)>> {
        let mut stream = self.port.poll_accept(cx);
        if stream.is_pending() {
            self.port.notifier.register(cx.waker());
            // Cloning the waker ran third-party code, which may have connected.
            stream = self.port.poll_accept(cx);
        }
        match stream {
            Poll::Ready(_) => self.port.note.over(),
            Poll::Pending => {
                let at = || Some(self.port.address.to_string());
                self.port.note.waits(|| (ResourceKind::Accept, None, at()));
            }
        }
        let stream = ready!(stream);
        let peer = stream.peer_addr()?;
        Poll::Ready(Ok((stream, peer)))
    }

    /// Returns a stream of connections, which never ends.
    ///
    /// # Cancel safety
    /// Dropping the stream or its [`next`](Incoming::next) loses no connection.
    pub fn incoming(&self) -> Incoming<'_, Self> {
        Incoming::of(self)
    }

    /// Returns the address that it listens on.
    ///
    /// # Errors
    /// None. The result exists because a real listener may fail.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.port.address)
    }
}

impl Listen for Listener {
    type Stream = Stream;
    type Address = SocketAddr;

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream, SocketAddr)>> {
        self.poll_accept(cx)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.network.forget_port(&self.port);
        self.port.refuse_all();
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("address", &self.port.address)
            .field("has_crashed", &self.port.has_crashed.get())
            .finish_non_exhaustive()
    }
}
