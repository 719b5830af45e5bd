//! A channel for the latest value, with any number of receivers.
//!
//! [`watch()`] creates it. The [`Sender`] replaces the value; each [`Receiver`] can look at the
//! latest one, and wait until it [changes](Receiver::changed). It is not a queue: a slow receiver
//! misses the values in between. asyncio has no such channel; there one uses an attribute and a
//! `Condition`.
//!
//! ```
//! use wheelhouse::{run, spawn, sync::watch};
//!
//! run(async {
//!     let (sender, mut receiver) = watch(1);
//!     spawn(async move { sender.send(2) }).detach();
//!     receiver.changed().await.unwrap();
//!     assert_eq!(*receiver.borrow(), 2);
//! });
//! ```

// A send increments the version and wakes all receivers. Each receiver stores the version that it
// has seen. `changed` returns when the version differs; `borrow` does not count as seeing.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::slot::WakerSlot;
use crate::error::{Closed, Undelivered};
use crate::util::budget;
use crate::util::wait_graph::{Note, ResourceKind};
use crate::util::wait_queue::{Resource, WaitQueue, Waiter, Wakes, update};

/// Creates a channel for the latest value, at first `value`, which counts as seen by the receiver.
///
/// # Examples
/// ```
/// use wheelhouse::{run, spawn, sync::watch};
///
/// run(async {
///     let (sender, mut receiver) = watch("starting");
///     let task = spawn(async move {
///         while *receiver.borrow() != "ready" {
///             receiver.changed().await.unwrap();
///         }
///     });
///     sender.send("loading").unwrap();
///     sender.send("ready").unwrap();
///     task.await.unwrap();
/// });
/// ```
#[must_use]
#[track_caller]
pub fn watch<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let shared = Rc::new(Shared {
        value: RefCell::new(Rc::new(value)),
        state: RefCell::new(WatchState {
            version: 0,
            sender_gone: false,
            queue: WaitQueue::new(ResourceKind::Watch),
        }),
        receivers: Cell::new(1),
        sender: WakerSlot::default(),
    });
    let receiver = Receiver {
        shared: Rc::clone(&shared),
        seen: 0,
    };
    (Sender(shared), receiver)
}

/// The state that both sides share.
struct Shared<T> {
    /// The latest value. In an `Rc`, so that a value can be sent while another one is borrowed.
    value: RefCell<Rc<T>>,
    state: RefCell<WatchState>,
    /// The number of receivers.
    receivers: Cell<usize>,
    /// The sender's, while it waits until there is no receiver.
    sender: WakerSlot,
}

impl<T> Shared<T> {
    fn value(&self) -> Ref<T> {
        Ref(Rc::clone(&self.value.borrow()))
    }
}

/// The version, and the receivers that wait for a version other than the one they have seen.
struct WatchState {
    /// How many values were sent.
    version: u64,
    sender_gone: bool,
    queue: WaitQueue<u64, ()>,
}

impl WatchState {
    /// Returns `Ok` if there is a version other than `seen`, `Err` if there never will be one, and
    /// `None` if a receiver has to wait for it.
    fn change_since(&self, seen: u64) -> Option<Result<(), Closed>> {
        if self.version == seen {
            self.sender_gone.then_some(Err(Closed(())))
        } else {
            Some(Ok(()))
        }
    }
}

impl Resource for WatchState {
    type Request = u64;
    type Grant = ();

    fn queue(&mut self) -> &mut WaitQueue<u64, ()> {
        &mut self.queue
    }

    fn try_grant(&mut self, seen: u64, _: &mut Wakes) -> Result<(), u64> {
        self.change_since(seen).map(drop).ok_or(seen)
    }

    fn take_back(&mut self, (): (), _: &mut Wakes) -> Option<()> {
        None
    }
}

/// Changes the state, and wakes all waiting receivers.
fn announce(state: &RefCell<WatchState>, change: impl FnOnce(&mut WatchState)) {
    update(state, |state, wakes| {
        change(state);
        state.queue.grant_many(usize::MAX, &(), wakes);
    });
}

/// The sending side of a [`watch()`].
///
/// Dropping it closes the channel. Receivers can still look at the last value.
pub struct Sender<T>(Rc<Shared<T>>);

impl<T> Sender<T> {
    /// Replaces the value and wakes all receivers.
    ///
    /// # Errors
    /// [`Undelivered`], with the value, when there is no receiver: the value stays as it was, as
    /// with every `send` in [`sync`](crate::sync). [`send_replace`](Sender::send_replace) replaces
    /// it all the same.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = wheelhouse::sync::watch(1);
    /// sender.send(2).unwrap();
    /// assert_eq!(*receiver.borrow(), 2);
    /// drop(receiver);
    /// assert_eq!(sender.send(3).unwrap_err().0, 3);
    /// ```
    pub fn send(&self, value: T) -> Result<(), Undelivered<T>> {
        if self.is_closed() {
            return Err(Undelivered(value));
        }
        self.send_replace(value);
        Ok(())
    }

    /// Replaces the value, wakes all receivers and returns the value before.
    ///
    /// It needs no receiver: those that [`subscribe`](Sender::subscribe) later see the value.
    ///
    /// # Examples
    /// ```
    /// let (sender, _) = wheelhouse::sync::watch(1);
    /// assert_eq!(*sender.send_replace(2), 1);
    /// assert_eq!(*sender.subscribe().borrow(), 2);
    /// ```
    pub fn send_replace(&self, value: T) -> Ref<T> {
        let old = self.0.value.replace(Rc::new(value));
        announce(&self.0.state, |state| state.version += 1);
        Ref(old)
    }

    /// Returns the latest value.
    #[must_use]
    pub fn borrow(&self) -> Ref<T> {
        self.0.value()
    }

    /// Creates another receiver, for which the present value counts as seen.
    ///
    /// # Examples
    /// ```
    /// let (sender, _) = wheelhouse::sync::watch(1);
    /// assert!(sender.is_closed());
    /// assert_eq!(sender.subscribe().is_changed(), Ok(false));
    /// ```
    #[must_use]
    pub fn subscribe(&self) -> Receiver<T> {
        let seen = self.0.state.borrow().version;
        Receiver::new(&self.0, seen)
    }

    /// Returns `true` if there is no receiver at the moment.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.receivers.get() == 0
    }

    /// Waits until there is no receiver.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Examples
    /// ```
    /// use wheelhouse::{run, spawn, sync::watch};
    ///
    /// run(async {
    ///     let (mut sender, receiver) = watch(0);
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
    fn drop(&mut self) {
        announce(&self.0.state, |state| state.sender_gone = true);
    }
}

impl<T: fmt::Debug> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sender").field(&*self.borrow()).finish()
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
        self.1.waits(|| {
            let state = self.0.0.state.borrow_mut();
            let location = state.queue.info().location();
            (ResourceKind::WatchGone, Some(location), None)
        });
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
        f.debug_tuple("ClosedFuture").finish_non_exhaustive()
    }
}

/// A receiving side of a [`watch()`]. A clone has seen the same value.
pub struct Receiver<T> {
    /// What all sides see.
    shared: Rc<Shared<T>>,
    /// The version it has seen.
    seen: u64,
}

impl<T> Receiver<T> {
    fn new(shared: &Rc<Shared<T>>, seen: u64) -> Self {
        shared.receivers.set(shared.receivers.get() + 1);
        Self {
            shared: Rc::clone(shared),
            seen,
        }
    }

    /// Returns the latest value. This does not count as seeing it.
    #[must_use]
    pub fn borrow(&self) -> Ref<T> {
        self.shared.value()
    }

    /// Returns the latest value, which counts as seen from then on.
    ///
    /// # Examples
    /// See [`is_changed`](Receiver::is_changed).
    #[must_use]
    pub fn borrow_and_update(&mut self) -> Ref<T> {
        self.seen = self.shared.state.borrow().version;
        self.shared.value()
    }

    /// Returns `true` if there is a value that was not seen.
    ///
    /// # Errors
    /// [`Closed`] if there is none and the sender was dropped.
    ///
    /// # Examples
    /// ```
    /// let (sender, mut receiver) = wheelhouse::sync::watch(1);
    /// assert_eq!(receiver.is_changed(), Ok(false));
    /// sender.send(2).unwrap();
    /// assert_eq!(receiver.is_changed(), Ok(true));
    /// assert_eq!(*receiver.borrow_and_update(), 2);
    /// drop(sender);
    /// assert!(receiver.is_changed().is_err());
    /// ```
    #[doc(alias = "has_changed")]
    pub fn is_changed(&self) -> Result<bool, Closed> {
        match self.shared.state.borrow().change_since(self.seen) {
            None => Ok(false),
            Some(change) => change.map(|()| true),
        }
    }

    /// Waits for a value that was not seen, which then counts as seen.
    ///
    /// # Cancel safety
    /// Nothing is lost: the value counts as seen when this returns.
    ///
    /// # Errors
    /// [`Closed`] if the latest value was seen and the sender was dropped.
    ///
    /// # Examples
    /// See [`watch()`].
    pub fn changed(&mut self) -> ChangedFuture<'_, T> {
        let waiter = Waiter::New(self.seen);
        ChangedFuture {
            receiver: self,
            waiter,
        }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self::new(&self.shared, self.seen)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let remaining = self.shared.receivers.get() - 1;
        self.shared.receivers.set(remaining);
        if remaining == 0 {
            self.shared.sender.wake();
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Receiver").field(&*self.borrow()).finish()
    }
}

/// The future of [`Receiver::changed`].
#[must_use = "futures do nothing unless awaited"]
pub struct ChangedFuture<'a, T> {
    receiver: &'a mut Receiver<T>,
    waiter: Waiter<u64>,
}

impl<T> Future for ChangedFuture<'_, T> {
    type Output = Result<(), Closed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let state = &this.receiver.shared.state;
        std::task::ready!(this.waiter.poll(state, cx));
        let state = state.borrow();
        // There may have been more changes since the wake: the latest version counts.
        let outcome = state.change_since(this.receiver.seen).unwrap_or(Ok(()));
        this.receiver.seen = state.version;
        Poll::Ready(outcome)
    }
}

impl<T> Drop for ChangedFuture<'_, T> {
    fn drop(&mut self) {
        self.waiter.leave(&self.receiver.shared.state);
    }
}

impl<T> fmt::Debug for ChangedFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ChangedFuture").field(&self.waiter).finish()
    }
}

/// A value of a [`watch()`], as it was when it was borrowed. Other values can be sent while it is
/// kept.
pub struct Ref<T>(Rc<T>);

impl<T> Deref for Ref<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for Ref<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
