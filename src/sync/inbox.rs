//! A channel whose senders may be on any thread (asyncio:
//! `loop.call_soon_threadsafe(queue.put_nowait, item)`).
//!
//! [`unbounded`] and [`bounded`] create it. Sending does not wait, or blocks the sending thread;
//! the receiver awaits. For tasks of one thread a [`Queue`](super::Queue) is cheaper.
//!
//! ```
//! use wheelhouse::{run, sync::inbox};
//!
//! let (sender, mut receiver) = inbox::unbounded();
//! let thread = std::thread::spawn(move || sender.send("from another thread").unwrap());
//! assert_eq!(run(async { receiver.recv().await }), Ok("from another thread"));
//! thread.join().unwrap();
//! ```
//!
//! Under [`testing::run`](crate::testing::run), let the sending thread hold a
//! [`Remote`](crate::Remote): the virtual clock then waits for the thread.

// All shared state is behind one mutex, which is held for a few moves and never while third-party
// code runs. A sender adds its item before it takes the waker, and the receiver stores its waker
// under the same lock under which it found the queue empty. So no wake is lost.

#[cfg(all(test, wheelhouse_loom))]
mod loom_tests;

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::PoisonError;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;

use crate::error::{Closed, GetError, PutError, Undelivered};
use crate::util::sync::{Arc, Condvar, Mutex, MutexGuard};
use crate::util::wait_graph::{Note, ResourceKind};
use crate::util::{budget, drop_quietly, wake_quietly};

/// Creates a channel for any number of items. Sending never waits.
///
/// # Examples
/// ```
/// use wheelhouse::{run, sync::inbox};
///
/// let (sender, mut receiver) = inbox::unbounded();
/// let thread = std::thread::spawn(move || sender.send("from elsewhere").unwrap());
/// assert_eq!(run(async { receiver.recv().await }), Ok("from elsewhere"));
/// thread.join().unwrap();
/// ```
#[doc(alias = "unbounded_channel")]
#[must_use]
#[track_caller]
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Shared::new(usize::MAX);
    (Sender(CountedSender(Arc::clone(&shared))), Receiver(shared))
}

/// Creates a channel for at most `capacity` items.
///
/// Sending to a full channel blocks the thread, by [`send`](BoundedSender::send), or fails, by
/// [`try_send`](BoundedSender::try_send).
///
/// # Panics
/// If `capacity` is 0.
///
/// # Examples
/// ```
/// use wheelhouse::{run, sync::inbox};
///
/// let (sender, mut receiver) = inbox::bounded(1);
/// let thread = std::thread::spawn(move || (0..3).for_each(|n| sender.send(n).unwrap()));
/// run(async {
///     for n in 0..3 {
///         assert_eq!(receiver.recv().await, Ok(n));
///     }
/// });
/// thread.join().unwrap();
/// ```
#[doc(alias = "channel")]
#[must_use]
#[track_caller]
pub fn bounded<T>(capacity: usize) -> (BoundedSender<T>, Receiver<T>) {
    assert!(
        capacity > 0,
        "an inbox was bounded to 0 items: `unbounded()` makes one without a bound"
    );
    let shared = Shared::new(capacity);
    (
        BoundedSender(CountedSender(Arc::clone(&shared))),
        Receiver(shared),
    )
}

/// The state that all sides share.
struct Shared<T> {
    state: Mutex<InboxState<T>>,
    /// Notified for blocked senders when an item was taken or the receiver was dropped.
    changed: Condvar,
    /// The highest number of items.
    capacity: usize,
    /// Where the inbox was created.
    location: &'static Location<'static>,
    /// The task that waits for an item, for the report of a deadlock.
    note: Note,
}

/// The part of [`Shared`] that changes.
struct InboxState<T> {
    /// The items that were sent and not received.
    items: VecDeque<T>,
    /// The receiver's, while it waits.
    waker: Option<Waker>,
    senders: usize,
    /// The number of senders that block their threads.
    blocked: usize,
    receiver_gone: bool,
}

impl<T> Shared<T> {
    /// Creates an empty channel with one sender.
    #[track_caller]
    fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(InboxState {
                items: VecDeque::new(),
                waker: None,
                senders: 1,
                blocked: 0,
                receiver_gone: false,
            }),
            changed: Condvar::new(),
            capacity,
            location: Location::caller(),
            note: Note::default(),
        })
    }

    /// Locks the state. Ignores poison: only an allocation can panic under the lock, and that
    /// leaves the state consistent.
    fn state(&self) -> MutexGuard<'_, InboxState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an item, unlocks the state, and wakes the receiver.
    fn push(mut state: MutexGuard<'_, InboxState<T>>, item: T) {
        state.items.push_back(item);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            wake_quietly(waker);
        }
    }

    /// Adds an item if the inbox is not full.
    fn try_send(&self, item: T) -> Result<(), PutError<T>> {
        let state = self.state();
        if state.receiver_gone {
            return Err(PutError::Closed(item));
        }
        if state.items.len() >= self.capacity {
            return Err(PutError::Full(item));
        }
        Self::push(state, item);
        Ok(())
    }

    /// Adds an item, and blocks the thread while the inbox is full.
    fn send_blocking(&self, item: T) -> Result<(), Undelivered<T>> {
        let mut state = self.state();
        while state.items.len() >= self.capacity && !state.receiver_gone {
            state.blocked += 1;
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.blocked -= 1;
        }
        if state.receiver_gone {
            return Err(Undelivered(item));
        }
        Self::push(state, item);
        Ok(())
    }

    /// Returns the receiver's next result, if it is known.
    fn pop(&self, state: &mut InboxState<T>) -> Option<Result<T, Closed>> {
        let Some(item) = state.items.pop_front() else {
            return (state.senders == 0).then_some(Err(Closed(())));
        };
        if state.blocked > 0 {
            self.changed.notify_one();
        }
        Some(Ok(item))
    }

    /// Waits for the receiver's next result. A result at once spends a step of the task's
    /// [budget].
    fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<T, Closed>> {
        let polled = budget::counted(cx, |cx| self.poll_uncounted(cx.waker()));
        match polled {
            Poll::Ready(_) => self.note.over(),
            Poll::Pending => self
                .note
                .waits(|| (ResourceKind::Inbox, Some(self.location), None)),
        }
        polled
    }

    /// Waits for the receiver's next result, without regard to the budget.
    fn poll_uncounted(&self, waker: &Waker) -> Poll<Result<T, Closed>> {
        let mut state = self.state();
        if let Some(outcome) = self.pop(&mut state) {
            return Poll::Ready(outcome);
        }
        if state.waker.as_ref().is_some_and(|old| old.will_wake(waker)) {
            return Poll::Pending;
        }
        drop(state);
        let mut waker = Some(waker.clone());
        let mut state = self.state();
        let outcome = self.pop(&mut state);
        if outcome.is_none() {
            std::mem::swap(&mut state.waker, &mut waker);
        }
        drop(state);
        drop_quietly(waker);
        outcome.map_or(Poll::Pending, Poll::Ready)
    }
}

/// The part of a sender that counts it.
struct CountedSender<T>(Arc<Shared<T>>);

impl<T> Clone for CountedSender<T> {
    fn clone(&self) -> Self {
        self.0.state().senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for CountedSender<T> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.senders -= 1;
        let is_last = state.senders == 0;
        let waker = state.waker.take_if(|_| is_last);
        drop(state);
        if let Some(waker) = waker {
            wake_quietly(waker);
        }
    }
}

/// The sending side of an [`unbounded`] inbox, for any thread. The inbox is closed when the last
/// clone is dropped.
pub struct Sender<T>(CountedSender<T>);

impl<T> Sender<T> {
    /// Sends an item.
    ///
    /// # Errors
    /// [`Undelivered`], with the item, if the receiver was dropped.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = wheelhouse::sync::inbox::unbounded();
    /// drop(receiver);
    /// assert_eq!(sender.send(1).unwrap_err().0, 1);
    /// ```
    pub fn send(&self, item: T) -> Result<(), Undelivered<T>> {
        let sent = self.0.0.try_send(item);
        sent.map_err(|error| Undelivered(error.into_item()))
    }

    /// Returns `true` if the receiver was dropped.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.0.state().receiver_gone
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.0.fmt_side("Sender", f)
    }
}

/// The sending side of a [`bounded`] inbox, for any thread. The inbox is closed when the last clone
/// is dropped.
pub struct BoundedSender<T>(CountedSender<T>);

impl<T> BoundedSender<T> {
    /// Sends an item; blocks the calling thread while the inbox is full.
    ///
    /// Do not call it on the thread of the receiver, which could then never take an item: use
    /// [`try_send`](BoundedSender::try_send) there.
    ///
    /// # Errors
    /// [`Undelivered`], with the item, if the receiver was dropped.
    ///
    /// # Examples
    /// See [`bounded`].
    #[doc(alias = "blocking_send")]
    pub fn send(&self, item: T) -> Result<(), Undelivered<T>> {
        self.0.0.send_blocking(item)
    }

    /// Sends an item if the inbox is not full.
    ///
    /// # Errors
    /// [`PutError::Full`], or [`PutError::Closed`] if the receiver was dropped, with the item.
    ///
    /// # Examples
    /// ```
    /// use wheelhouse::sync::{PutError, inbox};
    ///
    /// let (sender, _receiver) = inbox::bounded(1);
    /// assert_eq!(sender.try_send(1), Ok(()));
    /// assert_eq!(sender.try_send(2), Err(PutError::Full(2)));
    /// ```
    pub fn try_send(&self, item: T) -> Result<(), PutError<T>> {
        self.0.0.try_send(item)
    }

    /// Returns `true` if the receiver was dropped.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.0.state().receiver_gone
    }
}

impl<T> Clone for BoundedSender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for BoundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.0.fmt_side("BoundedSender", f)
    }
}

/// The receiving side of an inbox: has [`recv`](Receiver::recv), and is a `Stream` that ends when
/// the inbox is closed and empty.
///
/// Dropping it closes the inbox: all senders, also blocked ones, get their items back as an error,
/// and items that were not received are dropped.
pub struct Receiver<T>(Arc<Shared<T>>);

impl<T> Receiver<T> {
    /// Waits for the next item and takes it.
    ///
    /// # Cancel safety
    /// Nothing is lost: an item leaves the inbox when this returns it.
    ///
    /// # Errors
    /// [`Closed`] if all senders were dropped and all items were received.
    ///
    /// # Examples
    /// See [`unbounded`].
    pub fn recv(&mut self) -> RecvFuture<'_, T> {
        RecvFuture(self)
    }

    /// Takes the next item if there is one.
    ///
    /// # Errors
    /// [`GetError::Empty`], or [`GetError::Closed`] if all senders were dropped.
    ///
    /// # Examples
    /// ```
    /// use wheelhouse::sync::{GetError, inbox};
    ///
    /// let (sender, mut receiver) = inbox::unbounded();
    /// sender.send(1).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// assert_eq!(receiver.try_recv(), Err(GetError::Empty));
    /// ```
    pub fn try_recv(&mut self) -> Result<T, GetError> {
        match self.0.pop(&mut self.0.state()) {
            Some(outcome) => outcome.map_err(|Closed(())| GetError::Closed),
            None => Err(GetError::Empty),
        }
    }
}

impl<T> Stream for Receiver<T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.poll(cx).map(Result::ok)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.receiver_gone = true;
        let items = std::mem::take(&mut state.items);
        let waker = state.waker.take();
        drop(state);
        self.0.changed.notify_all();
        self.0.note.over();
        drop_quietly(waker);
        // Dropped last, since their destructors may panic.
        drop(items);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_side("Receiver", f)
    }
}

impl<T> Shared<T> {
    fn fmt_side(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        let (len, senders) = (state.items.len(), state.senders);
        drop(state);
        f.debug_struct(name)
            .field("len", &len)
            .field("senders", &senders)
            .finish_non_exhaustive()
    }
}

/// The future of [`Receiver::recv`].
#[must_use = "futures do nothing unless awaited"]
pub struct RecvFuture<'a, T>(&'a mut Receiver<T>);

impl<T> Future for RecvFuture<'_, T> {
    type Output = Result<T, Closed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.0.poll(cx)
    }
}

impl<T> Drop for RecvFuture<'_, T> {
    fn drop(&mut self) {
        let waker = self.0.0.state().waker.take();
        self.0.0.note.over();
        drop_quietly(waker);
    }
}

impl<T> fmt::Debug for RecvFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RecvFuture").field(&self.0).finish()
    }
}
