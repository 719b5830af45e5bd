//! The two directions of a [`Stream`]: the halves of [`net`] for a simulated stream.

use std::io;

use super::stream::Stream;
use crate::net;

/// The borrowed read half of a [`Stream`], from [`Stream::split_mut`]: see [`net::ReadHalf`].
pub type ReadHalf<'a> = net::ReadHalf<'a, Stream>;

/// The borrowed write half of a [`Stream`], from [`Stream::split_mut`]: see [`net::WriteHalf`].
///
/// Dropping it does nothing. `close` ends the direction: the peer reads the end of the stream.
pub type WriteHalf<'a> = net::WriteHalf<'a, Stream>;

/// The owned read half of a [`Stream`], from [`Stream::into_split`]: see [`net::OwnedReadHalf`].
///
/// Dropping it leaves the other half as it is. The connection is closed when both halves are
/// dropped.
pub type OwnedReadHalf = net::OwnedReadHalf<Stream>;

/// The owned write half of a [`Stream`], from [`Stream::into_split`]: see [`net::OwnedWriteHalf`].
///
/// Dropping it ends the direction: the peer reads the end of the stream.
/// [`forget`](net::OwnedWriteHalf::forget) drops it without that.
pub type OwnedWriteHalf = net::OwnedWriteHalf<Stream>;

impl ReadHalf<'_> {
    /// Reads bytes without removing them: see [`Stream::peek`].
    ///
    /// # Cancel safety
    /// No byte is lost.
    ///
    /// # Errors
    /// As [`Stream::peek`].
    pub async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.as_ref().peek(buffer).await
    }
}

impl OwnedReadHalf {
    /// Reads bytes without removing them: see [`Stream::peek`].
    ///
    /// # Cancel safety
    /// No byte is lost.
    ///
    /// # Errors
    /// As [`Stream::peek`].
    pub async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.as_ref().peek(buffer).await
    }
}

impl Stream {
    /// Splits the stream into two halves that different tasks can own.
    ///
    /// Dropping the write half ends its direction: the peer reads the end of the stream.
    /// [`reunite`](OwnedReadHalf::reunite) joins the halves again.
    #[must_use = "dropping the halves closes the connection"]
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        net::split_owned(self)
    }

    /// Borrows the stream as two halves, to read and write at the same time in one task.
    pub fn split_mut(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        net::split_borrowed(self)
    }
}
