//! Standard input, output and error of this process.
//!
//! ```no_run
//! use futures::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
//! use wheelhouse::stdio::{stdin, stdout};
//!
//! wheelhouse::run(async {
//!     let (mut input, mut output) = (BufReader::new(stdin()), stdout());
//!     output.write_all(b"name? ").await?;
//!     output.flush().await?;
//!     let mut name = String::new();
//!     input.read_line(&mut name).await?;
//!     println!("hello {}", name.trim_end());
//!     Ok::<(), std::io::Error>(())
//! })?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Each call runs on another thread. The standard streams may be files, pipes or a terminal that
//! other processes share, so this process does not make them non-blocking. If another process has
//! done so, the thread waits until the stream is ready.
//!
//! A thread that reads from a terminal cannot be interrupted. Neither the end of the runtime nor
//! the end of the process waits for it.

use std::io::{self, Read, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use rustix::io::Errno;

use crate::runtime::{Blocking, BlockingStream, OnShutdown};
use crate::util::budget;
use crate::util::waiting_io::{WaitFor, until_done, write_all};

/// Returns the standard input of this process.
///
/// Create one handle and keep it: bytes that it has read but not returned are lost when it is
/// dropped. A cancelled read continues in its handle.
///
/// # Examples
/// ```no_run
/// use futures::StreamExt;
/// use futures::io::{AsyncBufReadExt, BufReader};
/// use wheelhouse::stdio::stdin;
///
/// wheelhouse::run(async {
///     let mut lines = BufReader::new(stdin()).lines();
///     while let Some(line) = lines.next().await {
///         println!("you said {:?}", line?);
///     }
///     Ok::<(), std::io::Error>(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
pub fn stdin() -> Stdin {
    Stdin(BlockingStream::new(Input))
}

/// Returns the standard output of this process.
///
/// Flush it before the program ends, so that all bytes are written.
///
/// # Examples
/// ```
/// use futures::io::AsyncWriteExt;
/// use wheelhouse::stdio::stdout;
///
/// wheelhouse::run(async {
///     let mut out = stdout();
///     out.write_all(b"a line\n").await?;
///     out.flush().await
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
#[track_caller]
pub fn stdout() -> Stdout {
    Stdout(BlockingStream::new(Output(Location::caller())))
}

/// Returns the standard error of this process.
///
/// Flush it before the program ends, so that all bytes are written.
///
/// # Examples
/// ```
/// use futures::io::AsyncWriteExt;
/// use wheelhouse::stdio::stderr;
///
/// wheelhouse::run(async {
///     let mut errors = stderr();
///     errors.write_all(b"disk full\n").await?;
///     errors.flush().await
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
#[track_caller]
pub fn stderr() -> Stderr {
    Stderr(BlockingStream::new(Errors(Location::caller())))
}

/// The standard input, from [`stdin`].
///
/// # Cancel safety
/// A cancelled read loses nothing: the next read of the same handle returns its bytes.
#[derive(Debug)]
pub struct Stdin(BlockingStream<Input>);

/// The standard output, from [`stdout`].
///
/// # Cancel safety
/// A cancelled write was either not started, or is carried out.
#[derive(Debug)]
pub struct Stdout(BlockingStream<Output>);

/// The standard error, from [`stderr`].
///
/// # Cancel safety
/// A cancelled write was either not started, or is carried out.
#[derive(Debug)]
pub struct Stderr(BlockingStream<Errors>);

impl AsyncRead for Stdin {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        budget::counted(cx, |cx| self.0.poll_read(cx, buffer))
    }
}

/// Implements `AsyncWrite`.
macro_rules! write {
    ($($type:ty),*) => {$(
        impl AsyncWrite for $type {
            fn poll_write(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                budget::counted(cx, |cx| self.0.poll_write(cx, bytes))
            }

            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                budget::counted(cx, |cx| self.0.poll_flush(cx))
            }

            /// Flushes; the stream stays open.
            fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.poll_flush(cx)
            }
        }
    )*};
}

write!(Stdout, Stderr);

/// Reads standard input.
#[derive(Clone, Debug)]
struct Input;

/// Writes to standard output. The location of `stdout()` is for the report at the end of the
/// runtime.
#[derive(Clone, Debug)]
struct Output(&'static Location<'static>);

/// Writes to standard error. The location of `stderr()` is for the report at the end of the
/// runtime.
#[derive(Clone, Debug)]
struct Errors(&'static Location<'static>);

/// Writes all bytes to a standard stream. A closed stream accepts all bytes, as in std.
fn write_directly(descriptor: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<()> {
    write_all(descriptor, bytes, |bytes| {
        match rustix::io::write(descriptor, bytes) {
            Err(Errno::BADF) => Ok(bytes.len()),
            outcome => Ok(outcome?),
        }
    })
}

/// The outcome of operations that the handle does not offer.
fn unsupported<T>() -> io::Result<T> {
    Err(io::ErrorKind::Unsupported.into())
}

impl Blocking for Input {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let input = io::stdin();
        until_done(input.as_fd(), WaitFor::Readable, || {
            input.lock().read(buffer)
        })
    }

    fn write_all(&self, _: &[u8]) -> io::Result<()> {
        unsupported()
    }

    fn seek(&self, _: SeekFrom) -> io::Result<u64> {
        unsupported()
    }

    fn on_shutdown(&self) -> OnShutdown {
        OnShutdown::Leave
    }
}

impl Blocking for Output {
    fn read(&self, _: &mut [u8]) -> io::Result<usize> {
        unsupported()
    }

    fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        // The lock is held until all bytes are written. So output of other threads does not come in
        // between, and the exit of the process does not wait for a blocked terminal: it flushes
        // standard output only if it is not locked.
        let (descriptor, mut out) = (io::stdout(), io::stdout().lock());
        // The bytes that `print!` left in the buffer come first. Our bytes bypass the buffer,
        // because a buffered write does not report how many bytes were written.
        until_done(descriptor.as_fd(), WaitFor::Writable, || out.flush())?;
        write_directly(descriptor.as_fd(), bytes)
    }

    fn seek(&self, _: SeekFrom) -> io::Result<u64> {
        unsupported()
    }

    fn on_shutdown(&self) -> OnShutdown {
        OnShutdown::Wait(self.0)
    }
}

impl Blocking for Errors {
    fn read(&self, _: &mut [u8]) -> io::Result<usize> {
        unsupported()
    }

    fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        let (descriptor, _held) = (io::stderr(), io::stderr().lock());
        write_directly(descriptor.as_fd(), bytes)
    }

    fn seek(&self, _: SeekFrom) -> io::Result<u64> {
        unsupported()
    }

    fn on_shutdown(&self) -> OnShutdown {
        OnShutdown::Wait(self.0)
    }
}
