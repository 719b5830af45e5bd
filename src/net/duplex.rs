//! What the two kinds of streams have in common: five ways to move bytes, and the traits of `futures_io`, led to them from every
//! type that stands for a stream.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll};

use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};

use super::halves::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use super::{TcpStream, UnixStream};
use crate::reactor::Direction;
use crate::runtime::{Registered, for_one_call};

pub(crate) use sealed::Bytes;

/// A stream that goes both ways, and so has halves: a [`TcpStream`], a [`UnixStream`] or a simulated
/// [`Stream`](crate::testing::net::Stream).
///
/// The trait cannot be implemented outside of this crate.
pub trait Duplex: Bytes {}

impl<T: Bytes> Duplex for T {}

/// The part of the trait that users do not see.
mod sealed {
    use std::io::{self, IoSlice, IoSliceMut};
    use std::task::{Context, Poll};

    /// Moves bytes, by `&self`.
    pub trait Bytes {
        /// Reads some bytes.
        fn receive(&self, cx: &Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

        /// Reads some bytes into several buffers; into the first that is not empty if not overridden.
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

        /// Writes some bytes.
        fn send(&self, cx: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;

        /// Writes some bytes out of several buffers; out of the first that is not empty if not overridden.
        fn send_vectored(
            &self,
            cx: &Context<'_>,
            buffers: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let first = buffers.iter().find(|buffer| !buffer.is_empty());
            self.send(cx, first.map_or(&[], |buffer| buffer))
        }

        /// Ends the side that writes; one that has ended already is no error.
        fn end(&self) -> io::Result<()>;
    }
}

/// Writes some bytes out of several buffers. Not by std's call, which leaves a broken connection free to send SIGPIPE.
fn send_vectored<S: AsFd>(
    socket: &Registered<S>,
    cx: &Context<'_>,
    buffers: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    let buffers = &buffers[for_one_call(buffers)];
    let size = buffers.iter().map(|buffer| buffer.len()).sum();
    socket.transfer(Direction::Write, cx, size, |socket| {
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

/// Implements `AsyncRead` for what gives a stream by `AsRef`.
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

/// Implements `AsyncWrite` for what gives a stream by `AsRef`.
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

/// The stream behind any of the types.
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
