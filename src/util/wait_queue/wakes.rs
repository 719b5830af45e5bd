//! Wakers that are gathered while something is borrowed and woken after the borrow has ended.

use std::mem;
use std::task::Waker;

use crate::util::{caught, drop_quietly, wake_quietly};

/// The wakers to wake, in order. Allocates from the second one on.
#[derive(Debug, Default)]
#[must_use = "the gathered wakers have to be woken"]
pub(crate) enum Wakes {
    /// No waker. In this usual case the compiler removes the call of `wake`.
    #[default]
    None,
    One(Waker),
    Many(Vec<Waker>),
}

impl Wakes {
    /// Creates an empty list.
    #[inline]
    pub(crate) const fn new() -> Self {
        Self::None
    }

    /// Creates an empty list that reuses a buffer.
    pub(crate) fn in_buffer(buffer: Vec<Waker>) -> Self {
        Self::Many(buffer)
    }

    /// Reserves memory for `more` wakers.
    pub(super) fn reserve(&mut self, more: usize) {
        match self {
            Self::Many(wakers) => wakers.reserve(more),
            Self::None if more < 2 => {}
            Self::None | Self::One(_) => {
                let mut wakers = Vec::with_capacity(more + 1);
                if let Self::One(first) = mem::take(self) {
                    wakers.push(first);
                }
                *self = Self::Many(wakers);
            }
        }
    }

    /// Adds a waker at the end.
    #[inline]
    pub(crate) fn push(&mut self, waker: Waker) {
        match self {
            Self::None => *self = Self::One(waker),
            _ => self.push_another(waker),
        }
    }

    /// Adds a waker to a list that is not empty.
    fn push_another(&mut self, waker: Waker) {
        if let Self::One(_) = self {
            self.reserve(1);
        }
        if let Self::Many(wakers) = self {
            wakers.push(waker);
        }
    }

    /// Wakes all, and discards the panics of wakers. The caller must hold no borrow.
    #[inline]
    pub(crate) fn wake(self) {
        match self {
            Self::None => {}
            some => some.wake_some(),
        }
    }

    // Not inlined, so that a drop of a guard without waiters needs no stack frame: bench
    // `lock_free`.
    #[inline(never)]
    fn wake_some(self) {
        match self {
            Self::None => {}
            Self::One(waker) => wake_quietly(waker),
            Self::Many(mut wakers) => wake_all_quietly(wakers.drain(..)),
        }
    }

    /// Wakes all, and returns the emptied buffer.
    pub(crate) fn wake_and_empty(self) -> Vec<Waker> {
        match self {
            Self::Many(mut wakers) => {
                wake_all_quietly(wakers.drain(..));
                wakers
            }
            few => {
                few.wake();
                Vec::new()
            }
        }
    }
}

/// Wakes all. `catch_unwind`, which costs as much as a wake, is called once, and once more after
/// each panic.
fn wake_all_quietly(mut wakers: impl ExactSizeIterator<Item = Waker>) {
    while wakers.len() > 0 {
        if let Err(payload) = caught(|| wakers.by_ref().for_each(Waker::wake)) {
            drop_quietly(payload);
        }
    }
}
