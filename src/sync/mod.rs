//! What tasks of one thread wait for each other with: locks, events, semaphores. Floor 3.
//!
//! These are asyncio's, on one wait queue, and nothing in here knows the runtime: they work under any executor and without one.
//! They are not for threads: all are `!Sync`, cost no atomic operation, and may hold what is not `Send`.
//!
//! | asyncio | here |
//! |---|---|
//! | `Lock`: `acquire`, `release`, `locked` | [`Lock`], which owns what it guards: [`lock`](Lock::lock), the drop of the guard, [`locked`](Lock::locked) |
//! | `Event`: `set`, `clear`, `is_set`, `wait` | [`Event`], likewise |
//! | `Condition`: `wait`, `wait_for`, `notify`, `notify_all` | [`Condition`], likewise; it takes the guard of a [`Lock`] and gives it back |
//! | `Semaphore`: `acquire`, `release`, `locked` | [`Semaphore`]: [`acquire`](Semaphore::acquire), the drop of the permit or [`add_permits`](Semaphore::add_permits), [`locked`](Semaphore::locked) |
//! | `BoundedSemaphore` | [`Semaphore::bounded`] |
//! | `Barrier`: `wait`, `reset`, `abort`, `parties`, `n_waiting`, `broken` | [`Barrier`]: likewise; [`waiting`](Barrier::waiting), [`is_broken`](Barrier::is_broken) |
//! | – | [`RwLock`]: many readers or one writer |
//!
//! # Guarantees
//!
//! - First come, first served: nobody overtakes somebody who waits, whatever either asks for.
//! - Direct hand-off: a lock or permit that is given back goes to the first who waits, there and then. No newcomer gets in
//!   between.
//! - Dropping a wait loses nothing: whoever was handed something and did not take it passes it on.
//! - A wait that need not wait does not suspend.
//! - Foreign wakers run while nothing is borrowed: they may panic, and they may use what woke them.
//!
//! # Non-guarantees
//!
//! - Locks are not poisoned: a panic while a guard lives gives the lock back, and the value as it is then.
//! - A guard, a permit or a wait that is leaked keeps what it has, or what it will be handed, for ever.
//! - Nothing here finds a deadlock; [`testing::run`](crate::testing::run) does.

mod barrier;
mod condition;
mod event;
mod lock;
mod permit;
mod rwlock;
mod semaphore;

pub use barrier::{Arrival, Arriving, Barrier};
pub use condition::Condition;
pub use event::{Event, EventWait};
pub use lock::{Lock, LockGuard, Locking};
pub use permit::{OwnedPermit, Permit};
pub use rwlock::{ReadGuard, Reading, RwLock, WriteGuard, Writing};
pub use semaphore::{Acquiring, AcquiringOwned, Semaphore};

pub use crate::error::{BrokenBarrier, TooManyPermits};
