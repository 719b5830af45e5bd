//! Wakers that were gathered while something was borrowed, to be woken after that.

use std::mem;
use std::task::Waker;

use crate::util::{caught, drop_quietly, wake_quietly};

/// Whom to wake, in order. It allocates from the second one on.
#[derive(Debug, Default)]
#[must_use = "whoever was gathered has to be woken"]
pub(crate) enum Wakes {
    /// Nobody, the usual case: the compiler sees that there is nothing to do.
    #[default]
    None,
    /// One.
    One(Waker),
    /// These.
    Many(Vec<Waker>),
}

impl Wakes {
    /// Nobody.
    #[inline]
    pub(crate) const fn new() -> Self {
        Self::None
    }

    /// Nobody, with a buffer to gather many in.
    pub(crate) fn in_buffer(buffer: Vec<Waker>) -> Self {
        Self::Many(buffer)
    }

    /// Makes room for this many more at once.
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

    /// Adds one at the end.
    #[inline]
    pub(crate) fn push(&mut self, waker: Waker) {
        match self {
            Self::None => *self = Self::One(waker),
            _ => self.push_another(waker),
        }
    }

    /// Adds one to those that are there.
    fn push_another(&mut self, waker: Waker) {
        if let Self::One(_) = self {
            self.reserve(1);
        }
        if let Self::Many(wakers) = self {
            wakers.push(waker);
        }
    }

    /// Wakes them all; a panic of one ends there. The caller holds no borrow.
    #[inline]
    pub(crate) fn wake(self) {
        match self {
            Self::None => {}
            some => some.wake_some(),
        }
    }

    /// Wakes them.
    #[inline(never)]
    fn wake_some(self) {
        match self {
            Self::None => {}
            Self::One(waker) => wake_quietly(waker),
            Self::Many(mut wakers) => wake_all_quietly(wakers.drain(..)),
        }
    }

    /// Wakes them all, and gives the buffer in which they were gathered.
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

/// Wakes them all. A guard is set up once, and again after each panic, as that costs as much as a wake.
fn wake_all_quietly(mut wakers: impl ExactSizeIterator<Item = Waker>) {
    while wakers.len() > 0 {
        if let Err(payload) = caught(|| wakers.by_ref().for_each(Waker::wake)) {
            drop_quietly(payload);
        }
    }
}
