//! [`Remote`]: spawning tasks and calling functions from other threads.
//!
//! ```text
//!   another thread                          home thread
//!   Remote::spawn(f) ── Message::Call ────▶ f() creates the future;
//!                                           spawn_forward spawns it
//!   RemoteHandle ◀── value, panic or ────── Sender: sent, or dropped
//!                    cancellation
//! ```
//!
//! `Sender` and `RemoteHandle` are in [`reply`](mod@reply). The `Sender` is used or dropped
//! on every path, so each handle completes.

mod reply;

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::cell::{Label, Schedule};
use crate::error::{JoinError, Panic};
use crate::runtime::shared::{InFlight, Message};
use crate::runtime::{Shared, try_with, with};
use crate::util::{caught, drop_quietly};
pub use reply::RemoteHandle;
use reply::{Sender, reply};

/// A handle by which other threads spawn tasks and call functions in a runtime.
///
/// [`spawn`](Remote::spawn) and [`call`](Remote::call) return a [`RemoteHandle`], which can be
/// awaited or joined (`run_coroutine_threadsafe` and `call_soon_threadsafe` in asyncio). A `Remote`
/// does not keep its runtime alive. After the runtime has ended, handles complete at once with
/// [`JoinError::Cancelled`] and [`Reason::Shutdown`](crate::Reason::Shutdown).
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
    /// Counts this `Remote` as in flight, so that a virtual clock waits for it.
    home: InFlight,
}

impl Remote {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            home: InFlight::new(shared),
        }
    }

    /// Returns a `Remote` to the runtime driven by this thread.
    ///
    /// # Panics
    /// Panics outside of a runtime.
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
    /// `make` is sent to the runtime's thread and creates the future there, so the future need not
    /// be `Send`. Dropping the handle detaches the task.
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
    /// The function may call [`spawn`](crate::spawn). No task runs until the function returns, so
    /// it should be short. When the runtime drops the tasks that did not end during its shutdown,
    /// it drops functions without calling them, and their handles complete with
    /// [`Reason::Shutdown`](crate::Reason::Shutdown).
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

    /// Runs `answer` on the home thread with the sender of a new handle.
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
            .field("home", self.home.shared())
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
    // This call runs inside the runtime. Without one, `forward` drops the sender, which completes
    // the handle.
    let task = try_with(|core| core.spawn(label, forward).task());
    if let Ok(task) = task {
        slot.spawned(task);
    }
}

pin_project! {
    /// Drops a future when it has completed, then sends its output or panic.
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
    /// Drops the future after a cancellation. Sends the panic of its destructor, if there is one;
    /// otherwise the drop of the sender reports the cancellation.
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
        // The result stays, even if the destructor panics, as in a task.
        caught(|| this.future.set(None)).unwrap_or_else(drop_quietly);
        if let Some(sender) = this.sender.take() {
            sender.send(result);
        }
        Poll::Ready(())
    }
}
