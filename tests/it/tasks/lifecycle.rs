//! The life of a task as a cross product: how its future ends, what becomes of its handle, when it
//! is cancelled, who wakes it. After every step the counters of polls, drops and wakes are compared
//! with a model's.

mod model;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use crate::common::{
    CountingWaker, Counts, DROP_PANIC, POLL_PANIC, Plan, Probe, Token, poll_with, turns,
};
use model::{End, Model, Why, cases};
use wheelhouse::task::{CancelHandle, TaskState};
use wheelhouse::{JoinError, JoinHandle, Reason, Runtime, sleep, spawn};

/// What becomes of the handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Handle {
    /// Polled until it returns the result.
    Awaited,
    /// Dropped before the task ran, unpolled.
    DroppedBefore,
    /// Polled, then dropped after the task's first turn.
    DroppedAfterPolled,
    /// Polled, then detached after the task's first turn.
    Detached,
    /// Asked with `try_join` after every step.
    TryJoined,
    /// Kept past the runtime's end, then asked.
    Kept,
}

impl Handle {
    const ALL: [Self; 6] = [
        Self::Awaited,
        Self::DroppedBefore,
        Self::DroppedAfterPolled,
        Self::Detached,
        Self::TryJoined,
        Self::Kept,
    ];
}

/// When the task is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cancel {
    Never,
    BeforeTheFirstPoll,
    WhileSuspended,
    WhileReady,
    FromItsOwnPoll,
    AfterTheEnd,
}

impl Cancel {
    const ALL: [Self; 6] = [
        Self::Never,
        Self::BeforeTheFirstPoll,
        Self::WhileSuspended,
        Self::WhileReady,
        Self::FromItsOwnPoll,
        Self::AfterTheEnd,
    ];
}

/// Who wakes the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wakes {
    /// It does, in each poll.
    Itself,
    /// Another task.
    Task,
    /// Another thread.
    Thread,
    /// It does, and when it has ended others do besides.
    AfterTheEnd,
}

impl Wakes {
    const ALL: [Self; 4] = [Self::Itself, Self::Task, Self::Thread, Self::AfterTheEnd];
}

/// One case of the product.
#[derive(Clone, Copy, Debug)]
struct Case {
    ends_at: u32,
    panics: bool,
    drop_panics: bool,
    handle: Handle,
    cancel: Cancel,
    wakes: Wakes,
}

impl Case {
    /// What the future does.
    fn plan(self) -> Plan {
        Plan {
            ends_at: self.ends_at,
            panics: self.panics,
            drop_panics: self.drop_panics,
            wakes_itself: matches!(self.wakes, Wakes::Itself | Wakes::AfterTheEnd),
            cancels_itself: self.cancel == Cancel::FromItsOwnPoll,
        }
    }
}

/// A task and its model, side by side.
struct Pair {
    case: Case,
    model: Model,
    counts: Arc<Counts>,
    handle: Option<JoinHandle<Token>>,
    cancel: CancelHandle,
    joiner: (Arc<CountingWaker>, Waker),
}

impl Pair {
    fn spawn(case: Case) -> Self {
        let (probe, counts) = Probe::new(case.plan());
        let handle = spawn(probe);
        let cancel = handle.cancel_handle();
        let pair = Self {
            case,
            model: Model::new(case),
            counts,
            handle: Some(handle),
            cancel,
            joiner: CountingWaker::new(),
        };
        pair.check("spawn");
        pair
    }

    /// Compares what can be seen from anywhere.
    #[track_caller]
    fn check_counts(&self, step: &str) {
        let ended = self.model.end.is_some();
        assert_eq!(self.counts.all(), self.model.counts(), "counts, {step}");
        assert_eq!(self.cancel.is_finished(), ended, "finished, {step}");
        let wakes = self.joiner.0.wakes();
        assert_eq!(wakes, self.model.joiner_wakes, "joiner's wakes, {step}");
    }

    /// Compares what can be seen inside the runtime.
    #[track_caller]
    fn check(&self, step: &str) {
        self.check_counts(step);
        let id = self.cancel.id();
        let state = wheelhouse::task::all()
            .into_iter()
            .find(|task| task.id() == id)
            .map(|task| task.state());
        let expected = match (self.model.end, self.model.ready) {
            (Some(_), _) => None,
            (None, true) => Some(TaskState::Ready),
            (None, false) => Some(TaskState::Waiting),
        };
        assert_eq!(state, expected, "schedule, {step}");
    }

    fn cancel(&mut self, step: &str) {
        assert_eq!(
            self.cancel.cancel(),
            self.model.cancel(Why::Asked),
            "{step}"
        );
        self.check(step);
    }

    /// Polls the handle with a counting waker, or asks it; checks the result when it comes.
    fn ask(&mut self, awaits: bool, step: &str) {
        let handle = self.handle.as_mut().expect("a handle to ask");
        let result = if awaits {
            match poll_with(handle, &self.joiner.1) {
                Poll::Ready(result) => Some(result),
                Poll::Pending => None,
            }
        } else {
            handle.try_join()
        };
        assert_eq!(
            result.as_ref().map(end_of),
            self.model.ask(awaits),
            "{step}"
        );
        drop(result);
        if self.model.end.is_some() {
            self.handle = None;
        }
        self.check_counts(step);
    }

    /// Drops the handle, or detaches it.
    fn let_go(&mut self, detach: bool, step: &str) {
        let Some(handle) = self.handle.take() else {
            return;
        };
        if detach {
            handle.detach();
            self.model.detach();
        } else {
            drop(handle);
            self.model.drop_handle();
        }
        assert_eq!(
            Arc::strong_count(&self.joiner.0),
            2,
            "the task let go of the joiner, {step}"
        );
        self.check(step);
    }

    /// Gives the task one turn; mail is taken in where threads wake.
    async fn turn(&mut self, step: &str) {
        match self.case.wakes {
            Wakes::Thread => {
                sleep(Duration::from_nanos(1)).await;
                self.model.turn_with_mail();
            }
            _ => {
                turns(1).await;
                self.model.turn();
            }
        }
        self.check(step);
    }

    /// Wakes the task, from the source that this case uses.
    async fn wake(&mut self, step: &str) {
        let Some(waker) = self.counts.waker() else {
            return;
        };
        match self.case.wakes {
            Wakes::Itself | Wakes::AfterTheEnd => return,
            Wakes::Task => {
                let before = self.model.ready;
                drop(spawn(async move { waker.wake() }));
                turns(1).await;
                // A task that was ready before the waking one ran before it.
                if before {
                    self.model.turn();
                }
                self.model.wake();
            }
            Wakes::Thread => {
                thread::spawn(move || waker.wake()).join().unwrap();
                self.model.post();
            }
        }
        self.check(step);
    }
}

/// How a result says that the task ended.
fn end_of(result: &Result<Token, JoinError>) -> End {
    match result {
        Ok(_) => End::Value,
        Err(JoinError::Panicked(panic)) => match panic.message().as_deref() {
            Some(POLL_PANIC) => End::PollPanic,
            Some(DROP_PANIC) => End::DropPanic,
            other => panic!("a panic from elsewhere: {other:?}"),
        },
        Err(JoinError::Cancelled(cancelled)) => End::Cancelled(match cancelled.reason() {
            Reason::Explicit(None) => Why::Asked,
            Reason::AwaiterGone => Why::AwaiterGone,
            Reason::Shutdown => Why::Shutdown,
            other => panic!("a reason from elsewhere: {other:?}"),
        }),
        Err(other) => panic!("an error from elsewhere: {other:?}"),
    }
}

/// Runs one case inside the runtime. Returns the final pair.
async fn play(case: Case) -> Pair {
    let mut pair = Pair::spawn(case);
    match case.handle {
        Handle::DroppedBefore => pair.let_go(false, "handle dropped unpolled"),
        Handle::Kept | Handle::TryJoined => {}
        _ => pair.ask(true, "handle polled before the first turn"),
    }
    if case.cancel == Cancel::BeforeTheFirstPoll {
        pair.cancel("cancelled before the first poll");
        pair.cancel("cancelled again");
    }
    pair.turn("first turn").await;
    match case.handle {
        Handle::DroppedAfterPolled => pair.let_go(false, "handle dropped after it was polled"),
        Handle::Detached => pair.let_go(true, "detached after it was polled"),
        _ => {}
    }
    if case.cancel == Cancel::WhileSuspended {
        pair.cancel("cancelled while suspended");
    }
    if case.cancel == Cancel::WhileReady {
        pair.wake("woken").await;
        pair.cancel("cancelled while ready");
    }
    for _ in 1..case.ends_at + 2 {
        if pair.handle.is_some() && case.handle == Handle::TryJoined {
            pair.ask(false, "try_join");
        }
        if case.handle == Handle::Kept {
            return pair;
        }
        pair.wake("woken for the next turn").await;
        pair.turn("next turn").await;
    }
    if case.cancel == Cancel::AfterTheEnd {
        pair.cancel("cancelled after the end");
        pair.turn("the turn after that").await;
    }
    if case.wakes == Wakes::AfterTheEnd
        && let Some(waker) = pair.counts.waker()
    {
        waker.wake_by_ref();
        thread::spawn(move || waker.wake()).join().unwrap();
        sleep(Duration::from_nanos(1)).await;
        pair.check("woken after the end");
    }
    if pair.handle.is_some() {
        pair.ask(true, "handle polled in the end");
    }
    pair
}

/// Plays one case, and the end of its runtime.
fn run_case(case: Case) {
    let runtime = Runtime::new().expect("descriptors for a runtime");
    let mut pair = runtime.block_on(play(case));
    drop(runtime);
    pair.model.shut_down();
    pair.check_counts("after the runtime's end");
    if case.cancel == Cancel::AfterTheEnd {
        assert!(!pair.cancel.cancel(), "nothing is left to cancel");
    }
    if pair.handle.is_some() {
        pair.ask(
            case.cancel == Cancel::Never,
            "asked after the runtime's end",
        );
    }
    if let Some(waker) = pair.counts.waker() {
        waker.wake_by_ref();
    }
    *pair.counts.waker.lock().unwrap() = None;
    pair.check_counts("in the end");
    assert_eq!(
        Arc::strong_count(&pair.counts),
        1,
        "everything was given back"
    );
}

/// Plays all cases whose future ends in this way, and names the one that fails.
fn run_cases(ends_at: u32, panics: bool, drop_panics: bool) {
    for case in cases(ends_at, panics, drop_panics) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| run_case(case))) {
            panic!("{case:?}: {}", crate::common::text_of(&*payload));
        }
    }
}

#[test]
fn a_future_that_is_ready_at_once_follows_the_model() {
    run_cases(1, false, false);
}

#[test]
fn a_future_that_suspends_follows_the_model() {
    run_cases(3, false, false);
}

#[test]
fn a_future_that_panics_at_once_follows_the_model() {
    run_cases(1, true, false);
}

#[test]
fn a_future_that_panics_later_follows_the_model() {
    run_cases(3, true, false);
}

#[test]
fn a_future_that_panics_when_dropped_follows_the_model() {
    run_cases(1, false, true);
    run_cases(3, false, true);
}

#[test]
fn a_future_that_panics_when_polled_and_when_dropped_follows_the_model() {
    run_cases(1, true, true);
    run_cases(3, true, true);
}
