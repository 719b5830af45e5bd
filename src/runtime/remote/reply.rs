//! The reply to a call of [`Remote`](super::Remote): a slot between two threads.
//!
//! ```text
//!   empty ── Sender::send or drop ──▶ filled ── poll or join ──▶ taken
//!                                     │ wakes the waker
//!                                     └ notifies blocked threads
//! ```

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use crate::error::{Cancelled, JoinError, Reason};
use crate::runtime::shared::InFlight;
use crate::runtime::{Core, Shared, TaskRef, try_with};
use crate::util::wait_graph::{Note, ResourceKind};
use crate::util::{budget, drop_quietly, wake_quietly};

/// Creates the two ends of a reply from the runtime of `shared`.
#[track_caller]
pub(super) fn reply<T>(shared: &Arc<Shared>) -> (Sender<T>, RemoteHandle<T>) {
    let slot = Arc::new(Slot::default());
    let sender = Sender {
        slot: Arc::clone(&slot),
    };
    let handle = RemoteHandle {
        slot,
        home: Arc::clone(shared),
        in_flight: Some(InFlight::new(shared)),
        location: Location::caller(),
        note: Note::default(),
    };
    (sender, handle)
}

/// The state that the two ends share.
pub(super) struct Slot<T> {
    inner: Mutex<Inner<T>>,
    /// Notified when the slot is filled.
    filled: Condvar,
}

struct Inner<T> {
    /// The result, until it is taken.
    result: Option<Result<T, JoinError>>,
    /// Set when the slot is filled, and never cleared.
    done: bool,
    waker: Option<Waker>,
    /// The task, from its spawn until the slot is filled.
    task: Option<TaskRef>,
    /// The number of the task, also after its end.
    number: Option<u64>,
    /// A cancellation that was requested before the task was spawned.
    cancel: Option<Cancelled>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        let inner = Inner {
            result: None,
            done: false,
            waker: None,
            task: None,
            number: None,
            cancel: None,
        };
        Self {
            inner: Mutex::new(inner),
            filled: Condvar::new(),
        }
    }
}

impl<T> Slot<T> {
    /// Locks the state. No user code runs under the lock, so a poisoned lock is still consistent.
    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores the task, and cancels it if a cancellation was requested before.
    pub(super) fn spawned(&self, task: TaskRef) {
        let cancel = {
            let mut inner = self.lock();
            inner.number = Some(task.number());
            if !inner.done {
                inner.task = Some(task.clone());
            }
            inner.cancel.take()
        };
        if let Some(cancelled) = cancel {
            task.cancel(cancelled);
        }
    }

    fn fill(&self, result: Result<T, JoinError>) {
        let (waker, task) = {
            let mut inner = self.lock();
            inner.result = Some(result);
            inner.done = true;
            (inner.waker.take(), inner.task.take())
        };
        self.filled.notify_all();
        drop(task);
        if let Some(waker) = waker {
            wake_quietly(waker);
        }
    }
}

/// The sending end.
pub(super) struct Sender<T> {
    slot: Arc<Slot<T>>,
}

impl<T> Sender<T> {
    pub(super) fn slot(&self) -> Arc<Slot<T>> {
        Arc::clone(&self.slot)
    }

    pub(super) fn send(self, result: Result<T, JoinError>) {
        self.slot.fill(result);
    }
}

impl<T> Drop for Sender<T> {
    /// Fills the slot with a cancellation if nothing was sent: the call or its task was dropped, by
    /// a cancellation or because the runtime ended.
    fn drop(&mut self) {
        if !self.slot.lock().done {
            let aborting = try_with(|core| core.aborting()).ok().flatten();
            let cancelled = aborting.unwrap_or_else(|| Cancelled::new(Reason::Shutdown, None));
            self.slot.fill(Err(JoinError::Cancelled(cancelled)));
        }
    }
}

/// The result of a task or call that a [`Remote`](crate::Remote) started in a runtime.
///
/// Await the handle, in any executor, or block a thread with [`join`](RemoteHandle::join). Dropping
/// the handle detaches the task.
///
/// # Examples
/// ```
/// wheelhouse::run(async {
///     let handle = wheelhouse::Remote::current().spawn(|| async { 6 * 7 });
///     assert_eq!(handle.await.unwrap(), 42);
/// });
/// ```
///
/// # Cancel safety
/// Dropping the handle loses only the result: the task runs on.
///
/// # Panics
/// Panics if polled after it has returned the result.
pub struct RemoteHandle<T> {
    slot: Arc<Slot<T>>,
    /// The runtime that computes the result.
    home: Arc<Shared>,
    /// Stops the virtual clock of `home`, unless the handle is awaited there.
    in_flight: Option<InFlight>,
    /// The call of `Remote`.
    location: &'static Location<'static>,
    /// The edge of the wait graph from the task that awaits the handle at `home`.
    note: Note,
}

impl<T> RemoteHandle<T> {
    /// Blocks this thread until the task or call has ended, and returns its result.
    ///
    /// # Errors
    /// Returns [`JoinError`] if the task was cancelled or panicked, or if the runtime has ended.
    ///
    /// # Panics
    /// - on the thread of the runtime, unless [`is_finished`](RemoteHandle::is_finished): the
    ///   thread would wait for itself, also between two calls of
    ///   [`block_on`](crate::Runtime::block_on);
    /// - if the result was already taken.
    #[doc(alias = "blocking_recv")]
    pub fn join(self) -> Result<T, JoinError> {
        self.refuse_home();
        let mut inner = self.slot.lock();
        while !inner.done {
            inner = self
                .slot
                .filled
                .wait(inner)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Inner::take(inner, self.location)
    }

    /// Blocks this thread like [`join`](RemoteHandle::join), for at most `timeout`.
    ///
    /// # Errors
    /// Returns the handle if the timeout expires first.
    ///
    /// # Panics
    /// Panics where [`join`](RemoteHandle::join) panics.
    pub fn join_timeout(self, timeout: Duration) -> Result<Result<T, JoinError>, Self> {
        self.refuse_home();
        let end = Instant::now().checked_add(timeout);
        let mut inner = self.slot.lock();
        while !inner.done {
            let left = end.map_or(timeout, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                drop(inner);
                return Err(self);
            }
            inner = self
                .slot
                .filled
                .wait_timeout(inner, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        Ok(Inner::take(inner, self.location))
    }

    /// Returns `true` if the task or call has ended, also after the result was taken.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.slot.lock().done
    }

    /// Cancels the task like [`JoinHandle::cancel`](crate::JoinHandle::cancel), and returns `false`
    /// if it has ended.
    ///
    /// A [`call`](crate::Remote::call) cannot be cancelled, because it runs without awaiting.
    pub fn cancel(&self) -> bool {
        let by = try_with(|core| core.current_id()).ok().flatten();
        let cancelled = Cancelled::new(Reason::Explicit(None), by);
        let task = {
            let mut inner = self.slot.lock();
            if inner.done {
                return false;
            }
            match &inner.task {
                Some(task) => task.clone(),
                None => {
                    inner.cancel.get_or_insert(cancelled);
                    return true;
                }
            }
        };
        task.cancel(cancelled)
    }

    /// Updates `in_flight`. A handle that is awaited in its own runtime is not in flight: no other
    /// thread computes the result, so the virtual clock need not stop for it.
    fn look_where_it_is_awaited(&mut self) {
        let at_home = |core: &Core| {
            Arc::ptr_eq(core.shared(), &self.home) && core.timers.clock().is_virtual()
        };
        match (try_with(at_home), &self.in_flight) {
            (Ok(true), Some(_)) => drop(self.in_flight.take()),
            (Ok(false) | Err(_), None) => self.in_flight = Some(InFlight::new(&self.home)),
            _ => {}
        }
    }

    /// Panics on the home thread, which would wait for itself.
    fn refuse_home(&self) {
        assert!(
            self.is_finished() || !self.home.is_home_thread(),
            "a RemoteHandle was joined on the thread that drives its runtime, which would wait for itself: \
             `.await` the handle instead"
        );
    }
}

impl<T> Inner<T> {
    /// Takes the result. Releases the lock before it panics.
    #[track_caller]
    fn take(mut inner: MutexGuard<'_, Self>, asked_at: &Location<'_>) -> Result<T, JoinError> {
        let (result, number) = (inner.result.take(), inner.number);
        drop(inner);
        result.unwrap_or_else(|| already_taken(number, asked_at))
    }
}

#[cold]
#[track_caller]
fn already_taken(number: Option<u64>, asked_at: &Location<'_>) -> ! {
    let of = match number {
        Some(number) => format!("task {number}, spawned"),
        None => "a call, asked for".to_owned(),
    };
    panic!(
        "the result of the RemoteHandle of {of} at {asked_at}, was already taken: it gives its result once"
    )
}

impl<T> Future for RemoteHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(budget::poll_spend(cx.waker()));
        self.look_where_it_is_awaited();
        let waker = cx.waker().clone();
        let mut inner = self.slot.lock();
        if inner.done {
            let (result, number) = (inner.result.take(), inner.number);
            drop(inner);
            drop_quietly(waker);
            return Poll::Ready(result.unwrap_or_else(|| already_taken(number, self.location)));
        }
        let old = inner.waker.replace(waker);
        drop(inner);
        drop(old);
        if self.in_flight.is_none() {
            let about = || (ResourceKind::Reply, Some(self.location), None);
            self.note.waits(about);
        }
        budget::give_back();
        Poll::Pending
    }
}

impl<T> fmt::Debug for RemoteHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteHandle")
            .field("finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}
