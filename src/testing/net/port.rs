//! The data that a listener and its network share.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

use super::connection::poll_budget;
use super::notifier::Notifier;
use super::stream::Stream;
use crate::util::wait_graph::Note;

/// The data that a listener and its network share. The network has only a `Weak` to it: a
/// connection in the backlog owns the network.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) address: SocketAddr,
    /// The connections that wait to be accepted.
    backlog: RefCell<VecDeque<Stream>>,
    pub(super) has_crashed: Cell<bool>,
    /// The tasks that wait for a connection.
    pub(super) notifier: Notifier,
    /// The waits of these tasks, for the report of a deadlock.
    pub(super) note: Note,
}

impl Port {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            backlog: RefCell::default(),
            has_crashed: Cell::new(false),
            notifier: Notifier::default(),
            note: Note::default(),
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds a connection to the backlog.
    pub(super) fn push(&self, stream: Stream) {
        self.backlog.borrow_mut().push_back(stream);
        self.notifier.notify_all();
    }

    /// Stops listening, because the program crashed.
    pub(super) fn crash(&self) {
        self.has_crashed.set(true);
        self.refuse_all();
    }

    /// Breaks the connections in the backlog.
    pub(super) fn refuse_all(&self) {
        let backlog = self.backlog.take();
        backlog.into_iter().for_each(Stream::abort);
    }

    pub(super) fn poll_accept(&self, cx: &Context<'_>) -> Poll<Stream> {
        if self.backlog.borrow().is_empty() {
            return Poll::Pending;
        }
        ready!(poll_budget(cx.waker()));
        let stream = self.backlog.borrow_mut().pop_front();
        stream.map_or(Poll::Pending, Poll::Ready)
    }
}
