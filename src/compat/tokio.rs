//! The traits `tokio::io::{AsyncRead, AsyncWrite}` for streams of `futures::io`. No tokio runtime
//! is needed.
//!
//! # Examples
//! ```
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! use wheelhouse::compat::tokio::Io;
//! use wheelhouse::net::UnixStream;
//!
//! wheelhouse::run(async {
//!     let (near, far) = UnixStream::pair()?;
//!     let (mut near, mut far) = (Io::new(near), Io::new(far));
//!     near.write_all(b"ping").await?;
//!     let mut got = [0; 4];
//!     far.read_exact(&mut got).await?;
//!     assert_eq!(&got, b"ping");
//!     Ok::<(), std::io::Error>(())
//! })?;
//! # Ok::<(), std::io::Error>(())
//! ```

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};
use pin_project_lite::pin_project;
use tokio::io::ReadBuf;

pin_project! {
    /// Wraps a stream of `futures::io` for libraries that use tokio's traits. The [module](self)
    /// has an example.
    #[derive(Debug)]
    pub struct Io<S> {
        #[pin]
        stream: S,
        // Whether libraries should write from several buffers with one call.
        vectored: bool,
    }
}

impl<S> Io<S> {
    /// Wraps a stream.
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            vectored: false,
        }
    }

    /// Wraps a stream whose `poll_write_vectored` writes several buffers with one call, such as
    /// [`TcpStream`](crate::net::TcpStream) and [`UnixStream`](crate::net::UnixStream).
    pub fn vectored(stream: S) -> Self {
        Self {
            vectored: true,
            stream,
        }
    }

    /// Returns a reference to the stream.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Returns a mutable reference to the stream.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Returns the stream.
    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead> tokio::io::AsyncRead for Io<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let buffer = into.initialize_unfilled();
        let count = ready!(self.project().stream.poll_read(cx, buffer))?;
        into.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite> tokio::io::AsyncWrite for Io<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.project().stream.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().stream.poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.vectored
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().stream.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().stream.poll_close(cx)
    }
}
