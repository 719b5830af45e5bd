//! The readiness of a file descriptor, in a few bits.
//!
//! The bits are a record: an edge of epoll sets them, and the outcome of a system call clears them.
//! Each direction of a source is in one of three states:
//!
//! ```text
//!                 merge: an edge          merge: an edge with
//!      ┌──────┐ ─────────────────► ┌───────┐   the end    ┌───────┐
//!      │ idle │                    │ ready │ ───────────► │ final │ ─┐ drained:
//!      └──────┘ ◄───────────────── └───────┘              └───────┘ ◄┘ no change
//!         ▲     drained, if a short count                     │
//!         │     proves it; blocked (EAGAIN)                   │
//!         └───────────────────────────────────────────────────┘
//!                           blocked (EAGAIN)
//! ```
//!
//! A short count is a call that moved fewer bytes than it could have. It may prove that the
//! kernel's buffer is empty (when writing: full), because any later change of the buffer causes a
//! new edge. That saves the next call, which would return EAGAIN; see epoll(7), question 9.
//!
//! A short count proves this only on descriptors with [`SHORT_COUNTS`](Readiness::SHORT_COUNTS),
//! which are TCP connections. On others only EAGAIN does:
//!
//! - A read of a Unix socket ends early at passed descriptors, at other credentials
//!   (`SO_PASSCRED`), and at urgent data. The sender decides on that, and the reader cannot see it.
//! - A read of a pipe ends early at the end of a packet, if the writer has set `O_DIRECT`.
//! - A datagram says nothing about the next one.
//!
//! On a TCP connection it proves nothing in the final state. If the FIN of the peer arrived
//! together with its data, there was one edge for both. A reader that waited after a short read
//! would never be woken for the end. The same holds after an error, and around TCP urgent data,
//! where a read ends early although more data follows.

use std::fmt;
use std::ops::BitOr;

/// One of the two directions of a descriptor, each of which is ready or not.
///
/// The argument of [`Registered::try_io`](crate::net::Registered::try_io) and its siblings.
#[doc(alias = "Interest")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Reading, receiving, accepting.
    Read,
    /// Writing, sending, and the end of connecting.
    Write,
}

/// There is data, an end of the stream, or a new connection.
const READABLE: u8 = 1;
/// There is space to write, or writing fails at once.
const WRITABLE: u8 = 1 << 1;
/// The end of the stream follows the data that has not been read.
const READ_CLOSED: u8 = 1 << 2;
/// Writing will fail.
const WRITE_CLOSED: u8 = 1 << 3;
/// An error is pending (`SO_ERROR`).
const ERROR: u8 = 1 << 4;
/// There is urgent data in the stream, at which reads end early.
const URGENT: u8 = 1 << 5;
/// A short count proves that the next call would block. A property of the descriptor, which no edge
/// and no outcome changes.
const SHORT_COUNTS: u8 = 1 << 6;

/// The recorded readiness of both directions.
///
/// Invariant: each bit that makes a direction final comes with the bit that makes it ready. The
/// public constants satisfy this, and `|` preserves it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Readiness(u8);

impl Readiness {
    /// Nothing is ready.
    pub(crate) const NONE: Self = Self(0);
    /// A read may succeed.
    pub(crate) const READABLE: Self = Self(READABLE);
    /// A write may succeed.
    pub(crate) const WRITABLE: Self = Self(WRITABLE);
    /// The peer has ended its write side.
    pub(crate) const READ_CLOSED: Self = Self(READ_CLOSED | READABLE);
    /// The connection is closed, and writing would fail.
    pub(crate) const WRITE_CLOSED: Self = Self(WRITE_CLOSED | WRITABLE);
    /// An error is pending. The next call in either direction returns it.
    pub(crate) const ERROR: Self = Self(ERROR | READABLE | WRITABLE);
    /// There is urgent data in the stream.
    pub(crate) const URGENT: Self = Self(URGENT | READABLE);
    /// A short count proves that the next call would block, as on a TCP connection.
    pub(crate) const SHORT_COUNTS: Self = Self(SHORT_COUNTS);

    /// Returns `true` if all bits of `other` are set.
    #[cfg(test)]
    pub(crate) fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns `true` if a system call in this direction may succeed.
    pub(crate) fn is_ready(self, direction: Direction) -> bool {
        self.0 & ready_bit(direction) != 0
    }

    /// Returns `true` if a short count proves nothing in this direction.
    pub(crate) fn is_final(self, direction: Direction) -> bool {
        self.0 & final_bits(direction) != 0
    }

    /// Adds the bits of an edge.
    pub(crate) fn merge(&mut self, edge: Self) {
        self.0 |= edge.0;
    }

    /// Records a short count.
    pub(crate) fn drained(&mut self, direction: Direction) {
        if self.0 & SHORT_COUNTS != 0 && !self.is_final(direction) {
            self.0 &= !ready_bit(direction);
        }
    }

    /// Records that a call returned EAGAIN. It overrides all earlier edges.
    pub(crate) fn blocked(&mut self, direction: Direction) {
        self.0 &= !(ready_bit(direction) | final_bits(direction));
    }
}

impl BitOr for Readiness {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (READABLE, "readable"),
            (WRITABLE, "writable"),
            (READ_CLOSED, "read closed"),
            (WRITE_CLOSED, "write closed"),
            (ERROR, "error"),
            (URGENT, "urgent"),
            (SHORT_COUNTS, "short counts"),
        ];
        let set = names.iter().filter(|(bit, _)| self.0 & bit != 0);
        f.debug_set()
            .entries(set.map(|(_, name)| format_args!("{name}").to_string()))
            .finish()
    }
}

/// Returns the bit that makes a direction ready.
const fn ready_bit(direction: Direction) -> u8 {
    match direction {
        Direction::Read => READABLE,
        Direction::Write => WRITABLE,
    }
}

/// Returns the bits that make a direction final.
const fn final_bits(direction: Direction) -> u8 {
    match direction {
        Direction::Read => READ_CLOSED | ERROR | URGENT,
        Direction::Write => WRITE_CLOSED | ERROR,
    }
}

#[cfg(all(test, not(wheelhouse_loom)))]
mod tests {
    use super::Direction::{Read, Write};
    use super::*;

    /// All values that edges can produce.
    fn every_value() -> impl Iterator<Item = Readiness> {
        let parts = [
            Readiness::READABLE,
            Readiness::WRITABLE,
            Readiness::READ_CLOSED,
            Readiness::WRITE_CLOSED,
            Readiness::ERROR,
            Readiness::URGENT,
            Readiness::SHORT_COUNTS,
        ];
        (0..1 << parts.len()).map(move |set: usize| {
            let chosen = (0..parts.len()).filter(|bit| set >> bit & 1 == 1);
            chosen.fold(Readiness::NONE, |sum, bit| sum | parts[bit])
        })
    }

    #[test]
    fn final_is_always_ready_too() {
        for value in every_value() {
            for direction in [Read, Write] {
                assert!(
                    !value.is_final(direction) || value.is_ready(direction),
                    "{value:?}"
                );
            }
        }
    }

    #[test]
    fn a_short_count_ends_ready_but_not_final_and_only_where_it_proves_something() {
        for before in every_value() {
            for direction in [Read, Write] {
                let mut after = before;
                after.drained(direction);
                let proves = before.contains(Readiness::SHORT_COUNTS);
                let stays = before.is_ready(direction) && !proves;
                assert_eq!(
                    after.is_ready(direction),
                    stays || before.is_final(direction),
                    "{before:?}"
                );
            }
        }
    }

    #[test]
    fn nothing_changes_whether_short_counts_prove_something() {
        for before in every_value() {
            for direction in [Read, Write] {
                let (mut drained, mut blocked) = (before, before);
                drained.drained(direction);
                blocked.blocked(direction);
                for after in [drained, blocked] {
                    assert_eq!(
                        after.contains(Readiness::SHORT_COUNTS),
                        before.contains(Readiness::SHORT_COUNTS)
                    );
                }
            }
        }
    }

    #[test]
    fn a_blocked_call_ends_any_state_of_its_direction() {
        for before in every_value() {
            for direction in [Read, Write] {
                let mut after = before;
                after.blocked(direction);
                assert!(
                    !after.is_ready(direction) && !after.is_final(direction),
                    "{before:?}"
                );
            }
        }
    }

    #[test]
    fn neither_outcome_makes_the_other_direction_less_ready() {
        for before in every_value() {
            for (direction, other) in [(Read, Write), (Write, Read)] {
                let (mut drained, mut blocked) = (before, before);
                drained.drained(direction);
                blocked.blocked(direction);
                assert_eq!(
                    drained.is_ready(other),
                    before.is_ready(other),
                    "{before:?}"
                );
                assert_eq!(
                    blocked.is_ready(other),
                    before.is_ready(other),
                    "{before:?}"
                );
            }
        }
    }

    #[test]
    fn an_edge_adds_and_never_takes_away() {
        for before in every_value() {
            for edge in every_value() {
                let mut after = before;
                after.merge(edge);
                assert!(after.contains(before) && after.contains(edge));
            }
        }
    }

    #[test]
    fn the_debug_form_names_the_bits() {
        let text = format!("{:?}", Readiness::READ_CLOSED | Readiness::WRITABLE);
        assert_eq!(text, r#"{"readable", "writable", "read closed"}"#);
    }
}
