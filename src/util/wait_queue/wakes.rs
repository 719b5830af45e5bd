//! Wakers that were gathered while something was borrowed, to be woken after that.

use std::task::Waker;

use crate::util::wake_quietly;

/// Whom to wake, in order. It allocates from the second one on.
#[derive(Debug, Default)]
#[must_use = "whoever was gathered has to be woken"]
pub(crate) struct Wakes {
    /// The first.
    first: Option<Waker>,
    /// Those after it.
    more: Vec<Waker>,
}

impl Wakes {
    /// Nobody.
    #[inline]
    pub(crate) const fn new() -> Self {
        Self {
            first: None,
            more: Vec::new(),
        }
    }

    /// Adds one at the end.
    #[inline]
    pub(crate) fn push(&mut self, waker: Waker) {
        match self.first {
            None => self.first = Some(waker),
            Some(_) => self.more.push(waker),
        }
    }

    /// Wakes them all; a panic of one ends there. The caller holds no borrow.
    #[inline]
    pub(crate) fn wake(self) {
        if let Some(first) = self.first {
            wake_quietly(first);
            self.more.into_iter().for_each(wake_quietly);
        }
    }
}
