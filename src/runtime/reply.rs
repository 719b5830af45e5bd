//! How what a [`Remote`](super::Remote) asked for comes back: a slot between two threads.
//!
//! ```text
//!   empty ── Sender::send, or its drop ──▶ filled: the waker is woken, who blocks is told ── taken, once ──▶ done
//! ```

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use super::shared::InFlight;
use super::{Core, Shared, TaskRef, try_with};
use crate::error::{Cancelled, JoinError, Reason};
use crate::util::wait_graph::{Kind, Note};
use crate::util::{budget, drop_quietly, wake_quietly};

/// The two ends of a reply from the runtime of `shared`.
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

/// What the two ends share.
pub(super) struct Slot<T> {
    /// The result, and who waits for it.
    inner: Mutex<Inner<T>>,
    /// Told when the result is there.
    filled: Condvar,
}

/// The state of a slot.
struct Inner<T> {
    /// The result, until it is taken.
    result: Option<Result<T, JoinError>>,
    /// True from the moment the result was there.
    done: bool,
    /// Who awaits it.
    waker: Option<Waker>,
    /// The task, once it was spawned.
    task: Option<TaskRef>,
    /// Its number, also when it has ended.
    number: Option<u64>,
    /// A cancellation that was asked for before that.
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
    /// The state. No code of a user runs under the lock, so no panic leaves it half-changed.
    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers the task, and passes on a cancellation that came before it.
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

    /// Fills the slot.
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
    /// What the two ends share.
    slot: Arc<Slot<T>>,
}

impl<T> Sender<T> {
    /// What it fills.
    pub(super) fn slot(&self) -> Arc<Slot<T>> {
        Arc::clone(&self.slot)
    }

    /// Sends the result.
    pub(super) fn send(self, result: Result<T, JoinError>) {
        self.slot.fill(result);
    }
}

impl<T> Drop for Sender<T> {
    /// Unused: whatever was to use it has been dropped, by a cancellation or because the runtime ended.
    fn drop(&mut self) {
        if !self.slot.lock().done {
            let aborting = try_with(|core| core.aborting()).ok().flatten();
            let cancelled = aborting.unwrap_or_else(|| Cancelled::new(Reason::Shutdown, None));
            self.slot.fill(Err(JoinError::Cancelled(cancelled)));
        }
    }
}

/// The handle of what a [`Remote`](crate::Remote) was asked to do: a future, which any executor may await, and a way to block.
///
/// Dropping it detaches the task.
///
/// # Cancel safety
/// Dropping the handle loses the result and nothing else.
///
/// # Panics
/// When polled after it gave its result.
pub struct RemoteHandle<T> {
    /// What the two ends share.
    slot: Arc<Slot<T>>,
    /// The runtime, whose work it waits for.
    home: Arc<Shared>,
    /// Keeps a virtual clock of that from jumping, unless the handle is awaited there.
    in_flight: Option<InFlight>,
    /// Where it was asked for.
    location: &'static Location<'static>,
    /// Says which task awaits it there, in the report of a deadlock.
    note: Note,
}

impl<T> RemoteHandle<T> {
    /// Blocks this thread until the result is there.
    ///
    /// # Errors
    /// [`JoinError`] when the task was cancelled or panicked, or when the runtime has ended.
    ///
    /// # Panics
    /// On the thread of the runtime while the result is not there: it would wait for itself, also between two calls of
    /// [`block_on`](crate::Runtime::block_on). And when the result was taken already.
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

    /// Blocks this thread until the result is there or the time is up; `Err(self)` then.
    ///
    /// # Errors
    /// The handle itself when the time is up.
    ///
    /// # Panics
    /// As [`join`](RemoteHandle::join).
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

    /// True when the result is there, or was taken.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.slot.lock().done
    }

    /// Cancels the task, like [`JoinHandle::cancel`](crate::JoinHandle::cancel); `false` when it has ended.
    ///
    /// A [`call`](crate::Remote::call) cannot be cancelled: it runs in one go.
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

    /// Awaited in its own runtime, whose clock is virtual, it keeps nobody waiting for other threads:
    /// what it waits for is there, and where that is stuck, so is the awaiter.
    fn look_where_it_is_awaited(&mut self) {
        let at_home =
            |core: &Core| Arc::ptr_eq(core.shared(), &self.home) && core.clock().is_virtual();
        match (try_with(at_home), &self.in_flight) {
            (Ok(true), Some(_)) => drop(self.in_flight.take()),
            (Ok(false) | Err(_), None) => self.in_flight = Some(InFlight::new(&self.home)),
            _ => {}
        }
    }

    /// Panics on the thread that the result would have to come from.
    fn refuse_home(&self) {
        assert!(
            self.is_finished() || !self.home.is_home_thread(),
            "a RemoteHandle was joined on the thread that drives its runtime, which would wait for itself: \
             `.await` the handle instead"
        );
    }
}

impl<T> Inner<T> {
    /// Takes the result. The lock is let go of before that panics.
    #[track_caller]
    fn take(mut inner: MutexGuard<'_, Self>, asked_at: &Location<'_>) -> Result<T, JoinError> {
        let (result, number) = (inner.result.take(), inner.number);
        drop(inner);
        result.unwrap_or_else(|| already_taken(number, asked_at))
    }
}

/// What a handle says when its result is asked for a second time.
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
            let about = || (Kind::Reply, Some(self.location), None);
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
