//! Copying between two streams, in both directions at once.
//!
//! ```text
//!            there                          each direction:
//!   one ───────────────▶ other
//!       ◀───────────────                    Copying ── end of the stream ──▶ Closing ──▶ Done
//!            back                            read, write,                    flush, close
//!                                            flush when idle                 the writing side
//! ```
//!
//! The future is ready when both directions are done, or one fails. A direction has a buffer only
//! while there are bytes in it, so an idle connection costs none.

use std::fmt;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures_io::{AsyncRead, AsyncWrite};

use crate::time::{Sleep, now, sleep_until};
use crate::util::budget;

/// The size of a buffer.
const BUFFER: usize = 16 * 1024;

/// Copies bytes between two streams in both directions, until both have ended, and returns the
/// number of bytes from `one` to `other` and back.
///
/// When one stream ends, the writing side of the other is flushed and closed, and the other
/// direction continues (a half-close). So a proxy passes on what each side does. An error in one
/// direction ends both.
///
/// The streams may be of any type that implements the traits of `futures::io`, by value or as
/// `&mut`. [`CopyBidirectional::idle_timeout`] ends a copy in which nothing moves.
///
/// # Cancel safety
/// Bytes that were read and not written yet are lost; they are 16 KiB at most in each direction.
/// [`copied`](CopyBidirectional::copied) returns the number of bytes that were written.
///
/// # Errors
/// Those of reading, writing and closing the streams. `WriteZero` if a stream takes no bytes.
///
/// # Examples
/// A proxy for one connection:
///
/// ```
/// use std::time::Duration;
/// use futures::io::{AsyncReadExt, AsyncWriteExt};
/// use wheelhouse::net::{TcpListener, TcpStream, copy_bidirectional};
///
/// # fn main() -> std::io::Result<()> {
/// wheelhouse::run(async {
///     let server = TcpListener::bind("127.0.0.1:0").await?;
///     let proxy = TcpListener::bind("127.0.0.1:0").await?;
///     let (behind, address) = (server.local_addr()?, proxy.local_addr()?);
///     let echo = wheelhouse::spawn(async move {
///         let (stream, _) = server.accept().await?;
///         futures::io::copy(&stream, &mut &stream).await?;
///         (&stream).close().await
///     });
///     let proxy = wheelhouse::spawn(async move {
///         let (near, _) = proxy.accept().await?;
///         let far = TcpStream::connect(behind).await?;
///         copy_bidirectional(near, far).idle_timeout(Duration::from_secs(60)).await
///     });
///
///     let mut client = TcpStream::connect(address).await?;
///     client.write_all(b"ping").await?;
///     client.close().await?;
///     let mut answer = String::new();
///     client.read_to_string(&mut answer).await?;
///     assert_eq!(answer, "ping");
///     assert_eq!(proxy.await.unwrap()?, (4, 4));
///     echo.await.unwrap()
/// })
/// # }
/// ```
pub fn copy_bidirectional<A, B>(one: A, other: B) -> CopyBidirectional<A, B>
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    CopyBidirectional {
        streams: (one, other),
        there: Transfer::default(),
        back: Transfer::default(),
        back_first: true,
        idle: None,
    }
}

/// The future of [`copy_bidirectional`].
#[must_use = "futures do nothing unless polled"]
pub struct CopyBidirectional<A, B> {
    streams: (A, B),
    there: Transfer,
    back: Transfer,
    /// Which direction is polled first.
    back_first: bool,
    idle: Option<Idle>,
}

impl<A, B> CopyBidirectional<A, B> {
    /// Ends the copy with an error of the kind [`TimedOut`](ErrorKind::TimedOut) if no byte moves
    /// in either direction for `limit`. The time runs from the first poll.
    pub fn idle_timeout(mut self, limit: Duration) -> Self {
        self.idle = Some(Idle {
            limit,
            last: None,
            timer: None,
        });
        self
    }

    /// Returns the number of bytes that were written so far, from the first stream to the second
    /// and back. After an error, poll the future by `&mut` and ask then.
    pub fn copied(&self) -> (u64, u64) {
        (self.there.written, self.back.written)
    }
}

impl<A, B> Future for CopyBidirectional<A, B>
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    type Output = io::Result<(u64, u64)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let (one, other) = &mut this.streams;
        let (mut there, mut back) = (Poll::Pending, Poll::Pending);
        // In turns, so that the direction that spends the task's budget is not always the same.
        this.back_first = !this.back_first;
        for is_back in [this.back_first, !this.back_first] {
            if is_back {
                back = this.back.poll(cx, other, one)?;
            } else {
                there = this.there.poll(cx, one, other)?;
            }
        }
        if there.is_ready() && back.is_ready() {
            return Poll::Ready(Ok(this.copied()));
        }
        let has_moved = this.there.take_moved() | this.back.take_moved();
        if let Some(idle) = &mut this.idle {
            ready!(idle.poll(cx, has_moved));
            return Poll::Ready(Err(too_idle(idle.limit)));
        }
        Poll::Pending
    }
}

impl<A, B> fmt::Debug for CopyBidirectional<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CopyBidirectional")
            .field("copied", &self.copied())
            .finish_non_exhaustive()
    }
}

/// Returns the error of a copy in which nothing moved.
fn too_idle(limit: Duration) -> io::Error {
    io::Error::new(
        ErrorKind::TimedOut,
        format!("no byte moved in either direction for {limit:?}"),
    )
}

/// How far one direction is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Copying,
    Closing,
    Done,
}

/// One direction.
#[derive(Debug, Default)]
struct Transfer {
    stage: Stage,
    /// Bytes that were read. Invariant: no longer than `BUFFER`, and empty while it is not needed.
    buffer: Vec<u8>,
    /// The part of `buffer` that is to be written.
    unwritten: std::ops::Range<usize>,
    /// Whether the writer has bytes that were not flushed.
    is_dirty: bool,
    /// The number of bytes that were written.
    written: u64,
    /// Whether a byte was read or written since the last [`take_moved`](Self::take_moved).
    has_moved: bool,
}

impl Transfer {
    /// Copies until one side has to wait, or the end.
    fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut R,
        writer: &mut W,
    ) -> Poll<io::Result<()>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        if self.stage == Stage::Copying {
            ready!(self.poll_copy(cx, reader, writer))?;
            self.stage = Stage::Closing;
        }
        if self.stage == Stage::Closing {
            ready!(Pin::new(writer).poll_close(cx))?;
            self.stage = Stage::Done;
        }
        Poll::Ready(Ok(()))
    }

    /// Copies until the reader has ended and all is written and flushed.
    fn poll_copy<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut R,
        writer: &mut W,
    ) -> Poll<io::Result<()>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        loop {
            ready!(self.poll_write_all(cx, writer))?;
            // Two streams in memory may never wait. Sockets count their own calls.
            ready!(budget::poll_spend(cx.waker()));
            self.buffer.resize(BUFFER, 0);
            let read = Pin::new(&mut *reader).poll_read(cx, &mut self.buffer);
            let Poll::Ready(count) = read else {
                self.buffer = Vec::new();
                ready!(self.poll_flush(cx, writer))?;
                return Poll::Pending;
            };
            self.unwritten = 0..count?;
            if self.unwritten.is_empty() {
                self.buffer = Vec::new();
                return self.poll_flush(cx, writer);
            }
            self.has_moved = true;
        }
    }

    /// Writes what was read.
    fn poll_write_all<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        writer: &mut W,
    ) -> Poll<io::Result<()>> {
        while !self.unwritten.is_empty() {
            let bytes = &self.buffer[self.unwritten.clone()];
            let count = ready!(Pin::new(&mut *writer).poll_write(cx, bytes))?;
            if count == 0 {
                return Poll::Ready(Err(ErrorKind::WriteZero.into()));
            }
            self.unwritten.start += count;
            self.written += count as u64;
            (self.is_dirty, self.has_moved) = (true, true);
        }
        Poll::Ready(Ok(()))
    }

    /// Flushes what was written.
    fn poll_flush<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        writer: &mut W,
    ) -> Poll<io::Result<()>> {
        if self.is_dirty {
            ready!(Pin::new(writer).poll_flush(cx))?;
            self.is_dirty = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Returns whether a byte moved since the last call.
    fn take_moved(&mut self) -> bool {
        std::mem::take(&mut self.has_moved)
    }
}

/// The bound of the time in which nothing moves.
#[derive(Debug)]
struct Idle {
    limit: Duration,
    /// When a byte moved last; `None` before the first poll.
    last: Option<Instant>,
    /// Ends at `last + limit` or earlier: moving bytes does not set it anew.
    timer: Option<Sleep>,
}

impl Idle {
    /// Is ready if nothing moved for too long.
    fn poll(&mut self, cx: &mut Context<'_>, has_moved: bool) -> Poll<()> {
        if has_moved || self.last.is_none() {
            self.last = Some(now());
        }
        loop {
            let Some(deadline) = self.last.and_then(|last| last.checked_add(self.limit)) else {
                return Poll::Pending;
            };
            let timer = self.timer.get_or_insert_with(|| sleep_until(deadline));
            ready!(Pin::new(&mut *timer).poll(cx));
            if now() >= deadline {
                return Poll::Ready(());
            }
            timer.reset(deadline);
        }
    }
}
