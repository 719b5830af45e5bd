//! A flag that tasks wait for.
//!
//! ```text
//!            set: wakes all waiting tasks
//!   clear ◀────────────────────────────────▶ set
//!                      clear
//! ```
//!
//! Invariant: no task waits while the event is set.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::util::wait_graph::ResourceKind;
use crate::util::wait_queue::{self, Resource, WaitFuture, WaitQueue, Wakes};

/// A flag that any number of tasks can wait for (asyncio: `Event`).
///
/// [`set`](Event::set) wakes all of them; until [`clear`](Event::clear), later waits return at
/// once.
///
/// # Examples
/// ```
/// use std::rc::Rc;
/// use wheelhouse::sync::Event;
/// use wheelhouse::{run, spawn};
///
/// run(async {
///     let ready = Rc::new(Event::new());
///     let flag = Rc::clone(&ready);
///     let task = spawn(async move {
///         flag.wait().await;
///         "went on"
///     });
///     ready.set();
///     assert_eq!(task.await.unwrap(), "went on");
/// });
/// ```
#[doc(alias = "Notify")]
pub struct Event(RefCell<EventState>);

/// The state of an event.
struct EventState {
    set: bool,
    queue: WaitQueue<(), ()>,
    /// Reused by each `set` to gather wakers: an allocation costs more than the wakes (bench
    /// `event_100`).
    buffer: Vec<Waker>,
}

/// The capacity above which a buffer is not kept.
const KEPT: usize = 256;

impl EventState {
    /// Sets the flag, and returns the wakers of the waiting tasks.
    fn set(&mut self) -> Wakes {
        self.set = true;
        let mut wakes = match self.queue.waiting() {
            0 | 1 => Wakes::new(),
            _ => Wakes::in_buffer(mem::take(&mut self.buffer)),
        };
        self.queue.grant_many(usize::MAX, &(), &mut wakes);
        wakes
    }
}

impl Resource for EventState {
    type Request = ();
    type Grant = ();

    fn queue(&mut self) -> &mut WaitQueue<(), ()> {
        &mut self.queue
    }

    #[inline]
    fn try_grant(&mut self, (): (), _wakes: &mut Wakes) -> Result<(), ()> {
        if self.set { Ok(()) } else { Err(()) }
    }

    /// All waits are granted together, so no other wait needs the grant.
    fn take_back(&mut self, (): (), _wakes: &mut Wakes) -> Option<()> {
        None
    }
}

impl Event {
    /// Creates an event that is not set.
    #[must_use]
    #[track_caller]
    pub const fn new() -> Self {
        Self(RefCell::new(EventState {
            set: false,
            queue: WaitQueue::new(ResourceKind::Event),
            buffer: Vec::new(),
        }))
    }

    /// Names the event, for the report of a deadlock: see [`testing::run`](crate::testing::run).
    ///
    /// # Examples
    /// ```
    /// let ready = wheelhouse::sync::Event::new().named("ready");
    /// ```
    #[must_use]
    pub fn named(mut self, name: impl AsRef<str>) -> Self {
        wait_queue::name(&mut self.0, name.as_ref());
        self
    }

    /// Sets the flag and wakes all waiting tasks. Later waits return at once.
    #[doc(alias = "notify_waiters")]
    pub fn set(&self) {
        let wakes = self.0.borrow_mut().set();
        let buffer = wakes.wake_and_empty();
        if (1..=KEPT).contains(&buffer.capacity()) {
            self.0.borrow_mut().buffer = buffer;
        }
    }

    /// Clears the flag, so that later waits wait. Tasks that were woken by `set` before return all
    /// the same.
    ///
    /// # Examples
    /// ```
    /// let event = wheelhouse::sync::Event::new();
    /// event.set();
    /// assert!(event.is_set());
    /// event.clear();
    /// assert!(!event.is_set());
    /// ```
    pub fn clear(&self) {
        self.0.borrow_mut().set = false;
    }

    /// Returns `true` if the flag is set.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.borrow().set
    }

    /// Waits until the flag is set. Does not suspend when it is set already.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Panics
    /// If the future is polled after it has completed.
    #[doc(alias = "notified")]
    #[inline]
    pub fn wait(&self) -> EventWaitFuture<'_> {
        EventWaitFuture(WaitFuture::new(&self.0, ()))
    }
}

impl Default for Event {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.borrow();
        f.debug_struct("Event")
            .field("set", &state.set)
            .field("waiting", &state.queue.waiting())
            .finish()
    }
}

/// The future of [`Event::wait`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct EventWaitFuture<'a>(WaitFuture<'a, EventState>);

impl Future for EventWaitFuture<'_> {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx)
    }
}
