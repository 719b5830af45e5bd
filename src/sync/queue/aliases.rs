//! The names of the queues: an alias of [`OrderedQueue`] for each order.

use super::interface::OrderedQueue;
use super::order::{Fifo, Lifo, Smallest};

/// A queue between tasks of one thread: first in, first out (asyncio: `Queue`).
///
/// Tasks share it by reference: the children of a group can borrow it, spawned tasks share an `Rc`
/// of it. It needs no runtime. For items from other threads there is [`inbox`](crate::sync::inbox);
/// for another order there are [`PriorityQueue`] and [`LifoQueue`].
///
/// The methods are those of [`OrderedQueue`]. In short: [`put`](OrderedQueue::put) and
/// [`get`](OrderedQueue::get) wait, [`put_nowait`](OrderedQueue::put_nowait) and
/// [`get_nowait`](OrderedQueue::get_nowait) fail at once, [`close`](OrderedQueue::close) lets the
/// consumers take what is left, and [`join`](OrderedQueue::join) waits until all work is reported
/// [done](OrderedQueue::task_done).
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
///                 queue.put(number).await.unwrap(); // waits while the queue is full
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
#[doc(alias = "channel")]
#[doc(alias = "mpsc")]
pub type Queue<T> = OrderedQueue<Fifo<T>>;

/// A queue that returns the smallest item first (asyncio: `PriorityQueue`).
///
/// Of equal items the one that was put first comes first. For the greatest first, put
/// [`Reverse`](std::cmp::Reverse)s. Which item a waiting `get` takes is decided when it is polled,
/// as in asyncio. The methods are those of [`OrderedQueue`], as for [`Queue`].
///
/// Items are compared while nothing is borrowed, so their `Ord` may use the queue. Putting, getting
/// and `close_now` are the exceptions: they panic there with a message. When a comparison panics,
/// no item is lost, but the order of the others is not guaranteed any more.
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
pub type PriorityQueue<T> = OrderedQueue<Smallest<T>>;

/// A queue that returns the latest item first: a stack (asyncio: `LifoQueue`).
///
/// The methods are those of [`OrderedQueue`], as for [`Queue`].
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
pub type LifoQueue<T> = OrderedQueue<Lifo<T>>;
