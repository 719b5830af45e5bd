//! The two directions of a stream, each an owner.
//!
//! ```text
//!   stream    ── into_split ──▶ OwnedReadHalf   ── dropped ──▶ nothing, as long as the other half lives
//!       ▲                       OwnedWriteHalf  ── dropped ──▶ the peer is told the end
//!       │                          │               forget ──▶ nothing, as long as the other half lives
//!       └── reunite ───────────────┘
//! ```

use std::io;
use std::sync::Arc;

use crate::net::{Duplex, TcpStream};

/// Parts a stream.
pub(crate) fn split<S: Duplex>(stream: S) -> (OwnedReadHalf<S>, OwnedWriteHalf<S>) {
    let stream = Arc::new(stream);
    let read = OwnedReadHalf {
        stream: Arc::clone(&stream),
    };
    (read, OwnedWriteHalf { stream, ends: true })
}

/// The side of a stream that reads, from [`TcpStream::into_split`] or [`UnixStream::into_split`](crate::net::UnixStream::into_split) (asyncio: `StreamReader`).
///
/// Dropping it leaves the other half as it is. The connection is closed when both halves are gone.
///
/// # Examples
/// ```
/// use futures::io::{AsyncReadExt, AsyncWriteExt};
/// use wheelhouse::net::{TcpListener, TcpStream};
///
/// # fn main() -> std::io::Result<()> {
/// wheelhouse::run(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let client = TcpStream::connect(listener.local_addr()?).await?;
///     let (server, _) = listener.accept().await?;
///     let echo = wheelhouse::spawn(async move { futures::io::copy(&server, &mut &server).await });
///
///     let (mut reader, mut writer) = client.into_split();
///     let writing = wheelhouse::spawn(async move {
///         writer.write_all(b"round").await
///     }); // the writer is dropped there: the end
///     let mut got = [0; 5];
///     reader.read_exact(&mut got).await?;
///     assert_eq!(&got, b"round");
///     writing.await.unwrap()?;
///     assert_eq!(echo.await.unwrap()?, 5);
///     Ok(())
/// })
/// # }
/// ```
#[doc(alias = "StreamReader")]
#[derive(Debug)]
pub struct OwnedReadHalf<S: Duplex = TcpStream> {
    /// The stream, which the other half has too.
    stream: Arc<S>,
}

/// The side of a stream that writes, from [`TcpStream::into_split`] or [`UnixStream::into_split`](crate::net::UnixStream::into_split) (asyncio: `StreamWriter`).
///
/// Dropping it ends the side that writes: the peer reads the end behind all that was written before.
/// [`forget`](Self::forget) drops it without that.
#[doc(alias = "StreamWriter")]
#[derive(Debug)]
pub struct OwnedWriteHalf<S: Duplex = TcpStream> {
    /// The stream, which the other half has too.
    stream: Arc<S>,
    /// Whether dropping this tells the peer the end.
    ends: bool,
}

/// Two halves could not be put together, as they came from different streams. They are in here, unharmed.
#[derive(Debug, thiserror::Error)]
#[error("the two halves are not of the same stream")]
pub struct ReuniteError<S: Duplex = TcpStream>(pub OwnedReadHalf<S>, pub OwnedWriteHalf<S>);

impl<S: Duplex> OwnedReadHalf<S> {
    /// Puts the two halves of a stream together again.
    ///
    /// # Errors
    /// [`ReuniteError`], with both halves in it, when they came from different streams.
    pub fn reunite(self, other: OwnedWriteHalf<S>) -> Result<S, ReuniteError<S>> {
        if !Arc::ptr_eq(&self.stream, &other.stream) {
            return Err(ReuniteError(self, other));
        }
        other.forget();
        match Arc::try_unwrap(self.stream) {
            Ok(stream) => Ok(stream),
            Err(_) => unreachable!("a stream has two halves, and one of them has just gone"),
        }
    }
}

impl OwnedReadHalf {
    /// Waits for bytes and copies them, but leaves them to be read again; see [`TcpStream::peek`].
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Errors
    /// As [`TcpStream::peek`].
    pub async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.peek(buffer).await
    }
}

impl<S: Duplex> OwnedWriteHalf<S> {
    /// Puts the two halves of a stream together again.
    ///
    /// # Errors
    /// [`ReuniteError`], with both halves in it, when they came from different streams.
    pub fn reunite(self, other: OwnedReadHalf<S>) -> Result<S, ReuniteError<S>> {
        other.reunite(self)
    }

    /// Drops this half without telling the peer the end.
    pub fn forget(mut self) {
        self.ends = false;
    }
}

impl<S: Duplex> Drop for OwnedWriteHalf<S> {
    fn drop(&mut self) {
        if self.ends {
            // There is nobody to be told of a failure, and a connection that is gone has ended, too.
            drop(self.stream.end());
        }
    }
}

/// The whole stream, for its addresses and options.
impl<S: Duplex> AsRef<S> for OwnedReadHalf<S> {
    fn as_ref(&self) -> &S {
        &self.stream
    }
}

/// The whole stream, for its addresses and options.
impl<S: Duplex> AsRef<S> for OwnedWriteHalf<S> {
    fn as_ref(&self) -> &S {
        &self.stream
    }
}
