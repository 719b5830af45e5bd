//! The children of a combinator: a [`Slot`] for each, and a [`Set`] of all.

use pin_project_lite::pin_project;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project! {
    /// One child: the future, then its output, then nothing.
    #[project = SlotProj]
    #[project_replace = SlotOwned]
    #[doc(hidden)]
    pub enum Slot<F: Future> {
        /// The future has not ended.
        Running {
            #[pin]
            future: F,
        },
        /// The future has ended; its output was not taken.
        Done {
            value: F::Output,
        },
        /// The output was taken, or the future dropped.
        Empty,
    }
}

impl<F: Future> Slot<F> {
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

    /// Drops the future or the output.
    pub(super) fn clear(mut self: Pin<&mut Self>) {
        self.set(Self::Empty);
    }

    /// Takes the output.
    ///
    /// # Panics
    /// If there is no output: the child has not ended, or its output was taken.
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

    /// Takes the value of a child that did not fail.
    pub(super) fn take_value(self: Pin<&mut Self>) -> T {
        let Ok(value) = self.take() else {
            unreachable!("an error ends `try_gather` before the values are taken")
        };
        value
    }
}

/// A fixed number of children, polled by index.
#[doc(hidden)]
pub trait Set {
    /// All outputs, in argument order.
    type Output;

    fn count(&self) -> usize;

    /// Polls child `index` and keeps its output.
    fn poll_child(self: Pin<&mut Self>, index: usize, cx: &mut Context<'_>) -> Poll<()>;

    /// Drops child `index`, or its output.
    fn clear_child(self: Pin<&mut Self>, index: usize);

    /// Takes the outputs. All children have ended.
    fn take(self: Pin<&mut Self>) -> Self::Output;
}

/// A [`Set`] whose children return `Result`s with one error type.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "not every branch returns a `Result` with the same error type",
    note = "`try_gather` takes futures of `Result<_, E>` with one `E`; let a plain one return `Ok(value)`"
)]
pub trait TrySet: Set {
    /// All values, in argument order.
    type Values;
    /// The error type of the children.
    type Error;

    /// Takes the error of child `index`, which has ended, if it failed.
    fn take_error(self: Pin<&mut Self>, index: usize) -> Option<Self::Error>;

    /// Takes the values. All children have ended, and none has failed.
    fn take_values(self: Pin<&mut Self>) -> Self::Values;
}
