//! The children of a combinator and the engine that polls them, as one: the crew.
//!
//! Here lives what every combinator over futures promises when something goes wrong, and the one place where a branch
//! is dropped, [`Crew::dismiss`]. It is not a future; [`Gather`](super::Gather) and its siblings are. Floor: F4.
//!
//! ```text
//!             poll: a child panics ─────────────────────────▶ dismiss, the panic goes on
//!   at work ──poll: the driver breaks off ─▶ (its choice) ──▶ dismiss
//!     │    ── drop ─────────────────────────────────────────▶ dismiss
//!     │ poll: all have ended
//!     ▼
//!   ended: the driver takes the outputs
//! ```

use super::engine::Engine;
use crate::util::{Payload, caught, drop_quietly};
use pin_project_lite::pin_project;
use std::ops::ControlFlow;
use std::panic::resume_unwind;
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

pin_project! {
    /// Children and their engine.
    pub(super) struct Crew<S: Set> {
        // The children.
        #[pin]
        set: S,
        // Who is polled when.
        engine: Engine,
        // Whether futures or outputs may be left in the set.
        manned: bool,
    }

    impl<S: Set> PinnedDrop for Crew<S> {
        fn drop(this: Pin<&mut Self>) {
            let dismissed = this.dismiss();
            if let Err(panic) = dismissed {
                go_on(panic);
            }
        }
    }
}

/// Lets a panic out of a destructor go on, unless another one is under way.
fn go_on(panic: Payload) {
    if std::thread::panicking() {
        drop_quietly(panic);
    } else {
        resume_unwind(panic);
    }
}

impl<S: Set> Crew<S> {
    /// A crew that has not begun.
    pub(super) fn new(set: S) -> Self {
        let engine = Engine::new(set.count());
        Self {
            set,
            engine,
            manned: true,
        }
    }

    /// Bounds how many children run at once.
    pub(super) fn set_limit(&mut self, what: &str, limit: usize) {
        assert!(
            limit > 0,
            "{what}: `limit(0)` would never start a future; ask for at least 1"
        );
        self.engine.set_limit(limit);
    }

    /// How many children there are, and how many have not ended.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.engine.len(), self.engine.left())
    }

    /// Whether nothing is polled any more.
    pub(super) fn has_ended(&self) -> bool {
        self.engine.has_ended()
    }

    /// The children, all of which have ended, for the driver to take every output.
    pub(super) fn disband(self: Pin<&mut Self>) -> Pin<&mut S> {
        let this = self.project();
        *this.manned = false;
        this.set
    }

    /// The children.
    pub(super) fn set(self: Pin<&mut Self>) -> Pin<&mut S> {
        self.project().set
    }

    /// Polls the children that were woken; `judge` sees each that has just ended.
    ///
    /// `Ready(Continue)` when all have ended. A panic of a child goes on after all children were dropped.
    pub(super) fn poll<B>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut judge: impl FnMut(Pin<&mut S>, usize) -> ControlFlow<B>,
    ) -> Poll<ControlFlow<B>> {
        let this = self.as_mut().project();
        let mut set = this.set;
        let polled = caught(|| {
            this.engine.poll(cx, |index, cx| {
                ready!(set.as_mut().poll_child(index, cx));
                Poll::Ready(judge(set.as_mut(), index))
            })
        });
        polled.unwrap_or_else(|panic| {
            let dismissed = self.dismiss();
            drop_quietly(dismissed);
            resume_unwind(panic)
        })
    }

    /// Drops every branch that is left, and every output, in argument order: the one place where that is done.
    ///
    /// Each one is dropped whatever the destructors of the others do.
    ///
    /// # Errors
    ///
    /// The first panic of a destructor.
    pub(super) fn dismiss(self: Pin<&mut Self>) -> Result<(), Payload> {
        let this = self.project();
        let mut set = this.set;
        this.engine.close();
        let mut index = if std::mem::take(this.manned) {
            0
        } else {
            this.engine.len()
        };
        let mut outcome = Ok(());
        while index < this.engine.len() {
            let dropped = caught(|| {
                while index < this.engine.len() {
                    index += 1;
                    set.as_mut().clear_child(index - 1);
                }
            });
            match outcome {
                Ok(()) => outcome = dropped,
                Err(_) => drop_quietly(dropped),
            }
        }
        outcome
    }
}
