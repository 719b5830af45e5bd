//! [`Joinable`]: what [`wait()`](super::wait()) needs of a handle.

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
    /// Whether the task has ended; if not, its end wakes `cx`. Takes no result and claims no
    /// ownership of the task.
    #[doc(hidden)]
    fn poll_finished(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Whether the task, which has ended, ended with a `JoinError`.
    #[doc(hidden)]
    fn has_failed(&self) -> bool;

    /// Says that dropping the handle must not cancel the task, even if the handle was awaited
    /// before.
    #[doc(hidden)]
    fn disown(&mut self);
}

/// Who may implement [`Joinable`].
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

    /// Nothing: the handle lives on with its owner.
    fn disown(&mut self) {}
}
