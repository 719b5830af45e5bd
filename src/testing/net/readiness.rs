//! Waiting for a simulated stream without moving bytes, and calls that do not wait.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

use super::end::End;
use super::stream::Stream;
use crate::util::wait_graph::ResourceKind;

impl Stream {
    /// Waits until a read does not block: there are bytes, or the end, or an error.
    ///
    /// # Cancel safety
    /// No byte is lost.
    ///
    /// # Errors
    /// Fails outside a runtime.
    pub async fn readable(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_readable(cx)).await
    }

    /// Waits until a write does not block: there is space, or an error to report.
    ///
    /// # Cancel safety
    /// No byte is lost.
    ///
    /// # Errors
    /// Fails outside a runtime.
    pub async fn writable(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_writable(cx)).await
    }

    /// Waits until the peer has closed the connection or ended its writing side, or the connection
    /// is broken. See [`TcpStream::closed`](crate::net::TcpStream::closed).
    ///
    /// As with a real network, a peer beyond a [partition](super::Network::partition) is not
    /// noticed.
    ///
    /// # Cancel safety
    /// No byte is lost.
    ///
    /// # Errors
    /// Fails outside a runtime. A broken connection is no error here.
    pub async fn closed(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_closed(cx)).await
    }

    /// Polls [`readable`](Self::readable), for futures written by hand.
    ///
    /// # Errors
    /// As [`readable`](Self::readable).
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let is_ready = |end: &End| end.readable().is_ready();
        self.poll_end(ResourceKind::Read, cx, is_ready)
    }

    /// Polls [`writable`](Self::writable), for futures written by hand.
    ///
    /// # Errors
    /// As [`writable`](Self::writable).
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let is_ready = |end: &End| end.writable().is_ready();
        self.poll_end(ResourceKind::Write, cx, is_ready)
    }

    /// Polls [`closed`](Self::closed), for futures written by hand.
    ///
    /// # Errors
    /// As [`closed`](Self::closed).
    pub fn poll_closed(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_end(ResourceKind::Read, cx, End::is_peer_closed)
    }
}
