//! Ends a future at every step of its life, in every way, and checks what is left.
//!
//! ```text
//!             n-th Pending                             drop
//!   Counting ──────────────▶ Frozen ─────────────────────────────▶ Over
//!     │   ▲                    │ │                                  ▲ ▲
//!     │   │ release(again)     │ └─ release: Released ── Ready ─────┘ │
//!     │   └────────────────────┘                                      │
//!     └────────────────────────── Ready ──────────────────────────────┘
//! ```
//!
//! A frozen future is not polled. [`step`] ends a future at one step in one way; [`probe`] counts
//! the suspensions and freezes the future.

mod probe;
mod step;

pub use step::{Cut, CutMode, Step};

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::time::Duration;

use super::message;
use crate::runtime::{refuse_nesting, run};
use crate::time::{sleep, timeout};
use crate::util::caught;

/// The number of steps that a future may have, unless the test sets it.
const MAX_STEPS: usize = 100;

/// How often a scene runs in one runtime before the meters are read. They are read again after
/// three times as many runs.
const ROUNDS: usize = 12;

/// The same, for a scene in real time.
const REAL_ROUNDS: usize = 4;

/// The time limit of all runs of a scene in real time. Only a scene that hangs reaches it. In
/// virtual time, a scene that hangs is reported as a deadlock.
const REAL_TIMEOUT: Duration = Duration::from_secs(60);

/// Cancels a future at each of its suspension points, and checks that nothing of it is left.
///
/// `future` creates the future under test. The first future is run until its first suspension and
/// ended there, the next one until its second suspension, and so on, until a future ends by itself.
/// This is done on virtual time, for each [`CutMode`]. Returns the number of suspension points, so
/// that the test can check it.
///
/// Use [`Steps`] if the test has to check state after each step.
///
/// # Panics
/// If something is left of the future (see [`Step::cut`]); if the future panics; if it has more
/// than 100 suspension points. The message says at which step and in which mode. It also panics
/// like [`run`](super::run).
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use wheelhouse::{sleep, testing, timeout, yield_now};
///
/// let steps = testing::cancel_at_every_step(|| async {
///     yield_now().await;
///     timeout(Duration::from_secs(1), sleep(Duration::from_secs(60))).await.unwrap_err();
/// });
/// assert_eq!(steps, 2);
/// ```
#[track_caller]
pub fn cancel_at_every_step<F, Fut>(future: F) -> usize
where
    F: Fn() -> Fut,
    Fut: Future + 'static,
{
    let caller = Location::caller();
    Steps::of(format!("the future at {caller}")).run(async |step: &Step| {
        let _cut = step.cut(future()).await;
    })
}

/// A name, and a function that returns an amount.
type Meter = (&'static str, fn() -> isize);

/// A test that ends a future at every step, in every [`CutMode`], and checks state after each.
///
/// A step is a suspension of the future under test: a poll that returns `Pending`. At its n-th
/// suspension the future is frozen: it is not polled again until it is ended, even if it is woken.
/// So "at step n" means after exactly n polls.
///
/// The closure that is passed to [`run`](Steps::run), the *scene*, prepares some state, passes the
/// future under test to [`Step::cut`], and checks the state afterwards. It runs for n = 1, 2, …
/// until the future ends before its n-th suspension.
///
/// # Examples
/// ```
/// use std::cell::Cell;
/// use std::rc::Rc;
/// use wheelhouse::testing::{Step, Steps};
/// use wheelhouse::{finally, yield_now};
///
/// /// Takes a seat, and returns it in every case.
/// async fn visit(seats: Rc<Cell<u32>>) {
///     seats.set(seats.get() - 1);
///     let back = Rc::clone(&seats);
///     finally(yield_now(), async move { back.set(back.get() + 1) }).await;
/// }
///
/// let steps = Steps::of("visit").run(async |step: &Step| {
///     let seats = Rc::new(Cell::new(1));
///     step.cut(visit(Rc::clone(&seats))).await;
///     // A plain drop, as by `select!`, runs no clean-up that awaits.
///     assert!(step.mode.is_drop() || seats.get() == 1);
/// });
/// assert_eq!(steps, 1);
/// ```
#[must_use = "nothing is tested until `run`"]
pub struct Steps {
    name: String,
    /// The last step, for a future that may have more.
    most: Option<usize>,
    /// Whether the scene runs in real time.
    real: bool,
    /// The amounts that must not grow.
    meters: Vec<Meter>,
}

impl Steps {
    /// Creates a test on virtual time. Messages contain `name`.
    pub fn of(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            most: None,
            real: false,
            meters: Vec::new(),
        }
    }

    /// Sets the last step, for a future that never ends by itself.
    ///
    /// Without this setting, a future with more than 100 steps fails the test.
    pub fn most(mut self, most: usize) -> Self {
        self.most = Some(most);
        self
    }

    /// Runs the scene in real time, for a scene that uses sockets or threads.
    pub fn real(mut self) -> Self {
        self.real = true;
        self
    }

    /// Adds an amount that must not grow: allocated bytes, file descriptors, entries of a table.
    ///
    /// It is read after the scene has run 12 times in one runtime and again after 36 more times;
    /// both values must be equal. (So a leak shows even in a collection that grows by doubling. In
    /// [real time](Steps::real) it is 4 and 12 times.) It must also be the same before and after
    /// the runtime.
    pub fn meter(mut self, name: &'static str, read: fn() -> isize) -> Self {
        self.meters.push((name, read));
        self
    }

    /// Runs the scene for every step and mode, each in its own runtime, and returns the number of
    /// steps.
    ///
    /// # Panics
    /// If the scene or [`Step::cut`] panics or a [meter](Steps::meter) grows: the message contains
    /// the step, the mode and the cause. If the future has too many steps, or a runtime is running
    /// on this thread.
    #[track_caller]
    pub fn run(self, scene: impl AsyncFn(&Step)) -> usize {
        refuse_nesting("testing::Steps::run");
        let most = CutMode::ALL.map(|mode| self.steps_of(mode, &scene));
        most.into_iter().max().unwrap_or_default()
    }

    /// Runs the scene for every step in one mode, and returns the number of steps.
    #[track_caller]
    fn steps_of(&self, mode: CutMode, scene: &impl AsyncFn(&Step)) -> usize {
        for number in 1..=self.most.unwrap_or(MAX_STEPS) {
            let step = Step::new(number, mode);
            if let Err(payload) = caught(|| self.run_scene(&step, scene)) {
                let (name, text) = (&self.name, message(&payload));
                panic!("{name}, {mode:?} at suspension {number}: {text}");
            }
            if !step.was_reached() {
                return number - 1;
            }
        }
        assert!(
            self.most.is_some(),
            "{} has more than {MAX_STEPS} steps; if it never ends, set the last step with `Steps::most`",
            self.name
        );
        self.most.unwrap_or_default()
    }

    /// Runs the scene for one step in one mode, and reads the meters.
    fn run_scene(&self, step: &Step, scene: &impl AsyncFn(&Step)) {
        let rounds = if self.real {
            REAL_ROUNDS
        } else if self.meters.is_empty() {
            0
        } else {
            ROUNDS
        };
        self.in_a_runtime(run_rounds(step, scene, 1));
        let before = self.read();
        self.in_a_runtime(async {
            run_rounds(step, scene, rounds).await;
            let early = self.read();
            run_rounds(step, scene, 3 * rounds).await;
            self.compare("while a runtime lives", &early);
        });
        self.compare("when the runtime has gone", &before);
    }

    /// Runs `future` in virtual or real time.
    fn in_a_runtime(&self, future: impl Future<Output = ()>) {
        if self.real {
            run(async {
                let ended = timeout(REAL_TIMEOUT, future).await;
                assert!(ended.is_ok(), "it hangs");
            })
        } else {
            super::run(future)
        }
    }

    /// Reads the meters. The vector is allocated before, so that a meter of bytes does not count
    /// it.
    fn read(&self) -> Vec<isize> {
        let mut values = Vec::with_capacity(self.meters.len());
        values.extend(self.meters.iter().map(|(_, read)| read()));
        values
    }

    /// Checks that the amounts have not changed.
    fn compare(&self, when: &str, before: &[isize]) {
        for ((name, read), before) in self.meters.iter().zip(before) {
            let grown = read() - before;
            assert_eq!(grown, 0, "{name} more than before, {when}");
        }
    }
}

impl fmt::Debug for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let meters: Vec<_> = self.meters.iter().map(|(name, _)| name).collect();
        f.debug_struct("Steps")
            .field("name", &self.name)
            .field("most", &self.most)
            .field("real", &self.real)
            .field("meters", &meters)
            .finish()
    }
}

/// Runs a scene several times. The sleep after each run lets the loop process what the scene
/// dropped.
async fn run_rounds(step: &Step, scene: &impl AsyncFn(&Step), rounds: usize) {
    for _ in 0..rounds {
        scene(step).await;
        sleep(Duration::from_nanos(1)).await;
    }
}
