//! Our ends of the pipes to and from a child.

use std::io::{self, IoSlice, IoSliceMut, PipeReader, PipeWriter};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use rustix::io::ioctl_fionbio;

use crate::reactor::Readiness;
use crate::runtime::IoSource;

/// Makes one end of a pipe non-blocking and registers it.
fn register<P: From<OwnedFd> + Into<OwnedFd> + AsFd>(
    end: impl Into<OwnedFd>,
    known: Readiness,
) -> io::Result<IoSource<P>> {
    let end = end.into();
    ioctl_fionbio(&end, true)?;
    IoSource::new(end.into(), known)
}

/// Deregisters one end and makes it blocking, for use by another program.
fn release<P: From<OwnedFd> + Into<OwnedFd> + AsFd>(end: IoSource<P>) -> io::Result<Stdio> {
    let end: OwnedFd = end.into_socket().into();
    ioctl_fionbio(&end, false)?;
    Ok(Stdio::from(end))
}

/// The write end of the pipe to the standard input of a child.
///
/// Dropping or closing it makes the child read the end of its input. For an example see the
/// [module](super).
///
/// # Cancel safety
/// A write that was pending has moved no bytes.
#[derive(Debug)]
pub struct ChildStdin {
    /// `None` after it was closed.
    pipe: Option<IoSource<PipeWriter>>,
}

impl ChildStdin {
    pub(super) fn new(pipe: std::process::ChildStdin) -> io::Result<Self> {
        let pipe = Some(register(pipe, Readiness::WRITABLE)?);
        Ok(Self { pipe })
    }

    /// Converts the pipe, to make it the standard output of another program.
    ///
    /// # Errors
    /// Fails if the pipe was closed, and with the errors of `ioctl`.
    pub fn into_stdio(self) -> io::Result<Stdio> {
        release(self.pipe.ok_or_else(closed)?)
    }

    /// Returns the pipe, or an error if it was closed.
    fn open(&self) -> io::Result<&IoSource<PipeWriter>> {
        self.pipe.as_ref().ok_or_else(closed)
    }
}

/// The error of a write after a close.
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
        self.open()?.poll_write_vectored(cx, buffers)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pipe = None;
        Poll::Ready(Ok(()))
    }
}

/// Declares the read end of a pipe.
macro_rules! reading_pipe {
    ($(#[$doc:meta])* $name:ident, $std:ty) => {
        $(#[$doc])*
        ///
        /// # Cancel safety
        /// A read that was pending has moved no bytes.
        #[derive(Debug)]
        pub struct $name {
            pipe: IoSource<PipeReader>,
        }

        impl $name {
            pub(super) fn new(pipe: $std) -> io::Result<Self> {
                let pipe = register(pipe, Readiness::NONE)?;
                Ok(Self { pipe })
            }

            /// Converts the pipe, to make it the standard input of another program.
            ///
            /// # Errors
            /// Fails with the errors of `ioctl`.
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
    /// The read end of the pipe from the standard output of a child.
    ///
    /// # Examples
    /// ```
    /// use std::process::Stdio;
    ///
    /// use futures::io::AsyncReadExt;
    /// use wheelhouse::process::Command;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// wheelhouse::run(async {
    ///     let mut child = Command::new("echo").arg("hello").stdout(Stdio::piped()).spawn()?;
    ///     let mut output = String::new();
    ///     child.stdout.take().expect("it is piped").read_to_string(&mut output).await?;
    ///     assert_eq!(output, "hello\n");
    ///     child.wait().await?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ChildStdout, std::process::ChildStdout
}

reading_pipe! {
    /// The read end of the pipe from the standard error of a child. It is used like
    /// [`ChildStdout`].
    ChildStderr, std::process::ChildStderr
}
