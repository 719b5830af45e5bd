//! The children of a combinator, each at its place, as a [`Set`]. Floor: F4.

use pin_project_lite::pin_project;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project! {
    /// One child's place: the future, then its output, then nothing.
    #[project = SlotProj]
    #[project_replace = SlotOwned]
    #[doc(hidden)]
    pub enum Slot<F: Future> {
        /// Not ended.
        Running {
            // The future itself.
            #[pin]
            future: F,
        },
        /// Ended; the output has not been taken.
        Done {
            // What it gave.
            value: F::Output,
        },
        /// The output was taken, or the future dropped.
        Empty,
    }
}

impl<F: Future> Slot<F> {
    /// A child that has not begun.
    pub(super) fn new(future: F) -> Self {
        Self::Running { future }
    }

    /// Polls the future and keeps its output.
    pub(super) fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let SlotProj::Running { future } = self.as_mut().project() {
            let value = ready!(future.poll(cx));
            self.set(Self::Done { value });
        }
        Poll::Ready(())
    }

    /// Drops what is there.
    pub(super) fn clear(mut self: Pin<&mut Self>) {
        self.set(Self::Empty);
    }

    /// Takes the output.
    ///
    /// # Panics
    ///
    /// If there is none: the caller asks only for children that have ended, and once.
    pub(super) fn take(self: Pin<&mut Self>) -> F::Output {
        match self.project_replace(Self::Empty) {
            SlotOwned::Done { value } => value,
            _ => unreachable!("an output was taken twice, or too early"),
        }
    }
}

impl<F: Future<Output = Result<T, E>>, T, E> Slot<F> {
    /// Takes the output if it is an error.
    pub(super) fn take_error(mut self: Pin<&mut Self>) -> Option<E> {
        match self.as_mut().project() {
            SlotProj::Done { value: Err(_) } => self.take().err(),
            _ => None,
        }
    }

    /// Takes the value of a child that gave no error.
    pub(super) fn take_value(self: Pin<&mut Self>) -> T {
        let Ok(value) = self.take() else {
            unreachable!("an error ends the whole before the values are taken")
        };
        value
    }
}

/// A fixed number of children, polled by index.
#[doc(hidden)]
pub trait Set {
    /// All outputs, in argument order.
    type Output;

    /// How many children there are.
    fn count(&self) -> usize;

    /// Polls child `index` and keeps its output.
    fn poll_child(self: Pin<&mut Self>, index: usize, cx: &mut Context<'_>) -> Poll<()>;

    /// Drops child `index`, or its output.
    fn clear_child(self: Pin<&mut Self>, index: usize);

    /// Takes the outputs; all children have ended.
    fn take(self: Pin<&mut Self>) -> Self::Output;
}

/// A [`Set`] whose children give `Result`s with one type of error.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "not every branch gives a `Result` with the same type of error",
    note = "`try_gather` takes futures of `Result<_, E>` with one `E`; let a plain one give `Ok(value)`"
)]
pub trait TrySet: Set {
    /// All values, in argument order.
    type Values;
    /// What a child fails with.
    type Error;

    /// Takes the error of child `index`, which has ended, if it failed.
    fn take_error(self: Pin<&mut Self>, index: usize) -> Option<Self::Error>;

    /// Takes the values; all children have ended, none failed.
    fn take_values(self: Pin<&mut Self>) -> Self::Values;
}
