//! [`Joinable`]: the handles that [`wait()`](super::wait()) accepts.

use std::task::{Context, Poll};

use crate::task::JoinHandle;

/// A handle that [`wait()`](super::wait()) can wait for: a `JoinHandle<T>` or a
/// `&mut JoinHandle<T>`.
///
/// The trait cannot be implemented outside this crate.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a join handle",
    note = "`wait` takes `JoinHandle<T>`s or `&mut JoinHandle<T>`s; spawn a future to get one, or use `as_completed`"
)]
pub trait Joinable: sealed::Sealed {
    /// Returns `Ready` if the task has ended; otherwise its end wakes `cx`. Leaves the result in
    /// place, and does not make the handle own the task.
    #[doc(hidden)]
    fn poll_finished(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Returns `true` if the task has ended with a `JoinError`.
    #[doc(hidden)]
    fn has_failed(&self) -> bool;

    /// Ends the ownership of the task, so that dropping the handle does not cancel it, even if the
    /// handle was awaited before.
    #[doc(hidden)]
    fn disown(&mut self);
}

pub(crate) mod sealed {
    /// Implemented next to each `Joinable`.
    pub trait Sealed {}
}

impl<T> sealed::Sealed for JoinHandle<T> {}

impl<T> Joinable for JoinHandle<T> {
    fn poll_finished(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_done(cx)
    }

    fn has_failed(&self) -> bool {
        JoinHandle::has_failed(self)
    }

    fn disown(&mut self) {
        JoinHandle::disown(self);
    }
}

impl<H: Joinable> sealed::Sealed for &mut H {}

impl<H: Joinable> Joinable for &mut H {
    fn poll_finished(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        (**self).poll_finished(cx)
    }

    fn has_failed(&self) -> bool {
        (**self).has_failed()
    }

    /// Does nothing: the owner keeps the handle.
    fn disown(&mut self) {}
}
