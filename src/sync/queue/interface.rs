//! The public type of the queues, generic over the order of the items.

use std::fmt;

use super::core::Core;
use super::futures::{GetFuture, Items, JoinFuture, PutFuture};
use super::order::Order;
use crate::error::{GetError, PutError};

/// A queue whose order `O` decides which item is next; has the methods of all three queues.
///
/// Use it by one of its names: [`Queue`](super::Queue), [`PriorityQueue`](super::PriorityQueue) or
/// [`LifoQueue`](super::LifoQueue). The generic type is for code that works with any of them.
///
/// # Examples
/// ```
/// use wheelhouse::sync::{LifoQueue, Order, OrderedQueue, Queue};
///
/// fn drain<O: Order>(queue: &OrderedQueue<O>) -> Vec<O::Item> {
///     std::iter::from_fn(|| queue.get_nowait().ok()).collect()
/// }
///
/// let (queue, stack) = (Queue::unbounded(), LifoQueue::unbounded());
/// for number in [1, 2] {
///     queue.put_nowait(number).unwrap();
///     stack.put_nowait(number).unwrap();
/// }
/// assert_eq!((drain(&queue), drain(&stack)), (vec![1, 2], vec![2, 1]));
/// ```
pub struct OrderedQueue<O: Order>(Core<O>);

impl<O: Order> OrderedQueue<O> {
    /// Creates a queue that holds at most `capacity` items (asyncio: `maxsize`).
    ///
    /// # Panics
    /// If `capacity` is 0: nothing could ever be put.
    ///
    /// # Examples
    /// ```
    /// let queue = wheelhouse::sync::Queue::bounded(1);
    /// queue.put_nowait(1).unwrap();
    /// assert!(queue.is_full());
    /// ```
    #[must_use]
    #[track_caller]
    pub fn bounded(capacity: usize) -> Self {
        assert!(
            capacity > 0,
            "a queue was bounded to 0 items: `unbounded()` makes one without a bound"
        );
        Self(Core::new(capacity))
    }

    /// Creates a queue that takes any number of items.
    ///
    /// # Examples
    /// ```
    /// let queue = wheelhouse::sync::Queue::unbounded();
    /// queue.put_nowait(1).unwrap();
    /// assert!(!queue.is_full());
    /// ```
    #[must_use]
    #[track_caller]
    pub fn unbounded() -> Self {
        Self(Core::new(usize::MAX))
    }

    /// Names the queue, for the report of a deadlock: see [`testing::run`](crate::testing::run).
    ///
    /// # Examples
    /// ```
    /// let queue = wheelhouse::sync::Queue::bounded(1).named("jobs");
    /// queue.put_nowait(1).unwrap();
    /// ```
    #[must_use]
    pub fn named(mut self, name: impl AsRef<str>) -> Self {
        self.0.set_name(name.as_ref());
        self
    }

    /// Waits for a free place and puts `item` there.
    ///
    /// Waiting `put`s are served first come, first served: neither a later `put` nor
    /// [`put_nowait`](Self::put_nowait) overtakes them.
    ///
    /// # Cancel safety
    /// Nothing is put twice. A `put` that is dropped before it has completed has not put its item,
    /// and drops it, unless [`into_item`](PutFuture::into_item) takes it out.
    ///
    /// # Errors
    /// [`Undelivered`](crate::sync::Undelivered), with the item, when the queue is closed.
    ///
    /// # Examples
    /// ```
    /// use std::rc::Rc;
    /// use wheelhouse::{run, spawn, sync::Queue};
    ///
    /// run(async {
    ///     let queue = Rc::new(Queue::bounded(1));
    ///     let producer = Rc::clone(&queue);
    ///     spawn(async move {
    ///         for number in 1..=3 {
    ///             producer.put(number).await.unwrap(); // waits while the queue is full
    ///         }
    ///     });
    ///     for number in 1..=3 {
    ///         assert_eq!(queue.get().await, Ok(number));
    ///     }
    /// });
    /// ```
    #[doc(alias = "send")]
    #[inline]
    pub fn put(&self, item: O::Item) -> PutFuture<'_, O> {
        PutFuture::new(&self.0, item)
    }

    /// Waits for an item and takes it.
    ///
    /// Waiting `get`s are served first come, first served: neither a later `get` nor
    /// [`get_nowait`](Self::get_nowait) overtakes them.
    ///
    /// # Cancel safety
    /// No item is lost: it leaves the queue when the `get` returns it. A `get` that was woken for
    /// an item and is dropped leaves the item to the next, in the old order. (A `get` that is
    /// neither polled nor dropped keeps one item from the others.)
    ///
    /// # Errors
    /// [`Closed`](crate::sync::Closed) when the queue is closed and empty.
    ///
    /// # Examples
    /// ```
    /// use wheelhouse::{run, sync::Queue};
    ///
    /// run(async {
    ///     let queue = Queue::unbounded();
    ///     queue.put("bread").await.unwrap();
    ///     assert_eq!(queue.get().await.unwrap(), "bread");
    /// });
    /// ```
    #[doc(alias = "recv")]
    #[inline]
    pub fn get(&self) -> GetFuture<'_, O> {
        GetFuture::new(&self.0)
    }

    /// Puts `item` if a place is free.
    ///
    /// # Errors
    /// [`PutError::Full`] or [`PutError::Closed`], with the item. A place for which a waiting `put`
    /// was woken is not free.
    ///
    /// # Examples
    /// ```
    /// use wheelhouse::sync::{PutError, Queue};
    ///
    /// let queue = Queue::bounded(1);
    /// assert_eq!(queue.put_nowait(1), Ok(()));
    /// assert_eq!(queue.put_nowait(2), Err(PutError::Full(2)));
    /// ```
    #[doc(alias = "try_put")]
    #[doc(alias = "try_send")]
    #[inline]
    pub fn put_nowait(&self, item: O::Item) -> Result<(), PutError<O::Item>> {
        self.0.put_nowait(item)
    }

    /// Takes the next item if there is one.
    ///
    /// # Errors
    /// [`GetError::Empty`], or [`GetError::Closed`] when the queue is closed and empty. An item for
    /// which a waiting `get` was woken does not count.
    ///
    /// # Examples
    /// ```
    /// use wheelhouse::sync::{GetError, Queue};
    ///
    /// let queue = Queue::unbounded();
    /// queue.put_nowait(1).unwrap();
    /// assert_eq!(queue.get_nowait(), Ok(1));
    /// assert_eq!(queue.get_nowait(), Err(GetError::Empty));
    /// ```
    #[doc(alias = "try_get")]
    #[doc(alias = "try_recv")]
    #[inline]
    pub fn get_nowait(&self) -> Result<O::Item, GetError> {
        self.0.get_nowait()
    }

    /// Returns the number of items (asyncio: `qsize`), including those for which a waiting `get`
    /// was woken and which it has not taken yet.
    ///
    /// # Examples
    /// ```
    /// let queue = wheelhouse::sync::Queue::unbounded();
    /// queue.put_nowait(1).unwrap();
    /// assert_eq!(queue.len(), 1);
    /// ```
    #[doc(alias = "qsize")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.read(|state| state.len)
    }

    /// Returns `true` if [`get_nowait`](Self::get_nowait) would fail (asyncio: `empty`).
    ///
    /// A queue can be empty while its [`len`](Self::len) is not 0: waiting `get`s were woken for
    /// those items.
    ///
    /// # Examples
    /// ```
    /// let queue = wheelhouse::sync::Queue::unbounded();
    /// assert!(queue.is_empty());
    /// queue.put_nowait(1).unwrap();
    /// assert!(!queue.is_empty());
    /// ```
    #[doc(alias = "empty")]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.read(|state| !state.has_item())
    }

    /// The name of [`is_empty`](Self::is_empty) before all predicates began with `is_`.
    #[deprecated(note = "renamed to `is_empty`")]
    #[doc(hidden)]
    #[must_use]
    pub fn empty(&self) -> bool {
        self.is_empty()
    }

    /// Returns `true` if [`put_nowait`](Self::put_nowait) would fail on an open queue (asyncio:
    /// `full`).
    ///
    /// # Examples
    /// ```
    /// let queue = wheelhouse::sync::Queue::bounded(1);
    /// assert!(!queue.is_full());
    /// queue.put_nowait(1).unwrap();
    /// assert!(queue.is_full());
    /// ```
    #[doc(alias = "full")]
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.0.read(|state| !state.has_capacity())
    }

    /// The name of [`is_full`](Self::is_full) before all predicates began with `is_`.
    #[deprecated(note = "renamed to `is_full`")]
    #[doc(hidden)]
    #[must_use]
    pub fn full(&self) -> bool {
        self.is_full()
    }

    /// Returns the bound (asyncio: `maxsize`); `None` for an unbounded queue.
    ///
    /// # Examples
    /// ```
    /// use wheelhouse::sync::Queue;
    ///
    /// assert_eq!(Queue::<u8>::bounded(2).capacity(), Some(2));
    /// assert_eq!(Queue::<u8>::unbounded().capacity(), None);
    /// ```
    #[doc(alias = "maxsize")]
    #[must_use]
    pub fn capacity(&self) -> Option<usize> {
        self.0
            .read(|state| Some(state.capacity).filter(|&capacity| capacity != usize::MAX))
    }

    /// Reports the work on one item as done, for [`join`](Self::join).
    ///
    /// # Panics
    /// If it is called more often than items were put.
    ///
    /// # Examples
    /// See [`join`](Self::join).
    #[track_caller]
    pub fn task_done(&self) {
        assert!(
            self.0.task_done(),
            "`task_done` was called more often than items were put into the queue"
        );
    }

    /// Waits until every item that was put is reported [done](Self::task_done).
    ///
    /// As in asyncio, the queue counts: an item is unfinished from its put to a `task_done`. `join`
    /// returns when the count has reached zero, even if only for a moment.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Examples
    /// ```
    /// use std::rc::Rc;
    /// use wheelhouse::{run, spawn, sync::Queue};
    ///
    /// run(async {
    ///     let queue = Rc::new(Queue::unbounded());
    ///     let jobs = Rc::clone(&queue);
    ///     spawn(async move {
    ///         while let Ok(_job) = jobs.get().await {
    ///             jobs.task_done();
    ///         }
    ///     });
    ///     for job in 0..3 {
    ///         queue.put_nowait(job).unwrap();
    ///     }
    ///     queue.join().await;
    ///     assert_eq!(queue.len(), 0);
    /// });
    /// ```
    pub fn join(&self) -> JoinFuture<'_, O> {
        JoinFuture::new(&self.0)
    }

    /// Returns a `Stream` of the items, which ends when the queue is closed and empty.
    ///
    /// # Cancel safety
    /// No item is lost, as for [`get`](Self::get).
    ///
    /// # Examples
    /// ```
    /// use futures::StreamExt;
    /// use wheelhouse::{run, sync::Queue};
    ///
    /// let queue = Queue::unbounded();
    /// queue.put_nowait(7).unwrap();
    /// queue.close();
    /// assert_eq!(run(queue.items().collect::<Vec<_>>()), [7]);
    /// ```
    pub fn items(&self) -> Items<'_, O> {
        Items::new(&self.0)
    }

    /// Closes the queue (asyncio 3.13: `shutdown()`): nothing can be put any more, and the items
    /// that are left can still be taken.
    ///
    /// Every waiting `put` fails at once; every `get` and `items` when no item is left.
    /// [`join`](Self::join) continues to wait for unfinished items.
    ///
    /// # Examples
    /// ```
    /// use wheelhouse::sync::{GetError, PutError, Queue};
    ///
    /// let queue = Queue::unbounded();
    /// queue.put_nowait(1).unwrap();
    /// queue.close();
    /// assert_eq!(queue.put_nowait(2), Err(PutError::Closed(2)));
    /// assert_eq!(queue.get_nowait(), Ok(1));
    /// assert_eq!(queue.get_nowait(), Err(GetError::Closed));
    /// ```
    #[doc(alias = "shutdown")]
    pub fn close(&self) {
        self.0.close();
    }

    /// Closes the queue and drops its items (asyncio 3.13: `shutdown(immediate=True)`).
    ///
    /// Every waiting `put` and `get` fails. The dropped items count as done for
    /// [`join`](Self::join).
    ///
    /// # Panics
    /// If the destructor of an item panics: after all items were dropped and all waiting tasks
    /// woken.
    ///
    /// # Examples
    /// ```
    /// use wheelhouse::sync::{GetError, Queue};
    ///
    /// let queue = Queue::unbounded();
    /// queue.put_nowait(1).unwrap();
    /// queue.close_now();
    /// assert_eq!(queue.get_nowait(), Err(GetError::Closed));
    /// ```
    #[doc(alias = "shutdown")]
    pub fn close_now(&self) {
        self.0.close_now();
    }

    /// Returns `true` if the queue was closed.
    ///
    /// # Examples
    /// ```
    /// let queue = wheelhouse::sync::Queue::<u8>::unbounded();
    /// queue.close();
    /// assert!(queue.is_closed());
    /// ```
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.read(|state| state.closed)
    }
}

impl<O: Order> fmt::Debug for OrderedQueue<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_as(O::QUEUE, f)
    }
}
