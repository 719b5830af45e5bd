//! The traits of `futures_io`, led to the stream's own methods from every type that stands for a stream.

use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};

use super::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, TcpStream, WriteHalf};

/// Implements `AsyncRead` for what gives a `&TcpStream` by `AsRef`.
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

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffers: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                stream(&*self).receive_vectored(cx, buffers)
            }
        }
    )*};
}

/// Implements `AsyncWrite` for what gives a `&TcpStream` by `AsRef`.
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

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffers: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                stream(&*self).send_vectored(cx, buffers)
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
fn stream(of: &impl AsRef<TcpStream>) -> &TcpStream {
    of.as_ref()
}

read_by_ref!(TcpStream, &TcpStream, ReadHalf<'_>, OwnedReadHalf);
write_by_ref!(TcpStream, &TcpStream, WriteHalf<'_>, OwnedWriteHalf);
