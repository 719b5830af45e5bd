//! Ends a future at every step of its life, in every way, and checks what is left.
//!
//! # A step
//!
//! A step is a suspension: a poll of the future under test that gives `Pending`. What its parts do inside is not seen,
//! only the future as a whole. At its n-th suspension the future is *frozen*: nobody polls it again until it has been
//! ended, whoever wakes it meanwhile. So "at step n" means exactly n polls, also for a future that wakes itself.
//!
//! # Five ways to end it
//!
//! | | at the suspension | when it has been woken after the suspension |
//! |---|---|---|
//! | by the cancel of its task, from another task | [`Way::Cancel`] | [`Way::CancelWoken`] |
//! | by plain drop, as `select!` does | [`Way::Drop`] | [`Way::DropWoken`] |
//!
//! The right column is where values get lost: something was handed over, and who should take it never comes. The fifth,
//! [`Way::CancelTwice`], cancels it again at its first suspension after the cancel, in the midst of its clean-up.
//!
//! ```text
//!             Pending, n-th                   the way allows it                ended
//!   counting ───────────────▶ frozen (no polls) ───────────────▶ cancel: released ───▶ over (no polls)
//!       │   ▲                                    │      │                                ▲    ▲
//!       │   └────── cancel, and it comes again ──┘      └─────── drop ───────────────────┘    │
//!       └─────────────────────────────────── Ready ───────────────────────────────────────────┘
//! ```
//!
//! # Scenes
//!
//! A scene makes a small world, gives the future under test to [`Step::cut`], and looks at the world afterwards: is each
//! item where it should be, once? It runs for n = 1, 2, … until the future is never suspended n times, and for each n and way in a
//! runtime of its own, many times over. The harness checks by itself:
//!
//! - When [`Step::cut`] has cancelled a task, then by the time its handle gives the result, the future is gone, and so is each
//!   task that was spawned meanwhile (C17, C21). After a plain drop the tasks get some time to clean up: foreign code does not wait.
//! - Nobody polls the future while it is frozen, or after its end.
//! - The meters that the scene names (bytes, descriptors) say the same when a runtime has run the scene a number of times and three
//!   times as many, so that whatever grows by one each time, be it a timer in the wheel, a node of the tree of scopes or a task, shows, even where it
//!   is kept in something that grows by doubling. When the runtime has gone, they are back where they were.
//!
//! A future that has more steps than [`MOST`] is an error, unless the scene says [`most`](Steps::most): one that never ends is
//! ended at that many steps and left alone.
#![allow(
    dead_code,
    reason = "every test binary has its own copy and uses a part"
)]

pub(crate) mod counting;
mod watch;

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use wheelhouse::{Cancelled, JoinError, run, sleep, spawn, task, testing, timeout};

use crate::common::text_of;
use watch::{Watch, Watched};

/// How many steps a future may have.
const MOST: usize = 100;

/// How often a runtime plays a scene before the meters are read for the first time; they are read again after three times as
/// many.
const ROUNDS: usize = 12;

/// The same for a scene with sockets.
const REAL_ROUNDS: usize = 4;

/// Longer than any healthy runtime full of scenes with sockets takes; it only bounds a failing one. On virtual time a scene that
/// hangs is reported as a deadlock.
const LONG: Duration = Duration::from_secs(60);

/// How many milliseconds the tasks get to clean up after a plain drop.
const MILLIS: usize = 50;

/// How a future is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Its task is cancelled while it is suspended.
    Cancel,
    /// Its task is cancelled when it has been woken, before it is polled.
    CancelWoken,
    /// As the first, and once more at its next suspension, if there is one: in its clean-up.
    CancelTwice,
    /// It is dropped while it is suspended.
    Drop,
    /// It is dropped when it has been woken, before it is polled.
    DropWoken,
}

impl Way {
    /// All of them.
    const ALL: [Self; 5] = [
        Self::Cancel,
        Self::CancelWoken,
        Self::CancelTwice,
        Self::Drop,
        Self::DropWoken,
    ];

    /// Whether it is a drop by foreign code, which lets nobody clean up.
    pub(crate) fn drops(self) -> bool {
        matches!(self, Self::Drop | Self::DropWoken)
    }

    /// Whether the future has to be woken first.
    fn is_for_woken(self) -> bool {
        matches!(self, Self::CancelWoken | Self::DropWoken)
    }
}

/// Something that is counted: its name, and how much of it there is.
type Meter = (&'static str, fn() -> isize);

/// A future to be ended at all its steps: its name, and what is measured.
pub(crate) struct Steps {
    /// For messages.
    name: &'static str,
    /// At how many steps it is ended, if it has more than that.
    most: Option<usize>,
    /// Whether the clock is the machine's.
    real: bool,
    /// What must not grow.
    meters: Vec<Meter>,
}

impl Steps {
    /// Of the future with this name, on virtual time.
    pub(crate) fn of(name: &'static str) -> Self {
        Self {
            name,
            most: None,
            real: false,
            meters: Vec::new(),
        }
    }

    /// It never ends: tries this many steps.
    pub(crate) fn most(mut self, most: usize) -> Self {
        self.most = Some(most);
        self
    }

    /// It needs the machine's clock: there are sockets in it.
    pub(crate) fn real(mut self) -> Self {
        self.real = true;
        self
    }

    /// What `read` gives must not grow.
    pub(crate) fn meter(mut self, name: &'static str, read: fn() -> isize) -> Self {
        self.meters.push((name, read));
        self
    }

    /// Plays the scene for every step and way. Gives the number of steps.
    ///
    /// # Panics
    /// When a check fails, with the step and the way.
    #[track_caller]
    pub(crate) fn run(self, scene: impl AsyncFn(&Step)) -> usize {
        let most = Way::ALL.map(|way| self.steps_of(way, &scene));
        most.into_iter().max().unwrap_or_default()
    }

    /// Plays it for every step in one way. Gives the number of steps.
    #[track_caller]
    fn steps_of(&self, way: Way, scene: &impl AsyncFn(&Step)) -> usize {
        for number in 1..=self.most.unwrap_or(MOST) {
            let step = Step {
                number,
                way,
                reached: Cell::new(false),
            };
            let played = catch_unwind(AssertUnwindSafe(|| self.play(&step, scene)));
            if let Err(payload) = played {
                let (name, text) = (self.name, text_of(&*payload));
                panic!("{name}, {way:?} at suspension {number}: {text}");
            }
            if !step.reached.get() {
                return number - 1;
            }
        }
        assert!(
            self.most.is_some(),
            "{} has more than {MOST} steps",
            self.name
        );
        self.most.unwrap_or_default()
    }

    /// Plays it for one step in one way, and reads the meters.
    fn play(&self, step: &Step, scene: &impl AsyncFn(&Step)) {
        let rounds = if self.real { REAL_ROUNDS } else { ROUNDS };
        self.in_a_runtime(play_rounds(step, scene, 1));
        let before = self.read();
        self.in_a_runtime(async {
            play_rounds(step, scene, rounds).await;
            let early = self.read();
            play_rounds(step, scene, 3 * rounds).await;
            self.compare("while a runtime lives", &early);
        });
        self.compare("when the runtime has gone", &before);
    }

    /// Runs `future` on the clock that it needs.
    fn in_a_runtime(&self, future: impl Future<Output = ()>) {
        match self.real {
            true => run(async { timeout(LONG, future).await.expect("it does not hang") }),
            false => testing::run(future),
        }
    }

    /// What the meters say. The list is made before they are read, so that it does not show in the difference.
    fn read(&self) -> Vec<isize> {
        let mut values = Vec::with_capacity(self.meters.len());
        values.extend(self.meters.iter().map(|(_, read)| read()));
        values
    }

    /// Checks that the meters say what they said.
    fn compare(&self, when: &str, before: &[isize]) {
        for ((name, read), before) in self.meters.iter().zip(before) {
            let now = read();
            let grown = now - before;
            assert_eq!(grown, 0, "{name} more than before, {when}");
        }
    }
}

/// Plays a scene so often, and lets the loop clear up after each time.
async fn play_rounds(step: &Step, scene: &impl AsyncFn(&Step), rounds: usize) {
    for _ in 0..rounds {
        scene(step).await;
        sleep(Duration::from_nanos(1)).await;
    }
}

/// One step of the future, and a way to end it there.
pub(crate) struct Step {
    /// At which suspension.
    number: usize,
    /// How.
    pub(crate) way: Way,
    /// Whether there was such a suspension.
    reached: Cell<bool>,
}

/// How a future ended.
#[derive(Debug)]
pub(crate) enum Cut<T> {
    /// By itself: it had not as many steps, or swallowed the cancellation.
    Ended(T),
    /// By the cancellation.
    Cancelled(Cancelled),
    /// It was dropped.
    Dropped,
}

impl<T> Cut<T> {
    /// The value, if it gave one.
    pub(crate) fn ended(self) -> Option<T> {
        match self {
            Self::Ended(value) => Some(value),
            _ => None,
        }
    }
}

impl Step {
    /// Runs `future`, the one under test, as far as the step, ends it there, and checks that nothing of it is left.
    pub(crate) async fn cut<F: Future + 'static>(&self, future: F) -> Cut<F::Output> {
        let before = living();
        let watch = Arc::new(Watch::new(self.number, self.way.is_for_woken()));
        let watched = Watched::new(future, &watch);
        let cut = match self.way.drops() {
            true => self.drop_it(watched, &watch).await,
            false => self.cancel_it(watched, &watch).await,
        };
        assert!(watch.is_over(), "the future lives on");
        let strangers = || living().into_iter().any(|id| !before.contains(&id));
        for _ in 0..MILLIS {
            if matches!(cut, Cut::Dropped) && strangers() {
                sleep(Duration::from_millis(1)).await;
            }
        }
        assert!(!strangers(), "a task lives on: {:?}", task::all());
        cut
    }

    /// Cancels the task of the future at the step.
    async fn cancel_it<F: Future + 'static>(
        &self,
        watched: Watched<F>,
        watch: &Watch,
    ) -> Cut<F::Output> {
        let handle = spawn(watched);
        let mut again = self.way == Way::CancelTwice;
        while watch.frozen().await {
            self.reached.set(true);
            assert!(handle.cancel_with("a step"), "it cannot have ended");
            watch.release(again);
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
    async fn drop_it<F: Future>(&self, watched: Watched<F>, watch: &Watch) -> Cut<F::Output> {
        let mut watched = Box::pin(watched);
        let ended = poll_fn(|cx| {
            if let Poll::Ready(value) = watched.as_mut().poll(cx) {
                return Poll::Ready(Some(value));
            }
            match watch.may_end() {
                true => Poll::Ready(None),
                false => Poll::Pending,
            }
        });
        match ended.await {
            Some(value) => Cut::Ended(value),
            None => {
                self.reached.set(true);
                drop(watched);
                Cut::Dropped
            }
        }
    }
}

/// The ids of the tasks that live.
fn living() -> Vec<task::Id> {
    task::all().iter().map(task::TaskInfo::id).collect()
}
