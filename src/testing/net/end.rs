//! One end of a connection: what has arrived, what may be sent, what it has been told. Pure data.
//!
//! An end knows only what has arrived, so nothing gets through a cut by itself: neither bytes, nor that the peer has made room, nor
//! that it has gone.
//!
//! ```text
//!               End               Gone
//!   streaming ───────▶ half-ended ─────▶ peer gone: reads give the rest, then the end; writes are broken
//!       │                   │
//!       └──── Reset ────────┴──────────▶ reset: reads give the rest, then an error; writes an error
//! ```

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::task::Poll;
use std::time::Instant;

use super::in_flight::{Frame, InFlight};

/// One end of a connection.
#[derive(Debug)]
pub(super) struct End {
    /// What is on its way here.
    pub(super) in_flight: InFlight,
    /// Bytes that have arrived and were not read.
    inbox: VecDeque<u8>,
    /// How many bytes may be under way from here, or wait there to be read.
    window: usize,
    /// How many bytes may still be sent.
    send_window: usize,
    /// How many bytes were read that the peer has not been told of.
    unannounced: usize,
    /// Whether the peer has said that no bytes will follow.
    has_ended: bool,
    /// Whether the peer is known to be there no more.
    is_peer_gone: bool,
    /// Whether the connection is broken.
    is_reset: bool,
    /// Whether this end still reads.
    reads: bool,
    /// Whether this end still writes.
    writes: bool,
    /// Whether anybody has this end.
    is_owned: bool,
}

impl End {
    /// The end of a new connection.
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

    /// Takes in what has arrived by `now`; tells whether that was anything.
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

    /// How many bytes can be read; 0 at the end.
    pub(super) fn readable(&self) -> Poll<io::Result<usize>> {
        match self.inbox.len() {
            0 if self.is_reset => Poll::Ready(Err(ErrorKind::ConnectionReset.into())),
            0 if self.reads && !self.has_ended => Poll::Pending,
            count => Poll::Ready(Ok(count)),
        }
    }

    /// Copies bytes, of which there are enough.
    pub(super) fn copy(&self, buffer: &mut [u8]) {
        for (to, from) in buffer.iter_mut().zip(&self.inbox) {
            *to = *from;
        }
    }

    /// Takes bytes out, of which there are so many; gives the room that the peer is to be told of.
    ///
    /// That is not done for every few bytes, but when half the window has been read: a peer that waits has filled all of it.
    pub(super) fn take(&mut self, count: usize) -> Option<usize> {
        self.inbox.drain(..count);
        self.unannounced += count;
        let is_due = self.unannounced > 0 && self.unannounced >= self.window / 2;
        is_due.then(|| std::mem::take(&mut self.unannounced))
    }

    /// How many bytes may be written.
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

    /// Counts bytes that are sent.
    pub(super) fn sends(&mut self, count: usize) {
        self.send_window -= count;
    }

    /// Ends one direction or both; tells whether the peer is to be told the end.
    pub(super) fn shut_down(&mut self, how: Shutdown) -> io::Result<bool> {
        if self.is_reset {
            return Err(ErrorKind::NotConnected.into());
        }
        self.reads &= how == Shutdown::Write;
        Ok(how != Shutdown::Read && std::mem::take(&mut self.writes))
    }

    /// Breaks the connection here and now; what had arrived is lost.
    pub(super) fn reset(&mut self) {
        self.in_flight.clear();
        self.inbox.clear();
        self.is_reset = true;
    }

    /// Whether the connection is broken, as far as is known here.
    pub(super) fn is_reset(&self) -> bool {
        self.is_reset
    }

    /// Whether anybody has this end.
    pub(super) fn is_owned(&self) -> bool {
        self.is_owned
    }

    /// Nobody has this end any more. Gives what the peer is to be told: who goes while bytes for him are unread breaks the
    /// connection, as systems do.
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
