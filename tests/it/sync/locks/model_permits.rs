//! Locks and semaphores compared with one model: permits that are granted first come, first served.
//! A lock has one permit; a read-write lock has many, of which a writer takes all.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use proptest::prelude::*;
use wheelhouse::sync::{Lock, RwLock, Semaphore};

use crate::common::CountingWaker;

/// The result of a wait. Its drop puts the permits back.
type Held<'a> = Box<dyn Sized_ + 'a>;

/// Anything that is held.
trait Sized_ {}
impl<T> Sized_ for T {}

/// The primitive under test.
trait Subject {
    /// The number of permits.
    const ALL: usize;
    /// Returns how many permits an operation with the argument `n` takes.
    fn cost(n: usize) -> usize;
    /// Creates the primitive.
    fn make() -> Self;
    /// Returns a future that acquires permits.
    fn begin(&self, n: usize) -> LocalBoxFuture<'_, Held<'_>>;
    /// Acquires permits without waiting.
    fn attempt(&self, n: usize) -> Option<Held<'_>>;
    /// Returns `true` if the number of free permits is that of the model.
    fn agrees(&self, free: usize, waiting: usize) -> bool;
}

impl Subject for Lock<u8> {
    const ALL: usize = 1;

    fn cost(_: usize) -> usize {
        1
    }

    fn make() -> Self {
        Self::new(0)
    }

    fn begin(&self, _: usize) -> LocalBoxFuture<'_, Held<'_>> {
        self.lock()
            .map(|guard| Box::new(guard) as Held<'_>)
            .boxed_local()
    }

    fn attempt(&self, _: usize) -> Option<Held<'_>> {
        Some(Box::new(self.try_lock()?))
    }

    fn agrees(&self, free: usize, _: usize) -> bool {
        self.is_locked() == (free == 0)
    }
}

impl Subject for Semaphore {
    const ALL: usize = 5;

    fn cost(n: usize) -> usize {
        n
    }

    fn make() -> Self {
        Self::new(Self::ALL)
    }

    fn begin(&self, n: usize) -> LocalBoxFuture<'_, Held<'_>> {
        let wait = self.acquire_many(n);
        wait.map(|permit| Box::new(permit) as Held<'_>)
            .boxed_local()
    }

    fn attempt(&self, n: usize) -> Option<Held<'_>> {
        Some(Box::new(self.try_acquire_many(n)?))
    }

    fn agrees(&self, free: usize, waiting: usize) -> bool {
        self.available() == free && self.is_locked() == (free == 0 || waiting > 0)
    }
}

impl Subject for RwLock<u8> {
    const ALL: usize = 1000;

    fn cost(n: usize) -> usize {
        if n > 3 { Self::ALL } else { 1 }
    }

    fn make() -> Self {
        Self::new(0)
    }

    fn begin(&self, n: usize) -> LocalBoxFuture<'_, Held<'_>> {
        match Self::cost(n) {
            1 => self
                .read()
                .map(|guard| Box::new(guard) as Held<'_>)
                .boxed_local(),
            _ => self
                .write()
                .map(|guard| Box::new(guard) as Held<'_>)
                .boxed_local(),
        }
    }

    fn attempt(&self, n: usize) -> Option<Held<'_>> {
        match Self::cost(n) {
            1 => Some(Box::new(self.try_read()?)),
            _ => Some(Box::new(self.try_write()?)),
        }
    }

    fn agrees(&self, free: usize, _: usize) -> bool {
        self.is_locked() == (free < Self::ALL)
    }
}

/// An operation. Indices are taken modulo the number of candidates.
#[derive(Clone, Debug)]
enum Step {
    Begin(usize),
    Attempt(usize),
    Poll(usize),
    DropWait(usize),
    Release(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..6_usize).prop_map(Step::Begin),
        1 => (0..6_usize).prop_map(Step::Attempt),
        3 => any::<usize>().prop_map(Step::Poll),
        2 => any::<usize>().prop_map(Step::DropWait),
        3 => any::<usize>().prop_map(Step::Release),
    ]
}

/// The model.
struct Model {
    free: usize,
    /// The waiting futures, with the number of permits of each.
    waiting: VecDeque<(usize, usize)>,
    /// The futures with a grant that were not polled since, with the number of permits of each.
    granted: Vec<(usize, usize)>,
}

impl Model {
    fn take(&mut self, cost: usize) -> bool {
        let fits = self.waiting.is_empty() && cost <= self.free;
        self.free -= if fits { cost } else { 0 };
        fits
    }

    fn put_back(&mut self, cost: usize) {
        self.free += cost;
        while let Some(&(name, cost)) = self.waiting.front()
            && cost <= self.free
        {
            self.waiting.pop_front();
            self.granted.push((name, cost));
            self.free -= cost;
        }
    }

    /// Takes the grant of `name`.
    fn take_grant(&mut self, name: usize) -> Option<usize> {
        let at = self.granted.iter().position(|granted| granted.0 == name)?;
        Some(self.granted.swap_remove(at).1)
    }
}

/// A future that was polled.
struct Waiting<'a> {
    name: usize,
    future: LocalBoxFuture<'a, Held<'a>>,
    counter: Arc<CountingWaker>,
    waker: Waker,
}

/// The primitive and the model.
struct Pair<'a, S> {
    subject: &'a S,
    model: Model,
    waits: Vec<Waiting<'a>>,
    held: Vec<(usize, Held<'a>)>,
    next: usize,
}

impl<'a, S: Subject> Pair<'a, S> {
    fn begin(&mut self, n: usize) {
        let (cost, name) = (S::cost(n), self.next);
        self.next += 1;
        let (counter, waker) = CountingWaker::new();
        let future = self.subject.begin(n);
        let mut wait = Waiting {
            name,
            future,
            counter,
            waker,
        };
        match (poll(&mut wait), self.model.take(cost)) {
            (Poll::Ready(held), true) => self.held.push((cost, held)),
            (Poll::Pending, false) => {
                self.model.waiting.push_back((name, cost));
                self.waits.push(wait);
            }
            (polled, _) => panic!("it is ready: {}", polled.is_ready()),
        }
    }

    fn attempt(&mut self, n: usize) {
        let cost = S::cost(n);
        let held = self.subject.attempt(n);
        assert_eq!(held.is_some(), self.model.take(cost));
        self.held.extend(held.map(|held| (cost, held)));
    }

    fn poll(&mut self, at: usize) {
        let granted = self.model.take_grant(self.waits[at].name);
        match (poll(&mut self.waits[at]), granted) {
            (Poll::Ready(held), Some(cost)) => {
                self.held.push((cost, held));
                self.waits.swap_remove(at);
            }
            (Poll::Pending, None) => {}
            (polled, _) => panic!("it is ready: {}", polled.is_ready()),
        }
    }

    fn drop_wait(&mut self, at: usize) {
        let wait = self.waits.swap_remove(at);
        let name = wait.name;
        drop(wait);
        self.model.waiting.retain(|waiting| waiting.0 != name);
        let cost = self.model.take_grant(name).unwrap_or(0);
        self.model.put_back(cost);
    }

    fn apply(&mut self, step: Step) {
        let (waits, held) = (self.waits.len(), self.held.len());
        match step {
            Step::Begin(n) => self.begin(n),
            Step::Attempt(n) => self.attempt(n),
            Step::Poll(at) if waits > 0 => self.poll(at % waits),
            Step::DropWait(at) if waits > 0 => self.drop_wait(at % waits),
            Step::Release(at) if held > 0 => {
                let (cost, held) = self.held.swap_remove(at % held);
                drop(held);
                self.model.put_back(cost);
            }
            _ => {}
        }
        self.check();
    }

    fn check(&self) {
        let (free, waiting) = (self.model.free, self.model.waiting.len());
        assert!(self.subject.agrees(free, waiting));
        for wait in &self.waits {
            let granted = self
                .model
                .granted
                .iter()
                .any(|(name, _)| *name == wait.name);
            assert_eq!(
                wait.counter.wakes(),
                u32::from(granted),
                "woken once, when granted"
            );
        }
    }
}

fn poll<'a>(wait: &mut Waiting<'a>) -> Poll<Held<'a>> {
    Pin::new(&mut wait.future).poll(&mut Context::from_waker(&wait.waker))
}

fn play<S: Subject>(steps: Vec<Step>) {
    let subject = S::make();
    let mut pair = Pair {
        subject: &subject,
        model: Model {
            free: S::ALL,
            waiting: VecDeque::new(),
            granted: Vec::new(),
        },
        waits: Vec::new(),
        held: Vec::new(),
        next: 0,
    };
    steps.into_iter().for_each(|step| pair.apply(step));
    drop(pair);
    assert!(subject.agrees(S::ALL, 0), "nothing is lost");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_lock_does_as_the_model(steps in prop::collection::vec(step(), 1..80)) {
        play::<Lock<u8>>(steps);
    }

    #[test]
    fn a_semaphore_does_as_the_model(steps in prop::collection::vec(step(), 1..80)) {
        play::<Semaphore>(steps);
    }

    #[test]
    fn a_lock_for_readers_and_writers_does_as_the_model(steps in prop::collection::vec(step(), 1..80)) {
        play::<RwLock<u8>>(steps);
    }
}
