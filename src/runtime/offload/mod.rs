//! Work that blocks, done on a thread of a pool while the loop goes on.
//!
//! ```text
//!                       dropped                    dropped: cancelled in the queue, never called
//!            ┌─────────────────────▶ nothing  ◀──────────┐
//!   Idle(f) ─┴─ first poll: queued ──▶ Sent ─────────────┤
//!                                       │ a thread takes it: a job of the runtime, until it returns
//!                                       ▼                │ dropped: it runs on, its value is dropped on its thread
//!                                     value or panic ────┘ ──▶ given to the awaiter, once
//! ```
//!
//! The pool is the process's (`blocking`, whose threads end when they have nothing to do), so several runtimes share it. Each
//! runtime counts its own [`Jobs`], so that its end can wait for them, and can say which did not return.

mod jobs;
mod stream;

use std::future::Future;
use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use blocking::Task;

pub(crate) use jobs::Jobs;
use jobs::Leave;
pub(crate) use stream::{Blocking, Unblocked};

use super::hub::InFlight;
use super::{Core, with};
use crate::util::vars;
use crate::util::{Payload, caught, drop_quietly};

/// Whether the end of the runtime waits, for a while, for a function that was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtTheEnd {
    /// It does: the function writes something, or nobody knows what it does. The place in the program is for the report of
    /// those that did not return.
    Wait(&'static Location<'static>),
    /// It does not: nobody misses what the function would give.
    Leave,
}

/// The future of a function that runs on another thread. `Unpin` and `Send`, as it holds the function itself.
pub(crate) struct Offload<F, T>(State<F, T>);

/// How far it has come.
enum State<F, T> {
    /// Not polled yet.
    Idle(F, AtTheEnd),
    /// In the pool.
    Sent {
        /// The pool's handle. Dropped, it cancels what has not begun.
        task: Task<Outcome<T>>,
        /// Keeps a virtual clock from jumping.
        _in_flight: InFlight,
    },
    /// The value was given.
    Done,
}

/// What came of it. A panic of its destructor, on a thread where nobody has it, ends there.
struct Outcome<T>(Option<Result<T, Payload>>);

impl<T> Drop for Outcome<T> {
    fn drop(&mut self) {
        drop_quietly(self.0.take());
    }
}

impl<F, T> Offload<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    /// Will call a function on another thread, from the first poll on.
    pub(crate) fn new(f: F, at_the_end: AtTheEnd) -> Self {
        Self(State::Idle(f, at_the_end))
    }

    /// Lets a function that was sent run, whoever takes it up, and gives its value to nobody.
    pub(crate) fn detach(self) {
        if let State::Sent { task, .. } = self.0 {
            task.detach();
        }
    }

    /// Hands the function to the pool.
    fn send(core: &Core, f: F, at_the_end: AtTheEnd) -> State<F, T> {
        let in_flight = InFlight::new(core.hub());
        // Listed from now on, until the function has returned or is dropped uncalled.
        let running = match at_the_end {
            AtTheEnd::Wait(location) => Some(core.hub().jobs().begin(location)),
            AtTheEnd::Leave => None,
        };
        let luggage = vars::for_thread(&core.vars());
        let task = blocking::unblock(move || {
            let outcome = caught(|| vars::arrive(luggage, f));
            // Counted off first: whoever sees the value may end the runtime, which would report the job.
            drop::<Option<Leave>>(running);
            Outcome(Some(outcome))
        });
        State::Sent {
            task,
            _in_flight: in_flight,
        }
    }
}

impl<F, T> Unpin for Offload<F, T> {}

impl<F, T> Future for Offload<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    type Output = Result<T, Payload>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let State::Idle(..) = self.0 {
            let State::Idle(f, at_the_end) = mem::replace(&mut self.0, State::Done) else {
                unreachable!("it was idle a line before")
            };
            self.0 = with("a function for another thread", |core| {
                Self::send(core, f, at_the_end)
            });
        }
        let State::Sent { task, .. } = &mut self.0 else {
            panic!("the future of a function on another thread was polled after it gave its value")
        };
        let mut outcome = ready!(Pin::new(task).poll(cx));
        self.0 = State::Done;
        Poll::Ready(outcome.0.take().expect("only its destructor takes it"))
    }
}
