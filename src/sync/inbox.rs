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
mod shared;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::error::{Closed, GetError, PutError, Undelivered};
use crate::util::sync::Arc;
use crate::util::{drop_quietly, wake_quietly};
use shared::Shared;

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
