//! One connection: its two [`End`]s, and the tasks that wait at them.
//!
//! A poll of an end first takes in the frames that have arrived. If the end is not ready, the poll
//! registers its waker with the end's [`Notifier`] and sets the end's timer to the arrival of the
//! next frame; the timer wakes the notifier. Sending to an end with waiters updates its timer.
//! No task is spawned, and no timer exists without a waiter.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use super::Network;
use super::end::End;
use super::in_flight::{Frame, Trip, after};
use super::map::{HostId, Route};
use super::notifier::Notifier;
use crate::runtime::require_runtime;
use crate::time::{Sleep, now, sleep_until};
use crate::util::budget;
use crate::util::wait_graph::{Note, ResourceKind};

/// Which end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// That which connected.
    Client = 0,
    /// That which accepted.
    Server = 1,
}

impl Side {
    /// The other end.
    pub(super) fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// The endpoints of the two ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Endpoints {
    /// Their hosts: client, server.
    pub(super) hosts: [HostId; 2],
    /// Their addresses.
    pub(super) addresses: [SocketAddr; 2],
}

/// An arrival time, and the sleep that notifies the waiters at that time.
type Timer = Option<(Instant, Sleep)>;

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    /// Its network.
    network: Network,
    /// Its number in there.
    number: u64,
    /// Where its ends are.
    endpoints: Endpoints,
    /// The ends.
    ends: RefCell<[End; 2]>,
    /// Who waits at them.
    notifiers: [Arc<Notifier>; 2],
    /// Says which tasks those are, in the report of a deadlock: for bytes, for room.
    notes: [[Note; 2]; 2],
    /// When the next frame arrives for those who wait.
    timers: RefCell<[Timer; 2]>,
}

impl Connection {
    /// A new connection, which nobody has been told of.
    pub(super) fn new(network: Network, number: u64, endpoints: Endpoints) -> Rc<Self> {
        let [client, server] = endpoints.hosts;
        let window = network.link((client, server)).window_size();
        let mut ends = [End::new(window), End::new(window)];
        for (end, route) in ends.iter_mut().zip([(server, client), (client, server)]) {
            if network.is_cut(route) {
                end.in_flight.hold();
            }
        }
        Rc::new(Self {
            network,
            number,
            endpoints,
            ends: RefCell::new(ends),
            notifiers: Default::default(),
            notes: Default::default(),
            timers: RefCell::default(),
        })
    }

    /// Where its ends are.
    pub(super) fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// The way from an end to the other.
    fn route_from(&self, side: Side) -> Route {
        let hosts = &self.endpoints.hosts;
        (hosts[side as usize], hosts[side.other() as usize])
    }

    /// Makes one attempt after another, of which the last leaves a waker.
    fn poll<T>(
        &self,
        (side, kind): (Side, ResourceKind),
        cx: &Context<'_>,
        attempt: impl FnMut() -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let note = &self.notes[side as usize][usize::from(kind == ResourceKind::Write)];
        let polled = self.poll_attempt(side, cx, attempt);
        match polled {
            Poll::Ready(_) => note.over(),
            Poll::Pending => note.waits(|| {
                let [near, far] =
                    [side, side.other()].map(|side| self.endpoints.addresses[side as usize]);
                (kind, None, Some(format!("{near} to {far}")))
            }),
        }
        polled
    }

    /// The same, and says nothing about the wait.
    fn poll_attempt<T>(
        &self,
        side: Side,
        cx: &Context<'_>,
        mut attempt: impl FnMut() -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        self.absorb(side);
        if let Poll::Ready(outcome) = attempt() {
            return Poll::Ready(outcome);
        }
        require_runtime()?;
        self.notifiers[side as usize].register(cx.waker());
        // The waker's clone was foreign code.
        self.absorb(side);
        let again = attempt();
        if again.is_pending() {
            self.set_timer(side);
        }
        again
    }

    /// Reads some bytes, or only looks at them.
    pub(super) fn poll_read(
        &self,
        side: Side,
        cx: &Context<'_>,
        (buffer, takes): (&mut [u8], bool),
    ) -> Poll<io::Result<usize>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.poll((side, ResourceKind::Read), cx, || {
            let readable = ready!(self.ends.borrow()[side as usize].readable())?;
            ready!(poll_budget(cx.waker()));
            let count = self.network.draw_part(readable.min(buffer.len()));
            let mut ends = self.ends.borrow_mut();
            let end = &mut ends[side as usize];
            end.copy(&mut buffer[..count]);
            let room = takes.then(|| end.take(count)).flatten();
            drop(ends);
            if let Some(room) = room {
                self.send(side, Frame::WindowUpdate(room));
            }
            Poll::Ready(Ok(count))
        })
    }

    /// Writes some bytes.
    pub(super) fn poll_write(
        &self,
        side: Side,
        cx: &Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.poll((side, ResourceKind::Write), cx, || {
            let writable = ready!(self.ends.borrow()[side as usize].writable())?;
            ready!(poll_budget(cx.waker()));
            if self.network.draw_break(self.route_from(side)) {
                self.reset();
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            let count = self.network.draw_part(writable.min(bytes.len()));
            self.ends.borrow_mut()[side as usize].sends(count);
            self.send(side, Frame::Bytes(bytes[..count].to_vec()));
            Poll::Ready(Ok(count))
        })
    }

    /// Ends one direction or both.
    pub(super) fn shut_down(&self, side: Side, how: Shutdown) -> io::Result<()> {
        self.absorb(side);
        let ends = self.ends.borrow_mut()[side as usize].shut_down(how)?;
        if ends {
            self.send(side, Frame::End);
        }
        // Who reads or writes at this end learns of it now.
        self.notifiers[side as usize].notify_all();
        Ok(())
    }

    /// Whether the connection is broken, as far as is known at an end.
    pub(super) fn is_reset(&self, side: Side) -> bool {
        self.absorb(side);
        self.ends.borrow()[side as usize].is_reset()
    }

    /// Breaks the connection here and now: both ends know at once.
    pub(super) fn reset(&self) {
        self.ends.borrow_mut().iter_mut().for_each(End::reset);
        self.notifiers
            .iter()
            .for_each(|notifier| notifier.notify_all());
    }

    /// Nobody has this end any more. It leaves without a word to the peer but `news`, or what is in order.
    pub(super) fn leave(&self, side: Side, news: Option<Frame>) {
        self.absorb(side);
        let in_order = self.ends.borrow_mut()[side as usize].leave();
        self.notifiers[side as usize].clear();
        let timer = self.timers.borrow_mut()[side as usize].take();
        drop(timer);
        if let Some(frame) = in_order {
            self.send(side, news.unwrap_or(frame));
        }
    }

    /// Holds what is on a way, or lets it go on.
    pub(super) fn set_cut(&self, route: Route, is_cut: bool) {
        for side in [Side::Client, Side::Server] {
            if self.route_from(side.other()) != route {
                continue;
            }
            let line = &mut self.ends.borrow_mut()[side as usize].in_flight;
            if is_cut {
                line.hold()
            } else {
                line.release(after(now(), self.network.link(route).least_latency()))
            }
        }
        self.update_timers();
    }

    /// Takes in what has arrived at an end. Who else waits there is woken, if it was anything: it may be theirs.
    fn absorb(&self, side: Side) {
        let is_new = self.ends.borrow_mut()[side as usize].absorb(now());
        if is_new {
            self.notifiers[side as usize].notify_all();
        }
    }

    /// Sends a frame from an end.
    fn send(&self, side: Side, frame: Frame) {
        let other = side.other() as usize;
        if !self.ends.borrow()[other].is_owned() {
            return;
        }
        let trip = self.trip(side, &frame);
        self.ends.borrow_mut()[other].in_flight.send(frame, trip);
        self.update_timers();
    }

    /// How long a frame will take. Only bytes draw a time: the rest goes as fast as can be, but not past them.
    fn trip(&self, side: Side, frame: &Frame) -> Trip {
        let route = self.route_from(side);
        let link = self.network.link(route);
        let (latency, bytes) = match frame {
            Frame::Bytes(bytes) => (self.network.draw_latency(&link), bytes.len()),
            _ => (link.least_latency(), 0),
        };
        Trip {
            now: now(),
            latency,
            sending: link.sending(bytes),
        }
    }

    /// Sets the timers of the ends where somebody waits, or wakes them if something has arrived.
    fn update_timers(&self) {
        for side in [Side::Client, Side::Server] {
            if self.notifiers[side as usize].has_waiters() {
                self.set_timer(side);
            }
        }
    }

    /// Sets the timer of an end to the moment at which the next frame arrives there.
    fn set_timer(&self, side: Side) {
        let side = side as usize;
        let old = self.timers.borrow_mut()[side].take();
        let Some(due) = self.ends.borrow()[side].in_flight.due() else {
            return drop(old);
        };
        // This may be a destructor, after the end of the runtime: whoever waits is then told to ask anew.
        if due <= now() || require_runtime().is_err() {
            drop(old);
            return self.notifiers[side].notify_all();
        }
        let timer = match old {
            Some((at, sleep)) if at == due && !sleep.is_elapsed() => (at, sleep),
            _ => (due, notify_at(due, &self.notifiers[side])),
        };
        self.timers.borrow_mut()[side] = Some(timer);
    }
}

/// Notifies all waiters at `due`, which is in the future.
fn notify_at(due: Instant, notifier: &Arc<Notifier>) -> Sleep {
    let waker = Waker::from(Arc::clone(notifier));
    let mut sleep = sleep_until(due);
    let polled = Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker));
    debug_assert!(polled.is_pending(), "it is to come");
    sleep
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.network.forget_connection(self.number);
    }
}

/// Counts a transfer, as sockets do: after many of them in one poll, the task gives way.
pub(super) fn poll_budget(waker: &Waker) -> Poll<()> {
    budget::poll_spend(waker)
}
