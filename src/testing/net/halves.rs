//! The two directions of a [`Stream`]: the halves of [`net`], of a simulated stream.

use std::io;

use super::stream::Stream;
use crate::net;

/// The side of a [`Stream`] that reads, lent by [`Stream::split_mut`]: see [`net::ReadHalf`].
pub type ReadHalf<'a> = net::ReadHalf<'a, Stream>;

/// The side of a [`Stream`] that writes, lent by [`Stream::split_mut`]: see [`net::WriteHalf`].
///
/// Dropping it does nothing. Closing it by the trait tells the peer the end.
pub type WriteHalf<'a> = net::WriteHalf<'a, Stream>;

/// The side of a [`Stream`] that reads, from [`Stream::into_split`]: see [`net::OwnedReadHalf`].
///
/// Dropping it leaves the other half as it is. The connection is closed when both halves are gone.
pub type OwnedReadHalf = net::OwnedReadHalf<Stream>;

/// The side of a [`Stream`] that writes, from [`Stream::into_split`]: see [`net::OwnedWriteHalf`].
///
/// Dropping it tells the peer the end; [`forget`](net::OwnedWriteHalf::forget) drops it without that.
pub type OwnedWriteHalf = net::OwnedWriteHalf<Stream>;

impl ReadHalf<'_> {
    /// Waits for bytes and copies them, but leaves them to be read again; see [`Stream::peek`].
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Errors
    /// As [`Stream::peek`].
    pub async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.as_ref().peek(buffer).await
    }
}

impl OwnedReadHalf {
    /// Waits for bytes and copies them, but leaves them to be read again; see [`Stream::peek`].
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Errors
    /// As [`Stream::peek`].
    pub async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.as_ref().peek(buffer).await
    }
}
