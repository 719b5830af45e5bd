//! The public stream: one end of a connection.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::connection::{Connection, Side};
use super::end::End;
use super::in_flight::Frame;
use crate::net::{Bytes, read_by_ref, write_by_ref};
use crate::util::wait_graph::ResourceKind;

/// A connection on a simulated network, from [`Host::connect`](super::Host::connect) or
/// [`Listener::accept`](super::Listener::accept). It corresponds to
/// [`TcpStream`](crate::net::TcpStream).
///
/// It implements the I/O traits of [`futures_io`]. `&Stream` implements them too, so one task may
/// read while another one writes. A flush does nothing.
///
/// Dropping the stream closes the connection. The bytes that were written before still arrive. As
/// with real sockets, a drop with unread bytes breaks the connection: the peer gets
/// [`ConnectionReset`](std::io::ErrorKind::ConnectionReset).
///
/// The [module](super) and [`Host`](super::Host) have examples.
///
/// # Cancel safety
/// A read or write that was not ready has done nothing. `read_exact` and `write_all`, which consist
/// of several, may have transferred some bytes when they are cancelled.
///
/// # Errors
/// - [`ConnectionReset`](std::io::ErrorKind::ConnectionReset) if the connection is broken,
/// - [`BrokenPipe`](std::io::ErrorKind::BrokenPipe) for a write after a shutdown, or when this end
///   knows that the peer has closed (what was written before that is lost),
/// - and an error for a wait outside of a runtime.
pub struct Stream {
    connection: Rc<Connection>,
    side: Side,
}

impl Stream {
    /// Returns both ends of a connection: of the client and of the server.
    pub(super) fn pair(connection: Rc<Connection>) -> (Self, Self) {
        let end = |side| Self {
            connection: Rc::clone(&connection),
            side,
        };
        (end(Side::Client), end(Side::Server))
    }

    /// Closes this end with a reset.
    pub(super) fn abort(self) {
        self.connection.leave(self.side, Some(Frame::Reset));
    }

    pub(super) fn is_reset(&self) -> bool {
        self.connection.is_reset(self.side)
    }

    /// Shuts down one direction or both (asyncio: `StreamWriter.write_eof` for
    /// [`Shutdown::Write`]).
    ///
    /// After [`Shutdown::Write`], the peer reads all that was written before, and then the end of
    /// the stream.
    ///
    /// # Errors
    /// [`NotConnected`](std::io::ErrorKind::NotConnected) if the connection is broken.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.connection.shut_down(self.side, how)
    }

    /// Reads bytes without removing them: the next read returns them again.
    ///
    /// Returns 0 at the end of the stream.
    ///
    /// # Cancel safety
    /// No byte is lost.
    ///
    /// # Errors
    /// Those of a read.
    pub async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| {
            self.connection
                .poll_read(self.side, cx, (&mut *buffer, false))
        })
        .await
    }

    /// Reads some bytes without waiting. Returns 0 at the end of the stream, or if `buffer` is
    /// empty.
    ///
    /// # Errors
    /// `WouldBlock` if there are none, and those of a read.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.connection.try_read(self.side, buffer)
    }

    /// Writes some bytes without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if there is no space, and those of a write.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.connection.try_write(self.side, bytes)
    }

    /// Waits until `condition` of this end holds.
    pub(super) fn poll_end(
        &self,
        kind: ResourceKind,
        cx: &Context<'_>,
        condition: impl Fn(&End) -> bool,
    ) -> Poll<io::Result<()>> {
        self.connection.poll_end((self.side, kind), cx, condition)
    }

    /// Returns the address of this end.
    ///
    /// # Errors
    /// None. The result exists because a real stream may fail.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.connection.endpoints().addresses[self.side as usize])
    }

    /// Returns the address of the peer.
    ///
    /// # Errors
    /// None. The result exists because a real stream may fail.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.connection.endpoints().addresses[self.side.other() as usize])
    }
}

impl Bytes for Stream {
    fn receive(&self, cx: &Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.connection.poll_read(self.side, cx, (buffer, true))
    }

    fn send(&self, cx: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.connection.poll_write(self.side, cx, bytes)
    }

    fn end(&self) -> io::Result<()> {
        match self.shutdown(Shutdown::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            outcome => outcome,
        }
    }
}

read_by_ref!([] Stream => Stream, [] &Stream => Stream);
write_by_ref!([] Stream => Stream, [] &Stream => Stream);

impl Drop for Stream {
    fn drop(&mut self) {
        self.connection.leave(self.side, None);
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses = &self.connection.endpoints().addresses;
        f.debug_struct("Stream")
            .field("local", &addresses[self.side as usize])
            .field("peer", &addresses[self.side.other() as usize])
            .finish_non_exhaustive()
    }
}

impl AsRef<Stream> for Stream {
    fn as_ref(&self) -> &Stream {
        self
    }
}
