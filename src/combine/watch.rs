//! The mechanism of [`wait()`](super::wait()): handles, engine, condition, deadline.
//!
//! A watch cancels no task, and drops no handle in a way that cancels its task.

use super::engine::Engine;
use super::joinable::Joinable;
use super::progress::{Progress, ReturnWhen, Waited};
use pin_project_lite::pin_project;
use std::mem;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// The handles that are being waited for.
pub(super) struct Watch<H: Joinable, P> {
    /// In argument order; `None` for a handle that has moved to `done`.
    handles: Vec<Option<H>>,
    /// In the order in which the tasks ended.
    done: Vec<H>,
    /// The number of tasks that ended with a `JoinError`.
    failed: usize,
    /// Whether the condition has been met.
    met: bool,
    when: ReturnWhen<P>,
    engine: Engine,
}

impl<H: Joinable, P> Watch<H, P> {
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

    /// Replaces the condition of a watch that was not polled.
    pub(super) fn returning<Q>(mut self, when: ReturnWhen<Q>) -> Watch<H, Q> {
        let handles = mem::take(&mut self.handles);
        Watch::new(handles.into_iter().flatten(), when)
    }

    /// Returns the number of handles, and the number of those that have ended.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.engine.len(), self.done.len())
    }

    /// Returns `true` after [`finish`](Self::finish), or after a panic.
    pub(super) fn has_ended(&self) -> bool {
        self.engine.has_ended()
    }

    /// Returns the handles, and ends the watch.
    pub(super) fn finish(&mut self) -> Waited<H> {
        self.engine.close();
        Waited {
            done: mem::take(&mut self.done),
            pending: mem::take(&mut self.handles).into_iter().flatten().collect(),
        }
    }
}

impl<H: Joinable, P: FnMut(&Progress<'_, H>) -> bool> Watch<H, P> {
    /// Polls the handles that were woken. Ready when the condition is met or all tasks have ended.
    ///
    /// The handles that were woken in the same round are polled even after the condition is met, so
    /// that `done` contains each of them.
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
    /// The deadline of a wait. `S` is the timer, created when it is first needed: a wait that is
    /// ready at once creates none.
    #[project = DeadlineProj]
    pub(super) enum Deadline<S> {
        Never,
        /// `delay` after the first poll.
        After {
            delay: Duration,
        },
        Running {
            #[pin]
            timer: S,
        },
    }
}

impl<S: Future<Output = ()>> Deadline<S> {
    /// Ready when the deadline has come. `start` creates the timer.
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
