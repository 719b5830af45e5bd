//! The way into a runtime from other threads.
//!
//! ```text
//!   elsewhere                                              home
//!   Remote::spawn(f) ── Message::Call(f, Sender) ───────▶ f() makes the future, which is spawned with the Sender
//!   RemoteHandle ◀── value, panic or cancellation ─────── Sender: sent to, or dropped
//! ```
//!
//! The two ends are in [`reply`](mod@super::reply). Whatever becomes of the call, the `Sender` is used or dropped, so a
//! handle never waits in vain.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::reply::{RemoteHandle, Sender, reply};
use super::shared::InFlight;
use super::{Message, Shared, try_with, with};
use crate::cell::{Label, Schedule};
use crate::error::{JoinError, Panic};
use crate::util::{caught, drop_quietly};

/// A handle to a runtime for other threads: they spawn tasks in it and call functions in it.
///
/// asyncio calls these `run_coroutine_threadsafe` and `call_soon_threadsafe`. A `Remote` does not keep its runtime
/// alive; after the runtime's end, what is asked of it gives [`JoinError::Cancelled`] with [`Reason::Shutdown`](crate::Reason::Shutdown) at
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
#[doc(alias = "Handle")]
#[doc(alias = "TrioToken")]
pub struct Remote {
    /// The runtime, which it may send work to.
    home: InFlight,
}

impl Remote {
    /// A remote of the runtime of `shared`.
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            home: InFlight::new(shared),
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
    #[doc(alias = "get_running_loop")]
    #[must_use]
    #[track_caller]
    pub fn current() -> Self {
        with("Remote::current", |core| Self::new(core.shared()))
    }

    /// Spawns a task in the runtime.
    ///
    /// `make` crosses over and makes the future there, so the future itself need not be `Send`. Dropping the handle
    /// detaches the task.
    #[doc(alias = "run_coroutine_threadsafe")]
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
    /// stop, the function is dropped uncalled, and the handle gives [`Reason::Shutdown`](crate::Reason::Shutdown).
    #[doc(alias = "call_soon_threadsafe")]
    #[doc(alias = "from_thread")]
    #[track_caller]
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

    /// Returns `true` if the runtime has ended and takes no more work.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        Schedule::has_ended(&**self.home.shared())
    }

    /// The name of [`is_closed`](Self::is_closed) before all predicates began with `is_`.
    #[deprecated(note = "renamed to `is_closed`")]
    #[doc(hidden)]
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.is_closed()
    }

    /// Sends `answer` home, with the sending end of a new handle.
    #[track_caller]
    fn ask<T: Send + 'static>(
        &self,
        answer: impl FnOnce(Sender<T>) + Send + 'static,
    ) -> RemoteHandle<T> {
        let (sender, handle) = reply(self.home.shared());
        self.home
            .shared()
            .send(Message::Call(Box::new(move || answer(sender))));
        handle
    }
}

impl Clone for Remote {
    fn clone(&self) -> Self {
        Self::new(self.home.shared())
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("hub", self.home.shared())
            .finish()
    }
}

/// Spawns `future` as a task that sends its output.
fn spawn_forward<F>(label: Label, future: F, sender: Sender<F::Output>)
where
    F: Future + 'static,
{
    let slot = sender.slot();
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
