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

//   first                                  first + items.len()
//     ▼                                            ▼
//     ┌──────┬──────┬──────┬──────┬──────┬──────┐
//     │      │      │      │      │      │      │ ◀── send, at most `capacity`
//     └──────┴──────┴──────┴──────┴──────┴──────┘
//         ▲                   ▲
//    next of one         next of another receiver; before `first`: it lags
//
// An item is dropped when it is overwritten, or when the last receiver that was there at its send
// has taken it.

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
    let ring = Rc::new(RefCell::new(BroadcastState {
        items: VecDeque::new(),
        first: 0,
        capacity,
        senders: 1,
        receivers: 0,
        waits: WaitQueue::new(ResourceKind::Broadcast),
    }));
    let sender = Sender(ring);
    let receiver = sender.subscribe();
    (sender, receiver)
}

/// One item, and how many receivers have yet to take it.
struct Entry<T> {
    /// The item. Behind an `Rc`, so that it can be cloned while nothing is borrowed.
    item: Rc<T>,
    /// How many have not taken it.
    left: usize,
}

/// What all sides share.
struct BroadcastState<T> {
    /// The latest items.
    items: VecDeque<Entry<T>>,
    /// The number of the first of them: how many were sent before it.
    first: u64,
    /// How many there may be.
    capacity: usize,
    /// How many senders there are.
    senders: usize,
    /// How many receivers there are.
    receivers: usize,
    /// The receivers that wait, with the number of the item that each wants.
    waits: WaitQueue<u64, ()>,
}

impl<T> BroadcastState<T> {
    /// The number of the item that will be sent next.
    fn end(&self) -> u64 {
        self.first + self.items.len() as u64
    }

    /// Adds an item; gives the one that it overwrites.
    fn add(&mut self, item: Rc<T>) -> Option<Entry<T>> {
        let full = self.items.len() == self.capacity;
        let oldest = if full { self.drop_first() } else { None };
        let left = self.receivers;
        self.items.push_back(Entry { item, left });
        oldest
    }

    /// Takes the first item out.
    fn drop_first(&mut self) -> Option<Entry<T>> {
        self.first += 1;
        self.items.pop_front()
    }

    /// Takes the item that a receiver wants next, and moves it on.
    fn take(&mut self, next: &mut u64) -> Result<Rc<T>, TryBroadcastError> {
        if *next < self.first {
            let lost = self.first - *next;
            *next = self.first;
            return Err(TryBroadcastError::Lagged(lost));
        }
        let Some(entry) = self.items.get_mut((*next - self.first) as usize) else {
            return Err(match self.senders {
                0 => TryBroadcastError::Closed,
                _ => TryBroadcastError::Empty,
            });
        };
        *next += 1;
        entry.left -= 1;
        // The last to take it takes the very item. Those before it were taken by everybody, too.
        Ok(match entry.left {
            0 => self.drop_first().expect("it is there").item,
            _ => Rc::clone(&entry.item),
        })
    }

    /// A receiver that wanted `next` has gone; gives the items that nobody else wants.
    fn unsubscribe(&mut self, next: u64) -> Vec<Entry<T>> {
        self.receivers -= 1;
        let seen = next.saturating_sub(self.first) as usize;
        for entry in self.items.iter_mut().skip(seen) {
            entry.left -= 1;
        }
        let unwanted = self.items.iter().take_while(|entry| entry.left == 0);
        let count = unwanted.count();
        self.first += count as u64;
        self.items.drain(..count).collect()
    }
}

impl<T> Resource for BroadcastState<T> {
    type Request = u64;
    type Grant = ();

    fn queue(&mut self) -> &mut WaitQueue<u64, ()> {
        &mut self.waits
    }

    fn try_grant(&mut self, next: u64, _: &mut Wakes) -> Result<(), u64> {
        match next < self.end() || self.senders == 0 {
            true => Ok(()),
            false => Err(next),
        }
    }

    fn take_back(&mut self, (): (), _: &mut Wakes) -> Option<()> {
        None
    }
}

/// Changes the ring, and wakes everybody who waits for an item.
fn announce<T, R>(
    ring: &RefCell<BroadcastState<T>>,
    change: impl FnOnce(&mut BroadcastState<T>) -> R,
) -> R {
    update(ring, |ring, wakes| {
        let result = change(ring);
        ring.waits.grant_many(usize::MAX, &(), wakes);
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
        // Bound to a name, so that the item that is overwritten is dropped after the borrow has
        // gone.
        let oldest = announce(&self.0, |ring| ring.add(item));
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
        let mut ring = self.0.borrow_mut();
        ring.receivers += 1;
        Receiver {
            ring: Rc::clone(&self.0),
            next: ring.end(),
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
            let mut ring = self.0.borrow_mut();
            ring.senders -= 1;
            ring.senders == 0
        };
        if last {
            announce(&self.0, |_| ());
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show("Sender", &self.0.borrow(), f)
    }
}

/// A receiving side of a [`broadcast()`]. A clone receives the items that this one has not taken
/// yet.
pub struct Receiver<T> {
    /// What all sides share.
    ring: Rc<RefCell<BroadcastState<T>>>,
    /// The number of the item that it wants next.
    next: u64,
}

impl<T: Clone> Receiver<T> {
    /// Waits for the next item and takes it. All receivers but the last get a clone of it.
    ///
    /// # Cancel safety
    /// Nothing is lost: an item is taken when this returns it. (A receiver on which nobody calls
    /// this falls behind.)
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
        let found = self.ring.borrow_mut().take(&mut self.next);
        found.map(Rc::unwrap_or_clone)
    }
}

impl<T> Clone for Receiver<T> {
    /// Creates another receiver, for the items that this one has not taken yet.
    fn clone(&self) -> Self {
        let mut ring = self.ring.borrow_mut();
        ring.receivers += 1;
        let seen = self.next.saturating_sub(ring.first) as usize;
        for entry in ring.items.iter_mut().skip(seen) {
            entry.left += 1;
        }
        Self {
            ring: Rc::clone(&self.ring),
            next: self.next,
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // Bound to a name, so that the items are dropped after the borrow has gone.
        let unwanted = self.ring.borrow_mut().unsubscribe(self.next);
        unwanted.into_iter().for_each(drop_quietly);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show("Receiver", &self.ring.borrow(), f)
    }
}

/// The future of [`Receiver::recv`].
#[must_use = "futures do nothing unless awaited"]
pub struct RecvFuture<'a, T> {
    /// Who waits.
    receiver: &'a mut Receiver<T>,
    /// Its wait.
    waiter: Waiter<u64>,
}

impl<T: Clone> Future for RecvFuture<'_, T> {
    type Output = Result<T, BroadcastError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        std::task::ready!(this.waiter.poll(&this.receiver.ring, cx));
        Poll::Ready(this.receiver.try_recv().map_err(|error| match error {
            TryBroadcastError::Lagged(lost) => BroadcastError::Lagged(lost),
            // Not empty: it was woken for an item or for the end, and takes its items itself.
            TryBroadcastError::Closed | TryBroadcastError::Empty => BroadcastError::Closed,
        }))
    }
}

impl<T> Drop for RecvFuture<'_, T> {
    fn drop(&mut self) {
        self.waiter.leave(&self.receiver.ring);
    }
}

impl<T> fmt::Debug for RecvFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RecvFuture").field(&self.waiter).finish()
    }
}

/// Shows one side.
fn show<T>(name: &str, ring: &BroadcastState<T>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.debug_struct(name)
        .field("len", &ring.items.len())
        .field("senders", &ring.senders)
        .field("receivers", &ring.receivers)
        .finish_non_exhaustive()
}
