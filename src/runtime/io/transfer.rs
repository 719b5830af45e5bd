//! Moving bytes through a descriptor: the reads and writes that sockets and pipes have in common, and calls that move one thing at
//! a time.

use std::future::poll_fn;
use std::io::{self, IoSliceMut, Read, Write};
use std::ops::{Deref, Range};
use std::os::fd::AsFd;
use std::task::{Context, Poll};

use super::IoSource;
use crate::reactor::{Direction, Done};

/// How many buffers one vectored call takes; the system knows no more.
const MOST_BUFFERS: usize = 1024;

/// Which of several buffers one call takes. It leaves out the empty ones in front, so that a count of 0 is never theirs alone.
pub(crate) fn for_one_call<B: Deref<Target = [u8]>>(buffers: &[B]) -> Range<usize> {
    let first = buffers.iter().position(|buffer| !buffer.is_empty());
    let first = first.unwrap_or(buffers.len());
    first..buffers.len().min(first + MOST_BUFFERS)
}

impl<S: AsFd> IoSource<S> {
    /// Waits until `call` does not block, and gives what it gives, which says nothing about the next one: a datagram, a look.
    pub(crate) async fn when_ready<T>(
        &self,
        direction: Direction,
        mut call: impl FnMut(&S) -> io::Result<T>,
    ) -> io::Result<T> {
        poll_fn(|cx| self.poll_io(direction, cx, |socket| call(socket).map(Done::with))).await
    }

    /// Reads some bytes.
    pub(crate) fn poll_read(&self, cx: &Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>
    where
        for<'a> &'a S: Read,
    {
        let room = buffer.len();
        self.transfer(Direction::Read, cx, room, |mut socket| socket.read(buffer))
    }

    /// Reads some bytes into several buffers.
    pub(crate) fn poll_read_vectored(
        &self,
        cx: &Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>>
    where
        for<'a> &'a S: Read,
    {
        let taken = for_one_call(buffers);
        let buffers = &mut buffers[taken];
        let room = buffers.iter().map(|buffer| buffer.len()).sum();
        self.transfer(Direction::Read, cx, room, |mut socket| {
            socket.read_vectored(buffers)
        })
    }

    /// Writes some bytes.
    pub(crate) fn poll_write(&self, cx: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>
    where
        for<'a> &'a S: Write,
    {
        self.transfer(Direction::Write, cx, bytes.len(), |mut socket| {
            socket.write(bytes)
        })
    }

    /// Moves at most `room` bytes by `call`; with no room, none and at once.
    pub(crate) fn transfer(
        &self,
        direction: Direction,
        cx: &Context<'_>,
        room: usize,
        mut call: impl FnMut(&S) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        if room == 0 {
            return Poll::Ready(Ok(0));
        }
        self.poll_io(direction, cx, |socket| {
            call(socket).map(|count| Done::bytes(count, room))
        })
    }
}
