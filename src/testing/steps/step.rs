//! One step in one way.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::probe::{Probe, Probed};
use crate::error::{Cancelled, JoinError};
use crate::task::{self, spawn};
use crate::time::sleep;

/// How many milliseconds the tasks get to clean up after a plain drop.
const CLEANUP_MILLIS: usize = 50;

/// How a future is ended at a step.
///
/// A future that was woken and is ended before its next poll is where values get lost: something was handed over, and who
/// should take it never comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CutMode {
    /// Its task is cancelled while it is suspended.
    Cancel,
    /// Its task is cancelled when it has been woken, before it is polled.
    CancelWoken,
    /// As the first, and once more at its next suspension, if there is one: in its clean-up.
    CancelTwice,
    /// It is dropped while it is suspended, as `select!` does.
    Drop,
    /// It is dropped when it has been woken, before it is polled.
    DropWoken,
}

impl CutMode {
    /// All of them.
    pub(super) const ALL: [Self; 5] = [
        Self::Cancel,
        Self::CancelWoken,
        Self::CancelTwice,
        Self::Drop,
        Self::DropWoken,
    ];

    /// Tells whether it is a drop by foreign code, which lets nobody clean up.
    #[must_use]
    pub fn is_drop(self) -> bool {
        matches!(self, Self::Drop | Self::DropWoken)
    }

    /// Whether the future has to be woken first.
    fn is_for_woken(self) -> bool {
        matches!(self, Self::CancelWoken | Self::DropWoken)
    }
}

/// One step of a future, and a way to end it there: what [`Steps::run`](super::Steps::run) gives to its scene.
#[derive(Debug)]
#[non_exhaustive]
pub struct Step {
    /// At which suspension, counted from 1.
    pub number: usize,
    /// How.
    pub mode: CutMode,
    /// Whether there was such a suspension.
    reached: Cell<bool>,
}

/// How a future ended that was given to [`Step::cut`].
#[derive(Debug)]
pub enum Cut<T> {
    /// By itself: it had not as many steps, or swallowed the cancellation.
    Ended(T),
    /// By the cancellation.
    Cancelled(Cancelled),
    /// It was dropped.
    Dropped,
}

impl<T> Cut<T> {
    /// Gives the value, if the future gave one.
    pub fn ended(self) -> Option<T> {
        match self {
            Self::Ended(value) => Some(value),
            _ => None,
        }
    }
}

impl Step {
    /// A step that was not reached yet.
    pub(super) fn new(number: usize, mode: CutMode) -> Self {
        Self {
            number,
            mode,
            reached: Cell::new(false),
        }
    }

    /// Whether a future had as many suspensions.
    pub(super) fn was_reached(&self) -> bool {
        self.reached.get()
    }

    /// Runs `future`, the one under test, as far as the step, ends it there, and checks that nothing of it is left.
    ///
    /// To be cancelled it is spawned as a task; to be dropped it is polled here.
    ///
    /// # Cancel safety
    /// Dropping it drops the future, or cancels its task.
    ///
    /// # Panics
    /// When the future is not gone after its end, or is polled after that; when a task that was spawned meanwhile is left: of
    /// a cancelled future at once, as whoever is cancelled waits for the tasks that it awaits, and of a dropped one after 50
    /// milliseconds. When the future panics; outside of a runtime.
    pub async fn cut<F: Future + 'static>(&self, future: F) -> Cut<F::Output> {
        let before = live_tasks();
        let probe = Arc::new(Probe::new(self.number, self.mode.is_for_woken()));
        let probed = Probed::new(future, &probe);
        let cut = if self.mode.is_drop() {
            self.drop_at_step(probed, &probe).await
        } else {
            self.cancel_at_step(probed, &probe).await
        };
        assert!(probe.is_over(), "the future lives on");
        let has_leaked = || live_tasks().into_iter().any(|id| !before.contains(&id));
        for _ in 0..CLEANUP_MILLIS {
            if matches!(cut, Cut::Dropped) && has_leaked() {
                sleep(Duration::from_millis(1)).await;
            }
        }
        assert!(!has_leaked(), "a task lives on: {:?}", task::all());
        cut
    }

    /// Cancels the task of the future at the step.
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

    /// Drops the future at the step.
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

/// The ids of the tasks that live.
fn live_tasks() -> Vec<task::Id> {
    task::all().iter().map(task::TaskInfo::id).collect()
}
