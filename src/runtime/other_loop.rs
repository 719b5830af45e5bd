//! How another event loop drives a runtime: by turns.
//!
//! ```text
//!   the other loop                          the runtime
//!   waits for the descriptor  ◀─ readable ─ a socket, a message of another
//!     │                                     thread or of this one, a deadline
//!     ▼
//!   turn: wait, or collect ─▶ drain_inbox ─▶ Timers::fire ─▶ one batch
//!     │                                                        │
//!     └──────────────◀─ Turn ─◀─ announce: ring_at(next) ◀─────┘
//! ```
//!
//! Between two turns this thread does not drive the runtime, so a wake, even of this thread, is a
//! message, which makes the descriptor readable. `announce` runs whenever the runtime stops to be
//! driven (see [`announce`](mod@super::announce)).

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::announce::{Announcing, announce, has_work, next_turn};
use super::core::Core;
use super::lifecycle::Phase;
use super::{Runtime, context, shutdown, to_instant};
use crate::util::budget;

/// What is left to do after a [`turn`](Runtime::turn).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Tasks are ready: take the next turn soon. The descriptor is readable.
    Ready,
    /// All tasks wait. The descriptor becomes readable when one of them may go on.
    Waiting,
    /// No task is left. A message from another thread may still spawn one.
    Done,
}

/// Returns `true` if all tasks have ended.
fn is_done(core: &Core) -> bool {
    !has_work(core) && !core.scheduler.owned.has_running()
}

/// Waits for at most `max_wait`, and runs one batch.
fn turn(core: &Core, max_wait: Option<Duration>) -> Turn {
    let has_ended = core.lifecycle.phase() != Phase::Open && is_done(core);
    let wait = if has_ended || !core.scheduler.is_idle() {
        Some(Duration::ZERO)
    } else {
        let timer = core.timers.until_next_deadline();
        timer.into_iter().chain(max_wait).min()
    };
    // Also without sockets, as the edges of the descriptor itself must be collected.
    core.sleep(wait);
    core.drain_inbox();
    core.timers.fire();
    core.run_batch();
    budget::end();
    if has_work(core) {
        Turn::Ready
    } else if is_done(core) {
        Turn::Done
    } else {
        Turn::Waiting
    }
}

/// Another event loop drives the runtime: that of a GUI, a game or a library.
impl Runtime {
    /// Waits for at most `max_wait` until a task may go on, and then polls ready tasks, each about
    /// once and not more than 64. Call it from another event loop, in place of
    /// [`block_on`](Runtime::block_on).
    ///
    /// `Some(Duration::ZERO)` does not wait, and `None` waits without limit. A signal may end the
    /// wait early. The other loop calls `turn(Some(Duration::ZERO))` when
    ///
    /// - the descriptor that [`as_fd`](AsFd::as_fd) returns is readable, or
    /// - [`next_deadline`](Runtime::next_deadline) has come, if the loop has timeouts and does not
    ///   use the descriptor.
    ///
    /// The callbacks of the other loop spawn tasks with [`enter`](Runtime::enter). They may wake
    /// tasks in every way, for example put items into a [`Queue`](crate::sync::Queue), and drop or
    /// cancel handles.
    ///
    /// # Ending
    /// Dropping the runtime runs the clean-ups of its tasks and blocks meanwhile. If clean-ups need
    /// the other loop, call [`start_shutdown`](Runtime::start_shutdown), take turns until one
    /// returns [`Turn::Done`], and then drop the runtime.
    ///
    /// # Panics
    /// Panics inside a running runtime, for example in one of the runtime's own tasks. A task that
    /// panics does not make `turn` panic.
    ///
    /// # Examples
    /// The smallest other loop, which has nothing to do but the runtime:
    ///
    /// ```
    /// use rustix::event::{PollFd, PollFlags, poll};
    /// use std::time::Duration;
    /// use wheelhouse::{Runtime, Turn, sleep, spawn};
    ///
    /// let runtime = Runtime::new()?;
    /// let mut task = runtime.enter(|| {
    ///     spawn(async {
    ///         sleep(Duration::from_millis(10)).await;
    ///         "slept"
    ///     })
    /// });
    /// while runtime.turn(Some(Duration::ZERO)) != Turn::Done {
    ///     // A real loop waits for its own descriptors, too.
    ///     poll(&mut [PollFd::new(&runtime, PollFlags::IN)], None)?;
    /// }
    /// assert_eq!(task.try_join().unwrap().unwrap(), "slept");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "run_once")]
    #[doc(alias = "dispatch")]
    #[track_caller]
    pub fn turn(&self, max_wait: Option<Duration>) -> Turn {
        assert!(
            !context::is_inside(),
            "`turn` was called inside a running runtime: call it from the other event loop, not from a task"
        );
        self.core.io.read_slack();
        let _announcing = Announcing(&self.core);
        context::enter(&self.core, || turn(&self.core, max_wait))
    }

    /// Calls a function inside the runtime: it may call [`spawn`](crate::spawn), and everything else
    /// that needs a runtime and does not await.
    ///
    /// No task is polled meanwhile. In a task of this runtime, `enter` only calls the function, so a
    /// callback may use it wherever the other loop calls it.
    ///
    /// # Panics
    /// Panics inside another runtime, and if the function panics.
    ///
    /// # Examples
    /// ```
    /// let runtime = wheelhouse::Runtime::new()?;
    /// let task = runtime.enter(|| wheelhouse::spawn(async { 7 }));
    /// assert_eq!(runtime.block_on(task).unwrap(), 7);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        let is_inside_this = context::try_with(|core| std::ptr::eq(core, &*self.core));
        match is_inside_this {
            Ok(true) => f(),
            Ok(false) => panic!(
                "`enter` was called inside another runtime: call it outside, or use a `Remote` of the runtime"
            ),
            Err(_) => {
                let _announcing = Announcing(&self.core);
                context::enter(&self.core, f)
            }
        }
    }

    /// Returns when the next [`turn`](Runtime::turn) is due: now or earlier if a task is ready, and
    /// `None` if no timer is set.
    ///
    /// A socket or another thread may make a turn due before; only the descriptor
    /// ([`as_fd`](AsFd::as_fd)) tells. It also becomes readable at this time, so a loop that uses
    /// the descriptor needs no deadlines.
    ///
    /// # Examples
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// let runtime = wheelhouse::Runtime::new()?;
    /// assert_eq!(runtime.next_deadline(), None);
    /// runtime.enter(|| wheelhouse::spawn(wheelhouse::sleep(Duration::from_secs(60))));
    /// assert!(runtime.next_deadline() <= Some(Instant::now())); // the first poll
    /// runtime.turn(Some(Duration::ZERO));
    /// assert!(runtime.next_deadline() > Some(Instant::now()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        match next_turn(&self.core)? {
            0 => Some(self.core.timers.clock().now()),
            nanos => to_instant(nanos),
        }
    }

    /// Cancels all tasks, as dropping the runtime does, and returns at once. The tasks clean up in
    /// the turns that follow, until [`turn`](Runtime::turn) returns [`Turn::Done`].
    ///
    /// From then on, a new task is cancelled before its first poll. A second call does nothing.
    /// Dropping the runtime afterwards waits for the tasks that are left, and does not cancel them
    /// again; it also waits for functions on the thread pool
    /// ([`Builder::shutdown_timeout`](crate::Builder::shutdown_timeout) bounds both).
    ///
    /// # Panics
    /// Panics inside another runtime.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use wheelhouse::{Runtime, Turn, finally, sleep, spawn};
    ///
    /// let runtime = Runtime::new()?;
    /// runtime.enter(|| {
    ///     let work = sleep(Duration::from_secs(3600));
    ///     let clean_up = sleep(Duration::from_millis(10));
    ///     spawn(finally(work, clean_up))
    /// });
    /// assert_eq!(runtime.turn(Some(Duration::ZERO)), Turn::Waiting);
    ///
    /// runtime.start_shutdown();
    /// while runtime.turn(Some(Duration::from_millis(1))) != Turn::Done {
    ///     // The other loop goes on, as the clean-up may need it.
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn start_shutdown(&self) {
        self.enter(|| shutdown::start(&self.core));
    }
}

/// The descriptor for another event loop: it is readable while a [`turn`](Runtime::turn) has
/// something to do. Wait for it level-triggered, and never read it.
///
/// The first call opens a timer, which makes the descriptor readable at the next deadline. A loop
/// that waits for the descriptor of a runtime without tasks notices work from other threads.
///
/// # Panics
/// [`as_fd`](AsFd::as_fd) panics if the system has no file descriptor left for the timer.
impl AsFd for Runtime {
    fn as_fd(&self) -> BorrowedFd<'_> {
        let doorbell = self
            .core
            .doorbell
            .get_or_init(|| match self.core.io.doorbell() {
                Ok(doorbell) => doorbell,
                Err(error) => panic!("no timer could be opened for another loop: {error}"),
            });
        if !self.core.lifecycle.is_driven() {
            announce(&self.core, doorbell);
        }
        doorbell.as_fd()
    }
}
