//! The engine's driver behind [`wait()`](super::wait()): handles, the condition, the deadline.
//!
//! It never cancels and never drops a handle whose task would be cancelled by that. Floor: F4.

use super::engine::Engine;
use super::joinable::Joinable;
use super::wait::{Progress, ReturnWhen, Waited};
use pin_project_lite::pin_project;
use std::mem;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// The handles that are being waited for.
pub(super) struct Watch<H: Joinable, P> {
    /// In argument order; `None` for those that have moved to `done`.
    handles: Vec<Option<H>>,
    /// In the order in which they ended.
    done: Vec<H>,
    /// How many of them failed.
    failed: usize,
    /// Whether the condition has been met.
    met: bool,
    /// When to stop.
    when: ReturnWhen<P>,
    /// Who is polled when.
    engine: Engine,
}

impl<H: Joinable, P> Watch<H, P> {
    /// A watch over `handles`, none polled.
    pub(super) fn new(handles: impl IntoIterator<Item = H>, when: ReturnWhen<P>) -> Self {
        let handles: Vec<_> = handles.into_iter().map(Some).collect();
        Self {
            engine: Engine::new(handles.len()),
            handles,
            done: Vec::new(),
            failed: 0,
            met: false,
            when,
        }
    }

    /// The same handles with another condition. For a watch that was not polled.
    pub(super) fn returning<Q>(mut self, when: ReturnWhen<Q>) -> Watch<H, Q> {
        let handles = mem::take(&mut self.handles);
        Watch::new(handles.into_iter().flatten(), when)
    }

    /// How many handles there are, and how many have ended.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.engine.len(), self.done.len())
    }

    /// Whether it has given its handles away, or panicked.
    pub(super) fn has_ended(&self) -> bool {
        self.engine.has_ended()
    }

    /// Gives the handles away.
    pub(super) fn finish(&mut self) -> Waited<H> {
        self.engine.close();
        Waited {
            done: mem::take(&mut self.done),
            pending: mem::take(&mut self.handles).into_iter().flatten().collect(),
        }
    }
}

impl<H: Joinable, P: FnMut(&Progress<'_, H>) -> bool> Watch<H, P> {
    /// Polls the handles that were woken; ready when the condition is met or all have ended.
    ///
    /// Once it is met, those that were woken in the same round are still looked at: `done` leaves none of them out.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Self {
            handles,
            done,
            failed,
            met,
            when,
            engine,
        } = self;
        let left = handles.len();
        let polled = engine.poll(cx, |index, cx| {
            if let Some(handle) = &mut handles[index] {
                ready!(handle.poll_finished(cx));
                *failed += usize::from(handle.has_failed());
            }
            done.extend(handles[index].take());
            let progress = Progress {
                done,
                pending: left - done.len(),
                failed: *failed,
            };
            *met = *met || when.is_met(&progress);
            Poll::Ready(ControlFlow::<()>::Continue(()))
        });
        if *met {
            Poll::Ready(())
        } else {
            polled.map(drop)
        }
    }
}

impl<H: Joinable, P> Drop for Watch<H, P> {
    /// Leaves the tasks running.
    fn drop(&mut self) {
        let pending = self.handles.iter_mut().flatten();
        pending.chain(&mut self.done).for_each(Joinable::disown);
    }
}

pin_project! {
    /// When to stop in any case. `S` is the timer, which is made at the last moment: a wait that is ready at once
    /// sets none.
    #[project = DeadlineProj]
    pub(super) enum Deadline<S> {
        /// Never.
        Never,
        /// That long after the first poll.
        After {
            // How long.
            delay: Duration,
        },
        /// When the timer fires.
        Running {
            // The timer.
            #[pin]
            timer: S,
        },
    }
}

impl<S: Future<Output = ()>> Deadline<S> {
    /// Whether it has come; `start` makes the timer.
    pub(super) fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        start: impl FnOnce(Duration) -> S,
    ) -> Poll<()> {
        if let DeadlineProj::After { delay } = self.as_mut().project() {
            let timer = start(*delay);
            self.set(Self::Running { timer });
        }
        match self.project() {
            DeadlineProj::Running { timer } => timer.poll(cx),
            _ => Poll::Pending,
        }
    }
}
