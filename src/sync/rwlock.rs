//! A lock for many readers or one writer.
//!
//! ```text
//!                         read                      write
//!   readers: 1 or more ◀──────── free, readers: 0 ────────▶ writer
//!           │                        ▲      ▲                  │
//!           └────────────────────────┘      └──────────────────┘
//!            drop of the last ReadGuard      drop of the WriteGuard
//! ```
//!
//! On each change, requests are granted from the front of the queue as far as possible: one writer,
//! or the readers up to the next writer. Invariant: after that, the first waiting request cannot be
//! granted.

mod acquire;
mod guard;

use std::cell::RefCell;
use std::fmt;

pub use acquire::{ReadFuture, WriteFuture};
pub use guard::{ReadGuard, WriteGuard};

use crate::util::wait_graph::ResourceKind;
use crate::util::wait_queue::{self, Resource, WaitQueue, Wakes, update};

/// A reader-writer lock: many tasks read the value at once, or one task writes it, also across
/// awaits.
///
/// First come, first served: a reader waits behind a writer that asked before, so neither readers
/// nor writers starve. A task that holds a read guard and asks for another one can therefore
/// deadlock: a writer may wait in between. asyncio has no such lock.
///
/// # Examples
/// ```
/// use wheelhouse::sync::RwLock;
///
/// wheelhouse::run(async {
///     let settings = RwLock::new(String::from("old"));
///     {
///         let (one, two) = (settings.read().await, settings.read().await);
///         assert_eq!(*one, *two);
///     }
///     *settings.write().await = String::from("new");
///     assert_eq!(settings.into_inner(), "new");
/// });
/// ```
pub struct RwLock<T: ?Sized> {
    state: RefCell<RwLockState>,
    /// Borrowed while guards live.
    value: RefCell<T>,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// Shared access.
    Read,
    /// Exclusive access.
    Write,
}

/// The state of the lock.
struct RwLockState {
    /// The number of read guards and of granted reads that were not taken yet.
    readers: usize,
    /// Whether there is a write guard, or a granted write that was not taken yet.
    writer: bool,
    queue: WaitQueue<Access, Access>,
}

impl RwLockState {
    /// Returns `true` if the present guards allow this access.
    fn admits(&self, access: Access) -> bool {
        match access {
            Access::Read => !self.writer,
            Access::Write => !self.writer && self.readers == 0,
        }
    }

    /// Counts a reader or writer in.
    fn acquire(&mut self, access: Access) {
        match access {
            Access::Read => self.readers += 1,
            Access::Write => self.writer = true,
        }
    }

    /// Counts a reader or writer out, and grants waiting requests.
    fn release(&mut self, access: Access, wakes: &mut Wakes) {
        match access {
            Access::Read => self.readers -= 1,
            Access::Write => self.writer = false,
        }
        self.grant_waiting(wakes);
    }

    /// Grants requests from the front as far as possible.
    fn grant_waiting(&mut self, wakes: &mut Wakes) {
        while let Some(&access) = self.queue.first()
            && self.admits(access)
            && self.queue.grant(access, wakes).is_ok()
        {
            self.acquire(access);
        }
    }
}

impl Resource for RwLockState {
    type Request = Access;
    type Grant = Access;

    fn queue(&mut self) -> &mut WaitQueue<Access, Access> {
        &mut self.queue
    }

    #[inline]
    fn try_grant(&mut self, access: Access, _wakes: &mut Wakes) -> Result<Access, Access> {
        if !self.queue.is_empty() || !self.admits(access) {
            return Err(access);
        }
        self.acquire(access);
        Ok(access)
    }

    /// The request that left may have been for writing, with readers behind it.
    fn waiter_left(&mut self, wakes: &mut Wakes) {
        self.grant_waiting(wakes);
    }

    fn take_back(&mut self, access: Access, wakes: &mut Wakes) -> Option<Access> {
        self.release(access, wakes);
        None
    }
}

impl<T> RwLock<T> {
    /// Creates a lock that is free.
    #[track_caller]
    pub const fn new(value: T) -> Self {
        let state = RwLockState {
            readers: 0,
            writer: false,
            queue: WaitQueue::new(ResourceKind::RwLock),
        };
        Self {
            state: RefCell::new(state),
            value: RefCell::new(value),
        }
    }

    /// Names the lock, for the report of a deadlock: see [`testing::run`](crate::testing::run).
    ///
    /// # Examples
    /// ```
    /// let settings = wheelhouse::sync::RwLock::new(7).named("settings");
    /// ```
    #[must_use]
    pub fn named(mut self, name: impl AsRef<str>) -> Self {
        wait_queue::name(&mut self.state, name.as_ref());
        self
    }

    /// Returns the value. No guard can be alive, since a guard borrows the lock.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Acquires the lock if that needs no wait.
    fn try_acquire(&self, access: Access) -> Option<Access> {
        update(&self.state, |state, wakes| {
            state.try_grant(access, wakes).ok()
        })
    }

    /// Returns `true` if a guard lives, or if the lock was handed to a waiting task.
    #[doc(alias = "locked")]
    #[must_use]
    pub fn is_locked(&self) -> bool {
        !self.state.borrow().admits(Access::Write)
    }

    /// The name of [`is_locked`](Self::is_locked) before all predicates began with `is_`.
    #[deprecated(note = "renamed to `is_locked`")]
    #[doc(hidden)]
    #[must_use]
    pub fn locked(&self) -> bool {
        self.is_locked()
    }

    /// Borrows the value without locking, which the exclusive borrow of the lock makes safe.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T: Default> Default for RwLock<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RwLock");
        match self.value.try_borrow() {
            Ok(value) => shown.field("value", &&*value),
            Err(_) => shown.field("value", &format_args!("<locked>")),
        };
        let state = self.state.borrow();
        shown
            .field("readers", &state.readers)
            .field("writer", &state.writer)
            .field("waiting", &state.queue.waiting())
            .finish()
    }
}
