//! Waits, with the guard of a lock, until the value of the lock has changed.
//!
//! ```text
//!   wait(guard) ──▶ queued, lock released ── notify ──▶ notified
//!                     │ drop                             │    │ lock acquired
//!                     ▼                                  │    ▼
//!                   gone, lock not held                  │  returns the guard
//!                                                        │ drop
//!                                                        ▼
//!                    gone, lock not held; a notify(n) goes to the next task
//! ```

use std::cell::RefCell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::Pin;

use super::lock::{Lock, LockGuard};
use crate::util::budget;
use crate::util::wait_graph::ResourceKind;
use crate::util::wait_queue::{self, Resource, WaitFuture, WaitQueue, Wakes, update};

/// A condition variable: waits, with the guard of a [`Lock`], until the value has changed (asyncio:
/// `Condition`).
///
/// In asyncio, a `Condition` contains its lock. Here they are separate, so several conditions can
/// share one lock. Notifying does not need the lock; the change before it does.
///
/// # Examples
/// ```
/// use std::rc::Rc;
/// use wheelhouse::sync::{Condition, Lock};
/// use wheelhouse::{run, spawn};
///
/// run(async {
///     let shared = Rc::new((Lock::new(Vec::new()), Condition::new()));
///     let theirs = Rc::clone(&shared);
///     let consumer = spawn(async move {
///         let (items, changed) = &*theirs;
///         let guard = items.lock().await;
///         let mut guard = changed.wait_for(guard, |items| !items.is_empty()).await;
///         guard.pop()
///     });
///     let (items, changed) = &*shared;
///     items.lock().await.push(7);
///     changed.notify(1);
///     assert_eq!(consumer.await.unwrap(), Some(7));
/// });
/// ```
#[doc(alias = "Condvar")]
#[doc(alias = "Notify")]
pub struct Condition(RefCell<ConditionState>);

/// The state of a condition.
struct ConditionState(WaitQueue<(), Notification>);

/// What a wait was woken by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notification {
    /// [`Condition::notify`]: passed on to the next wait if this one does not use it.
    One,
    /// [`Condition::notify_all`]: all waits have it.
    All,
}

impl ConditionState {
    /// Notifies the first `count` waits.
    fn notify(&mut self, count: usize, notification: Notification, wakes: &mut Wakes) {
        self.0.grant_many(count, &notification, wakes);
    }
}

impl Resource for ConditionState {
    type Request = ();
    type Grant = Notification;

    // The first poll must enter the queue, since the lock is released after it.
    const MAY_GRANT_AT_ONCE: bool = false;

    fn queue(&mut self) -> &mut WaitQueue<(), Notification> {
        &mut self.0
    }

    /// Only a later notification counts.
    fn try_grant(&mut self, (): (), _wakes: &mut Wakes) -> Result<Notification, ()> {
        Err(())
    }

    fn take_back(&mut self, notification: Notification, wakes: &mut Wakes) -> Option<Notification> {
        if notification == Notification::One {
            self.notify(1, notification, wakes);
        }
        None
    }
}

impl Condition {
    /// Creates a condition.
    #[must_use]
    #[track_caller]
    pub const fn new() -> Self {
        Self(RefCell::new(ConditionState(WaitQueue::new(
            ResourceKind::Condition,
        ))))
    }

    /// Names the condition, for the report of a deadlock: see
    /// [`testing::run`](crate::testing::run).
    ///
    /// # Examples
    /// ```
    /// let changed = wheelhouse::sync::Condition::new().named("changed");
    /// ```
    #[must_use]
    pub fn named(mut self, name: impl AsRef<str>) -> Self {
        wait_queue::name(&mut self.0, name.as_ref());
        self
    }

    /// Releases the lock, waits for a notification, and returns with the lock held again.
    ///
    /// Another task may have changed the value between the notification and the return, so check
    /// again what was waited for: [`wait_for`](Condition::wait_for) does that.
    ///
    /// # Cancel safety
    /// After a cancelled wait *the lock is not held*: the guard was passed in and is not returned.
    /// (asyncio takes the lock again before it raises `CancelledError`; a dropped future cannot
    /// wait.) No notification is lost: one by [`notify`](Condition::notify) for this wait goes to
    /// the next.
    ///
    /// # Examples
    /// See [`Condition`].
    pub async fn wait<'a, T: ?Sized>(&self, guard: LockGuard<'a, T>) -> LockGuard<'a, T> {
        let lock = LockGuard::lock(&guard);
        let notification = self.notified(guard).await;
        self.lock_again(lock, notification).await
    }

    /// Enters the queue, then releases the lock, then waits for a notification.
    async fn notified<T: ?Sized>(&self, guard: LockGuard<'_, T>) -> Notification {
        let mut guard = Some(guard);
        let mut wait = WaitFuture::new(&self.0, ());
        poll_fn(|cx| {
            let polled = Pin::new(&mut wait).poll(cx);
            // After entering the queue: the task that gets the lock may notify at once.
            drop(guard.take());
            polled
        })
        .await
    }

    /// Waits for the lock. Passes the notification on if it is dropped meanwhile.
    async fn lock_again<'a, T: ?Sized>(
        &self,
        lock: &'a Lock<T>,
        notification: Notification,
    ) -> LockGuard<'a, T> {
        let unused = PassOnDrop {
            condition: self,
            notification,
        };
        let guard = lock.lock().await;
        mem::forget(unused);
        guard
    }

    /// Waits until `predicate` returns `true`, and returns with the lock held.
    ///
    /// The predicate is called first at once and then after each notification, always with the lock
    /// held.
    ///
    /// # Cancel safety
    /// As [`wait`](Condition::wait): afterwards the lock is not held, and no notification is lost.
    ///
    /// # Panics
    /// If the predicate panics; the lock is released.
    ///
    /// # Examples
    /// See [`Condition`].
    pub async fn wait_for<'a, T: ?Sized>(
        &self,
        mut guard: LockGuard<'a, T>,
        mut predicate: impl FnMut(&mut T) -> bool,
    ) -> LockGuard<'a, T> {
        if predicate(&mut guard) {
            poll_fn(|cx| budget::poll_spend(cx.waker())).await;
            return guard;
        }
        loop {
            guard = self.wait(guard).await;
            if predicate(&mut guard) {
                return guard;
            }
        }
    }

    /// Wakes the `count` tasks that have waited longest, or all if fewer wait.
    ///
    /// asyncio's default for `count` is 1.
    #[doc(alias = "notify_n")]
    #[doc(alias = "notify_one")]
    pub fn notify(&self, count: usize) {
        update(&self.0, |state, wakes| {
            state.notify(count, Notification::One, wakes);
        });
    }

    /// Wakes all waiting tasks.
    #[doc(alias = "notify_waiters")]
    pub fn notify_all(&self) {
        update(&self.0, |state, wakes| {
            state.notify(usize::MAX, Notification::All, wakes);
        });
    }
}

/// A notification that was not used yet. Its drop passes it on.
struct PassOnDrop<'a> {
    condition: &'a Condition,
    notification: Notification,
}

impl Drop for PassOnDrop<'_> {
    fn drop(&mut self) {
        update(&self.condition.0, |state, wakes| {
            state.take_back(self.notification, wakes)
        });
    }
}

impl Default for Condition {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condition")
            .field("waiting", &self.0.borrow().0.waiting())
            .finish()
    }
}
