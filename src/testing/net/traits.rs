//! The traits of `futures_io`, led to the stream's own methods from every type that stands for a stream.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};

use super::halves::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use super::stream::Stream;

/// Implements `AsyncRead` for what gives a `&Stream` by `AsRef`.
macro_rules! read_by_ref {
    ($($type:ty),*) => {$(
        impl AsyncRead for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                stream(&*self).receive(cx, buffer)
            }
        }
    )*};
}

/// Implements `AsyncWrite` for what gives a `&Stream` by `AsRef`.
macro_rules! write_by_ref {
    ($($type:ty),*) => {$(
        impl AsyncWrite for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                stream(&*self).send(cx, bytes)
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(stream(&*self).end())
            }
        }
    )*};
}

/// The stream behind any of the types.
fn stream(of: &impl AsRef<Stream>) -> &Stream {
    of.as_ref()
}

read_by_ref!(Stream, &Stream, ReadHalf<'_>, OwnedReadHalf);
write_by_ref!(Stream, &Stream, WriteHalf<'_>, OwnedWriteHalf);
