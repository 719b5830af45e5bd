//! A place where a number of tasks wait for each other. Floor 3.
//!
//! ```text
//!             wait, one too few                      abort: all who wait get `Aborted`
//!            ┌───────┐                              ┌───────────────────────────────────┐
//!            │       ▼                              │                                   ▼
//!            └── (filling) ◀── wait, the last one: all go on                        (broken)
//!                 ▲     ▲                                                               │
//!                 └─────┘ reset: all who wait get `Reset`                               │
//!                 ▲                                                       reset         │
//!                 └─────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! asyncio's barrier has a state in which the last round leaves and newcomers have to wait. Here nobody has to leave: each was
//! handed its number, so the next round begins at once.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::error::BrokenBarrier;
use crate::util::ledger::Kind;
use crate::util::wait_queue::{self, Desk, Wait, WaitQueue, Wakes, attend};

/// A barrier: a given number of tasks wait for each other, and then all go on (asyncio: `Barrier`).
///
/// It can be used again, round after round.
///
/// # Examples
/// ```
/// use wheelhouse::sync::Barrier;
/// use wheelhouse::{gather, run};
///
/// run(async {
///     let barrier = Barrier::new(3);
///     let arrive = async || barrier.wait().await.unwrap().index();
///     let mut numbers: Vec<_> = gather([arrive(), arrive(), arrive()]).await.into();
///     numbers.sort();
///     assert_eq!(numbers, [0, 1, 2]);
/// });
/// ```
pub struct Barrier(RefCell<Gate>);

/// What comes out of a wait.
type Passed = Result<Arrival, BrokenBarrier>;

/// The state of a barrier.
struct Gate {
    /// How many a round takes.
    parties: usize,
    /// Whether it was aborted and not reset since.
    broken: bool,
    /// Those of this round.
    queue: WaitQueue<(), Passed>,
}

impl Gate {
    /// Lets everybody go with this error.
    fn turn_away(&mut self, error: BrokenBarrier, wakes: &mut Wakes) {
        self.queue.serve_many(usize::MAX, &Err(error), wakes);
    }
}

impl Desk for Gate {
    type Want = ();
    type Grant = Passed;

    fn queue(&mut self) -> &mut WaitQueue<(), Passed> {
        &mut self.queue
    }

    fn ask(&mut self, (): (), wakes: &mut Wakes) -> Result<Passed, ()> {
        if self.broken {
            return Ok(Err(BrokenBarrier::Aborted));
        }
        if self.queue.waiting() + 1 < self.parties {
            return Err(());
        }
        let mut index = 1;
        while self.queue.serve(Ok(Arrival { index }), wakes).is_ok() {
            index += 1;
        }
        Ok(Ok(Arrival { index: 0 }))
    }

    /// The round has passed without it.
    fn returned(&mut self, passed: Passed, _wakes: &mut Wakes) -> Option<Passed> {
        Some(passed)
    }
}

impl Barrier {
    /// Makes a barrier for rounds of `parties`.
    ///
    /// # Panics
    /// If `parties` is 0.
    #[must_use]
    #[track_caller]
    pub const fn new(parties: usize) -> Self {
        assert!(parties > 0, "a barrier needs at least one party");
        Self(RefCell::new(Gate {
            parties,
            broken: false,
            queue: WaitQueue::new(Kind::Barrier),
        }))
    }

    /// Gives it a name, for the report of a deadlock: see [`testing::run`](crate::testing::run).
    ///
    /// # Examples
    /// ```
    /// let start = wheelhouse::sync::Barrier::new(2).named("start");
    /// ```
    #[must_use]
    pub fn named(mut self, name: impl AsRef<str>) -> Self {
        wait_queue::name(&mut self.0, name.as_ref());
        self
    }

    /// Waits for the others of the round, and gives this one's number among them.
    ///
    /// # Cancel safety
    /// Whoever leaves before the round is full does not count any more; the others wait for somebody else. After that,
    /// nothing is lost but its own number, which is never the leader's: the leader does not suspend.
    ///
    /// # Errors
    /// [`BrokenBarrier`] when the barrier is or gets broken by [`abort`](Barrier::abort), or is [`reset`](Barrier::reset)
    /// meanwhile.
    ///
    /// # Panics
    /// When the future is polled after it was done.
    ///
    /// # Examples
    /// See [`Barrier`].
    pub fn wait(&self) -> BarrierWaitFuture<'_> {
        BarrierWaitFuture(Wait::new(&self.0, ()))
    }

    /// Ends the round, and the broken state if it is broken: all who wait get [`BrokenBarrier::Reset`], and the next round begins.
    ///
    /// # Examples
    /// See [`abort`](Barrier::abort).
    pub fn reset(&self) {
        attend(&self.0, |gate, wakes| {
            gate.broken = false;
            gate.turn_away(BrokenBarrier::Reset, wakes);
        });
    }

    /// Breaks the barrier: all who wait, and all who come, get [`BrokenBarrier::Aborted`], until it is
    /// [`reset`](Barrier::reset).
    ///
    /// # Examples
    /// ```
    /// use wheelhouse::sync::{Barrier, BrokenBarrier};
    ///
    /// wheelhouse::run(async {
    ///     let barrier = Barrier::new(2);
    ///     barrier.abort();
    ///     assert_eq!(barrier.wait().await, Err(BrokenBarrier::Aborted));
    ///     barrier.reset();
    ///     assert!(!barrier.is_broken());
    /// });
    /// ```
    pub fn abort(&self) {
        attend(&self.0, |gate, wakes| {
            gate.broken = true;
            gate.turn_away(BrokenBarrier::Aborted, wakes);
        });
    }

    /// Tells how many a round takes.
    #[must_use]
    pub fn parties(&self) -> usize {
        self.0.borrow().parties
    }

    /// Tells how many wait in this round (asyncio: `n_waiting`).
    #[doc(alias = "n_waiting")]
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.borrow().queue.waiting()
    }

    /// Tells whether it is broken (asyncio: `broken`).
    #[doc(alias = "broken")]
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.0.borrow().broken
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier")
            .field("parties", &self.parties())
            .field("waiting", &self.waiting())
            .field("broken", &self.is_broken())
            .finish()
    }
}

/// The number of one task in one round of a [`Barrier`].
#[doc(alias = "BarrierWaitResult")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Counted from 0.
    index: usize,
}

impl Arrival {
    /// Gives the number: 0 for the last to arrive, then 1, 2 and so on in the order of arrival.
    #[must_use]
    pub fn index(self) -> usize {
        self.index
    }

    /// Tells whether this one has number 0. One of each round has, and it cannot be cancelled before it knows.
    #[must_use]
    pub fn is_leader(self) -> bool {
        self.index == 0
    }
}

/// The future of [`Barrier::wait`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct BarrierWaitFuture<'a>(Wait<'a, Gate>);

impl Future for BarrierWaitFuture<'_> {
    type Output = Result<Arrival, BrokenBarrier>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}
