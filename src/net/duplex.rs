//! What TCP and Unix streams share: five ways to move bytes, and the traits of `futures_io` for the
//! streams, for references to them, and for their halves.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll};

use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};

use super::halves::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use super::{TcpStream, UnixStream};
use crate::runtime::IoSource;

pub(crate) use sealed::Bytes;

/// A stream that can be split into a read half and a write half: a [`TcpStream`], a [`UnixStream`]
/// or a simulated [`Stream`](crate::testing::net::Stream).
///
/// It bounds the type parameter of the halves. The trait cannot be implemented outside this crate.
///
/// # Examples
/// ```
/// use futures::io::AsyncWriteExt;
/// use wheelhouse::net::{Duplex, OwnedWriteHalf, UnixStream};
///
/// async fn farewell<S: Duplex>(mut writer: OwnedWriteHalf<S>) -> std::io::Result<()> {
///     writer.write_all(b"bye").await
/// }
///
/// # fn main() -> std::io::Result<()> {
/// wheelhouse::run(async {
///     let (near, _far) = UnixStream::pair()?;
///     let (_reader, writer) = near.into_split();
///     farewell(writer).await
/// })
/// # }
/// ```
pub trait Duplex: Bytes {}

impl<T: Bytes> Duplex for T {}

/// The part of the trait that is not public.
mod sealed {
    use std::io::{self, IoSlice, IoSliceMut};
    use std::task::{Context, Poll};

    /// Moves bytes through `&self`.
    pub trait Bytes {
        fn receive(&self, cx: &Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

        /// Reads into several buffers. By default, into the first one that is not empty.
        fn receive_vectored(
            &self,
            cx: &Context<'_>,
            buffers: &mut [IoSliceMut<'_>],
        ) -> Poll<io::Result<usize>> {
            match buffers.iter_mut().find(|buffer| !buffer.is_empty()) {
                Some(buffer) => self.receive(cx, buffer),
                None => self.receive(cx, &mut []),
            }
        }

        fn send(&self, cx: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;

        /// Writes from several buffers. By default, from the first one that is not empty.
        fn send_vectored(
            &self,
            cx: &Context<'_>,
            buffers: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let first = buffers.iter().find(|buffer| !buffer.is_empty());
            self.send(cx, first.map_or(&[], |buffer| buffer))
        }

        /// Ends the write side. Returns `Ok` if it has ended before.
        fn end(&self) -> io::Result<()>;
    }
}

/// Writes from several buffers. Not by the call of std, which raises SIGPIPE on a broken
/// connection.
fn send_vectored<S: AsFd>(
    socket: &IoSource<S>,
    cx: &Context<'_>,
    buffers: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    socket.transfer_vectored(cx, buffers, |socket, buffers| {
        let mut nothing = SendAncillaryBuffer::default();
        Ok(sendmsg(socket, buffers, &mut nothing, SendFlags::NOSIGNAL)?)
    })
}

/// Implements [`Bytes`] for a stream with a registered `socket` and a `shutdown`.
macro_rules! bytes_of {
    ($($type:ty),*) => {$(
        impl Bytes for $type {
            fn receive(&self, cx: &Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
                self.socket.poll_read(cx, buffer)
            }

            fn receive_vectored(
                &self,
                cx: &Context<'_>,
                buffers: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                self.socket.poll_read_vectored(cx, buffers)
            }

            fn send(&self, cx: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
                self.socket.poll_write(cx, bytes)
            }

            fn send_vectored(
                &self,
                cx: &Context<'_>,
                buffers: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                send_vectored(&self.socket, cx, buffers)
            }

            fn end(&self) -> io::Result<()> {
                match self.shutdown(std::net::Shutdown::Write) {
                    Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
                    outcome => outcome,
                }
            }
        }
    )*};
}

/// Implements `AsyncRead` for types that are `AsRef` of a stream.
macro_rules! read_by_ref {
    ($([$($generics:tt)*] $type:ty => $stream:ty),* $(,)?) => {$(
        impl<$($generics)*> futures_io::AsyncRead for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                $crate::net::stream::<$stream>(&*self).receive(cx, buffer)
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffers: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                $crate::net::stream::<$stream>(&*self).receive_vectored(cx, buffers)
            }
        }
    )*};
}

/// Implements `AsyncWrite` for types that are `AsRef` of a stream.
macro_rules! write_by_ref {
    ($([$($generics:tt)*] $type:ty => $stream:ty),* $(,)?) => {$(
        impl<$($generics)*> futures_io::AsyncWrite for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                $crate::net::stream::<$stream>(&*self).send(cx, bytes)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffers: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                $crate::net::stream::<$stream>(&*self).send_vectored(cx, buffers)
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready($crate::net::stream::<$stream>(&*self).end())
            }
        }
    )*};
}

pub(crate) use {read_by_ref, write_by_ref};

/// Returns the stream behind any of the types.
pub(crate) fn stream<S>(of: &impl AsRef<S>) -> &S {
    of.as_ref()
}

bytes_of!(TcpStream, UnixStream);
read_by_ref!(
    [] TcpStream => TcpStream,
    [] &TcpStream => TcpStream,
    [] UnixStream => UnixStream,
    [] &UnixStream => UnixStream,
    [S: Duplex] ReadHalf<'_, S> => S,
    [S: Duplex] OwnedReadHalf<S> => S,
);
write_by_ref!(
    [] TcpStream => TcpStream,
    [] &TcpStream => TcpStream,
    [] UnixStream => UnixStream,
    [] &UnixStream => UnixStream,
    [S: Duplex] WriteHalf<'_, S> => S,
    [S: Duplex] OwnedWriteHalf<S> => S,
);
