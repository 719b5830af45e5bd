//! Transfers through a descriptor: the reads and writes of sockets and pipes, and single calls.

use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::ops::{Deref, Range};
use std::os::fd::AsFd;
use std::task::{Context, Poll};

use super::IoSource;
use crate::reactor::{Direction, Done};

/// The greatest number of buffers of one vectored call (`IOV_MAX`).
const MOST_BUFFERS: usize = 1024;

/// Returns the range of the buffers for one call. It skips empty buffers at the front, so that a
/// result of 0 does not mean that only empty buffers were passed.
fn for_one_call<B: Deref<Target = [u8]>>(buffers: &[B]) -> Range<usize> {
    let first = buffers.iter().position(|buffer| !buffer.is_empty());
    let first = first.unwrap_or(buffers.len());
    first..buffers.len().min(first + MOST_BUFFERS)
}

impl<S: AsFd> IoSource<S> {
    /// Waits until `call` does not return EAGAIN, and returns its value, which implies nothing
    /// about the next call: a datagram, or peeked bytes.
    pub(crate) async fn when_ready<T>(
        &self,
        direction: Direction,
        mut call: impl FnMut(&S) -> io::Result<T>,
    ) -> io::Result<T> {
        poll_fn(|cx| self.poll_io(direction, cx, |socket| call(socket).map(Done::with))).await
    }

    pub(crate) fn poll_read(&self, cx: &Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>
    where
        for<'a> &'a S: Read,
    {
        let size = buffer.len();
        self.transfer(Direction::Read, cx, size, |mut socket| socket.read(buffer))
    }

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
        let size = buffers.iter().map(|buffer| buffer.len()).sum();
        self.transfer(Direction::Read, cx, size, |mut socket| {
            socket.read_vectored(buffers)
        })
    }

    pub(crate) fn poll_write(&self, cx: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>
    where
        for<'a> &'a S: Write,
    {
        self.transfer(Direction::Write, cx, bytes.len(), |mut socket| {
            socket.write(bytes)
        })
    }

    pub(crate) fn poll_write_vectored(
        &self,
        cx: &Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>>
    where
        for<'a> &'a S: Write,
    {
        self.transfer_vectored(cx, buffers, |mut socket, buffers| {
            socket.write_vectored(buffers)
        })
    }

    /// Writes from several buffers with `call`, which takes those of one system call.
    pub(crate) fn transfer_vectored(
        &self,
        cx: &Context<'_>,
        buffers: &[IoSlice<'_>],
        mut call: impl FnMut(&S, &[IoSlice<'_>]) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let buffers = &buffers[for_one_call(buffers)];
        let size = buffers.iter().map(|buffer| buffer.len()).sum();
        self.transfer(Direction::Write, cx, size, |socket| call(socket, buffers))
    }

    /// Transfers at most `size` bytes with `call`. Ready at once if `size` is 0.
    fn transfer(
        &self,
        direction: Direction,
        cx: &Context<'_>,
        size: usize,
        mut call: impl FnMut(&S) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        if size == 0 {
            return Poll::Ready(Ok(0));
        }
        self.poll_io(direction, cx, |socket| {
            call(socket).map(|count| Done::bytes(count, size))
        })
    }
}
