//! Bytes through a descriptor whose calls block whatever one does: a file, a terminal. Each call is a job on another thread.
//!
//! Another process may have made it non-blocking all the same: a call that "would block" waits on that thread for readiness
//! ([`waiting_io`](crate::util::waiting_io)).
//!
//! ```text
//!          read, nothing buffered; write; seek                        done, looked at by whoever polls next
//!   Idle ───────────────────────────────────────▶ Busy(call, on a thread) ─┬─────────────▶ Idle
//!    │  ▲                                                                   └─ it failed ─▶ Idle, the error is told next
//!    └──┘ read, something buffered: copied
//! ```
//!
//! One call is under way at a time, and it belongs to the stream and not to who asked: a read that is cancelled has lost nothing,
//! as the next one finds what it read. A write is taken as soon as the thread has its bytes; how it ended is told by the next
//! call, or by a flush, which waits for it, and which repeats a failure until other bytes are taken.

use std::fmt;
use std::future::Future;
use std::io::{self, ErrorKind, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::{Offload, OnShutdown};
use crate::runtime::require_runtime;

/// What one call moves at most.
const MOST: usize = 128 << 10;

/// Calls that block.
pub(crate) trait Blocking: Clone + Send + 'static {
    /// Reads some bytes. Waits until there are some, also where the descriptor is non-blocking.
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize>;
    /// Writes all bytes, out to where they are to go. Waits likewise.
    fn write_all(&self, bytes: &[u8]) -> io::Result<()>;
    /// Moves to another place.
    fn seek(&self, to: SeekFrom) -> io::Result<u64>;
    /// Whether the runtime's end waits for a write. Reads may wait for ever, and nobody misses what they would give.
    fn at_the_end(&self) -> OnShutdown;
}

/// What a call gives back: what was read and not given, and what came of it.
type Outcome = (Vec<u8>, Did);

/// What came of a call.
#[derive(Debug)]
enum Did {
    /// Bytes were read.
    Read(io::Result<()>),
    /// They were written.
    Write(io::Result<()>),
    /// This was asked for, and this is the new place.
    Seek(SeekFrom, io::Result<u64>),
}

/// A call, to be made elsewhere.
type Call = Box<dyn FnOnce() -> Outcome + Send>;

/// How far the stream is.
enum State {
    /// No call is under way.
    Idle(Buffer),
    /// One is.
    Busy(Busy),
}

/// A call that is under way.
struct Busy {
    /// The call.
    call: Offload<Call, Outcome>,
    /// Whether the runtime's end waits for it.
    at_the_end: OnShutdown,
    /// A copy of what was read and not given, in case the call finds no thread.
    unread: Vec<u8>,
}

/// What was read and nobody has had.
#[derive(Debug, Default)]
struct Buffer {
    /// What was read.
    bytes: Vec<u8>,
    /// How much of it was given.
    given: usize,
    /// Whether the last call found the end, which is to be told once.
    ended: bool,
}

/// Why bytes that were taken were not written. A flush says so until others are taken: it must not
/// say that all is well. Everything else is held up by that once.
#[derive(Debug)]
struct Lost {
    /// Why.
    error: io::Error,
    /// Whether somebody has been told.
    is_told: bool,
}

impl Lost {
    /// The error, once more.
    fn tell(&mut self) -> io::Error {
        self.is_told = true;
        match self.error.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(self.error.kind(), self.error.to_string()),
        }
    }
}

/// A stream over calls that block.
pub(crate) struct BlockingStream<B> {
    /// Who makes the calls.
    inner: B,
    /// How far it is.
    state: State,
    /// Why the last read failed, until that was told.
    unread: Option<io::Error>,
    /// Why the last write failed.
    lost: Option<Lost>,
    /// What the last seek asked for and where it led, until that was told.
    sought: Option<(SeekFrom, io::Result<u64>)>,
}

impl<B: Blocking> BlockingStream<B> {
    /// A stream of which nothing was read.
    pub(crate) fn new(inner: B) -> Self {
        Self {
            inner,
            state: State::Idle(Buffer::default()),
            unread: None,
            lost: None,
            sought: None,
        }
    }

    /// Who makes the calls.
    pub(crate) fn get(&self) -> &B {
        &self.inner
    }

    /// Reads some bytes.
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
            let room = into.len().min(MOST);
            self.call(OnShutdown::Leave, move |inner, mut bytes| {
                bytes.resize(room, 0);
                let count = inner.read(&mut bytes);
                bytes.truncate(*count.as_ref().unwrap_or(&0));
                (bytes, Did::Read(count.map(drop)))
            });
        }
    }

    /// Gives of what was read, or tells the end.
    fn give(&mut self, into: &mut [u8]) -> Option<usize> {
        let State::Idle(buffer) = &mut self.state else {
            return None;
        };
        let rest = &buffer.bytes[buffer.given..];
        if rest.is_empty() && !std::mem::take(&mut buffer.ended) {
            return None;
        }
        // The place is another one from now on.
        self.sought = None;
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        buffer.given += count;
        if buffer.given == buffer.bytes.len() {
            // An open file that nobody reads keeps no memory.
            *buffer = Buffer::default();
        }
        Some(count)
    }

    /// Takes some bytes to be written.
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
        self.call(self.inner.at_the_end(), move |inner, unread| {
            // The place is behind what was read and not given; what is written belongs before that.
            let place = match unread.len() {
                0 => Ok(0),
                unread => inner.seek(SeekFrom::Current(-signed(unread))),
            };
            match place {
                Ok(_) => (Vec::new(), Did::Write(inner.write_all(&bytes))),
                // A pipe or a terminal has no place; what was read of it stays to be read.
                Err(error) if error.kind() == ErrorKind::NotSeekable => {
                    (unread, Did::Write(inner.write_all(&bytes)))
                }
                Err(error) => (unread, Did::Write(Err(error))),
            }
        });
        // It begins now, and not when somebody polls again, who will hear how it ended.
        let (Poll::Ready(()) | Poll::Pending) = self.poll_settled(cx);
        Poll::Ready(Ok(count))
    }

    /// Waits for what was taken to be written. Where that failed, it says so each time.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_idle(cx))?;
        Poll::Ready(self.lost.as_mut().map_or(Ok(()), |lost| Err(lost.tell())))
    }

    /// Waits until no call is under way, so that the next one may begin. Where the last one failed, it
    /// says so once.
    pub(crate) fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        require_runtime()?;
        ready!(self.poll_settled(cx));
        let untold = self.lost.as_mut().filter(|lost| !lost.is_told);
        let lost = untold.map(Lost::tell);
        Poll::Ready(self.unread.take().or(lost).map_or(Ok(()), Err))
    }

    /// Moves to another place; gives how far that is from the beginning. One that was cancelled and is asked for again is not
    /// done twice.
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

    /// Waits for what was taken to be written, then goes to where the reader is: back, if more was read than it was given. What
    /// was read is forgotten, also that it was the end; but not what has no place and could not be read again.
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

    /// Waits until no call is under way.
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
                let is_told = false;
                self.lost = outcome.err().map(|error| Lost { error, is_told });
            }
            Did::Seek(to, place) => self.sought = Some((to, place)),
        }
        Poll::Ready(())
    }

    /// Begins a call, which gets the bytes that were read and not given.
    fn call(
        &mut self,
        at_the_end: OnShutdown,
        call: impl FnOnce(&B, Vec<u8>) -> Outcome + Send + 'static,
    ) {
        let State::Idle(buffer) = &mut self.state else {
            unreachable!("whoever begins a call waited for the one before")
        };
        let mut unread = std::mem::take(&mut buffer.bytes);
        unread.drain(..buffer.given);
        self.sought = None;
        let inner = self.inner.clone();
        let copy = unread.clone();
        let call: Call = Box::new(move || call(&inner, unread));
        self.state = State::Busy(Busy {
            call: Offload::new(call, at_the_end),
            at_the_end,
            unread: copy,
        });
    }
}

/// A length as a distance. No buffer is longer than [`MOST`].
fn signed(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

impl<B> Drop for BlockingStream<B> {
    /// What was taken to be written is written, even if no thread has taken it up yet. A read is given up.
    fn drop(&mut self) {
        let state = std::mem::replace(&mut self.state, State::Idle(Buffer::default()));
        if let State::Busy(busy) = state
            && busy.at_the_end != OnShutdown::Leave
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
