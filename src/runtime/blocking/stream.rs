//! A stream over blocking calls: a file, a terminal. Each call runs on another thread.
//!
//! If another process has made the descriptor non-blocking, that thread waits until it is ready
//! ([`waiting_io`](crate::util::waiting_io)).
//!
//! ```text
//!                     read with an empty buffer, write, seek
//!               ┌──┐ ───────────────────────────────────────▶
//!   read: copy  │ Idle                                        Busy(call)
//!   from buffer └─▶  ◀───────────────────────────────────────
//!                     the call has returned, at the next poll;
//!                     its error is returned by the next operation
//! ```
//!
//! There is at most one call at a time. It belongs to the stream, not to the operation that started
//! it: a cancelled read loses nothing, because the next read returns its bytes. A write returns as
//! soon as a thread has its bytes. Its error is returned by the next operation, and by each flush,
//! which waits for the write, until more bytes are written.

use std::fmt;
use std::future::Future;
use std::io::{self, ErrorKind, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::{Offload, OnShutdown};
use crate::runtime::require_runtime;

/// The greatest number of bytes of one call.
const MOST: usize = 128 << 10;

/// The blocking calls of a stream.
pub(crate) trait Blocking: Clone + Send + 'static {
    /// Reads some bytes. Waits for them, also if the descriptor is non-blocking.
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize>;
    /// Writes all bytes to the descriptor. Waits likewise.
    fn write_all(&self, bytes: &[u8]) -> io::Result<()>;
    fn seek(&self, to: SeekFrom) -> io::Result<u64>;
    /// Whether the end of the runtime waits for a write. It never waits for reads, which may block
    /// without end.
    fn on_shutdown(&self) -> OnShutdown;
}

/// The result of a call: the bytes that were read but not returned, and the outcome.
type Outcome = (Vec<u8>, Did);

/// The outcome of a call.
#[derive(Debug)]
enum Did {
    Read(io::Result<()>),
    Write(io::Result<()>),
    /// The argument, and the new position.
    Seek(SeekFrom, io::Result<u64>),
}

/// A call for another thread.
type Call = Box<dyn FnOnce() -> Outcome + Send>;

enum State {
    Idle(Buffer),
    Busy(Busy),
}

/// A call in progress.
struct Busy {
    call: Offload<Call, Outcome>,
    /// Whether the end of the runtime waits for it.
    on_shutdown: OnShutdown,
    /// A copy of the bytes that were read but not returned, in case no thread takes the call.
    unread: Vec<u8>,
}

/// Bytes that were read but not returned.
#[derive(Debug, Default)]
struct Buffer {
    bytes: Vec<u8>,
    /// How many of them were returned.
    given: usize,
    /// Whether the last call found the end, which is returned once.
    ended: bool,
}

/// The error of a write. Each flush returns it until more bytes are written, because a flush must
/// not succeed before that. Other operations return it once.
#[derive(Debug)]
struct Lost {
    error: io::Error,
    /// Whether it was returned.
    is_returned: bool,
}

impl Lost {
    /// Returns the error, or a copy of it.
    fn tell(&mut self) -> io::Error {
        self.is_returned = true;
        match self.error.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(self.error.kind(), self.error.to_string()),
        }
    }
}

/// A stream over blocking calls.
pub(crate) struct BlockingStream<B> {
    inner: B,
    state: State,
    /// The error of the last read, until it is returned.
    unread: Option<io::Error>,
    /// The error of the last write.
    lost: Option<Lost>,
    /// The argument and the result of the last seek, until it is returned.
    sought: Option<(SeekFrom, io::Result<u64>)>,
}

impl<B: Blocking> BlockingStream<B> {
    /// Creates a stream with an empty buffer.
    pub(crate) fn new(inner: B) -> Self {
        Self {
            inner,
            state: State::Idle(Buffer::default()),
            unread: None,
            lost: None,
            sought: None,
        }
    }

    pub(crate) fn get(&self) -> &B {
        &self.inner
    }

    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if into.is_empty() {
            return Poll::Ready(Ok(0));
        }
        loop {
            ready!(self.poll_idle(cx))?;
            if let Some(count) = self.give(into) {
                return Poll::Ready(Ok(count));
            }
            let size = into.len().min(MOST);
            self.call(OnShutdown::Leave, move |inner, mut bytes| {
                bytes.resize(size, 0);
                let count = inner.read(&mut bytes);
                bytes.truncate(*count.as_ref().unwrap_or(&0));
                (bytes, Did::Read(count.map(drop)))
            });
        }
    }

    /// Copies buffered bytes, or returns the end.
    fn give(&mut self, into: &mut [u8]) -> Option<usize> {
        let State::Idle(buffer) = &mut self.state else {
            return None;
        };
        let rest = &buffer.bytes[buffer.given..];
        if rest.is_empty() && !std::mem::take(&mut buffer.ended) {
            return None;
        }
        // The position changes.
        self.sought = None;
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        buffer.given += count;
        if buffer.given == buffer.bytes.len() {
            // An open file that is not being read keeps no memory.
            *buffer = Buffer::default();
        }
        Some(count)
    }

    /// Accepts some bytes and starts to write them.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_idle(cx))?;
        let bytes = bytes[..bytes.len().min(MOST)].to_vec();
        let count = bytes.len();
        if count == 0 {
            return Poll::Ready(Ok(0));
        }
        self.call(self.inner.on_shutdown(), move |inner, unread| {
            // The position is after the buffered bytes; the write must go before them.
            let place = match unread.len() {
                0 => Ok(0),
                unread => inner.seek(SeekFrom::Current(-signed(unread))),
            };
            match place {
                Ok(_) => (Vec::new(), Did::Write(inner.write_all(&bytes))),
                // A pipe or a terminal has no position; its buffered bytes stay.
                Err(error) if error.kind() == ErrorKind::NotSeekable => {
                    (unread, Did::Write(inner.write_all(&bytes)))
                }
                Err(error) => (unread, Did::Write(Err(error))),
            }
        });
        // The call starts now, not at the next poll, which returns its outcome.
        let (Poll::Ready(()) | Poll::Pending) = self.poll_settled(cx);
        Poll::Ready(Ok(count))
    }

    /// Waits for the last write. Returns its error each time.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_idle(cx))?;
        Poll::Ready(self.lost.as_mut().map_or(Ok(()), |lost| Err(lost.tell())))
    }

    /// Waits until no call is in progress, so that the next one may start. Returns the error of the
    /// last write once.
    pub(crate) fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        require_runtime()?;
        ready!(self.poll_settled(cx));
        let untold = self.lost.as_mut().filter(|lost| !lost.is_returned);
        let lost = untold.map(Lost::tell);
        Poll::Ready(self.unread.take().or(lost).map_or(Ok(()), Err))
    }

    /// Seeks. Returns the position from the start. If a cancelled seek is repeated, it is done only
    /// once.
    pub(crate) fn poll_seek(
        &mut self,
        cx: &mut Context<'_>,
        to: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        loop {
            ready!(self.poll_idle(cx))?;
            match self.sought.take() {
                Some((asked, place)) if asked == to => return Poll::Ready(place),
                _ => {}
            }
            self.call(OnShutdown::Leave, move |inner, unread| {
                let from_here = match to {
                    SeekFrom::Current(by) => {
                        SeekFrom::Current(by.saturating_sub(signed(unread.len())))
                    }
                    to => to,
                };
                match inner.seek(from_here) {
                    Ok(place) => (Vec::new(), Did::Seek(to, Ok(place))),
                    Err(error) => (unread, Did::Seek(to, Err(error))),
                }
            });
        }
    }

    /// Waits for the last write, and then seeks back to the position of the reader, before the
    /// buffered bytes. Discards them, and a recorded end. Keeps them if the descriptor has no
    /// position, because they could not be read again.
    pub(crate) fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_idle(cx))?;
        if let State::Idle(buffer) = &mut self.state
            && buffer.given == buffer.bytes.len()
        {
            buffer.ended = false;
            return Poll::Ready(Ok(()));
        }
        match ready!(self.poll_seek(cx, SeekFrom::Current(0))) {
            Err(error) if error.kind() != ErrorKind::NotSeekable => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Waits until no call is in progress.
    fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let State::Busy(busy) = &mut self.state else {
            return Poll::Ready(());
        };
        let outcome = ready!(Pin::new(&mut busy.call).poll(cx));
        let unread = std::mem::take(&mut busy.unread);
        self.state = State::Idle(Buffer::default());
        let (bytes, did) =
            outcome.unwrap_or_else(|failure| (unread, Did::Write(Err(failure.into_error()))));
        self.state = State::Idle(Buffer {
            ended: bytes.is_empty() && matches!(did, Did::Read(Ok(()))),
            bytes,
            given: 0,
        });
        match did {
            Did::Read(outcome) => self.unread = outcome.err(),
            Did::Write(outcome) => {
                let is_returned = false;
                self.lost = outcome.err().map(|error| Lost { error, is_returned });
            }
            Did::Seek(to, place) => self.sought = Some((to, place)),
        }
        Poll::Ready(())
    }

    /// Starts a call, which gets the buffered bytes.
    fn call(
        &mut self,
        on_shutdown: OnShutdown,
        call: impl FnOnce(&B, Vec<u8>) -> Outcome + Send + 'static,
    ) {
        let State::Idle(buffer) = &mut self.state else {
            unreachable!("a call is started only after the one before has ended")
        };
        let mut unread = std::mem::take(&mut buffer.bytes);
        unread.drain(..buffer.given);
        self.sought = None;
        let inner = self.inner.clone();
        let copy = unread.clone();
        let call: Call = Box::new(move || call(&inner, unread));
        self.state = State::Busy(Busy {
            call: Offload::new(call, on_shutdown),
            on_shutdown,
            unread: copy,
        });
    }
}

/// Converts a length, at most [`MOST`], for a seek.
fn signed(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

impl<B> Drop for BlockingStream<B> {
    /// A write is carried out, even if no thread has taken it yet. A read is given up.
    fn drop(&mut self) {
        let state = std::mem::replace(&mut self.state, State::Idle(Buffer::default()));
        if let State::Busy(busy) = state
            && busy.on_shutdown != OnShutdown::Leave
        {
            busy.call.detach();
        }
    }
}

impl<B: fmt::Debug> fmt::Debug for BlockingStream<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unblocked")
            .field("inner", &self.inner)
            .field("busy", &matches!(self.state, State::Busy(..)))
            .finish_non_exhaustive()
    }
}
