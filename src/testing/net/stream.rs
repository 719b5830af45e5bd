//! One end of a connection, as its users hold it.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::connection::{Connection, Side};
use super::halves::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use super::in_flight::Frame;
use crate::net::{self, Bytes, read_by_ref, write_by_ref};

/// A connection on a simulated network, from [`Host::connect`](super::Host::connect) or
/// [`Listener::accept`](super::Listener::accept): the [`TcpStream`](crate::net::TcpStream) of tests.
///
/// It reads and writes by the traits of [`futures_io`]; `&Stream` implements them too, so one task may read while another writes.
/// A flush does nothing. Dropping it closes the connection; what was written arrives all the same. As with real sockets, dropping it
/// while bytes for it are unread breaks the connection instead: the peer gets
/// [`ConnectionReset`](std::io::ErrorKind::ConnectionReset).
///
/// # Cancel safety
/// A read or write that was not ready has done nothing. What is built from several of them (`read_exact`, `write_all`) may have
/// moved some bytes when it is cancelled, and does not say how many.
///
/// # Errors
/// Reading and writing give [`ConnectionReset`](std::io::ErrorKind::ConnectionReset) on a connection that was broken, and writing
/// [`BrokenPipe`](std::io::ErrorKind::BrokenPipe) after a shutdown, or when the news that the peer has gone has arrived: what is written
/// before that is lost. Waiting outside of a runtime is an error, too.
pub struct Stream {
    /// The connection.
    connection: Rc<Connection>,
    /// Which end.
    side: Side,
}

impl Stream {
    /// Both ends of a connection: who connected, who accepts.
    pub(super) fn pair(connection: Rc<Connection>) -> (Self, Self) {
        let end = |side| Self {
            connection: Rc::clone(&connection),
            side,
        };
        (end(Side::Client), end(Side::Server))
    }

    /// Closes it by a reset.
    pub(super) fn abort(self) {
        self.connection.leave(self.side, Some(Frame::Reset));
    }

    /// Whether it is broken.
    pub(super) fn is_reset(&self) -> bool {
        self.connection.is_reset(self.side)
    }

    /// Parts the stream into two halves that may go to different tasks.
    ///
    /// Dropping the half that writes tells the peer the end; [`reunite`](OwnedReadHalf::reunite) undoes the parting.
    #[must_use = "dropping the halves closes the connection"]
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        net::split_owned(self)
    }

    /// Lends the two directions, to be used at once in one task.
    pub fn split_mut(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        net::split_borrowed(self)
    }

    /// Ends one direction or both (asyncio: `StreamWriter.write_eof` for [`Shutdown::Write`]).
    ///
    /// After [`Shutdown::Write`] the peer reads the end behind all that was written before.
    ///
    /// # Errors
    /// [`NotConnected`](std::io::ErrorKind::NotConnected) when the connection is broken.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.connection.shut_down(self.side, how)
    }

    /// Waits for bytes and copies them, but leaves them to be read again.
    ///
    /// Gives 0 at the end of the stream.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Errors
    /// As reading.
    pub async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| {
            self.connection
                .poll_read(self.side, cx, (&mut *buffer, false))
        })
        .await
    }

    /// The address of this end.
    ///
    /// # Errors
    /// None; a real stream has some.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.connection.endpoints().addresses[self.side as usize])
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// None; a real stream has some.
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
