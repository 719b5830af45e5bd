//! Standard input, output and error of this process. Floor 3.
//!
//! They may be files, pipes or a terminal that other programs share, so they cannot be made non-blocking: each call runs on
//! another thread. Where another program made them non-blocking, that thread waits until they are ready.
//!
//! A thread that reads a terminal where nobody types cannot be interrupted. It holds up neither the end of the runtime nor that of
//! the process.

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

/// Gives this process's standard input.
///
/// Have one and keep it: what it read and has not given goes when it is dropped, and a read that was cancelled goes on in it.
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

/// Gives this process's standard output.
///
/// Flush it before the program ends, to be sure that everything is out.
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

/// Gives this process's standard error.
#[must_use]
#[track_caller]
pub fn stderr() -> Stderr {
    Stderr(BlockingStream::new(Errors(Location::caller())))
}

/// Standard input, from [`stdin`].
///
/// # Cancel safety
/// A read that is cancelled has lost nothing: the next one of this handle finds what it read.
#[derive(Debug)]
pub struct Stdin(BlockingStream<Input>);

/// Standard output, from [`stdout`].
///
/// # Cancel safety
/// A write that is cancelled was either not taken, or is made to its end.
#[derive(Debug)]
pub struct Stdout(BlockingStream<Output>);

/// Standard error, from [`stderr`].
///
/// # Cancel safety
/// A write that is cancelled was either not taken, or is made to its end.
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

/// The calls of standard input.
#[derive(Clone, Debug)]
struct Input;

/// The calls of standard output, and where it was asked for.
#[derive(Clone, Debug)]
struct Output(&'static Location<'static>);

/// The calls of standard error, and where it was asked for.
#[derive(Clone, Debug)]
struct Errors(&'static Location<'static>);

/// Writes all bytes to a standard stream. One that is closed takes everything, as with std.
fn write_directly(descriptor: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<()> {
    write_all(descriptor, bytes, |bytes| {
        match rustix::io::write(descriptor, bytes) {
            Err(Errno::BADF) => Ok(bytes.len()),
            outcome => Ok(outcome?),
        }
    })
}

/// What calls give that the handle does not offer.
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

    fn at_the_end(&self) -> OnShutdown {
        OnShutdown::Leave
    }
}

impl Blocking for Output {
    fn read(&self, _: &mut [u8]) -> io::Result<usize> {
        unsupported()
    }

    fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        // Held to the end: lines that others print do not come in between, and the exit of the process, which would wait for a
        // terminal that nobody reads, leaves the stream alone.
        let (descriptor, mut out) = (io::stdout(), io::stdout().lock());
        // What `print!` left in the buffer comes first. The rest goes around it: it cannot say how much of it was written.
        until_done(descriptor.as_fd(), WaitFor::Writable, || out.flush())?;
        write_directly(descriptor.as_fd(), bytes)
    }

    fn seek(&self, _: SeekFrom) -> io::Result<u64> {
        unsupported()
    }

    fn at_the_end(&self) -> OnShutdown {
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

    fn at_the_end(&self) -> OnShutdown {
        OnShutdown::Wait(self.0)
    }
}
