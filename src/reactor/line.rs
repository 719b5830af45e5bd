//! The tasks that wait for one direction of a source.
//!
//! Several tasks may wait in the same direction (a `&TcpStream` can be read by any task that holds
//! it), so each direction keeps a line of wakers, each once, oldest first. The first place is in
//! the line itself; only a crowd allocates.
//!
//! # How abandoned wakers leave
//!
//! A dropped read leaves its waker in the line, and it cannot be distinguished from that of a task
//! that still waits. A line of such wakers would grow without bound. So a line that reaches its
//! limit is swept: all wakers are released, and the tasks that still wait join again. Their number
//! sets the next limit.
//!
//! ```text
//!            join, below the limit      join, below the limit
//!                  ┌────┐                     ┌────┐
//!                  │    ▼ join, at the limit: │    ▼
//!                ┌────────┐ release all     ┌───────────┐ ───┐ join, at the limit:
//!                │ stable │ ──────────────► │ returning │    │ the limit doubles
//!                └────────┘ ◄────────────── └───────────┘ ◄──┘
//!                           join, two laps later:
//!                           the limit is twice the length
//!                           release (an edge): the limit stays
//! ```
//!
//! In a lap the loop polls every task that was ready when the lap began. So all tasks that a sweep
//! woke are back in line two laps later, regardless of their number. The next sweep comes when as
//! many wakers have joined as were in line then. In an idle program no waker joins, so no number of
//! waiting tasks costs time.

use std::collections::BTreeSet;
use std::ptr;
use std::task::Waker;

/// The smallest limit of a line.
pub(super) const MOST: usize = 32;

/// How many laps it takes until the tasks that were woken have run: the rest of this one, and the
/// next.
const LAPS: u64 = 2;

/// The wakers that wait for one direction, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    /// The oldest, nearly always the only one.
    first: Option<Waker>,
    /// The others, from the first time that there are any. Invariant: without wakers while `first`
    /// is `None`.
    crowd: Option<Box<Crowd>>,
}

/// The wakers behind the first.
#[derive(Debug, Default)]
struct Crowd {
    /// The wakers, oldest first.
    wakers: Vec<Waker>,
    /// The same wakers by identity. Invariant: it has one entry for each of `wakers`.
    known: BTreeSet<Identity>,
    /// When the line is swept.
    limit: Limit,
}

/// What [`Waker::will_wake`] compares: the addresses of a waker's data and vtable. No other waker
/// has the same while this one is alive.
type Identity = (usize, usize);

/// The identity of a waker.
fn identity(waker: &Waker) -> Identity {
    (waker.data().addr(), ptr::from_ref(waker.vtable()).addr())
}

impl Waiters {
    /// Returns `true` if no task waits.
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Returns `true` if `waker` is in the line.
    pub(super) fn contains(&self, waker: &Waker) -> bool {
        self.first
            .as_ref()
            .is_some_and(|first| first.will_wake(waker))
            || self
                .crowd
                .as_ref()
                .is_some_and(|crowd| crowd.known.contains(&identity(waker)))
    }

    /// Puts `waker` at the end of the line. Returns it if it is in the line already.
    pub(crate) fn admit(
        &mut self,
        waker: Waker,
        lap: u64,
        woken: &mut Vec<Waker>,
    ) -> Option<Waker> {
        if self.contains(&waker) {
            return Some(waker);
        }
        self.join(waker, lap, woken);
        None
    }

    /// Puts `waker`, which is not in the line, at its end. Moves all others to `woken` when the
    /// line is swept.
    pub(super) fn join(&mut self, waker: Waker, lap: u64, woken: &mut Vec<Waker>) {
        if self.first.is_none() {
            self.first = Some(waker);
            return;
        }
        let crowd = self.crowd.get_or_insert_default();
        match crowd.limit.admit(1 + crowd.wakers.len(), lap) {
            Admission::Join => {
                crowd.known.insert(identity(&waker));
                crowd.wakers.push(waker);
            }
            Admission::Sweep => {
                woken.extend(self.first.replace(waker));
                crowd.release(woken);
            }
        }
    }

    /// Moves all wakers to `woken`.
    pub(crate) fn release(&mut self, woken: &mut Vec<Waker>) {
        woken.extend(self.first.take());
        if let Some(crowd) = &mut self.crowd {
            crowd.release(woken);
            crowd.limit.keep();
        }
    }
}

impl Crowd {
    /// Moves all wakers to `woken`, and frees the memory of a large crowd.
    fn release(&mut self, woken: &mut Vec<Waker>) {
        woken.append(&mut self.wakers);
        self.wakers.shrink_to(MOST);
        self.known.clear();
    }
}

/// When a line is swept.
#[derive(Debug)]
struct Limit {
    /// The length at which it is swept.
    length: usize,
    /// After a sweep: the lap in which the tasks that still wait have joined again.
    back_by: Option<u64>,
}

impl Default for Limit {
    fn default() -> Self {
        Self {
            length: MOST,
            back_by: None,
        }
    }
}

/// What happens when a waker joins a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
enum Admission {
    /// The waker joins the others.
    Join,
    /// The others are released first.
    Sweep,
}

impl Limit {
    /// Decides about a waker that joins a line of `length` others.
    fn admit(&mut self, length: usize, lap: u64) -> Admission {
        if self.back_by.is_some_and(|back_by| back_by <= lap) {
            self.length = MOST.max(2 * length);
            self.back_by = None;
        }
        if length < self.length {
            return Admission::Join;
        }
        if self.back_by.is_some() {
            self.length *= 2;
            return Admission::Join;
        }
        self.back_by = Some(lap + LAPS);
        Admission::Sweep
    }

    /// An edge released the line: how many come back says nothing about how many were abandoned
    /// before.
    fn keep(&mut self) {
        self.back_by = None;
    }
}

#[cfg(all(test, not(wheelhouse_loom)))]
mod tests {
    use std::sync::Arc;
    use std::task::Wake;

    use proptest::prelude::*;

    use super::*;

    /// A waker that does nothing. Its address identifies it.
    struct Waiter;

    impl Wake for Waiter {
        fn wake(self: Arc<Self>) {}
    }

    /// `count` wakers, all different.
    fn crowd(count: usize) -> Vec<Waker> {
        (0..count).map(|_| Waker::from(Arc::new(Waiter))).collect()
    }

    /// The places in `crowd` of some wakers.
    fn places(crowd: &[Waker], wakers: &[Waker]) -> Vec<usize> {
        let place = |waker: &Waker| crowd.iter().position(|other| other.will_wake(waker));
        wakers
            .iter()
            .map(|waker| place(waker).expect("one of the crowd"))
            .collect()
    }

    /// A line and its loop, lap by lap.
    #[derive(Default)]
    struct World {
        line: Waiters,
        lap: u64,
        ready: Vec<Waker>,
        /// How many polls were made.
        polls: usize,
    }

    impl World {
        /// Polls one task, which waits for the line.
        fn poll(&mut self, waker: &Waker) {
            self.polls += 1;
            if !self.line.contains(waker) {
                self.line.join(waker.clone(), self.lap, &mut self.ready);
            }
        }

        /// Polls those that are ready now.
        fn lap(&mut self) {
            self.lap += 1;
            for next in std::mem::take(&mut self.ready) {
                self.poll(&next);
            }
        }

        /// Runs until no task is ready; fails when that takes more polls than `most`.
        #[track_caller]
        fn until_idle(&mut self, most: usize) {
            let before = self.polls;
            while !self.ready.is_empty() {
                self.lap();
                assert!(self.polls - before <= most, "{} polls", self.polls - before);
            }
        }

        /// How many wakers are in the line.
        fn len(&self) -> usize {
            let behind = self.line.crowd.as_ref();
            usize::from(self.line.first.is_some()) + behind.map_or(0, |crowd| crowd.wakers.len())
        }
    }

    #[test]
    fn a_line_of_any_length_comes_to_rest_after_few_polls_and_stays_at_rest() {
        for count in [1, 2, MOST, MOST + 1, 2 * MOST + 1, 1_000, 10_000] {
            let (crowd, mut world) = (crowd(count), World::default());
            world.ready.extend(crowd.iter().cloned());
            world.until_idle(3 * count);
            assert_eq!(world.len(), count);
            for _ in 0..3 {
                let mut woken = Vec::new();
                world.line.release(&mut woken);
                assert_eq!(woken.len(), count);
                world.ready.extend(woken);
                world.until_idle(3 * count);
                assert_eq!(world.len(), count);
            }
        }
    }

    #[test]
    fn the_number_of_abandoned_wakers_is_bounded_by_that_of_waiting_ones() {
        for waiting in [0, 1, 40, 1_000] {
            let (tasks, mut world) = (crowd(waiting), World::default());
            world.ready.extend(tasks.iter().cloned());
            world.until_idle(3 * waiting);
            for _ in 0..20_000 {
                // A task joins, and is gone when it is woken.
                world.poll(&Waker::from(Arc::new(Waiter)));
                if !world.ready.is_empty() {
                    let waits = |waker: &Waker| tasks.iter().any(|task| task.will_wake(waker));
                    world.ready.retain(waits);
                }
                if world.polls.is_multiple_of(7) {
                    world.lap();
                }
            }
            world.until_idle(3 * waiting);
            let most = 2 * waiting + 2 * MOST;
            assert!(world.len() <= most, "{} beside {waiting}", world.len());
            assert!(tasks.iter().all(|task| world.line.contains(task)));
            assert!(world.polls <= 2 * 20_000 + 4 * waiting, "{}", world.polls);
        }
    }

    #[test]
    fn a_sweep_returns_the_others_in_order_and_keeps_the_one_that_joins() {
        let crowd = crowd(MOST + 1);
        let mut line = Waiters::default();
        let mut woken = Vec::new();
        for waker in &crowd {
            line.join(waker.clone(), 0, &mut woken);
        }
        assert_eq!(places(&crowd, &woken), (0..MOST).collect::<Vec<_>>());
        assert!(line.contains(&crowd[MOST]) && !line.contains(&crowd[0]));
    }

    /// What a test does to a line.
    #[derive(Clone, Debug)]
    enum Step {
        /// A task joins, unless it is in the line.
        Join(usize),
        /// All are released.
        Release,
        /// Laps go by.
        Laps(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            40 => (0..80_usize).prop_map(Step::Join),
            1 => Just(Step::Release),
            2 => (1..4_u64).prop_map(Step::Laps),
        ]
    }

    proptest! {
        #[test]
        fn a_line_behaves_like_a_queue_without_doubles(steps in prop::collection::vec(step(), 0..300)) {
            let crowd = crowd(80);
            let (mut line, mut model, mut lap) = (Waiters::default(), Vec::new(), 0);
            for step in steps {
                let mut woken = Vec::new();
                match step {
                    Step::Join(index) if line.contains(&crowd[index]) => {
                        prop_assert!(model.contains(&index));
                    }
                    Step::Join(index) => {
                        line.join(crowd[index].clone(), lap, &mut woken);
                        if !woken.is_empty() {
                            prop_assert_eq!(places(&crowd, &woken), std::mem::take(&mut model));
                        }
                        model.push(index);
                    }
                    Step::Release => {
                        line.release(&mut woken);
                        prop_assert_eq!(places(&crowd, &woken), std::mem::take(&mut model));
                    }
                    Step::Laps(laps) => lap += laps,
                }
                prop_assert_eq!(line.is_empty(), model.is_empty());
                for (index, waker) in crowd.iter().enumerate() {
                    prop_assert_eq!(line.contains(waker), model.contains(&index));
                }
            }
        }
    }
}
