//! The two directions of a stream, owned.
//!
//! ```text
//!   stream ─── into_split ──▶ OwnedReadHalf ── dropped ──▶ nothing (1)
//!     ▲                       OwnedWriteHalf ─ dropped ──▶ the write side ends
//!     │                          │             forget ───▶ nothing (1)
//!     └─────── reunite ──────────┘
//!
//!   (1) While the other half lives. With both halves the stream is dropped.
//! ```

use std::io;
use std::sync::Arc;

use crate::net::{Duplex, TcpStream};

/// Splits a stream.
pub(crate) fn split<S: Duplex>(stream: S) -> (OwnedReadHalf<S>, OwnedWriteHalf<S>) {
    let stream = Arc::new(stream);
    let read = OwnedReadHalf {
        stream: Arc::clone(&stream),
    };
    (read, OwnedWriteHalf { stream, ends: true })
}

/// The read half of a stream, from [`TcpStream::into_split`] or
/// [`UnixStream::into_split`](crate::net::UnixStream::into_split) (asyncio: `StreamReader`).
///
/// Dropping it does not affect the write half. The connection is closed when both halves are
/// dropped. `AsRef` returns the stream, for its addresses and options.
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
///     }); // drops the writer, which ends the write side
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
    /// Shared with the other half.
    stream: Arc<S>,
}

/// The write half of a stream, from [`TcpStream::into_split`] or
/// [`UnixStream::into_split`](crate::net::UnixStream::into_split) (asyncio: `StreamWriter`).
///
/// Dropping it ends the write side: the peer reads what was written before, and then the end of the
/// stream. [`forget`](Self::forget) drops it without that. `AsRef` returns the stream, for its
/// addresses and options.
#[doc(alias = "StreamWriter")]
#[derive(Debug)]
pub struct OwnedWriteHalf<S: Duplex = TcpStream> {
    /// Shared with the other half.
    stream: Arc<S>,
    /// Whether dropping it ends the write side.
    ends: bool,
}

/// The error of `reunite` for halves of different streams. Contains both halves, unchanged.
#[derive(Debug, thiserror::Error)]
#[error("the two halves belong to different streams")]
pub struct ReuniteError<S: Duplex = TcpStream>(pub OwnedReadHalf<S>, pub OwnedWriteHalf<S>);

impl<S: Duplex> OwnedReadHalf<S> {
    /// Joins the two halves of a stream.
    ///
    /// # Errors
    /// Returns [`ReuniteError`], with both halves, if they belong to different streams.
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
    /// Waits for bytes and copies them without consuming them; see [`TcpStream::peek`].
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Errors
    /// As for [`TcpStream::peek`].
    pub async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.peek(buffer).await
    }
}

impl<S: Duplex> OwnedWriteHalf<S> {
    /// Joins the two halves of a stream.
    ///
    /// # Errors
    /// Returns [`ReuniteError`], with both halves, if they belong to different streams.
    pub fn reunite(self, other: OwnedReadHalf<S>) -> Result<S, ReuniteError<S>> {
        other.reunite(self)
    }

    /// Drops this half without ending the write side.
    pub fn forget(mut self) {
        self.ends = false;
    }
}

impl<S: Duplex> Drop for OwnedWriteHalf<S> {
    fn drop(&mut self) {
        if self.ends {
            // A destructor cannot return the error. If the connection has failed, its write side
            // has ended.
            drop(self.stream.end());
        }
    }
}

impl<S: Duplex> AsRef<S> for OwnedReadHalf<S> {
    fn as_ref(&self) -> &S {
        &self.stream
    }
}

impl<S: Duplex> AsRef<S> for OwnedWriteHalf<S> {
    fn as_ref(&self) -> &S {
        &self.stream
    }
}
