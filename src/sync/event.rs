//! A flag that tasks wait for.
//!
//! ```text
//!   (clear) ── set: all who wait go on ──▶ (set) ── clear ──▶ (clear)
//! ```
//!
//! Invariant: nobody waits while it is set.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::util::wait_graph::Kind;
use crate::util::wait_queue::{self, Resource, Wait, WaitQueue, Wakes};

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
    /// Whether it is set.
    set: bool,
    /// Those who wait.
    queue: WaitQueue<(), ()>,
    /// Where many are gathered to be woken: a new one each time costs more than the wakes.
    buffer: Vec<Waker>,
}

/// A buffer for more than this is not kept.
const KEPT: usize = 256;

impl EventState {
    /// Sets the flag, and gives those who are to be woken.
    fn set(&mut self) -> Wakes {
        self.set = true;
        let mut wakes = match self.queue.waiting() {
            0 | 1 => Wakes::new(),
            _ => Wakes::in_buffer(mem::take(&mut self.buffer)),
        };
        self.queue.serve_many(usize::MAX, &(), &mut wakes);
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

    /// Everybody else was told, too.
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
            queue: WaitQueue::new(Kind::Event),
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
        EventWaitFuture(Wait::new(&self.0, ()))
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
        let flag = self.0.borrow();
        f.debug_struct("Event")
            .field("set", &flag.set)
            .field("waiting", &flag.queue.waiting())
            .finish()
    }
}

/// The future of [`Event::wait`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct EventWaitFuture<'a>(Wait<'a, EventState>);

impl Future for EventWaitFuture<'_> {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx)
    }
}
