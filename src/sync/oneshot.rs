//! A channel for one value (asyncio: `Future`).
//!
//! [`oneshot()`] creates it. The [`Sender`] sends the value; the [`Receiver`] is a future of it.
//! The channel computes nothing: to run a future, [`spawn`](crate::spawn) it and await its handle.
//!
//! ```
//! use wheelhouse::{run, spawn, sync::oneshot};
//!
//! run(async {
//!     let (sender, receiver) = oneshot();
//!     spawn(async move { sender.send("ready") }).detach();
//!     assert_eq!(receiver.await, Ok("ready"));
//! });
//! ```

// The states:
//
//                send               Receiver returns Ok(value)
//   waiting ──────────────▶ sent ──────────────────────────────▶ closed
//      │                                                           ▲
//      └───────────────────────────────────────────────────────────┘
//                           drop of the Sender
//
// A closed Receiver returns Err(Closed). After the drop of the Receiver, `send` returns the value
// and `closed` completes.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::slot::WakerSlot;
use crate::error::{Closed, GetError, Undelivered};
use crate::util::budget;
use crate::util::wait_graph::{Note, ResourceKind};

/// Creates a channel for one value (asyncio: `loop.create_future()`).
///
/// In place of `set_result`, use [`Sender::send`]; of `set_exception`, send a `Result`; of
/// `cancel`, drop the [`Receiver`]; of `add_done_callback`, spawn a task that awaits it.
///
/// # Examples
/// ```
/// use wheelhouse::{run, spawn, sync::oneshot};
///
/// run(async {
///     let (sender, receiver) = oneshot::<u32>();
///     let task = spawn(async move { receiver.await });
///     sender.send(7).unwrap();
///     assert_eq!(task.await.unwrap(), Ok(7));
/// });
/// ```
#[doc(alias = "create_future")]
#[doc(alias = "Future")]
#[track_caller]
pub fn oneshot<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Rc::new(Shared {
        value: Cell::new(None),
        sender_gone: Cell::new(false),
        receiver_gone: Cell::new(false),
        receiver: WakerSlot::default(),
        sender: WakerSlot::default(),
        location: Location::caller(),
        note: Note::default(),
    });
    let receiver = Receiver(Rc::clone(&shared));
    (Sender(shared), receiver)
}

/// The state that both sides share.
struct Shared<T> {
    /// The value, after the send and before it is received.
    value: Cell<Option<T>>,
    sender_gone: Cell<bool>,
    receiver_gone: Cell<bool>,
    /// Waits for the value.
    receiver: WakerSlot,
    /// Waits for the drop of the receiver.
    sender: WakerSlot,
    /// Where the channel was created.
    location: &'static Location<'static>,
    /// The task that waits for the value, for the report of a deadlock.
    note: Note,
}

impl<T> Shared<T> {
    /// Returns `true` if the receiver's result is known: `send` drops the sender.
    #[inline]
    fn is_settled(&self) -> bool {
        self.sender_gone.get()
    }

    /// Takes the value, if it was sent and not taken yet.
    #[inline]
    fn take(&self) -> Result<T, Closed> {
        self.value.take().ok_or(Closed(()))
    }

    /// Returns the receiver's result, if it is known.
    #[inline]
    fn outcome(&self) -> Option<Result<T, Closed>> {
        self.is_settled().then(|| self.take())
    }
}

/// The sending side of a [`oneshot()`].
///
/// Dropping it without sending closes the channel: the receiver returns [`Closed`].
pub struct Sender<T>(Rc<Shared<T>>);

impl<T> Sender<T> {
    /// Sends the value (asyncio: `set_result`).
    ///
    /// # Errors
    /// [`Undelivered`], with the value, if the receiver was dropped.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = wheelhouse::sync::oneshot();
    /// drop(receiver);
    /// assert_eq!(sender.send("late").unwrap_err().0, "late");
    /// ```
    #[doc(alias = "set_result")]
    #[inline]
    pub fn send(self, value: T) -> Result<(), Undelivered<T>> {
        if self.is_closed() {
            return Err(Undelivered(value));
        }
        // The drop of the sender wakes the receiver.
        self.0.value.set(Some(value));
        Ok(())
    }

    /// Returns `true` if the receiver was dropped, so that the value cannot be received (asyncio:
    /// `cancelled()`).
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = wheelhouse::sync::oneshot::<()>();
    /// assert!(!sender.is_closed());
    /// drop(receiver);
    /// assert!(sender.is_closed());
    /// ```
    #[doc(alias = "cancelled")]
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.receiver_gone.get()
    }

    /// Waits until the receiver is dropped, to stop computing a value that cannot be received.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Examples
    /// ```
    /// use wheelhouse::{run, spawn, sync::oneshot};
    ///
    /// run(async {
    ///     let (mut sender, receiver) = oneshot::<u32>();
    ///     let task = spawn(async move { sender.closed().await });
    ///     drop(receiver);
    ///     task.await.unwrap();
    /// });
    /// ```
    pub fn closed(&mut self) -> ClosedFuture<'_, T> {
        ClosedFuture(self, Note::default())
    }
}

impl<T> Drop for Sender<T> {
    #[inline]
    fn drop(&mut self) {
        self.0.sender_gone.set(true);
        self.0.receiver.wake();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

/// The future of [`Sender::closed`].
#[must_use = "futures do nothing unless awaited"]
pub struct ClosedFuture<'a, T>(&'a mut Sender<T>, Note);

impl<T> Future for ClosedFuture<'_, T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.is_closed() {
            return budget::poll_spend(cx.waker());
        }
        self.0.0.sender.register(cx.waker());
        // Checked again, since `register` has run third-party code.
        if self.0.is_closed() {
            return Poll::Ready(());
        }
        let about = || (ResourceKind::OneshotGone, Some(self.0.0.location), None);
        self.1.waits(about);
        Poll::Pending
    }
}

impl<T> Drop for ClosedFuture<'_, T> {
    fn drop(&mut self) {
        self.0.0.sender.clear();
    }
}

impl<T> fmt::Debug for ClosedFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClosedFuture").field(&self.0).finish()
    }
}

/// The receiving side of a [`oneshot()`]: a future of the value.
///
/// It returns [`Closed`] if the sender was dropped without sending, and when it is awaited again
/// after it has returned the value.
///
/// # Cancel safety
/// A `&mut` to the receiver can be awaited and dropped any number of times: the value stays until
/// it is returned. Dropping the receiver itself closes the channel, and drops a value that was sent
/// and not received.
///
/// # Examples
/// ```
/// use wheelhouse::{run, sync::oneshot};
///
/// run(async {
///     let (sender, receiver) = oneshot::<u32>();
///     drop(sender);
///     assert_eq!(receiver.await.unwrap_err().to_string(), "closed");
/// });
/// ```
#[must_use = "a receiver that is dropped closes the channel"]
pub struct Receiver<T>(Rc<Shared<T>>);

impl<T> Receiver<T> {
    /// Returns the value if it was sent (asyncio: `result()`).
    ///
    /// # Errors
    /// [`GetError::Empty`] if no value was sent yet; [`GetError::Closed`] if none will be, or if it
    /// was returned before.
    ///
    /// # Examples
    /// ```
    /// use wheelhouse::sync::{GetError, oneshot};
    ///
    /// let (sender, mut receiver) = oneshot();
    /// assert_eq!(receiver.try_recv(), Err(GetError::Empty));
    /// sender.send(1).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// assert_eq!(receiver.try_recv(), Err(GetError::Closed));
    /// ```
    #[doc(alias = "result")]
    pub fn try_recv(&mut self) -> Result<T, GetError> {
        match self.0.outcome() {
            Some(outcome) => outcome.map_err(|Closed(())| GetError::Closed),
            None => Err(GetError::Empty),
        }
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, Closed>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.0.is_settled() {
            ready!(budget::poll_spend(cx.waker()));
            self.0.note.over();
            return Poll::Ready(self.0.take());
        }
        self.0.receiver.register(cx.waker());
        // Checked again, since `register` has run third-party code, which may have sent the value.
        let outcome = self.0.outcome();
        if outcome.is_none() {
            let about = || (ResourceKind::Oneshot, Some(self.0.location), None);
            self.0.note.waits(about);
        }
        outcome.map_or(Poll::Pending, Poll::Ready)
    }
}

impl<T> Drop for Receiver<T> {
    #[inline]
    fn drop(&mut self) {
        self.0.receiver_gone.set(true);
        self.0.note.over();
        let value = self.0.value.take();
        self.0.sender.wake();
        self.0.receiver.clear();
        // Dropped last, since its destructor may panic.
        drop(value);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("sender_gone", &self.0.sender_gone.get())
            .finish_non_exhaustive()
    }
}
