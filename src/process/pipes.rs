//! The ends of the pipes to and from a child.

use std::io::{self, IoSlice, IoSliceMut, PipeReader, PipeWriter, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use rustix::io::ioctl_fionbio;

use crate::reactor::{Direction, Readiness};
use crate::runtime::{IoSource, for_one_call};

/// Takes over one end of a pipe.
fn register<P: From<OwnedFd> + Into<OwnedFd> + AsFd>(
    end: impl Into<OwnedFd>,
    known: Readiness,
) -> io::Result<IoSource<P>> {
    let end = end.into();
    ioctl_fionbio(&end, true)?;
    IoSource::new(end.into(), known)
}

/// Gives an end back, for another program.
fn release<P: From<OwnedFd> + Into<OwnedFd> + AsFd>(end: IoSource<P>) -> io::Result<Stdio> {
    let end: OwnedFd = end.into_socket().into();
    ioctl_fionbio(&end, false)?;
    Ok(Stdio::from(end))
}

/// Writes to a child's standard input. Dropping or closing it tells the child the end.
///
/// # Cancel safety
/// A write that was not ready has done nothing.
#[derive(Debug)]
pub struct ChildStdin {
    /// Our end; `None` once it was closed.
    pipe: Option<IoSource<PipeWriter>>,
}

impl ChildStdin {
    /// Takes over std's pipe.
    pub(super) fn new(pipe: std::process::ChildStdin) -> io::Result<Self> {
        let pipe = Some(register(pipe, Readiness::WRITABLE)?);
        Ok(Self { pipe })
    }

    /// Gives the pipe to another program, as its standard output.
    ///
    /// # Errors
    /// When it was closed; those of `ioctl`.
    pub fn into_stdio(self) -> io::Result<Stdio> {
        release(self.pipe.ok_or_else(closed)?)
    }

    /// The pipe, unless it was closed.
    fn open(&self) -> io::Result<&IoSource<PipeWriter>> {
        self.pipe.as_ref().ok_or_else(closed)
    }
}

/// What writing gives after closing.
fn closed() -> io::Error {
    io::Error::new(
        io::ErrorKind::BrokenPipe,
        "the child's standard input was closed before",
    )
}

impl AsyncWrite for ChildStdin {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.open()?.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let buffers = &buffers[for_one_call(buffers)];
        let size = buffers.iter().map(|buffer| buffer.len()).sum();
        self.open()?
            .transfer(Direction::Write, cx, size, |mut pipe| {
                pipe.write_vectored(buffers)
            })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pipe = None;
        Poll::Ready(Ok(()))
    }
}

/// Declares a pipe that reads.
macro_rules! reading_pipe {
    ($(#[$doc:meta])* $name:ident, $std:ty) => {
        $(#[$doc])*
        ///
        /// # Cancel safety
        /// A read that was not ready has done nothing.
        #[derive(Debug)]
        pub struct $name {
            /// Our end.
            pipe: IoSource<PipeReader>,
        }

        impl $name {
            /// Takes over std's pipe.
            pub(super) fn new(pipe: $std) -> io::Result<Self> {
                let pipe = register(pipe, Readiness::NONE)?;
                Ok(Self { pipe })
            }

            /// Gives the pipe to another program, as its standard input.
            ///
            /// # Errors
            /// Those of `ioctl`.
            pub fn into_stdio(self) -> io::Result<Stdio> {
                release(self.pipe)
            }
        }

        impl AsyncRead for $name {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                self.pipe.poll_read(cx, buffer)
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffers: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                self.pipe.poll_read_vectored(cx, buffers)
            }
        }

        impl AsFd for $name {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.pipe.get().as_fd()
            }
        }
    };
}

reading_pipe! {
    /// Reads a child's standard output.
    ChildStdout, std::process::ChildStdout
}

reading_pipe! {
    /// Reads a child's standard error.
    ChildStderr, std::process::ChildStderr
}
