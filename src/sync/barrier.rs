//! A barrier, where a number of tasks wait for each other.
//!
//! ```text
//!                         abort: all waits return Aborted
//!             filling ──────────────────────────────────────▶ broken
//!              │ ▲  ▲                                           │
//!              └─┘  └───────────────────────────────────────────┘
//!                                     reset
//!   wait, not the last of the round: waits
//!   wait, the last of the round: all waits return their number
//!   reset: all waits return Reset
//! ```
//!
//! asyncio's barrier has a state in which the tasks of a round leave and new tasks have to wait.
//! Here each waiting task is handed its number, so the next round begins at once.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::error::BrokenBarrier;
use crate::util::wait_graph::ResourceKind;
use crate::util::wait_queue::{self, Resource, WaitFuture, WaitQueue, Wakes, update};

/// A barrier: a given number of tasks wait for each other, then all continue (asyncio: `Barrier`).
///
/// It can be used for any number of rounds.
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
pub struct Barrier(RefCell<BarrierState>);

/// The result of a wait.
type WaitResult = Result<Arrival, BrokenBarrier>;

/// The state of a barrier.
struct BarrierState {
    /// The number of tasks of a round.
    parties: usize,
    /// Whether it was aborted and not reset since.
    broken: bool,
    /// The waiting tasks of this round.
    queue: WaitQueue<(), WaitResult>,
}

impl BarrierState {
    /// Ends all waits with an error.
    fn fail_all(&mut self, error: BrokenBarrier, wakes: &mut Wakes) {
        self.queue.grant_many(usize::MAX, &Err(error), wakes);
    }
}

impl Resource for BarrierState {
    type Request = ();
    type Grant = WaitResult;

    fn queue(&mut self) -> &mut WaitQueue<(), WaitResult> {
        &mut self.queue
    }

    fn try_grant(&mut self, (): (), wakes: &mut Wakes) -> Result<WaitResult, ()> {
        if self.broken {
            return Ok(Err(BrokenBarrier::Aborted));
        }
        if self.queue.waiting() + 1 < self.parties {
            return Err(());
        }
        let mut index = 1;
        while self.queue.grant(Ok(Arrival { index }), wakes).is_ok() {
            index += 1;
        }
        Ok(Ok(Arrival { index: 0 }))
    }

    /// The round is over, so no other wait can use the result.
    fn take_back(&mut self, result: WaitResult, _wakes: &mut Wakes) -> Option<WaitResult> {
        Some(result)
    }
}

impl Barrier {
    /// Creates a barrier for rounds of `parties` tasks.
    ///
    /// # Panics
    /// If `parties` is 0.
    #[must_use]
    #[track_caller]
    pub const fn new(parties: usize) -> Self {
        assert!(parties > 0, "a barrier needs at least one party");
        Self(RefCell::new(BarrierState {
            parties,
            broken: false,
            queue: WaitQueue::new(ResourceKind::Barrier),
        }))
    }

    /// Names the barrier, for the report of a deadlock: see [`testing::run`](crate::testing::run).
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

    /// Waits for the other tasks of the round, and returns this task's number among them.
    ///
    /// # Cancel safety
    /// A wait that is dropped before the round is full does not count any more: the others wait for
    /// another task. After that only its number is lost, which is never the leader's: the leader
    /// does not suspend.
    ///
    /// # Errors
    /// [`BrokenBarrier`] if the barrier is broken by [`abort`](Barrier::abort), before or during
    /// the wait, or is [`reset`](Barrier::reset) during the wait.
    ///
    /// # Panics
    /// If the future is polled after it has completed.
    ///
    /// # Examples
    /// See [`Barrier`].
    pub fn wait(&self) -> BarrierWaitFuture<'_> {
        BarrierWaitFuture(WaitFuture::new(&self.0, ()))
    }

    /// Begins a new round, also on a broken barrier: all waiting tasks get
    /// [`BrokenBarrier::Reset`].
    ///
    /// # Examples
    /// See [`abort`](Barrier::abort).
    pub fn reset(&self) {
        update(&self.0, |state, wakes| {
            state.broken = false;
            state.fail_all(BrokenBarrier::Reset, wakes);
        });
    }

    /// Breaks the barrier: all waits, present and later, return [`BrokenBarrier::Aborted`] until it
    /// is [`reset`](Barrier::reset).
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
        update(&self.0, |state, wakes| {
            state.broken = true;
            state.fail_all(BrokenBarrier::Aborted, wakes);
        });
    }

    /// Returns the number of tasks of a round.
    #[must_use]
    pub fn parties(&self) -> usize {
        self.0.borrow().parties
    }

    /// Returns the number of tasks that wait in this round (asyncio: `n_waiting`).
    #[doc(alias = "n_waiting")]
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.borrow().queue.waiting()
    }

    /// Returns `true` if the barrier is broken (asyncio: `broken`).
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
    index: usize,
}

impl Arrival {
    /// Returns the number: 0 for the last task to arrive, then 1, 2 and so on in the order of
    /// arrival.
    #[must_use]
    pub fn index(self) -> usize {
        self.index
    }

    /// Returns `true` for number 0.
    ///
    /// Each round has exactly one leader: the last task to arrive does not suspend, so it cannot be
    /// cancelled before it has its number.
    #[must_use]
    pub fn is_leader(self) -> bool {
        self.index == 0
    }
}

/// The future of [`Barrier::wait`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct BarrierWaitFuture<'a>(WaitFuture<'a, BarrierState>);

impl Future for BarrierWaitFuture<'_> {
    type Output = Result<Arrival, BrokenBarrier>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}
