//! Blocking functions, which run on a pool of threads while the event loop continues.
//!
//! ```text
//!   Idle(f) ── first poll: sent to the pool ──▶ Sent(slot)
//!     │                                           │  a thread calls it;
//!     │ dropped:                                  │  its value or panic is
//!     │ f is dropped                              ▼  returned to the awaiter
//!     ▼                                         Done
//!   nothing
//!
//!   dropped while Sent:  not yet called: the function is dropped
//!                        running: it continues, its value is dropped on its thread
//! ```
//!
//! All runtimes of the process share the [`pool`]. Each runtime lists its own functions in
//! [`BlockingTasks`]; at its end it waits for them, and reports those that have not returned. The
//! future and the thread share a [`Slot`]. If the pool has no thread and the system refuses to
//! start one, the function is dropped, and the future returns [`Failure::NoThread`].

mod failure;
mod inheritance;
mod jobs;
pub(super) mod pool;
mod slot;
mod stream;

use std::future::Future;
use std::io;
use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

pub(crate) use failure::Failure;
pub(crate) use jobs::BlockingTasks;
use slot::{Job, Slot};
pub(crate) use stream::{Blocking, BlockingStream};

use super::shared::InFlight;
use super::{Core, try_with, with};
use crate::util::vars::{self, SentVars};

/// Whether the end of the runtime waits, for a limited time, for a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnShutdown {
    /// It waits: the function writes something, or belongs to a user. The location is for the
    /// report of functions that have not returned.
    Wait(&'static Location<'static>),
    /// It does not wait: the value is not needed.
    Leave,
}

/// How a function is sent to its thread.
#[derive(Clone, Copy)]
struct Terms {
    on_shutdown: OnShutdown,
    /// Whether it gets the context variables of the sender, which only code of users can access.
    has_vars: bool,
}

/// The future of a function on another thread. It owns the function, so it is `Unpin` and `Send`.
pub(crate) struct Offload<F, T>(State<F, T>);

enum State<F, T> {
    /// Not polled yet.
    Idle(F, Terms),
    /// Passed to the pool.
    Sent(Arc<Slot<F, T>>),
    /// The pool has no thread, and the system refused to start one.
    Refused(io::Error),
    Done,
}

impl<F, T> Offload<F, T> {
    /// Lets a function that was sent run, and drops its value.
    pub(crate) fn detach(mut self) {
        if let State::Sent(slot) = mem::replace(&mut self.0, State::Done) {
            slot.detach();
        }
    }

    /// Returns the error of a function that was not called.
    fn take_refusal(&mut self) -> Failure {
        match mem::replace(&mut self.0, State::Done) {
            State::Refused(error) => Failure::NoThread(error),
            _ => unreachable!("only a future that was refused is asked"),
        }
    }
}

impl<F, T> Offload<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    /// Creates the future of a function of this crate.
    pub(crate) fn new(f: F, on_shutdown: OnShutdown) -> Self {
        let terms = Terms {
            on_shutdown,
            has_vars: false,
        };
        Self(State::Idle(f, terms))
    }

    /// Creates the future of a user's function, which gets the context variables.
    pub(crate) fn with_vars(f: F, on_shutdown: OnShutdown) -> Self {
        let terms = Terms {
            on_shutdown,
            has_vars: true,
        };
        Self(State::Idle(f, terms))
    }

    /// Sends the function to the pool.
    fn send(core: &Core, f: F, terms: Terms) -> State<F, T> {
        let vars = if terms.has_vars {
            vars::for_thread(&core.vars.get())
        } else {
            SentVars::new()
        };
        // Listed until the function has returned or is dropped.
        let running = match terms.on_shutdown {
            OnShutdown::Wait(location) => Some(core.shared().jobs().begin(location)),
            OnShutdown::Leave => None,
        };
        let job = Job { f, vars, running };
        let slot = Arc::new(Slot::new(job, InFlight::new(core.shared())));
        let theirs = Arc::clone(&slot);
        match pool::submit(Box::new(move || theirs.work())) {
            Ok(()) => State::Sent(slot),
            Err(error) => {
                slot.give_up();
                State::Refused(error)
            }
        }
    }
}

impl<F, T> Unpin for Offload<F, T> {}

impl<F, T> Future for Offload<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    type Output = Result<T, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let State::Idle(..) = self.0 {
            let State::Idle(f, terms) = mem::replace(&mut self.0, State::Done) else {
                unreachable!("it was idle a line before")
            };
            self.0 = with("a function for another thread", |core| {
                Self::send(core, f, terms)
            });
        }
        let outcome = match &self.0 {
            State::Sent(slot) => {
                let lap = try_with(|core| {
                    slot.follow(core.shared());
                    core.io.lap()
                });
                ready!(slot.poll(cx, lap.unwrap_or(0))).map_err(Failure::Panicked)
            }
            State::Refused(_) => Err(self.take_refusal()),
            State::Idle(..) | State::Done => {
                panic!(
                    "the future of a function on another thread was polled after it gave its value"
                )
            }
        };
        self.0 = State::Done;
        Poll::Ready(outcome)
    }
}

impl<F, T> Drop for Offload<F, T> {
    fn drop(&mut self) {
        if let State::Sent(slot) = &self.0 {
            slot.give_up();
        }
    }
}
