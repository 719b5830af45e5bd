//! One side of a source, and the relation of a task to it.

use super::readiness::Direction;
use crate::util::slab::Key;

/// One direction of one source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side {
    pub(crate) key: Key,
    pub(crate) direction: Direction,
}

/// The relation of one task to one side of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Interest {
    /// The side may be ready: try the system call.
    Ready,
    /// Not ready, and the task's waker is in the line.
    Parked,
    /// Not ready, and the waker is not in the line: the caller must call [`Reactor::park`](super::Reactor::park).
    Unparked,
    /// There is no such source.
    Gone,
}
