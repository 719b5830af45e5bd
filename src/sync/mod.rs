//! What tasks of one thread wait for each other with: locks, events, semaphores, channels, queues. Floor 3.
//!
//! These are asyncio's, on one wait queue, and nothing in here knows the runtime: they work under any executor and without one.
//! They are not for threads: all are `!Sync`, cost no atomic operation but the load of a flag, and may hold what is not `Send`.
//! The one exception is [`inbox`], whose senders are on other threads.
//!
//! | asyncio | here |
//! |---|---|
//! | `Lock`: `acquire`, `release`, `locked` | [`Lock`], which owns what it guards: [`lock`](Lock::lock), the drop of the guard, [`is_locked`](Lock::is_locked) |
//! | `Event`: `set`, `clear`, `is_set`, `wait` | [`Event`], likewise |
//! | `Condition`: `wait`, `wait_for`, `notify`, `notify_all` | [`Condition`], likewise; it takes the guard of a [`Lock`] and gives it back |
//! | `Semaphore`: `acquire`, `release`, `locked` | [`Semaphore`]: [`acquire`](Semaphore::acquire), the drop of the permit or [`add_permits`](Semaphore::add_permits), [`is_locked`](Semaphore::is_locked) |
//! | `BoundedSemaphore` | [`Semaphore::bounded`] |
//! | `Barrier`: `wait`, `reset`, `abort`, `parties`, `n_waiting`, `broken` | [`Barrier`]: likewise; [`waiting`](Barrier::waiting), [`is_broken`](Barrier::is_broken) |
//! | – | [`RwLock`]: many readers or one writer |
//! | `Future`: `set_result`, `set_exception`, `cancel`, `await` | [`oneshot()`]: `send`, `send` of an `Err`, drop of the receiver, `await` |
//! | `Queue`, `PriorityQueue`, `LifoQueue`: `put`, `get`, `put_nowait`, `get_nowait`, `qsize`, `empty`, `full`, `task_done`, `join` | [`Queue`], [`PriorityQueue`], [`LifoQueue`], likewise; [`len`](OrderedQueue::len) |
//! | `Queue(maxsize)`, `Queue()` | [`Queue::bounded`], [`Queue::unbounded`] |
//! | `shutdown()`, `shutdown(immediate=True)`, `QueueShutDown` | [`close`](OrderedQueue::close), [`close_now`](OrderedQueue::close_now), [`Closed`] |
//! | `loop.call_soon_threadsafe(queue.put_nowait, x)` | [`inbox`] |
//! | – | [`watch()`]: the latest value; [`broadcast()`]: every item for every receiver |
//!
//! # Guarantees
//!
//! - First come, first served: nobody overtakes somebody who waits, whatever either asks for.
//! - Direct hand-off: a lock or permit that is given back goes to the first who waits, there and then. No newcomer gets in
//!   between.
//! - Dropping a wait loses nothing: whoever was handed something and did not take it passes it on. (A [`put`](OrderedQueue::put) that is
//!   dropped has not put; the item goes with it, unless [`into_item`](PutFuture::into_item) takes it out.)
//! - A wait that need not wait does not suspend, but for fairness: after 128 of them in one poll of a
//!   task, the next one gives way, so that a loop over a free lock starves nobody. `now_or_never` then
//!   gives nothing; the calls that begin with `try_` or end in `_nowait` always answer.
//! - Foreign wakers run while nothing is borrowed: they may panic, and they may use what woke them.
//!
//! # Non-guarantees
//!
//! - Locks are not poisoned: a panic while a guard lives gives the lock back, and the value as it is then.
//! - A guard, a permit or a wait that is leaked keeps what it has, or what it will be handed, for ever.
//! - Nothing here finds a deadlock; [`testing::run`](crate::testing::run) does, and says who holds what and who waits. Names
//!   that [`Lock::named`](Lock::named) and its siblings give appear there.

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
