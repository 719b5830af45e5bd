//! One connection: its two [`End`]s, and the tasks that wait at them.
//!
//! ```text
//!   Stream ── write ──▶ InFlight: frames in order, each with an arrival time
//!                           │           drawn by the seed; a partition holds them
//!                           │ arrival: the timer of the reader
//!                           ▼
//!   Stream ◀── read ─── End: the bytes that have arrived
//! ```
//!
//! Bytes, the end of a stream, window updates and the close of a peer travel as frames, in order,
//! in one queue per direction.
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

use super::end::End;
use super::in_flight::{Frame, Trip, after};
use super::medium::Medium;
use super::notifier::Notifier;
use super::route::{HostId, Route};
use crate::runtime::require_runtime;
use crate::time::{Sleep, now, sleep_until};
use crate::util::budget;
use crate::util::wait_graph::{Note, ResourceKind};

/// An end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client = 0,
    Server = 1,
}

impl Side {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// The hosts and addresses of the two ends, each as `[client, server]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Endpoints {
    pub(super) hosts: [HostId; 2],
    pub(super) addresses: [SocketAddr; 2],
}

/// An arrival time, and the sleep that notifies the waiters at that time.
type Timer = Option<(Instant, Sleep)>;

#[derive(Debug)]
pub(super) struct Connection {
    network: Rc<dyn Medium>,
    /// The key of this connection in the network.
    number: u64,
    endpoints: Endpoints,
    ends: RefCell<[End; 2]>,
    /// The tasks that wait at each end.
    notifiers: [Arc<Notifier>; 2],
    /// The waits of these tasks, for the report of a deadlock: to read and to write at each end.
    notes: [[Note; 2]; 2],
    /// The timer of each end that has waiters.
    timers: RefCell<[Timer; 2]>,
}

impl Connection {
    /// Creates a connection. The caller adds it to the network.
    pub(super) fn new(network: Rc<dyn Medium>, number: u64, endpoints: Endpoints) -> Rc<Self> {
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

    pub(super) fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    fn route_from(&self, side: Side) -> Route {
        let hosts = &self.endpoints.hosts;
        (hosts[side as usize], hosts[side.other() as usize])
    }

    /// Polls one operation of an end, and notes its wait for the report of a deadlock.
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

    /// Tries an operation. If it is not ready, registers the waker and tries it again.
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
        // Cloning the waker ran third-party code, which may have made the end ready.
        self.absorb(side);
        let again = attempt();
        if again.is_pending() {
            self.set_timer(side);
        }
        again
    }

    /// Reads some bytes; with `takes` false, leaves them to be read again.
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
            ready!(self.ends.borrow()[side as usize].readable())?;
            ready!(poll_budget(cx.waker()));
            self.read(side, (&mut *buffer, takes))
        })
    }

    /// Reads some bytes, if there are any.
    fn read(&self, side: Side, (buffer, takes): (&mut [u8], bool)) -> Poll<io::Result<usize>> {
        let mut ends = self.ends.borrow_mut();
        let end = &mut ends[side as usize];
        let readable = ready!(end.readable())?;
        let count = self.network.draw_part(readable.min(buffer.len()));
        end.copy(&mut buffer[..count]);
        let room = takes.then(|| end.take(count)).flatten();
        drop(ends);
        if let Some(room) = room {
            self.send(side, Frame::WindowUpdate(room));
        }
        Poll::Ready(Ok(count))
    }

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
            ready!(self.ends.borrow()[side as usize].writable())?;
            ready!(poll_budget(cx.waker()));
            self.write(side, bytes)
        })
    }

    /// Writes some bytes, if there is space.
    fn write(&self, side: Side, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let writable = ready!(self.ends.borrow()[side as usize].writable())?;
        if self.network.draw_break(self.route_from(side)) {
            self.reset();
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let count = self.network.draw_part(writable.min(bytes.len()));
        self.ends.borrow_mut()[side as usize].sends(count);
        self.send(side, Frame::Bytes(bytes[..count].to_vec()));
        Poll::Ready(Ok(count))
    }

    /// Reads some bytes without waiting.
    pub(super) fn try_read(&self, side: Side, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.absorb(side);
        or_would_block(self.read(side, (buffer, true)))
    }

    /// Writes some bytes without waiting.
    pub(super) fn try_write(&self, side: Side, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        self.absorb(side);
        or_would_block(self.write(side, bytes))
    }

    /// Waits until `condition` of the end at `side` holds. `kind` says for what, in the report of a
    /// deadlock.
    pub(super) fn poll_end(
        &self,
        (side, kind): (Side, ResourceKind),
        cx: &Context<'_>,
        condition: impl Fn(&End) -> bool,
    ) -> Poll<io::Result<()>> {
        self.poll((side, kind), cx, || {
            if !condition(&self.ends.borrow()[side as usize]) {
                return Poll::Pending;
            }
            ready!(poll_budget(cx.waker()));
            Poll::Ready(Ok(()))
        })
    }

    pub(super) fn shut_down(&self, side: Side, how: Shutdown) -> io::Result<()> {
        self.absorb(side);
        let ends = self.ends.borrow_mut()[side as usize].shut_down(how)?;
        if ends {
            self.send(side, Frame::End);
        }
        // Tasks that read or write at this end have to see it.
        self.notifiers[side as usize].notify_all();
        Ok(())
    }

    /// Returns `true` if the news that the connection is broken has arrived at this end.
    pub(super) fn is_reset(&self, side: Side) -> bool {
        self.absorb(side);
        self.ends.borrow()[side as usize].is_reset()
    }

    /// Breaks the connection at once at both ends.
    pub(super) fn reset(&self) {
        self.ends.borrow_mut().iter_mut().for_each(End::reset);
        self.notifiers
            .iter()
            .for_each(|notifier| notifier.notify_all());
    }

    /// Closes an end. The peer gets `news`, or else the frame that the state of the end requires.
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

    /// Holds the frames on a route, or releases them.
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

    /// Takes in the frames that have arrived at an end. Other tasks that wait there are woken, as
    /// the frames may be for them.
    fn absorb(&self, side: Side) {
        let is_new = self.ends.borrow_mut()[side as usize].absorb(now());
        if is_new {
            self.notifiers[side as usize].notify_all();
        }
    }

    fn send(&self, side: Side, frame: Frame) {
        let other = side.other() as usize;
        if !self.ends.borrow()[other].is_owned() {
            return;
        }
        let trip = self.trip(side, &frame);
        self.ends.borrow_mut()[other].in_flight.send(frame, trip);
        self.update_timers();
    }

    /// Returns the travel time of a frame. Only bytes have a random latency; other frames have the
    /// least one, but do not overtake bytes.
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

    /// Sets the timers of the ends that have waiters, or wakes the waiters if a frame has arrived.
    fn update_timers(&self) {
        for side in [Side::Client, Side::Server] {
            if self.notifiers[side as usize].has_waiters() {
                self.set_timer(side);
            }
        }
    }

    /// Sets the timer of an end to the arrival of the next frame.
    fn set_timer(&self, side: Side) {
        let side = side as usize;
        let old = self.timers.borrow_mut()[side].take();
        let Some(due) = self.ends.borrow()[side].in_flight.due() else {
            return drop(old);
        };
        // Without a runtime (this may run in a destructor after its end) there is no timer: the
        // waiters are woken and poll again.
        if due <= now() || require_runtime().is_err() {
            drop(old);
            return self.notifiers[side].notify_all();
        }
        let timer = match old {
            Some((at, sleep)) if at == due && !sleep.is_elapsed() => (at, sleep),
            _ => match notify_at(due, &self.notifiers[side]) {
                Some(sleep) => (due, sleep),
                None => return,
            },
        };
        self.timers.borrow_mut()[side] = Some(timer);
    }
}

/// Returns what a call that does not wait returns.
fn or_would_block<T>(outcome: Poll<io::Result<T>>) -> io::Result<T> {
    match outcome {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

/// Notifies all waiters at `due`. Returns `None` if it has done so: in real time `due` may have passed
/// since the caller looked at the clock.
fn notify_at(due: Instant, notifier: &Arc<Notifier>) -> Option<Sleep> {
    let waker = Waker::from(Arc::clone(notifier));
    let mut sleep = sleep_until(due);
    let polled = Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker));
    if polled.is_ready() {
        notifier.notify_all();
        return None;
    }
    Some(sleep)
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.network.forget_connection(self.number);
    }
}

/// Spends budget for a transfer, as sockets do, so that a task gives way after many transfers.
pub(super) fn poll_budget(waker: &Waker) -> Poll<()> {
    budget::poll_spend(waker)
}
