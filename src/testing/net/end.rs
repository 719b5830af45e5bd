//! The state of one end of a connection. Pure data.
//!
//! An end knows only what has arrived. So nothing passes a partition: neither bytes, nor the news
//! that the peer has read something or has closed.
//!
//! ```text
//!               End               Gone
//!   streaming ───────▶ half-ended ─────▶ peer gone: reads return the rest,
//!       │                   │            then the end; writes fail
//!       └──── Reset ────────┴──────────▶ reset: reads return the rest,
//!                                        then fail; writes fail
//! ```

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::task::Poll;
use std::time::Instant;

use super::in_flight::{Frame, InFlight};

#[derive(Debug)]
pub(super) struct End {
    /// The frames on their way to this end.
    pub(super) in_flight: InFlight,
    /// The bytes that have arrived and were not read.
    inbox: VecDeque<u8>,
    /// The number of bytes that may be in flight from here or unread by the peer.
    window: usize,
    /// The number of bytes that may still be sent.
    send_window: usize,
    /// The number of bytes that were read since the last window update.
    unannounced: usize,
    /// Whether the peer sends no more bytes.
    has_ended: bool,
    is_peer_gone: bool,
    is_reset: bool,
    /// Whether this end was not shut down for reading.
    reads: bool,
    /// Whether this end was not shut down for writing.
    writes: bool,
    /// Whether the stream of this end exists.
    is_owned: bool,
}

impl End {
    pub(super) fn new(window: usize) -> Self {
        Self {
            in_flight: InFlight::default(),
            inbox: VecDeque::new(),
            window,
            send_window: window,
            unannounced: 0,
            has_ended: false,
            is_peer_gone: false,
            is_reset: false,
            reads: true,
            writes: true,
            is_owned: true,
        }
    }

    /// Takes in the frames that have arrived by `now`, and returns `true` if there were any.
    pub(super) fn absorb(&mut self, now: Instant) -> bool {
        let mut is_new = false;
        while let Some(frame) = self.in_flight.next(now) {
            is_new = true;
            match frame {
                Frame::Bytes(bytes) => self.inbox.extend(bytes),
                Frame::WindowUpdate(count) => self.send_window += count,
                Frame::End => self.has_ended = true,
                Frame::Gone => (self.has_ended, self.is_peer_gone) = (true, true),
                Frame::Reset => self.is_reset = true,
            }
        }
        is_new
    }

    /// Returns the number of bytes that can be read; 0 at the end of the stream.
    pub(super) fn readable(&self) -> Poll<io::Result<usize>> {
        match self.inbox.len() {
            0 if self.is_reset => Poll::Ready(Err(ErrorKind::ConnectionReset.into())),
            0 if self.reads && !self.has_ended => Poll::Pending,
            count => Poll::Ready(Ok(count)),
        }
    }

    /// Copies the first bytes of the inbox, which has enough of them.
    pub(super) fn copy(&self, buffer: &mut [u8]) {
        for (to, from) in buffer.iter_mut().zip(&self.inbox) {
            *to = *from;
        }
    }

    /// Removes `count` bytes, and returns the window update to send, if one is due.
    ///
    /// An update is due when half the window has been read. That is often enough: a peer that waits
    /// has filled the whole window.
    pub(super) fn take(&mut self, count: usize) -> Option<usize> {
        self.inbox.drain(..count);
        self.unannounced += count;
        let is_due = self.unannounced > 0 && self.unannounced >= self.window / 2;
        is_due.then(|| std::mem::take(&mut self.unannounced))
    }

    /// Returns the number of bytes that may be written.
    pub(super) fn writable(&self) -> Poll<io::Result<usize>> {
        match self.send_window {
            _ if self.is_reset => Poll::Ready(Err(ErrorKind::ConnectionReset.into())),
            _ if self.is_peer_gone || !self.writes => {
                Poll::Ready(Err(ErrorKind::BrokenPipe.into()))
            }
            0 => Poll::Pending,
            room => Poll::Ready(Ok(room)),
        }
    }

    pub(super) fn sends(&mut self, count: usize) {
        self.send_window -= count;
    }

    /// Ends one direction or both, and returns `true` if an end frame has to be sent.
    pub(super) fn shut_down(&mut self, how: Shutdown) -> io::Result<bool> {
        if self.is_reset {
            return Err(ErrorKind::NotConnected.into());
        }
        self.reads &= how == Shutdown::Write;
        Ok(how != Shutdown::Read && std::mem::take(&mut self.writes))
    }

    /// Breaks the connection. What has arrived is lost.
    pub(super) fn reset(&mut self) {
        self.in_flight.clear();
        self.inbox.clear();
        self.is_reset = true;
    }

    pub(super) fn is_reset(&self) -> bool {
        self.is_reset
    }

    /// Returns whether the peer has ended its writing side or has gone, or the connection is broken.
    pub(super) fn is_peer_closed(&self) -> bool {
        self.has_ended || self.is_reset
    }

    pub(super) fn is_owned(&self) -> bool {
        self.is_owned
    }

    /// Closes this end, and returns the frame for the peer. As with real sockets, a close with
    /// unread bytes breaks the connection.
    pub(super) fn leave(&mut self) -> Option<Frame> {
        self.is_owned = false;
        let unread = self.in_flight.clear() | !std::mem::take(&mut self.inbox).is_empty();
        if self.is_reset {
            None
        } else if unread {
            Some(Frame::Reset)
        } else {
            Some(Frame::Gone)
        }
    }
}
