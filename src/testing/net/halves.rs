//! The two directions of a stream, each an owner, or lent.
//!
//! ```text
//!   Stream ── into_split ──▶ OwnedReadHalf   ── dropped ──▶ nothing, as long as the other half lives
//!      ▲                     OwnedWriteHalf  ── dropped ──▶ the peer is told the end; forget: is not
//!      └──── reunite ────────────┘
//! ```

use std::io;
use std::rc::Rc;

use super::stream::Stream;

/// Parts a stream.
pub(super) fn part(stream: Stream) -> (OwnedReadHalf, OwnedWriteHalf) {
    let stream = Rc::new(stream);
    let read = OwnedReadHalf {
        stream: Rc::clone(&stream),
    };
    (read, OwnedWriteHalf { stream, ends: true })
}

/// Lends both directions; the exclusive borrow keeps anybody else away meanwhile.
pub(super) fn lend(stream: &mut Stream) -> (ReadHalf<'_>, WriteHalf<'_>) {
    (ReadHalf(stream), WriteHalf(stream))
}

/// The side of a [`Stream`] that reads, lent by [`Stream::split_mut`].
#[derive(Debug)]
pub struct ReadHalf<'a>(&'a Stream);

/// The side of a [`Stream`] that writes, lent by [`Stream::split_mut`].
///
/// Dropping it does nothing; closing it by the trait tells the peer the end.
#[derive(Debug)]
pub struct WriteHalf<'a>(&'a Stream);

impl ReadHalf<'_> {
    /// Waits for bytes and copies them, but leaves them to be read again; see [`Stream::peek`].
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Errors
    /// As [`Stream::peek`].
    pub async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.peek(buffer).await
    }
}

/// The whole stream, for its addresses.
impl AsRef<Stream> for ReadHalf<'_> {
    fn as_ref(&self) -> &Stream {
        self.0
    }
}

/// The whole stream, for its addresses.
impl AsRef<Stream> for WriteHalf<'_> {
    fn as_ref(&self) -> &Stream {
        self.0
    }
}

/// The side of a [`Stream`] that reads, from [`Stream::into_split`] (asyncio: `StreamReader`).
///
/// Dropping it leaves the other half as it is. The connection is closed when both halves are gone.
#[derive(Debug)]
pub struct OwnedReadHalf {
    /// The stream, which the other half has too.
    stream: Rc<Stream>,
}

/// The side of a [`Stream`] that writes, from [`Stream::into_split`] (asyncio: `StreamWriter`).
///
/// Dropping it ends the side that writes: the peer reads the end behind all that was written before.
/// [`forget`](Self::forget) drops it without that.
#[derive(Debug)]
pub struct OwnedWriteHalf {
    /// The stream, which the other half has too.
    stream: Rc<Stream>,
    /// Whether the peer is told the end when this is dropped.
    ends: bool,
}

impl OwnedReadHalf {
    /// Puts the two halves of a stream together again.
    ///
    /// # Errors
    /// Both halves, when they came from different streams.
    pub fn reunite(self, other: OwnedWriteHalf) -> Result<Stream, (Self, OwnedWriteHalf)> {
        if !Rc::ptr_eq(&self.stream, &other.stream) {
            return Err((self, other));
        }
        other.forget();
        match Rc::try_unwrap(self.stream) {
            Ok(stream) => Ok(stream),
            Err(_) => unreachable!("a stream has two halves, and one of them has just gone"),
        }
    }

    /// Waits for bytes and copies them, but leaves them to be read again; see [`Stream::peek`].
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Errors
    /// As [`Stream::peek`].
    pub async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.peek(buffer).await
    }
}

impl OwnedWriteHalf {
    /// Puts the two halves of a stream together again.
    ///
    /// # Errors
    /// Both halves, when they came from different streams.
    pub fn reunite(self, other: OwnedReadHalf) -> Result<Stream, (OwnedReadHalf, Self)> {
        other.reunite(self)
    }

    /// Drops this half without telling the peer the end.
    pub fn forget(mut self) {
        self.ends = false;
    }
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        if self.ends {
            // There is nobody to be told of a failure, and a connection that is broken has ended, too.
            drop(self.stream.end());
        }
    }
}

/// The whole stream, for its addresses.
impl AsRef<Stream> for OwnedReadHalf {
    fn as_ref(&self) -> &Stream {
        &self.stream
    }
}

/// The whole stream, for its addresses.
impl AsRef<Stream> for OwnedWriteHalf {
    fn as_ref(&self) -> &Stream {
        &self.stream
    }
}
