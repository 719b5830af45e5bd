//! Synchronization between the tasks of one thread: locks, events, semaphores, channels and queues.
//!
//! These are asyncio's primitives, with guards and `Result`s in place of `release` and exceptions.
//! They need no runtime: they work under any executor, and without one. They are not for use by
//! several threads: all are `!Sync`, and may hold values that are not `Send`. The exception is
//! [`inbox`], whose senders may be on other threads.
//!
//! ```
//! use wheelhouse::sync::{Lock, Queue};
//! use wheelhouse::{gather, run};
//!
//! run(async {
//!     let (queue, total) = (Queue::bounded(2), Lock::new(0));
//!     let produce = async {
//!         for number in 1..=10 {
//!             queue.put(number).await.unwrap(); // waits while the queue is full
//!         }
//!         queue.close();
//!     };
//!     let consume = async || {
//!         while let Ok(number) = queue.get().await {
//!             *total.lock().await += number;
//!         }
//!     };
//!     gather((produce, consume(), consume())).await;
//!     assert_eq!(total.into_inner(), 55);
//! });
//! ```
//!
//! | to | use |
//! |---|---|
//! | use a value across awaits, one task at a time | [`Lock`]; [`RwLock`] for many readers or one writer |
//! | wait until something has happened | [`Event`]; [`Condition`] with a [`Lock`] |
//! | bound how many tasks do something at once | [`Semaphore`] |
//! | let tasks wait for each other | [`Barrier`] |
//! | pass items to whichever task takes them | [`Queue`], [`PriorityQueue`], [`LifoQueue`] |
//! | pass one value, the latest value, every item to every task | [`oneshot()`], [`watch()`], [`broadcast()`] |
//! | pass items from other threads | [`inbox`] |
//!
//! # asyncio's names
//!
//! | asyncio | here |
//! |---|---|
//! | `Lock`: `acquire`, `release`, `locked` | [`Lock`], which owns its value: [`lock`](Lock::lock), the drop of the guard, [`is_locked`](Lock::is_locked) |
//! | `Event`: `set`, `clear`, `is_set`, `wait` | [`Event`], the same |
//! | `Condition`: `wait`, `wait_for`, `notify`, `notify_all` | [`Condition`], the same; it takes the guard of a [`Lock`] and returns it |
//! | `Semaphore`: `acquire`, `release`, `locked` | [`Semaphore`]: [`acquire`](Semaphore::acquire), the drop of the permit or [`add_permits`](Semaphore::add_permits), [`is_locked`](Semaphore::is_locked) |
//! | `BoundedSemaphore` | [`Semaphore::bounded`] |
//! | `Barrier`: `wait`, `reset`, `abort`, `parties`, `n_waiting`, `broken` | [`Barrier`], the same; [`waiting`](Barrier::waiting), [`is_broken`](Barrier::is_broken) |
//! | `Future`: `set_result`, `set_exception`, `cancel`, `await` | [`oneshot()`]: `send`, `send` of an `Err`, drop of the receiver, `await` |
//! | `Queue`, `PriorityQueue`, `LifoQueue`: `put`, `get`, `put_nowait`, `get_nowait`, `task_done`, `join` | [`Queue`], [`PriorityQueue`], [`LifoQueue`], the same |
//! | `qsize`, `empty`, `full` | [`len`](OrderedQueue::len), [`is_empty`](OrderedQueue::is_empty), [`is_full`](OrderedQueue::is_full) |
//! | `Queue(maxsize)`, `Queue()` | [`Queue::bounded`], [`Queue::unbounded`] |
//! | `shutdown()`, `shutdown(immediate=True)`, `QueueShutDown` | [`close`](OrderedQueue::close), [`close_now`](OrderedQueue::close_now), [`Closed`] |
//! | `loop.call_soon_threadsafe(queue.put_nowait, x)` | [`inbox`] |
//! | – | [`RwLock`], [`watch()`], [`broadcast()`] |
//!
//! # Guarantees
//!
//! - First come, first served: no request overtakes one that waits, whatever either requests.
//! - Direct hand-off: a lock or permit that is released belongs to the first waiting task from that
//!   moment on. No later request can take it in between.
//! - Dropping a wait loses nothing: if it was handed a lock, a permit or an item already, the next
//!   waiting task gets it. (A [`put`](OrderedQueue::put) that is dropped has not put its item, and
//!   drops it, unless [`into_item`](PutFuture::into_item) takes it out.)
//! - What is available at once does not suspend, with one exception: after 128 such awaits in one
//!   poll of a task, the next one yields, so that a loop over a free lock starves no other task.
//!   `now_or_never` then returns `None`; the functions that begin with `try_` or end in `_nowait`
//!   always answer.
//! - Wakers of other libraries are called while nothing is borrowed: they may panic, and they may
//!   use the primitive that woke them.
//!
//! # Non-guarantees
//!
//! - Locks are not poisoned: a panic while a guard lives releases the lock and leaves the value as
//!   it is.
//! - A guard, a permit or a wait that is leaked keeps what it holds, or will be handed, for ever.
//! - Deadlocks are not detected, except under [`testing::run`](crate::testing::run), which
//!   reports which task holds what and waits for what. The report shows the names given by `named`,
//!   such as [`Lock::named`].

mod barrier;
pub mod broadcast;
mod condition;
mod event;
#[doc(alias = "channel")]
#[doc(alias = "mpsc")]
pub mod inbox;
mod lock;
pub mod oneshot;
mod permit;
mod queue;
mod rwlock;
mod semaphore;
mod slot;
pub mod watch;

pub use barrier::{Arrival, Barrier, BarrierWaitFuture};
pub use broadcast::broadcast;
pub use condition::Condition;
pub use event::{Event, EventWaitFuture};
pub use lock::{Lock, LockFuture, LockGuard};
pub use oneshot::oneshot;
pub use permit::{OwnedPermit, Permit};
pub use queue::{
    Fifo, GetFuture, Items, JoinFuture, Lifo, LifoQueue, Order, OrderedQueue, PriorityQueue,
    PutFuture, Queue, Smallest,
};
pub use rwlock::{ReadFuture, ReadGuard, RwLock, WriteFuture, WriteGuard};
pub use semaphore::{AcquireFuture, AcquireOwnedFuture, Semaphore};
pub use watch::watch;

pub use crate::error::{
    BroadcastError, BrokenBarrier, Closed, GetError, PutError, TooManyPermits, TryBroadcastError,
    Undelivered,
};
