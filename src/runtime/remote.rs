//! The way into a runtime from other threads.
//!
//! ```text
//!   elsewhere                                              home
//!   Remote::spawn(f) ── Message::Call(f, Sender) ───────▶ f() makes the future, which is spawned with the Sender
//!   RemoteHandle ◀── value, panic or cancellation ─────── Sender: sent to, or dropped
//! ```
//!
//! The two ends share a slot behind a mutex. Whatever becomes of the call, the `Sender` is used or dropped, so a
//! handle never waits in vain.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use super::{Hub, Message, TaskRef, try_with, with};
use crate::cell::{Home, Label};
use crate::error::{Cancelled, JoinError, Panic, Reason};
use crate::util::{caught, drop_quietly, wake_quietly};

/// A handle to a runtime for other threads: they spawn tasks in it and call functions in it.
///
/// asyncio calls these `run_coroutine_threadsafe` and `call_soon_threadsafe`. A `Remote` does not keep its runtime
/// alive; after the runtime's end, what is asked of it gives [`JoinError::Cancelled`] with [`Reason::Shutdown`] at
/// once.
///
/// # Examples
/// ```
/// let runtime = wheelhouse::Runtime::new()?;
/// let remote = runtime.remote();
/// let thread = std::thread::spawn(move || {
///     let handle = remote.spawn(|| async { 6 * 7 });
///     handle.join().unwrap()
/// });
/// runtime.block_on(async {
///     while !thread.is_finished() {
///         wheelhouse::sleep(std::time::Duration::from_millis(1)).await;
///     }
/// });
/// assert_eq!(thread.join().unwrap(), 42);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Remote {
    /// The runtime.
    hub: Arc<Hub>,
}

impl Remote {
    /// A remote of the runtime of `hub`.
    pub(crate) fn new(hub: &Arc<Hub>) -> Self {
        hub.remote_opened();
        Self {
            hub: Arc::clone(hub),
        }
    }

    /// Gives a remote of the runtime that runs on this thread, for another thread to have.
    ///
    /// # Panics
    /// Outside of a runtime.
    ///
    /// # Examples
    /// ```
    /// wheelhouse::run(async {
    ///     let remote = wheelhouse::Remote::current();
    ///     let thread = std::thread::spawn(move || remote.call(|| 5));
    ///     let handle = thread.join().unwrap();
    ///     assert_eq!(handle.await.unwrap(), 5);
    /// });
    /// ```
    #[must_use]
    #[track_caller]
    pub fn current() -> Self {
        with("Remote::current", |core| Self::new(core.hub()))
    }

    /// Spawns a task in the runtime.
    ///
    /// `make` crosses over and makes the future there, so the future itself need not be `Send`. Dropping the handle
    /// detaches the task.
    #[track_caller]
    pub fn spawn<F, Fut>(&self, make: F) -> RemoteHandle<Fut::Output>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future + 'static,
        Fut::Output: Send + 'static,
    {
        let location = Location::caller();
        self.ask(move |sender| match caught(make) {
            Ok(future) => spawn_forward(Label::new(location, None), future, sender),
            Err(payload) => sender.send(Err(JoinError::Panicked(Panic::new(payload)))),
        })
    }

    /// Calls a function inside the runtime, between two polls of tasks.
    ///
    /// It may `spawn` there. It should be short: no task runs meanwhile. When the runtime has begun to drop what did not
    /// stop, the function is dropped uncalled, and the handle gives [`Reason::Shutdown`].
    pub fn call<F, T>(&self, f: F) -> RemoteHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.ask(move |sender| {
            let result = caught(f).map_err(|payload| JoinError::Panicked(Panic::new(payload)));
            sender.send(result);
        })
    }

    /// True when the runtime has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        Home::has_ended(&*self.hub)
    }

    /// Sends `answer` home, with the sending end of a new handle.
    fn ask<T: Send + 'static>(
        &self,
        answer: impl FnOnce(Sender<T>) + Send + 'static,
    ) -> RemoteHandle<T> {
        let slot = Arc::new(Slot::default());
        let sender = Sender {
            slot: Arc::clone(&slot),
        };
        self.hub.remote_opened();
        let handle = RemoteHandle {
            slot,
            hub: Arc::clone(&self.hub),
        };
        self.hub
            .send(Message::Call(Box::new(move || answer(sender))));
        handle
    }
}

impl Clone for Remote {
    fn clone(&self) -> Self {
        Self::new(&self.hub)
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.hub.remote_closed();
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("hub", &self.hub).finish()
    }
}

/// Spawns `future` as a task that sends its output.
fn spawn_forward<F>(label: Label, future: F, sender: Sender<F::Output>)
where
    F: Future + 'static,
{
    let slot = Arc::clone(&sender.slot);
    let forward = Forward {
        future: Some(future),
        sender: Some(sender),
    };
    // The call runs inside the runtime; were there none, the sender would be dropped, which the handle hears.
    let task = try_with(|core| core.spawn(label, forward).task());
    if let Ok(task) = task {
        slot.spawned(task);
    }
}

pin_project! {
    /// A future whose output, or panic, goes to a sender, when the future is gone.
    struct Forward<F: Future> {
        #[pin]
        future: Option<F>,
        sender: Option<Sender<F::Output>>,
    }

    impl<F: Future> PinnedDrop for Forward<F> {
        fn drop(this: Pin<&mut Self>) {
            this.cut_down();
        }
    }
}

impl<F: Future> Forward<F> {
    /// Drops the future, which was cancelled. If its destructor panics, that is the result; else the sender's drop
    /// says that it was cancelled.
    fn cut_down(self: Pin<&mut Self>) {
        let mut this = self.project();
        if let Err(payload) = caught(|| this.future.set(None)) {
            match this.sender.take() {
                Some(sender) => sender.send(Err(JoinError::Panicked(Panic::new(payload)))),
                None => drop_quietly(payload),
            }
        }
    }
}

impl<F: Future> Future for Forward<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            return Poll::Ready(());
        };
        let result = match caught(|| future.poll(cx)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(value)) => Ok(value),
            Err(payload) => Err(JoinError::Panicked(Panic::new(payload))),
        };
        // What was there first stands, as in a task.
        caught(|| this.future.set(None)).unwrap_or_else(drop_quietly);
        if let Some(sender) = this.sender.take() {
            sender.send(result);
        }
        Poll::Ready(())
    }
}

/// What the two ends share.
struct Slot<T> {
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
    fn spawned(&self, task: TaskRef) {
        let cancel = {
            let mut inner = self.lock();
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
struct Sender<T> {
    /// What the two ends share.
    slot: Arc<Slot<T>>,
}

impl<T> Sender<T> {
    /// Sends the result.
    fn send(self, result: Result<T, JoinError>) {
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

/// The handle of what a [`Remote`] was asked to do: a future, which any executor may await, and a way to block.
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
    /// The runtime.
    hub: Arc<Hub>,
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
        let result = inner.result.take();
        drop(inner);
        result.expect(TAKEN)
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
        let result = inner.result.take();
        drop(inner);
        Ok(result.expect(TAKEN))
    }

    /// True when the result is there, or was taken.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.slot.lock().done
    }

    /// Cancels the task, like [`JoinHandle::cancel`](crate::JoinHandle::cancel); `false` when it has ended.
    ///
    /// A [`call`](Remote::call) cannot be cancelled: it runs in one go.
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

    /// Panics on the thread that the result would have to come from.
    fn refuse_home(&self) {
        assert!(
            self.is_finished() || !self.hub.is_home_thread(),
            "a RemoteHandle was joined on the thread that drives its runtime, which would wait for itself: \
             `.await` the handle instead"
        );
    }
}

/// What a handle says when its result is asked for a second time.
const TAKEN: &str = "the result of this RemoteHandle was already taken: it gives its result once";

impl<T> Future for RemoteHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let waker = cx.waker().clone();
        let mut inner = self.slot.lock();
        if inner.done {
            let result = inner.result.take();
            drop(inner);
            drop_quietly(waker);
            return Poll::Ready(result.expect(TAKEN));
        }
        let old = inner.waker.replace(waker);
        drop(inner);
        drop(old);
        Poll::Pending
    }
}

impl<T> Drop for RemoteHandle<T> {
    fn drop(&mut self) {
        self.hub.remote_closed();
    }
}

impl<T> fmt::Debug for RemoteHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteHandle")
            .field("finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}
