//! Ending a future at every step of its life, in every way, and checking what is left.
//!
//! ```text
//!             Pending, n-th                   the way allows it                ended
//!   counting ───────────────▶ frozen (no polls) ───────────────▶ cancel: released ───▶ over (no polls)
//!       │   ▲                                    │      │                                ▲    ▲
//!       │   └────── cancel, and it comes again ──┘      └─────── drop ───────────────────┘    │
//!       └─────────────────────────────────── Ready ───────────────────────────────────────────┘
//! ```
//!
//! [`step`] is one step in one way, [`probe`] counts the suspensions and freezes the future.

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

/// How many steps a future may have.
const MAX_STEPS: usize = 100;

/// How often a runtime plays a scene before the meters are read for the first time; they are read again after three times as
/// many.
const ROUNDS: usize = 12;

/// The same for a scene on the machine's clock.
const REAL_ROUNDS: usize = 4;

/// Longer than any healthy runtime full of scenes on the machine's clock takes; it only bounds a failing one. On virtual time a
/// scene that hangs is reported as a deadlock.
const REAL_TIMEOUT: Duration = Duration::from_secs(60);

/// Cancels a future at each of its suspensions, a new one each time, and checks that nothing of it is left.
///
/// `future` makes the future, with all that it needs. On virtual time it is run until its first suspension and ended there,
/// then a new one until its second, and so on until it ends by itself; in each of the five [ways](CutMode). Gives the number of
/// steps, for the test to say how many there should be.
///
/// [`Steps`] is for a test that looks at its world after each step.
///
/// # Panics
/// When something is left: see [`Step::cut`]. The message says at which step, and in which way. When the future panics; when
/// it has more than 100 steps. Besides, as [`run`](super::run) does.
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

/// Something that is counted: its name, and how much of it there is.
type Meter = (&'static str, fn() -> isize);

/// A test that ends a future at every step of its life, in every [`CutMode`], and looks at the world after each.
///
/// A step is a suspension: a poll of the future that gives `Pending`. What its parts do inside is not seen, only the future
/// as a whole. At its n-th suspension the future is frozen: nobody polls it again until it has been ended, whoever wakes it
/// meanwhile. So "at step n" means exactly n polls.
///
/// A *scene*, the closure that [`run`](Steps::run) takes, makes a small world, gives the future under test to [`Step::cut`], and
/// looks at the world afterwards: is each thing where it should be, once? It is played for n = 1, 2, … until the future ends before
/// its n-th suspension.
///
/// # Examples
/// ```
/// use std::cell::Cell;
/// use std::rc::Rc;
/// use wheelhouse::testing::{Step, Steps};
/// use wheelhouse::{finally, yield_now};
///
/// /// Takes a seat, and gives it back however it ends.
/// async fn visit(seats: Rc<Cell<u32>>) {
///     seats.set(seats.get() - 1);
///     let back = Rc::clone(&seats);
///     finally(yield_now(), async move { back.set(back.get() + 1) }).await;
/// }
///
/// let steps = Steps::of("visit").run(async |step: &Step| {
///     let seats = Rc::new(Cell::new(1));
///     step.cut(visit(Rc::clone(&seats))).await;
///     // A plain drop, as `select!` does it, lets nobody clean up.
///     assert!(step.mode.is_drop() || seats.get() == 1);
/// });
/// assert_eq!(steps, 1);
/// ```
#[must_use = "nothing is tested until `run`"]
pub struct Steps {
    /// For messages.
    name: String,
    /// At how many steps it is ended, if it has more than that.
    most: Option<usize>,
    /// Whether the clock is the machine's.
    real: bool,
    /// What must not grow.
    meters: Vec<Meter>,
}

impl Steps {
    /// Begins a test of the future with this name, on virtual time.
    pub fn of(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            most: None,
            real: false,
            meters: Vec::new(),
        }
    }

    /// Ends a future that never ends by itself at this many steps, and not at more.
    ///
    /// Without this a future with more than 100 steps fails the test.
    pub fn most(mut self, most: usize) -> Self {
        self.most = Some(most);
        self
    }

    /// Uses the machine's clock, for a scene with sockets or threads in it.
    pub fn real(mut self) -> Self {
        self.real = true;
        self
    }

    /// Adds a measure that must not grow: bytes, descriptors, entries of a table.
    ///
    /// It must say the same when a runtime has played the scene 12 times and 36 times more, so that whatever grows a little each time
    /// shows, even where it is kept in something that grows by doubling. When the runtime has gone, it must say what it said
    /// before.
    pub fn meter(mut self, name: &'static str, read: fn() -> isize) -> Self {
        self.meters.push((name, read));
        self
    }

    /// Plays the scene for every step and way, each in a runtime of its own. Gives the number of steps.
    ///
    /// # Panics
    /// When a check of the scene, of [`Step::cut`] or of a meter fails: with the step, the way, and what went wrong. When the
    /// future has too many steps; when a runtime runs on this thread already.
    #[track_caller]
    pub fn run(self, scene: impl AsyncFn(&Step)) -> usize {
        refuse_nesting("testing::Steps::run");
        let most = CutMode::ALL.map(|mode| self.steps_of(mode, &scene));
        most.into_iter().max().unwrap_or_default()
    }

    /// Plays it for every step in one way. Gives the number of steps.
    #[track_caller]
    fn steps_of(&self, mode: CutMode, scene: &impl AsyncFn(&Step)) -> usize {
        for number in 1..=self.most.unwrap_or(MAX_STEPS) {
            let step = Step::new(number, mode);
            if let Err(payload) = caught(|| self.play(&step, scene)) {
                let (name, text) = (&self.name, message(&payload));
                panic!("{name}, {mode:?} at suspension {number}: {text}");
            }
            if !step.was_reached() {
                return number - 1;
            }
        }
        assert!(
            self.most.is_some(),
            "{} has more than {MAX_STEPS} steps; if it never ends, say so by `most`",
            self.name
        );
        self.most.unwrap_or_default()
    }

    /// Plays it for one step in one way, and reads the meters.
    fn play(&self, step: &Step, scene: &impl AsyncFn(&Step)) {
        let rounds = if self.real {
            REAL_ROUNDS
        } else if self.meters.is_empty() {
            0
        } else {
            ROUNDS
        };
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
        if self.real {
            run(async {
                let ended = timeout(REAL_TIMEOUT, future).await;
                assert!(ended.is_ok(), "it hangs");
            })
        } else {
            super::run(future)
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

/// Plays a scene so often, and lets the loop clear up after each time.
async fn play_rounds(step: &Step, scene: &impl AsyncFn(&Step), rounds: usize) {
    for _ in 0..rounds {
        scene(step).await;
        sleep(Duration::from_nanos(1)).await;
    }
}
