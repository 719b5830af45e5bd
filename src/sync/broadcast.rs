//! A channel that delivers every item to every receiver.
//!
//! [`broadcast()`] creates it, with a capacity. Sending never waits: a receiver that falls behind
//! by more items than the capacity loses the oldest, and is told how many. asyncio has no such
//! channel.
//!
//! ```
//! use wheelhouse::{run, sync::broadcast};
//!
//! run(async {
//!     let (sender, mut one) = broadcast(16);
//!     let mut other = sender.subscribe();
//!     sender.send("hello").unwrap();
//!     assert_eq!(one.recv().await, Ok("hello"));
//!     assert_eq!(other.recv().await, Ok("hello"));
//! });
//! ```

// The items are numbered in the order of sending, and each receiver stores the number of its next
// item:
//
//   first                                   first + items.len()
//     ▼                                       ▼
//     ┌──────┬──────┬──────┬──────┬──────┬──────┐
//     │      │      │      │      │      │      │ ◀── send
//     └──────┴──────┴──────┴──────┴──────┴──────┘
//         ▲                   ▲
//     next of a receiver    next of another one
//
// There are at most `capacity` items. A receiver whose `next` is less than `first` lags. An item is
// dropped when it is overwritten, or when the last of the receivers at the time of its send has
// taken it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::error::{BroadcastError, TryBroadcastError, Undelivered};
use crate::util::drop_quietly;
use crate::util::wait_graph::ResourceKind;
use crate::util::wait_queue::{Resource, WaitQueue, Waiter, Wakes, update};

/// Creates a channel that delivers every item to every receiver, and keeps at most `capacity` items
/// for the slow ones.
///
/// # Panics
/// If `capacity` is 0.
///
/// # Examples
/// ```
/// use wheelhouse::{run, sync::{BroadcastError, broadcast}};
///
/// run(async {
///     let (sender, mut one) = broadcast(2);
///     let mut other = sender.subscribe();
///     sender.send("a").unwrap();
///     assert_eq!(one.recv().await, Ok("a"));
///     sender.send("b").unwrap();
///     sender.send("c").unwrap();
///     assert_eq!(one.recv().await, Ok("b"));
///     assert_eq!(other.recv().await, Err(BroadcastError::Lagged(1)));
///     assert_eq!(other.recv().await, Ok("b"));
/// });
/// ```
#[must_use]
#[track_caller]
pub fn broadcast<T: Clone>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(capacity > 0, "a broadcast was bounded to 0 items");
    let state = Rc::new(RefCell::new(BroadcastState {
        items: VecDeque::new(),
        first: 0,
        capacity,
        senders: 1,
        receivers: 0,
        queue: WaitQueue::new(ResourceKind::Broadcast),
    }));
    let sender = Sender(state);
    let receiver = sender.subscribe();
    (sender, receiver)
}

/// An item that was sent.
struct SentItem<T> {
    /// In an `Rc`, so that the item can be cloned while nothing is borrowed.
    item: Rc<T>,
    /// The number of receivers that have not taken it yet.
    pending: usize,
}

/// The state that all sides share.
struct BroadcastState<T> {
    /// The latest items.
    items: VecDeque<SentItem<T>>,
    /// The number of the first of them: how many were sent before it.
    first: u64,
    /// The highest length of `items`.
    capacity: usize,
    senders: usize,
    receivers: usize,
    /// The waiting receivers, with the number of the next item of each.
    queue: WaitQueue<u64, ()>,
}

impl<T> BroadcastState<T> {
    /// Returns the number of the item that will be sent next.
    fn end(&self) -> u64 {
        self.first + self.items.len() as u64
    }

    /// Adds an item, and returns the one that it overwrites.
    fn add(&mut self, item: Rc<T>) -> Option<SentItem<T>> {
        let full = self.items.len() == self.capacity;
        let oldest = if full { self.drop_first() } else { None };
        let pending = self.receivers;
        self.items.push_back(SentItem { item, pending });
        oldest
    }

    /// Removes the first item.
    fn drop_first(&mut self) -> Option<SentItem<T>> {
        self.first += 1;
        self.items.pop_front()
    }

    /// Takes the next item of a receiver, and increments `next`.
    fn take(&mut self, next: &mut u64) -> Result<Rc<T>, TryBroadcastError> {
        if *next < self.first {
            let lost = self.first - *next;
            *next = self.first;
            return Err(TryBroadcastError::Lagged(lost));
        }
        let Some(sent) = self.items.get_mut((*next - self.first) as usize) else {
            return Err(match self.senders {
                0 => TryBroadcastError::Closed,
                _ => TryBroadcastError::Empty,
            });
        };
        *next += 1;
        sent.pending -= 1;
        // The last receiver removes the item. It is the first one, since every receiver takes the
        // items in order.
        Ok(match sent.pending {
            0 => self.drop_first().expect("the item is in the queue").item,
            _ => Rc::clone(&sent.item),
        })
    }

    /// Removes a receiver whose next item is `next`. Returns the items that no other receiver
    /// will take.
    fn unsubscribe(&mut self, next: u64) -> Vec<SentItem<T>> {
        self.receivers -= 1;
        let seen = next.saturating_sub(self.first) as usize;
        for sent in self.items.iter_mut().skip(seen) {
            sent.pending -= 1;
        }
        let taken = self.items.iter().take_while(|sent| sent.pending == 0);
        let count = taken.count();
        self.first += count as u64;
        self.items.drain(..count).collect()
    }
}

impl<T> Resource for BroadcastState<T> {
    type Request = u64;
    type Grant = ();

    fn queue(&mut self) -> &mut WaitQueue<u64, ()> {
        &mut self.queue
    }

    fn try_grant(&mut self, next: u64, _: &mut Wakes) -> Result<(), u64> {
        if next < self.end() || self.senders == 0 {
            Ok(())
        } else {
            Err(next)
        }
    }

    fn take_back(&mut self, (): (), _: &mut Wakes) -> Option<()> {
        None
    }
}

/// Changes the state, and wakes all waiting receivers.
fn announce<T, R>(
    state: &RefCell<BroadcastState<T>>,
    change: impl FnOnce(&mut BroadcastState<T>) -> R,
) -> R {
    update(state, |state, wakes| {
        let result = change(state);
        state.queue.grant_many(usize::MAX, &(), wakes);
        result
    })
}

/// A sending side of a [`broadcast()`]. The channel is closed when the last clone is dropped.
pub struct Sender<T>(Rc<RefCell<BroadcastState<T>>>);

impl<T: Clone> Sender<T> {
    /// Sends an item to all present receivers, and returns their number.
    ///
    /// Never waits: if the channel is full, the oldest item is overwritten.
    ///
    /// # Errors
    /// [`Undelivered`], with the item, if there is no receiver.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = wheelhouse::sync::broadcast(1);
    /// assert_eq!(sender.send(1), Ok(1));
    /// drop(receiver);
    /// assert_eq!(sender.send(2).unwrap_err().0, 2);
    /// ```
    pub fn send(&self, item: T) -> Result<usize, Undelivered<T>> {
        let receivers = self.receivers();
        if receivers == 0 {
            return Err(Undelivered(item));
        }
        let item = Rc::new(item);
        // Bound to a name, so that the overwritten item is dropped after the borrow has ended.
        let oldest = announce(&self.0, |state| state.add(item));
        drop(oldest);
        Ok(receivers)
    }

    /// Creates another receiver, for items that are sent from now on.
    ///
    /// # Examples
    /// ```
    /// let (sender, _first) = wheelhouse::sync::broadcast::<u8>(1);
    /// let _second = sender.subscribe();
    /// assert_eq!(sender.receivers(), 2);
    /// ```
    #[must_use]
    pub fn subscribe(&self) -> Receiver<T> {
        let mut state = self.0.borrow_mut();
        state.receivers += 1;
        Receiver {
            state: Rc::clone(&self.0),
            next: state.end(),
        }
    }
}

impl<T> Sender<T> {
    /// Returns the number of receivers.
    #[doc(alias = "receiver_count")]
    #[must_use]
    pub fn receivers(&self) -> usize {
        self.0.borrow().receivers
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.borrow_mut().senders += 1;
        Self(Rc::clone(&self.0))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let last = {
            let mut state = self.0.borrow_mut();
            state.senders -= 1;
            state.senders == 0
        };
        if last {
            announce(&self.0, |_| ());
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_side("Sender", &self.0.borrow(), f)
    }
}

/// A receiving side of a [`broadcast()`]. A clone receives the items that this one has not taken
/// yet.
pub struct Receiver<T> {
    state: Rc<RefCell<BroadcastState<T>>>,
    /// The number of its next item.
    next: u64,
}

impl<T: Clone> Receiver<T> {
    /// Waits for the next item and takes it. All receivers but the last get a clone of it.
    ///
    /// # Cancel safety
    /// Nothing is lost: an item is taken when this returns it. (A receiver on which this is
    /// not called falls behind.)
    ///
    /// # Errors
    /// [`BroadcastError::Lagged`], once, with the number of items that were lost; the next call
    /// returns the oldest that is left. [`BroadcastError::Closed`] when all senders were dropped
    /// and no item is left.
    ///
    /// # Examples
    /// See [`broadcast()`].
    pub fn recv(&mut self) -> RecvFuture<'_, T> {
        let waiter = Waiter::New(self.next);
        RecvFuture {
            receiver: self,
            waiter,
        }
    }

    /// Takes the next item if there is one.
    ///
    /// # Errors
    /// [`TryBroadcastError::Empty`] when there is none, [`TryBroadcastError::Lagged`] and
    /// [`TryBroadcastError::Closed`] as for [`recv`](Receiver::recv).
    ///
    /// # Examples
    /// ```
    /// use wheelhouse::sync::{TryBroadcastError, broadcast};
    ///
    /// let (sender, mut receiver) = broadcast(1);
    /// sender.send(1).unwrap();
    /// sender.send(2).unwrap();
    /// assert_eq!(receiver.try_recv(), Err(TryBroadcastError::Lagged(1)));
    /// assert_eq!(receiver.try_recv(), Ok(2));
    /// assert_eq!(receiver.try_recv(), Err(TryBroadcastError::Empty));
    /// ```
    pub fn try_recv(&mut self) -> Result<T, TryBroadcastError> {
        let found = self.state.borrow_mut().take(&mut self.next);
        found.map(Rc::unwrap_or_clone)
    }
}

impl<T> Clone for Receiver<T> {
    /// Creates another receiver, for the items that this one has not taken yet.
    fn clone(&self) -> Self {
        let mut state = self.state.borrow_mut();
        state.receivers += 1;
        let seen = self.next.saturating_sub(state.first) as usize;
        for sent in state.items.iter_mut().skip(seen) {
            sent.pending += 1;
        }
        Self {
            state: Rc::clone(&self.state),
            next: self.next,
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // Bound to a name, so that the items are dropped after the borrow has ended.
        let taken = self.state.borrow_mut().unsubscribe(self.next);
        taken.into_iter().for_each(drop_quietly);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_side("Receiver", &self.state.borrow(), f)
    }
}

/// The future of [`Receiver::recv`].
#[must_use = "futures do nothing unless awaited"]
pub struct RecvFuture<'a, T> {
    receiver: &'a mut Receiver<T>,
    waiter: Waiter<u64>,
}

impl<T: Clone> Future for RecvFuture<'_, T> {
    type Output = Result<T, BroadcastError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        std::task::ready!(this.waiter.poll(&this.receiver.state, cx));
        Poll::Ready(this.receiver.try_recv().map_err(|error| match error {
            TryBroadcastError::Lagged(lost) => BroadcastError::Lagged(lost),
            // Never empty: the wait ends when there is an item or the channel is closed.
            TryBroadcastError::Closed | TryBroadcastError::Empty => BroadcastError::Closed,
        }))
    }
}

impl<T> Drop for RecvFuture<'_, T> {
    fn drop(&mut self) {
        self.waiter.leave(&self.receiver.state);
    }
}

impl<T> fmt::Debug for RecvFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RecvFuture").field(&self.waiter).finish()
    }
}

fn fmt_side<T>(name: &str, state: &BroadcastState<T>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.debug_struct(name)
        .field("len", &state.items.len())
        .field("senders", &state.senders)
        .field("receivers", &state.receivers)
        .finish_non_exhaustive()
}
