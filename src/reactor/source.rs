//! A registered file descriptor: its readiness, and the tasks that wait for it.
//!
//! ```text
//!             park              an edge, the end of the source,
//!   absent ─────────▶ in line ──────────────────────────────────▶ returned: the
//!                               or a sweep of the line            caller wakes it
//! ```
//!
//! No function here wakes, clones or drops a waker. Wakers are third-party code, which runs only
//! after the caller has released the reactor.
//! caller has let go of the reactor.

use std::task::Waker;

use super::line::Waiters;
use super::readiness::{Direction, Readiness};

/// A registered descriptor.
#[derive(Debug, Default)]
pub(super) struct Source {
    readiness: Readiness,
    /// The tasks that wait to read.
    readers: Waiters,
    /// The tasks that wait to write.
    writers: Waiters,
}

impl Source {
    /// A source for which no task waits.
    pub(super) fn new(readiness: Readiness) -> Self {
        Self {
            readiness,
            ..Self::default()
        }
    }

    pub(super) fn readiness(&self) -> Readiness {
        self.readiness
    }

    /// Returns the readiness, to be updated with the outcome of a system call.
    pub(super) fn readiness_mut(&mut self) -> &mut Readiness {
        &mut self.readiness
    }

    /// Returns `true` if a task waits in either direction.
    pub(super) fn is_waited_for(&self) -> bool {
        !(self.readers.is_empty() && self.writers.is_empty())
    }

    pub(super) fn waiters(&self, direction: Direction) -> &Waiters {
        match direction {
            Direction::Read => &self.readers,
            Direction::Write => &self.writers,
        }
    }

    pub(super) fn waiters_mut(&mut self, direction: Direction) -> &mut Waiters {
        match direction {
            Direction::Read => &mut self.readers,
            Direction::Write => &mut self.writers,
        }
    }

    /// Records an edge, and moves the wakers of its directions to `woken`.
    pub(super) fn on_edge(&mut self, edge: Readiness, woken: &mut Vec<Waker>) {
        self.readiness.merge(edge);
        for direction in [Direction::Read, Direction::Write] {
            if edge.is_ready(direction) {
                self.waiters_mut(direction).release(woken);
            }
        }
    }

    /// Moves all wakers to `woken`, when the source is removed.
    pub(super) fn dissolve(mut self, woken: &mut Vec<Waker>) {
        self.readers.release(woken);
        self.writers.release(woken);
    }
}

#[cfg(all(test, not(wheelhouse_loom)))]
mod tests {
    use super::*;

    #[test]
    fn an_edge_gathers_only_the_direction_it_speaks_of() {
        let mut source = Source::new(Readiness::NONE);
        let mut woken = Vec::new();
        for direction in [Direction::Read, Direction::Write] {
            let waiters = source.waiters_mut(direction);
            waiters.join(Waker::noop().clone(), 0, &mut woken);
        }
        source.on_edge(Readiness::WRITABLE, &mut woken);
        assert_eq!(woken.len(), 1);
        assert!(source.waiters(Direction::Write).is_empty());
        source.on_edge(Readiness::READ_CLOSED, &mut woken);
        assert_eq!(woken.len(), 2);
        assert!(!source.is_waited_for());
    }
}
