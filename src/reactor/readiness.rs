//! The readiness of one file descriptor, as a value of a few bits.
//!
//! The bits are a memory, not a question to the kernel: an edge sets them, and only the outcome of
//! a system call takes them away. Each direction of a source is in one of three states:
//!
//! ```text
//!                 merge: an edge                    merge: an edge with the end in it
//!      ┌──────┐ ─────────────────► ┌───────┐ ─────────────────────► ┌───────┐
//!      │ idle │                    │ ready │                        │ final │
//!      └──────┘ ◄───────────────── └───────┘                        └───────┘
//!         ▲      drained (a short count, if that proves it)          │    ▲ │
//!         │      blocked (EAGAIN)                                    │    └─┘
//!         └──────────────────────────────────────────────────────────┘  drained: nothing happens
//!                                  blocked (EAGAIN)
//! ```
//!
//! A short count may prove that the kernel's buffer is empty (or full, when writing), because
//! whatever comes after the call makes a new edge. That spares the second call, whose answer is
//! known to be EAGAIN.
//!
//! It does so only where the kernel promises it: on descriptors with
//! [`SHORT_COUNTS`](Readiness::SHORT_COUNTS), which are TCP connections. Elsewhere only EAGAIN
//! counts:
//!
//! - A read of a Unix socket stops short at passed descriptors, at other credentials
//!   (`SO_PASSCRED`) and at urgent data. The peer decides that, and the reader cannot see it.
//! - A read of a pipe stops short at the end of a packet. The writer decides that (`O_DIRECT`).
//! - A datagram says nothing about the next one.
//!
//! On a TCP connection it proves nothing in the final state. When the peer's FIN came together with
//! its data there was one edge for both, so a reader that went to sleep after a short read would
//! never hear of the end. The same holds after an error and around TCP's urgent mark, where a read
//! stops short with more data behind it.

use std::fmt;
use std::ops::BitOr;

/// One of the two ways that bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Reading, receiving, accepting.
    Read,
    /// Writing, sending, and the end of a connect.
    Write,
}

/// Data, or an end, or a new connection can be read.
const READABLE: u8 = 1;
/// There is room to write, or an end to be told.
const WRITABLE: u8 = 1 << 1;
/// The reading side has come to its end behind what is still to be read.
const READ_CLOSED: u8 = 1 << 2;
/// Writing will fail.
const WRITE_CLOSED: u8 = 1 << 3;
/// An error waits to be fetched.
const ERROR: u8 = 1 << 4;
/// Urgent data stands somewhere in the stream, where reads stop short.
const URGENT: u8 = 1 << 5;
/// A short count proves that the next call would block. A property of the descriptor: no edge and
/// no outcome changes it.
const SHORT_COUNTS: u8 = 1 << 6;

/// The remembered readiness of both directions.
///
/// Invariant: a bit that makes a direction final never comes without the bit that makes it ready;
/// the public constants are closed under that rule, and joining keeps it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Readiness(u8);

impl Readiness {
    /// Nothing is ready.
    pub(crate) const NONE: Self = Self(0);
    /// Reading is worth a try.
    pub(crate) const READABLE: Self = Self(READABLE);
    /// Writing is worth a try.
    pub(crate) const WRITABLE: Self = Self(WRITABLE);
    /// The peer has ended its side.
    pub(crate) const READ_CLOSED: Self = Self(READ_CLOSED | READABLE);
    /// The other end is gone, writing would fail.
    pub(crate) const WRITE_CLOSED: Self = Self(WRITE_CLOSED | WRITABLE);
    /// An error is pending; whichever direction comes first fetches it.
    pub(crate) const ERROR: Self = Self(ERROR | READABLE | WRITABLE);
    /// Urgent data is in the stream.
    pub(crate) const URGENT: Self = Self(URGENT | READABLE);
    /// Short counts prove that the next call would block, as on a TCP connection.
    pub(crate) const SHORT_COUNTS: Self = Self(SHORT_COUNTS);

    /// Whether everything in `other` is known here too.
    #[cfg(test)]
    pub(crate) fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether a system call in this direction is worth its price.
    pub(crate) fn is_ready(self, direction: Direction) -> bool {
        self.0 & ready_bit(direction) != 0
    }

    /// Whether a short count proves nothing in this direction.
    pub(crate) fn is_final(self, direction: Direction) -> bool {
        self.0 & final_bits(direction) != 0
    }

    /// Adds what an edge told.
    pub(crate) fn merge(&mut self, edge: Self) {
        self.0 |= edge.0;
    }

    /// Takes in that a call moved fewer bytes than it could have, but some.
    pub(crate) fn drained(&mut self, direction: Direction) {
        if self.0 & SHORT_COUNTS != 0 && !self.is_final(direction) {
            self.0 &= !ready_bit(direction);
        }
    }

    /// Takes in that a call gave EAGAIN, which beats all that was believed before.
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

/// The bit that says a direction is ready.
const fn ready_bit(direction: Direction) -> u8 {
    match direction {
        Direction::Read => READABLE,
        Direction::Write => WRITABLE,
    }
}

/// The bits that make a direction's short counts worthless.
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

    /// All values that edges can build up.
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
