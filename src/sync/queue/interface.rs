//! What users see of the three queues: the same methods, written once.

use std::fmt;

use super::core::Core;
use super::futures::{GetFuture, Items, JoinFuture, PutFuture};
use super::order::{Fifo, Lifo, Smallest};
use crate::error::{GetError, PutError};

/// Makes a queue type of an [`Order`](super::order::Order).
macro_rules! queue {
    ($(#[$about:meta])* $name:ident<T $(: $bound:ident)?>, $order:ident) => {
        $(#[$about])*
        pub struct $name<T $(: $bound)?>(Core<$order<T>>);

        impl<T $(: $bound)?> $name<T> {
            /// Makes a queue that holds at most `capacity` items (asyncio: `maxsize`).
            ///
            /// # Panics
            /// When `capacity` is 0: nothing could ever be put.
            ///
            /// # Examples
            /// ```
            #[doc = concat!("let queue = wheelhouse::sync::", stringify!($name), "::bounded(1);")]
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

            /// Makes a queue that takes any number of items.
            ///
            /// # Examples
            /// ```
            #[doc = concat!("let queue = wheelhouse::sync::", stringify!($name), "::unbounded();")]
            /// queue.put_nowait(1).unwrap();
            /// assert!(!queue.is_full());
            /// ```
            #[must_use]
            #[track_caller]
            pub fn unbounded() -> Self {
                Self(Core::new(usize::MAX))
            }

            /// Gives it a name, for the report of a deadlock: see [`testing::run`](crate::testing::run).
            ///
            /// # Examples
            /// ```
            #[doc = concat!("let queue = wheelhouse::sync::", stringify!($name), "::bounded(1).named(\"jobs\");")]
            /// queue.put_nowait(1).unwrap();
            /// ```
            #[must_use]
            pub fn named(mut self, name: impl AsRef<str>) -> Self {
                self.0.set_name(name.as_ref());
                self
            }

            /// Puts an item, as soon as there is room.
            ///
            /// Who waits for room is served first come, first served; a later `put` or
            #[doc = concat!("[`put_nowait`](", stringify!($name), "::put_nowait) does not overtake.")]
            ///
            /// # Cancel safety
            /// Nothing is lost and nothing put twice: a `put` that is dropped before it is done has not put, and the item is
            /// dropped with it, unless [`into_item`](PutFuture::into_item) takes it out.
            ///
            /// # Errors
            /// [`Undelivered`](crate::sync::Undelivered), with the item, when the queue is closed.
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use wheelhouse::{run, spawn, sync::", stringify!($name), "};")]
            /// use std::rc::Rc;
            ///
            /// run(async {
            #[doc = concat!("    let queue = Rc::new(", stringify!($name), "::bounded(1));")]
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
            #[inline]
            pub fn put(&self, item: T) -> PutFuture<'_, $order<T>> {
                PutFuture::new(&self.0, item)
            }

            /// Takes the next item, as soon as there is one.
            ///
            /// Who waits is served first come, first served; a later `get` or
            #[doc = concat!("[`get_nowait`](", stringify!($name), "::get_nowait) does not overtake.")]
            ///
            /// # Cancel safety
            /// Nothing is lost: an item leaves the queue when the `get` gives it. A `get` that is dropped after it was woken
            /// for an item leaves it to the next, in its old order. (One that is kept and not polled any more keeps an item
            /// from the others.)
            ///
            /// # Errors
            /// [`Closed`](crate::sync::Closed) when the queue is closed and nothing is left in it.
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use wheelhouse::{run, sync::", stringify!($name), "};")]
            ///
            /// run(async {
            #[doc = concat!("    let queue = ", stringify!($name), "::unbounded();")]
            ///     queue.put("bread").await.unwrap();
            ///     assert_eq!(queue.get().await.unwrap(), "bread");
            /// });
            /// ```
            #[inline]
            pub fn get(&self) -> GetFuture<'_, $order<T>> {
                GetFuture::new(&self.0)
            }

            /// Puts an item if there is room.
            ///
            /// # Errors
            /// [`PutError::Full`] or [`PutError::Closed`], with the item. Room that a waiting `put` was woken for does not count.
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use wheelhouse::sync::{PutError, ", stringify!($name), "};")]
            ///
            #[doc = concat!("let queue = ", stringify!($name), "::bounded(1);")]
            /// assert_eq!(queue.put_nowait(1), Ok(()));
            /// assert_eq!(queue.put_nowait(2), Err(PutError::Full(2)));
            /// ```
            #[inline]
            pub fn put_nowait(&self, item: T) -> Result<(), PutError<T>> {
                self.0.put_nowait(item)
            }

            /// Takes the next item if there is one.
            ///
            /// # Errors
            /// [`GetError::Empty`], or [`GetError::Closed`] when nothing will come any more. An item that a waiting `get` was
            /// woken for does not count.
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use wheelhouse::sync::{GetError, ", stringify!($name), "};")]
            ///
            #[doc = concat!("let queue = ", stringify!($name), "::unbounded();")]
            /// queue.put_nowait(1).unwrap();
            /// assert_eq!(queue.get_nowait(), Ok(1));
            /// assert_eq!(queue.get_nowait(), Err(GetError::Empty));
            /// ```
            #[inline]
            pub fn get_nowait(&self) -> Result<T, GetError> {
                self.0.get_nowait()
            }

            /// Tells how many items there are (asyncio: `qsize`), with those that a waiting `get` was woken for and has not
            /// taken yet.
            ///
            /// # Examples
            /// ```
            #[doc = concat!("let queue = wheelhouse::sync::", stringify!($name), "::unbounded();")]
            /// queue.put_nowait(1).unwrap();
            /// assert_eq!(queue.len(), 1);
            /// ```
            #[must_use]
            pub fn len(&self) -> usize {
                self.0.look(|state| state.len)
            }

            /// Tells whether there is nothing to get: whether a
            #[doc = concat!("[`get_nowait`](", stringify!($name), "::get_nowait)")]
            /// would fail.
            ///
            /// # Examples
            /// ```
            #[doc = concat!("let queue = wheelhouse::sync::", stringify!($name), "::unbounded();")]
            /// assert!(queue.is_empty());
            /// queue.put_nowait(1).unwrap();
            /// assert!(!queue.is_empty());
            /// ```
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.0.look(|state| !state.has_item())
            }

            /// Tells whether there is no room: whether a
            #[doc = concat!("[`put_nowait`](", stringify!($name), "::put_nowait)")]
            /// to an open queue would fail.
            ///
            /// # Examples
            /// ```
            #[doc = concat!("let queue = wheelhouse::sync::", stringify!($name), "::bounded(1);")]
            /// assert!(!queue.is_full());
            /// queue.put_nowait(1).unwrap();
            /// assert!(queue.is_full());
            /// ```
            #[must_use]
            pub fn is_full(&self) -> bool {
                self.0.look(|state| !state.has_room())
            }

            /// Gives the bound (asyncio: `maxsize`); `None` without one.
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use wheelhouse::sync::", stringify!($name), ";")]
            ///
            #[doc = concat!("assert_eq!(", stringify!($name), "::<u8>::bounded(2).capacity(), Some(2));")]
            #[doc = concat!("assert_eq!(", stringify!($name), "::<u8>::unbounded().capacity(), None);")]
            /// ```
            #[must_use]
            pub fn capacity(&self) -> Option<usize> {
                self.0.look(|state| Some(state.capacity).filter(|&capacity| capacity != usize::MAX))
            }

            /// Says that the work on an item that was taken is done, for whoever waits in
            #[doc = concat!("[`join`](", stringify!($name), "::join).")]
            ///
            /// # Panics
            /// When it is called more often than items were put.
            ///
            /// # Examples
            #[doc = concat!("See [`join`](", stringify!($name), "::join).")]
            #[track_caller]
            pub fn task_done(&self) {
                assert!(
                    self.0.task_done(),
                    "`task_done` was called more often than items were put into the queue"
                );
            }

            /// Waits until each item that was put is reported done.
            ///
            /// Like asyncio's, it counts: an item is unfinished from its put to a
            #[doc = concat!("[`task_done`](", stringify!($name), "::task_done);")]
            /// `join` returns when the count has come to zero, be it for a moment.
            ///
            /// # Cancel safety
            /// Nothing is lost.
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use wheelhouse::{run, spawn, sync::", stringify!($name), "};")]
            /// use std::rc::Rc;
            ///
            /// run(async {
            #[doc = concat!("    let queue = Rc::new(", stringify!($name), "::unbounded());")]
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
            pub fn join(&self) -> JoinFuture<'_, $order<T>> {
                JoinFuture::new(&self.0)
            }

            /// Gives the items as they come, until the queue is closed and empty: a `Stream`.
            ///
            /// # Cancel safety
            #[doc = concat!("Nothing is lost; as [`get`](", stringify!($name), "::get).")]
            ///
            /// # Examples
            /// ```
            /// use futures::StreamExt;
            #[doc = concat!("use wheelhouse::{run, sync::", stringify!($name), "};")]
            ///
            #[doc = concat!("let queue = ", stringify!($name), "::unbounded();")]
            /// queue.put_nowait(7).unwrap();
            /// queue.close();
            /// assert_eq!(run(queue.items().collect::<Vec<_>>()), [7]);
            /// ```
            pub fn items(&self) -> Items<'_, $order<T>> {
                Items::new(&self.0)
            }

            /// Closes the queue (asyncio 3.13: `shutdown()`): nothing can be put any more, and what is there can still be got.
            ///
            /// Every waiting `put` ends with an error, and every `get` and `items` when nothing is left.
            #[doc = concat!("[`join`](", stringify!($name), "::join) goes on to wait for what is unfinished.")]
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use wheelhouse::sync::{GetError, PutError, ", stringify!($name), "};")]
            ///
            #[doc = concat!("let queue = ", stringify!($name), "::unbounded();")]
            /// queue.put_nowait(1).unwrap();
            /// queue.close();
            /// assert_eq!(queue.put_nowait(2), Err(PutError::Closed(2)));
            /// assert_eq!(queue.get_nowait(), Ok(1));
            /// assert_eq!(queue.get_nowait(), Err(GetError::Closed));
            /// ```
            pub fn close(&self) {
                self.0.close();
            }

            /// Closes the queue and drops what is there (asyncio 3.13: `shutdown(immediate=True)`).
            ///
            /// Everybody who waits for an item or for room ends with an error. What is dropped counts as done for
            #[doc = concat!("[`join`](", stringify!($name), "::join).")]
            ///
            /// # Panics
            /// When an item's destructor does; the others were dropped then, too, and everybody was woken.
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use wheelhouse::sync::{GetError, ", stringify!($name), "};")]
            ///
            #[doc = concat!("let queue = ", stringify!($name), "::unbounded();")]
            /// queue.put_nowait(1).unwrap();
            /// queue.close_now();
            /// assert_eq!(queue.get_nowait(), Err(GetError::Closed));
            /// ```
            pub fn close_now(&self) {
                self.0.close_now();
            }

            /// Tells whether the queue was closed.
            ///
            /// # Examples
            /// ```
            #[doc = concat!("let queue = wheelhouse::sync::", stringify!($name), "::<u8>::unbounded();")]
            /// queue.close();
            /// assert!(queue.is_closed());
            /// ```
            #[must_use]
            pub fn is_closed(&self) -> bool {
                self.0.look(|state| state.closed)
            }
        }

        impl<T $(: $bound)?> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.show(stringify!($name), f)
            }
        }
    };
}

queue! {
    /// Items from those who put to those who get, first in, first out: asyncio's `Queue`.
    ///
    /// It is shared by reference: borrow it in the children of a group, or share an `Rc` of it with spawned tasks. It needs no
    /// runtime; it is for tasks of one thread ([`inbox`](crate::sync::inbox) is for several).
    ///
    /// # Examples
    /// ```
    /// use wheelhouse::{run, sync::Queue, task_group};
    ///
    /// let sum = run(async {
    ///     let queue = Queue::bounded(2);
    ///     task_group(async |g| {
    ///         g.spawn(async {
    ///             for number in 1..=10 {
    ///                 queue.put(number).await.unwrap();
    ///             }
    ///             queue.close();
    ///         });
    ///         let mut sum = 0;
    ///         while let Ok(number) = queue.get().await {
    ///             sum += number;
    ///         }
    ///         Ok::<_, std::convert::Infallible>(sum)
    ///     })
    ///     .await
    /// });
    /// assert_eq!(sum.unwrap(), 55);
    /// ```
    Queue<T>, Fifo
}

queue! {
    /// Items, the smallest first: asyncio's `PriorityQueue`.
    ///
    /// Of equal ones the one that was put first comes first. For the greatest first, put [`Reverse`](std::cmp::Reverse)s. Which
    /// item a waiting `get` takes is decided when it runs, as in asyncio.
    ///
    /// While items are compared the queue may be used by their `Ord`, but for putting, getting and `close_now`, which panic with a
    /// message. When a comparison panics, no item is lost, but their order is not promised any more.
    ///
    /// # Examples
    /// ```
    /// use wheelhouse::{run, sync::PriorityQueue};
    ///
    /// run(async {
    ///     let queue = PriorityQueue::unbounded();
    ///     queue.put_nowait((2, "eat")).unwrap();
    ///     queue.put_nowait((1, "cook")).unwrap();
    ///     assert_eq!(queue.get().await, Ok((1, "cook")));
    /// });
    /// ```
    PriorityQueue<T: Ord>, Smallest
}

queue! {
    /// Items, the last one first: asyncio's `LifoQueue`.
    ///
    /// # Examples
    /// ```
    /// use wheelhouse::{run, sync::LifoQueue};
    ///
    /// run(async {
    ///     let queue = LifoQueue::unbounded();
    ///     queue.put_nowait("below").unwrap();
    ///     queue.put_nowait("on top").unwrap();
    ///     assert_eq!(queue.get().await, Ok("on top"));
    /// });
    /// ```
    LifoQueue<T>, Lifo
}
