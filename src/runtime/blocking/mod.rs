//! Work that blocks, done on a thread of a pool while the loop goes on.
//!
//! ```text
//!                       dropped                    dropped: cancelled in the queue, never called
//!            ┌─────────────────────▶ nothing  ◀──────────┐
//!   Idle(f) ─┴─ first poll: queued ──▶ Sent ─────────────┤
//!                                       │ a thread takes it up
//!                                       ▼                │ dropped: it runs on, its value is dropped on its thread
//!                                     value or panic ────┘ ──▶ given to the awaiter, once
//! ```
//!
//! Several runtimes share the process's [`pool`]. Each runtime counts its own [`BlockingTasks`], so that its end can wait for them, and can
//! name those that did not return. What the future and the thread share is a [`Slot`]. Where the pool has no thread and the system
//! refuses one, the function is dropped uncalled and the future gives [`Failure::NoThread`].

mod failure;
mod inheritance;
mod jobs;
mod pool;
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

/// Whether the end of the runtime waits, for a while, for a function that was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnShutdown {
    /// It does: the function writes something, or nobody knows what it does. The place in the program is for the report of
    /// those that did not return.
    Wait(&'static Location<'static>),
    /// It does not: nobody misses what the function would give.
    Leave,
}

/// How a function goes to its thread.
#[derive(Clone, Copy)]
struct Terms {
    /// Whether the runtime's end waits for it.
    at_the_end: OnShutdown,
    /// Whether it has the context variables of who sends it; only users' code can see them.
    has_vars: bool,
}

/// The future of a function that runs on another thread. `Unpin` and `Send`, as it holds the function itself.
pub(crate) struct Offload<F, T>(State<F, T>);

/// How far it has come.
enum State<F, T> {
    /// Not polled yet.
    Idle(F, Terms),
    /// In the pool.
    Sent(Arc<Slot<F, T>>),
    /// The pool has no thread.
    Refused(io::Error),
    /// The value was given.
    Done,
}

impl<F, T> Offload<F, T> {
    /// Lets a function that was sent run, whoever takes it up, and gives its value to nobody.
    pub(crate) fn detach(mut self) {
        if let State::Sent(slot) = mem::replace(&mut self.0, State::Done) {
            slot.detach();
        }
    }

    /// Why no thread took the function.
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
    /// Will call a function of this crate on another thread, from the first poll on.
    pub(crate) fn new(f: F, at_the_end: OnShutdown) -> Self {
        let terms = Terms {
            at_the_end,
            has_vars: false,
        };
        Self(State::Idle(f, terms))
    }

    /// Will call a function of a user, which has the context variables.
    pub(crate) fn with_vars(f: F, at_the_end: OnShutdown) -> Self {
        let terms = Terms {
            at_the_end,
            has_vars: true,
        };
        Self(State::Idle(f, terms))
    }

    /// Hands the function to the pool.
    fn send(core: &Core, f: F, terms: Terms) -> State<F, T> {
        let luggage = if terms.has_vars {
            vars::for_thread(&core.vars())
        } else {
            SentVars::new()
        };
        // Listed from now on, until the function has returned or is dropped uncalled.
        let running = match terms.at_the_end {
            OnShutdown::Wait(location) => Some(core.shared().jobs().begin(location)),
            OnShutdown::Leave => None,
        };
        let job = Job {
            f,
            luggage,
            running,
        };
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
