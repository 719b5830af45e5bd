//! The side that waits for connections.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::Network;
use super::connection::poll_budget;
use super::notifier::Notifier;
use super::stream::Stream;
use crate::net::{Incoming, Listen};
use crate::util::wait_graph::{Note, ResourceKind};

/// What a listener and its network share. The network does not own it: a connection that waits here owns the network.
#[derive(Debug)]
pub(super) struct Port {
    /// Where it is.
    address: SocketAddr,
    /// The connections that wait to be accepted.
    backlog: RefCell<VecDeque<Stream>>,
    /// Whether it has crashed.
    has_crashed: Cell<bool>,
    /// Who waits for a connection.
    notifier: Notifier,
    /// Says which tasks those are, in the report of a deadlock.
    note: Note,
}

impl Port {
    /// Where it is.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A connection comes.
    pub(super) fn push(&self, stream: Stream) {
        self.backlog.borrow_mut().push_back(stream);
        self.notifier.notify_all();
    }

    /// No connection will come any more.
    pub(super) fn crash(&self) {
        self.has_crashed.set(true);
        self.refuse_all();
    }

    /// Breaks the connections that wait.
    fn refuse_all(&self) {
        let backlog = self.backlog.take();
        backlog.into_iter().for_each(Stream::abort);
    }

    /// Takes a connection.
    fn poll_accept(&self, cx: &Context<'_>) -> Poll<Stream> {
        if self.backlog.borrow().is_empty() {
            return Poll::Pending;
        }
        ready!(poll_budget(cx.waker()));
        let stream = self.backlog.borrow_mut().pop_front();
        stream.map_or(Poll::Pending, Poll::Ready)
    }
}

/// A listener on a simulated network, from [`Host::listen`](super::Host::listen): the
/// [`TcpListener`](crate::net::TcpListener) of tests.
///
/// Any number of connections may wait to be accepted. Dropping it stops listening and breaks those; connections that were accepted
/// live on.
pub struct Listener {
    /// Its network.
    network: Network,
    /// What the network knows.
    port: Rc<Port>,
}

impl Listener {
    /// Listens at an address.
    pub(super) fn new(network: &Network, address: SocketAddr) -> io::Result<Self> {
        let port = Rc::new(Port {
            address,
            backlog: RefCell::default(),
            has_crashed: Cell::new(false),
            notifier: Notifier::default(),
            note: Note::default(),
        });
        if !network.add_port(&port) {
            return Err(ErrorKind::AddrInUse.into());
        }
        Ok(Self {
            network: network.clone(),
            port,
        })
    }

    /// Waits for a connection; gives it, and the address of its other end.
    ///
    /// When its host has [crashed](super::Host::crash), this waits for ever.
    ///
    /// # Cancel safety
    /// No connection is lost: what was not returned stays in the queue.
    ///
    /// # Errors
    /// None; a real listener has some.
    pub async fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        let _waits = self.port.note.until_dropped();
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// Asks for a connection; for futures that are written by hand.
    ///
    /// Any number of tasks may wait at once.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream, SocketAddr)>> {
        let mut stream = self.port.poll_accept(cx);
        if stream.is_pending() {
            self.port.notifier.register(cx.waker());
            // The waker's clone was foreign code.
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

    /// The connections as they come, as a stream that never ends.
    ///
    /// # Cancel safety
    /// No connection is lost, whether the stream or its [`next`](Incoming::next) is dropped.
    pub fn incoming(&self) -> Incoming<'_, Self> {
        Incoming::of(self)
    }

    /// The address at which it listens.
    ///
    /// # Errors
    /// None; a real listener has some.
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
