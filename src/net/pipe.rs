//! Pipes: without a name, and FIFOs, which have a path.
//!
//! ```text
//!   pipe() ─────────────────────────────┐
//!   PipeReader::open ─ O_NONBLOCK ──────┼──▶ registered ──▶ reads and writes by readiness
//!   PipeWriter::open ─ until a reader ──┘
//!                      has opened it
//! ```
//!
//! A FIFO without writers reads as ended, but epoll reports no end until a writer was there. So a
//! reader is registered as not ready, and its first read waits for the first writer.

use std::fs::OpenOptions;
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use rustix::io::{Errno, ioctl_fionbio};

use super::unix::RETRY;
use crate::reactor::{Direction, Readiness};
use crate::runtime::{IoSource, require_runtime};
use crate::time::sleep;

/// Creates a pipe: what is written to one end is read from the other (asyncio:
/// `loop.connect_read_pipe` and `connect_write_pipe` with `os.pipe`).
///
/// # Errors
/// Fails outside a runtime, or if no file descriptor is left.
///
/// # Examples
/// ```
/// use futures::io::{AsyncReadExt, AsyncWriteExt};
/// use wheelhouse::net::pipe;
///
/// # fn main() -> std::io::Result<()> {
/// wheelhouse::run(async {
///     let (mut reader, mut writer) = pipe()?;
///     let writing = wheelhouse::spawn(async move {
///         writer.write_all(b"through the pipe").await
///     }); // the writer is dropped there: the reader reads the end
///     let mut text = String::new();
///     reader.read_to_string(&mut text).await?;
///     assert_eq!(text, "through the pipe");
///     writing.await.unwrap()
/// })
/// # }
/// ```
#[doc(alias = "connect_read_pipe")]
#[doc(alias = "connect_write_pipe")]
pub fn pipe() -> io::Result<(PipeReader, PipeWriter)> {
    require_runtime()?;
    let (reader, writer) = io::pipe()?;
    Ok((PipeReader::from_std(reader)?, PipeWriter::from_std(writer)?))
}

/// The end of a pipe or FIFO that is read, from [`pipe`] or [`open`](Self::open).
///
/// It reads with the traits of `futures::io`, and returns the end (0 bytes) when the last writer
/// has closed the pipe. Any number of tasks may read from one `&PipeReader`.
///
/// # Cancel safety
/// A read that was pending has read nothing.
#[derive(Debug)]
pub struct PipeReader {
    pipe: IoSource<io::PipeReader>,
}

impl PipeReader {
    /// Opens a FIFO for reading.
    ///
    /// It need not have a writer yet: the first read waits for one. After the last writer has
    /// closed it, reads return the end, until it is written to again.
    ///
    /// # Errors
    /// Fails outside a runtime, if there is no such file or it is no FIFO (`InvalidInput`), and
    /// with the other errors of `open`.
    ///
    /// # Examples
    /// ```no_run
    /// use futures::io::{AsyncBufReadExt, BufReader};
    /// use futures::StreamExt;
    /// use wheelhouse::net::PipeReader;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// wheelhouse::run(async {
    ///     let commands = PipeReader::open("/run/my-service/commands")?;
    ///     let mut lines = BufReader::new(commands).lines();
    ///     while let Some(line) = lines.next().await {
    ///         println!("command: {}", line?);
    ///     }
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        require_runtime()?;
        let fifo = open_fifo(path.as_ref(), OpenOptions::new().read(true))?;
        Self::registered(fifo.into())
    }

    /// Reads some bytes without waiting. Returns 0 at the end, or if `buffer` is empty.
    ///
    /// # Errors
    /// `WouldBlock` if there are none. Fails outside the runtime of the pipe.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = |mut pipe: &io::PipeReader| pipe.read(buffer);
        self.pipe.try_io(Direction::Read, read)
    }

    /// Converts a pipe of std, and makes it non-blocking.
    ///
    /// # Errors
    /// Fails outside a runtime, or if `epoll` refuses the descriptor.
    pub fn from_std(pipe: io::PipeReader) -> io::Result<Self> {
        ioctl_fionbio(&pipe, true)?;
        Self::registered(pipe)
    }

    /// Converts into a pipe of std, and makes it blocking. This works on every thread.
    ///
    /// # Errors
    /// Fails with the errors of `ioctl`, and closes the pipe.
    pub fn into_std(self) -> io::Result<io::PipeReader> {
        let pipe = self.pipe.into_socket();
        ioctl_fionbio(&pipe, false)?;
        Ok(pipe)
    }

    fn registered(pipe: io::PipeReader) -> io::Result<Self> {
        let pipe = IoSource::new(pipe, Readiness::NONE)?;
        Ok(Self { pipe })
    }
}

/// The end of a pipe or FIFO that is written, from [`pipe`] or [`open`](Self::open).
///
/// It writes with the traits of `futures::io`. Dropping or closing it closes this end; the reader
/// then reads the end, if there is no other writer.
///
/// # Cancel safety
/// A write that was pending has written nothing.
#[derive(Debug)]
pub struct PipeWriter {
    /// `None` after `poll_close`.
    pipe: Option<IoSource<io::PipeWriter>>,
}

impl PipeWriter {
    /// Opens a FIFO for writing, and waits until it has a reader.
    ///
    /// The system reports no event for that, so it is tried again after 200 µs, and then after
    /// pauses of up to 50 ms. Bound the wait by [`timeout`](crate::timeout); a zero one tries once.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Errors
    /// Fails outside a runtime, if there is no such file or it is no FIFO (`InvalidInput`), and
    /// with the other errors of `open`.
    pub async fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        require_runtime()?;
        let mut pause = RETRY.0;
        loop {
            match open_fifo(path.as_ref(), OpenOptions::new().write(true)) {
                Ok(fifo) => return Self::registered(fifo.into()),
                Err(error) if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => {
                    sleep(pause).await;
                    pause = (pause * 2).min(RETRY.1);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes some bytes without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if there is no space, `BrokenPipe` without a reader or after it was closed.
    /// Fails outside the runtime of the pipe.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let write = |mut pipe: &io::PipeWriter| pipe.write(bytes);
        self.source()?.try_io(Direction::Write, write)
    }

    /// Waits until a write does not block: there is space to write, or no reader any more.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Errors
    /// Fails outside the runtime of the pipe, and after it was closed.
    pub async fn writable(&self) -> io::Result<()> {
        let source = self.source()?;
        poll_fn(|cx| source.poll_ready(Direction::Write, cx)).await
    }

    /// Waits until there is no reader any more. Writes nothing.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Errors
    /// Fails outside the runtime of the pipe, and after it was closed.
    pub async fn closed(&self) -> io::Result<()> {
        let source = self.source()?;
        poll_fn(|cx| source.poll_closed(Direction::Write, cx)).await
    }

    /// Converts a pipe of std, and makes it non-blocking.
    ///
    /// # Errors
    /// Fails outside a runtime, or if `epoll` refuses the descriptor.
    pub fn from_std(pipe: io::PipeWriter) -> io::Result<Self> {
        ioctl_fionbio(&pipe, true)?;
        Self::registered(pipe)
    }

    /// Converts into a pipe of std, and makes it blocking. This works on every thread.
    ///
    /// # Errors
    /// `BrokenPipe` after it was closed. Fails with the errors of `ioctl`, and closes the pipe.
    pub fn into_std(self) -> io::Result<io::PipeWriter> {
        let pipe = self.pipe.ok_or_else(closed)?.into_socket();
        ioctl_fionbio(&pipe, false)?;
        Ok(pipe)
    }

    fn registered(pipe: io::PipeWriter) -> io::Result<Self> {
        let pipe = Some(IoSource::new(pipe, Readiness::WRITABLE)?);
        Ok(Self { pipe })
    }

    fn source(&self) -> io::Result<&IoSource<io::PipeWriter>> {
        self.pipe.as_ref().ok_or_else(closed)
    }
}

/// Returns the error of using a writer after it was closed.
fn closed() -> io::Error {
    io::Error::new(ErrorKind::BrokenPipe, "this end of the pipe was closed")
}

/// Opens a FIFO, in no case blocking.
fn open_fifo(path: &Path, options: &mut OpenOptions) -> io::Result<OwnedFd> {
    let file = options.custom_flags(libc::O_NONBLOCK).open(path)?;
    if file.metadata()?.file_type().is_fifo() {
        return Ok(file.into());
    }
    Err(io::Error::new(
        ErrorKind::InvalidInput,
        format!("not a FIFO: {}", path.display()),
    ))
}

super::readable!(PipeReader, pipe);

impl AsyncRead for PipeReader {
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

impl AsyncRead for &PipeReader {
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

impl AsyncWrite for PipeWriter {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.source()?.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.source()?.poll_write_vectored(cx, buffers)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pipe = None;
        Poll::Ready(Ok(()))
    }
}

impl AsFd for PipeReader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.get().as_fd()
    }
}

impl AsRawFd for PipeReader {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
