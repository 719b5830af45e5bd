//! One step of a future, and one way to end it there.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::probe::{Probe, Probed};
use crate::error::{Cancelled, JoinError};
use crate::task::{self, spawn};
use crate::time::sleep;

/// The time that tasks have to clean up after a plain drop, in milliseconds.
const CLEANUP_MILLIS: usize = 50;

/// The way in which a future is ended at a step.
///
/// A future that is ended between a wake and its next poll is the usual place where a value gets
/// lost: it was handed over, but is never taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CutMode {
    /// Its task is cancelled while it is suspended.
    Cancel,
    /// Its task is cancelled after it has been woken and before it is polled.
    CancelWoken,
    /// Its task is cancelled while it is suspended, and again at the next suspension, which is in
    /// its clean-up.
    CancelTwice,
    /// It is dropped while it is suspended, as by `select!`.
    Drop,
    /// It is dropped after it has been woken and before it is polled.
    DropWoken,
}

impl CutMode {
    pub(super) const ALL: [Self; 5] = [
        Self::Cancel,
        Self::CancelWoken,
        Self::CancelTwice,
        Self::Drop,
        Self::DropWoken,
    ];

    /// Returns `true` for a plain drop, after which no clean-up can await.
    #[must_use]
    pub fn is_drop(self) -> bool {
        matches!(self, Self::Drop | Self::DropWoken)
    }

    /// Returns `true` if the future has to be woken first.
    fn is_for_woken(self) -> bool {
        matches!(self, Self::CancelWoken | Self::DropWoken)
    }
}

/// One step of a future, and the way to end it there: the argument of the scene of
/// [`Steps::run`](super::Steps::run).
#[derive(Debug)]
#[non_exhaustive]
pub struct Step {
    /// The number of the suspension, from 1.
    pub number: usize,
    /// The way in which the future is ended.
    pub mode: CutMode,
    /// Whether the future reached this suspension.
    reached: Cell<bool>,
}

/// The result of [`Step::cut`]: how the future ended.
#[derive(Debug)]
pub enum Cut<T> {
    /// It returned a value: it had fewer steps, or swallowed the cancellation.
    Ended(T),
    /// It ended as cancelled.
    Cancelled(Cancelled),
    /// It was dropped.
    Dropped,
}

impl<T> Cut<T> {
    /// Returns the value of the future, if it returned one.
    pub fn ended(self) -> Option<T> {
        match self {
            Self::Ended(value) => Some(value),
            _ => None,
        }
    }
}

impl Step {
    pub(super) fn new(number: usize, mode: CutMode) -> Self {
        Self {
            number,
            mode,
            reached: Cell::new(false),
        }
    }

    pub(super) fn was_reached(&self) -> bool {
        self.reached.get()
    }

    /// Runs `future` up to this step, ends it there, and checks that nothing of it is left.
    ///
    /// To be cancelled, the future is spawned as a task. To be dropped, it is polled by this
    /// future.
    ///
    /// # Cancel safety
    /// Dropping this future drops `future`, or cancels its task.
    ///
    /// # Panics
    /// If `future` still exists after its end, or a task that was spawned meanwhile does: at once
    /// after a cancellation, since a cancelled task waits for the tasks that it awaits, and 50
    /// milliseconds after a plain drop. If `future` panics, and outside of a runtime.
    pub async fn cut<F: Future + 'static>(&self, future: F) -> Cut<F::Output> {
        let before = live_tasks();
        let probe = Arc::new(Probe::new(self.number, self.mode.is_for_woken()));
        let probed = Probed::new(future, &probe);
        let cut = if self.mode.is_drop() {
            self.drop_at_step(probed, &probe).await
        } else {
            self.cancel_at_step(probed, &probe).await
        };
        assert!(probe.is_over(), "the future still exists after its end");
        let has_leaked = || live_tasks().into_iter().any(|id| !before.contains(&id));
        for _ in 0..CLEANUP_MILLIS {
            if matches!(cut, Cut::Dropped) && has_leaked() {
                sleep(Duration::from_millis(1)).await;
            }
        }
        assert!(!has_leaked(), "a task lives on: {:?}", task::all());
        cut
    }

    async fn cancel_at_step<F: Future + 'static>(
        &self,
        probed: Probed<F>,
        probe: &Probe,
    ) -> Cut<F::Output> {
        let handle = spawn(probed);
        let mut again = self.mode == CutMode::CancelTwice;
        while probe.frozen().await {
            self.reached.set(true);
            assert!(handle.cancel_with("a step"), "it cannot have ended");
            probe.release(again);
            if !std::mem::take(&mut again) {
                break;
            }
        }
        match handle.await {
            Ok(value) => Cut::Ended(value),
            Err(JoinError::Cancelled(cancelled)) => Cut::Cancelled(cancelled),
            Err(other) => panic!("{other}"),
        }
    }

    async fn drop_at_step<F: Future>(&self, probed: Probed<F>, probe: &Probe) -> Cut<F::Output> {
        let mut probed = Box::pin(probed);
        let ended = poll_fn(|cx| {
            if let Poll::Ready(value) = probed.as_mut().poll(cx) {
                return Poll::Ready(Some(value));
            }
            if probe.may_end() {
                Poll::Ready(None)
            } else {
                Poll::Pending
            }
        });
        match ended.await {
            Some(value) => Cut::Ended(value),
            None => {
                self.reached.set(true);
                drop(probed);
                Cut::Dropped
            }
        }
    }
}

fn live_tasks() -> Vec<task::Id> {
    task::all().iter().map(task::TaskInfo::id).collect()
}
