//! F1: one registered file descriptor: what is known about it, and who waits for it.
//!
//! Several tasks may wait in the same direction (a `&TcpStream` can be read by anyone who holds it), so each direction
//! keeps a line of wakers, not one. The first place is in the source itself; only a crowd allocates.
//!
//! ```text
//!                join                    join beyond MOST
//!   absent ───────────────► in line ───────────────────────► displaced: the caller owes it a wake
//!      ▲                      │  │
//!      │  leave               │  │ release (an edge, or the end of the source)
//!      └──────────────────────┘  └───────────────────────────► gathered: the caller owes it a wake
//! ```
//!
//! Nothing here wakes, clones or drops a waker: all three are foreign code, and run only after the caller has let go of
//! the reactor.

use std::mem;
use std::task::Waker;

use super::readiness::{Direction, Readiness};

/// How many tasks may stand in one line.
///
/// Tasks that lost interest without a word (a dropped read leaves its waker behind) would make the line grow
/// for ever; beyond this bound the oldest is sent off with a wake, and comes back if it still wants to.
pub(super) const MOST: usize = 32;

/// The wakers that wait for one direction, oldest first.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    /// The oldest, nearly always the only one.
    first: Option<Waker>,
    /// The others. Invariant: empty while `first` is.
    more: Vec<Waker>,
}

impl Waiters {
    /// Whether no one waits.
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// How many wait.
    fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.more.len()
    }

    /// Whether a wake through `waker` would come anyway.
    pub(super) fn contains(&self, waker: &Waker) -> bool {
        self.first
            .iter()
            .chain(&self.more)
            .any(|other| other.will_wake(waker))
    }

    /// Puts `waker` at the end of the line; gives back one that must be woken in its stead, when the line is full.
    #[must_use = "the displaced waker must be woken"]
    pub(super) fn join(&mut self, waker: Waker) -> Option<Waker> {
        let displaced = if self.len() == MOST { self.pop() } else { None };
        if self.first.is_none() {
            self.first = Some(waker);
        } else {
            self.more.push(waker);
        }
        displaced
    }

    /// Moves all wakers to `woken`.
    pub(super) fn release(&mut self, woken: &mut Vec<Waker>) {
        woken.extend(self.first.take());
        woken.append(&mut self.more);
    }

    /// Takes the oldest.
    fn pop(&mut self) -> Option<Waker> {
        let next = if self.more.is_empty() {
            None
        } else {
            Some(self.more.remove(0))
        };
        mem::replace(&mut self.first, next)
    }
}

/// One registration.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// What is known.
    readiness: Readiness,
    /// Who waits to read.
    readers: Waiters,
    /// Who waits to write.
    writers: Waiters,
}

impl Source {
    /// A source no one waits for.
    pub(super) fn new(readiness: Readiness) -> Self {
        Self {
            readiness,
            ..Self::default()
        }
    }

    /// What is known.
    pub(super) fn readiness(&self) -> Readiness {
        self.readiness
    }

    /// What is known, to be changed by the outcome of a call.
    pub(super) fn readiness_mut(&mut self) -> &mut Readiness {
        &mut self.readiness
    }

    /// Whether anyone waits in either direction.
    pub(super) fn is_waited_for(&self) -> bool {
        !(self.readers.is_empty() && self.writers.is_empty())
    }

    /// The line of one direction.
    pub(super) fn waiters(&self, direction: Direction) -> &Waiters {
        match direction {
            Direction::Read => &self.readers,
            Direction::Write => &self.writers,
        }
    }

    /// The line of one direction, to be changed.
    pub(super) fn waiters_mut(&mut self, direction: Direction) -> &mut Waiters {
        match direction {
            Direction::Read => &mut self.readers,
            Direction::Write => &mut self.writers,
        }
    }

    /// Takes in an edge and gathers those it concerns.
    pub(super) fn on_edge(&mut self, edge: Readiness, woken: &mut Vec<Waker>) {
        self.readiness.merge(edge);
        for direction in [Direction::Read, Direction::Write] {
            if edge.is_ready(direction) {
                self.waiters_mut(direction).release(woken);
            }
        }
    }

    /// Ends the source and gathers all who wait.
    pub(super) fn dissolve(mut self, woken: &mut Vec<Waker>) {
        self.readers.release(woken);
        self.writers.release(woken);
    }
}

#[cfg(all(test, not(wheelhouse_loom)))]
mod tests {
    use std::sync::Arc;
    use std::task::Wake;

    use proptest::prelude::*;

    use super::*;

    /// A waker that is told from others by its address and does nothing.
    struct Somebody;

    impl Wake for Somebody {
        fn wake(self: Arc<Self>) {}
    }

    /// `count` wakers, all different.
    fn crowd(count: usize) -> Vec<Waker> {
        (0..count)
            .map(|_| Waker::from(Arc::new(Somebody)))
            .collect()
    }

    /// The places in `crowd` of some wakers.
    fn places(crowd: &[Waker], wakers: &[Waker]) -> Vec<usize> {
        let place = |waker: &Waker| crowd.iter().position(|other| other.will_wake(waker));
        wakers
            .iter()
            .map(|waker| place(waker).expect("one of the crowd"))
            .collect()
    }

    #[test]
    fn a_line_beyond_its_bound_gives_back_the_oldest() {
        let crowd = crowd(MOST + 2);
        let mut line = Waiters::default();
        for waker in &crowd[..MOST] {
            assert!(line.join(waker.clone()).is_none());
        }
        for late in 0..2 {
            let displaced = line
                .join(crowd[MOST + late].clone())
                .expect("the line was full");
            assert!(displaced.will_wake(&crowd[late]));
        }
        let mut woken = Vec::new();
        line.release(&mut woken);
        assert_eq!(places(&crowd, &woken), (2..MOST + 2).collect::<Vec<_>>());
    }

    #[test]
    fn an_edge_gathers_only_the_direction_it_speaks_of() {
        let crowd = crowd(2);
        let mut source = Source::new(Readiness::NONE);
        assert!(
            source
                .waiters_mut(Direction::Read)
                .join(crowd[0].clone())
                .is_none()
        );
        assert!(
            source
                .waiters_mut(Direction::Write)
                .join(crowd[1].clone())
                .is_none()
        );
        let mut woken = Vec::new();
        source.on_edge(Readiness::WRITABLE, &mut woken);
        assert_eq!(places(&crowd, &woken), [1]);
        source.on_edge(Readiness::READ_CLOSED, &mut woken);
        assert_eq!(places(&crowd, &woken), [1, 0]);
        assert!(!source.is_waited_for());
    }

    /// What a test does to a line.
    #[derive(Clone, Debug)]
    enum Step {
        /// Someone of the crowd joins, unless it stands there already.
        Join(usize),
        /// Everyone is released.
        Release,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            12 => (0..50_usize).prop_map(Step::Join),
            1 => Just(Step::Release),
        ]
    }

    proptest! {
        #[test]
        fn a_line_behaves_like_a_bounded_queue(steps in prop::collection::vec(step(), 0..300)) {
            let crowd = crowd(50);
            let (mut line, mut model) = (Waiters::default(), Vec::new());
            for step in steps {
                let (gone, expected) = match step {
                    Step::Join(who) if model.contains(&who) => (None, None),
                    Step::Join(who) => {
                        let oldest = (model.len() == MOST).then(|| model.remove(0));
                        model.push(who);
                        (line.join(crowd[who].clone()), oldest)
                    }
                    Step::Release => {
                        let mut woken = Vec::new();
                        line.release(&mut woken);
                        prop_assert_eq!(places(&crowd, &woken), std::mem::take(&mut model));
                        (None, None)
                    }
                };
                prop_assert_eq!(places(&crowd, gone.as_slice()), expected.as_slice());
                prop_assert_eq!(line.len(), model.len());
                prop_assert_eq!(line.is_empty(), model.is_empty());
                for (who, waker) in crowd.iter().enumerate() {
                    prop_assert_eq!(line.contains(waker), model.contains(&who));
                }
            }
        }
    }
}
