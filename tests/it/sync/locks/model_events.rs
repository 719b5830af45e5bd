//! Events, barriers and conditions, each compared with a model.

use std::collections::BTreeMap;
use std::task::{Poll, Waker};

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use proptest::prelude::*;
use wheelhouse::sync::{Barrier, BrokenBarrier, Condition, Event, Lock};

use crate::common::poll_with;

/// Waits by name, and the expected result of each granted one.
struct Waits<'a, T> {
    /// The futures. Names grow, so that their order is that of arrival.
    futures: BTreeMap<usize, LocalBoxFuture<'a, T>>,
    /// The expected results of the granted waits.
    granted: BTreeMap<usize, T>,
    /// The next name.
    next: usize,
}

impl<'a, T: PartialEq + std::fmt::Debug> Waits<'a, T> {
    fn new() -> Self {
        Self {
            futures: BTreeMap::new(),
            granted: BTreeMap::new(),
            next: 0,
        }
    }

    /// Starts a wait whose first poll must return `expected`, or `Pending` for `None`.
    fn begin(&mut self, mut future: LocalBoxFuture<'a, T>, expected: Option<T>) {
        match poll_with(&mut future, Waker::noop()) {
            Poll::Ready(value) => assert_eq!(Some(value), expected),
            Poll::Pending => {
                assert_eq!(expected, None);
                self.futures.insert(self.next, future);
                self.next += 1;
            }
        }
    }

    /// Returns the names of the waits without a grant, in order.
    fn waiting(&self) -> Vec<usize> {
        let names = self.futures.keys().copied();
        names
            .filter(|name| !self.granted.contains_key(name))
            .collect()
    }

    /// Records the expected results of these waits.
    fn grant(&mut self, names: &[usize], mut value: impl FnMut(usize) -> T) {
        let pairs = names.iter().enumerate();
        self.granted
            .extend(pairs.map(|(at, name)| (*name, value(at))));
    }

    /// Returns the name of any wait.
    fn any(&self, at: usize) -> Option<usize> {
        let count = self.futures.len().max(1);
        self.futures.keys().nth(at % count).copied()
    }

    /// Polls one, and checks its result.
    fn poll(&mut self, at: usize) -> bool {
        let Some(name) = self.any(at) else {
            return false;
        };
        let future = self
            .futures
            .get_mut(&name)
            .expect("the name is that of a wait");
        match poll_with(future, Waker::noop()) {
            Poll::Ready(value) => {
                assert_eq!(Some(value), self.granted.remove(&name));
                self.futures.remove(&name);
                true
            }
            Poll::Pending => {
                assert!(!self.granted.contains_key(&name));
                false
            }
        }
    }

    /// Drops one, and returns the expected result if it was granted.
    fn leave(&mut self, at: usize) -> Option<T> {
        let name = self.any(at)?;
        self.futures.remove(&name);
        self.granted.remove(&name)
    }
}

/// The number of an operation and its argument.
type Steps = Vec<(u8, usize)>;

fn steps() -> impl Strategy<Value = Steps> {
    prop::collection::vec((0..8_u8, 0..6_usize), 1..80)
}

fn play_event(steps: Steps) {
    let (event, mut set) = (Event::new(), false);
    let mut waits = Waits::new();
    for (operation, at) in steps {
        match operation {
            0..3 => waits.begin(event.wait().boxed_local(), set.then_some(())),
            3 => {
                event.set();
                set = true;
                waits.grant(&waits.waiting(), |_| ());
            }
            4 => {
                event.clear();
                set = false;
            }
            5 => drop(waits.leave(at)),
            _ => drop(waits.poll(at)),
        }
        assert_eq!(event.is_set(), set);
    }
}

fn play_barrier(steps: Steps) {
    let (barrier, mut broken) = (Barrier::new(3), false);
    let mut waits = Waits::new();
    for (operation, at) in steps {
        let names = waits.waiting();
        match operation {
            0..3 => {
                let wait = barrier
                    .wait()
                    .map(|passed| passed.map(|arrival| arrival.index()));
                let last = names.len() == 2;
                let expected = if broken {
                    Some(Err(BrokenBarrier::Aborted))
                } else {
                    last.then_some(Ok(0))
                };
                if last {
                    waits.grant(&names, |at| Ok(at + 1));
                }
                waits.begin(wait.boxed_local(), expected);
            }
            3 if at == 0 => {
                barrier.abort();
                broken = true;
                waits.grant(&names, |_| Err(BrokenBarrier::Aborted));
            }
            3 if at < 3 => {
                barrier.reset();
                broken = false;
                waits.grant(&names, |_| Err(BrokenBarrier::Reset));
            }
            4 => drop(waits.leave(at)),
            _ => drop(waits.poll(at)),
        }
        assert_eq!(barrier.waiting(), waits.waiting().len());
        assert_eq!(barrier.is_broken(), broken);
    }
}

/// A notification of a condition: whether it is for one wait alone.
fn play_condition(steps: Steps) {
    let (condition, lock) = (Condition::new(), Lock::new(()));
    let mut waits = Waits::new();
    // In the model a notification is a value. Those for one wait are passed on.
    let mut alone = BTreeMap::new();
    for (operation, at) in steps {
        let names = waits.waiting();
        match operation {
            0..3 => {
                let guard = lock.try_lock().expect("no task keeps the lock");
                let wait = condition.wait(guard).map(drop);
                waits.begin(wait.boxed_local(), None);
            }
            3 => {
                condition.notify(at);
                let first = &names[..at.min(names.len())];
                waits.grant(first, |_| ());
                alone.extend(first.iter().map(|name| (*name, ())));
            }
            4 if at == 0 => {
                condition.notify_all();
                waits.grant(&names, |_| ());
            }
            5 => {
                let leaver = waits.any(at);
                let granted = waits.leave(at).is_some();
                let passes_on = leaver.and_then(|name| alone.remove(&name)).is_some();
                let next: Vec<_> = waits.waiting().into_iter().take(1).collect();
                if granted && passes_on {
                    waits.grant(&next, |_| ());
                    alone.extend(next.iter().map(|name| (*name, ())));
                }
            }
            _ => drop(waits.poll(at)),
        }
        assert!(!lock.is_locked());
        let shown = format!("Condition {{ waiting: {} }}", waits.waiting().len());
        assert_eq!(format!("{condition:?}"), shown);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn an_event_does_as_the_model(steps in steps()) {
        play_event(steps);
    }

    #[test]
    fn a_barrier_does_as_the_model(steps in steps()) {
        play_barrier(steps);
    }

    #[test]
    fn a_condition_does_as_the_model(steps in steps()) {
        play_condition(steps);
    }
}
