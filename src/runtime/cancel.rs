//! Delivery of a cancellation to a task, and the end of the task by it.
//!
//! [`scope`](crate::scope) decides where a cancellation goes. The functions here call it, then wake
//! the wakers and drop the futures that it names, with no borrow alive. A task has a root in the
//! tree from its first catch point on. A task without a root pays for none of this.
//!
//! ```text
//!   poll_task ── a cancellation waits ─▶ deliver ─┬─ Uncaught ─▶ abort: the future is dropped
//!                                                 └─ Caught ───▶ the catch points are woken, the task is polled
//!   after a pending poll ─▶ pass_by, take_uncaught ── one left the last catch point ─▶ abort
//!
//!   abort ─┬─ the future was awaiting no task ─────────▶ settle: ended
//!          └─ it was awaiting some: begin_draining ────▶ poll_draining ── all have ended ─▶ settle (C21)
//! ```

use super::Task;
use super::core::Core;
use super::scoped::PendingJoins;
use crate::error::{Cancelled, JoinError};
use crate::scope::{Duty, Identity};
use crate::util::slab::Key;
use crate::util::wake_quietly;

impl Identity for Cancelled {
    fn is(&self, other: &Self) -> bool {
        self.is_same(other)
    }

    fn is_of_one_event(&self, other: &Self) -> bool {
        self.has_origin_of(other)
    }
}

/// What the caller of [`Core::deliver`] does next.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Delivered {
    /// Poll the task: a catch point or shield inside has received the cancellation.
    Caught,
    /// Drop the task's future.
    Uncaught,
}

impl Core {
    /// Delivers a cancellation to a task that is not running.
    pub(super) fn deliver(&self, task: &Task, cancelled: &Cancelled) -> Delivered {
        let Some(root) = task.scope() else {
            return Delivered::Uncaught;
        };
        let delivery = self.scopes().cancel(root, cancelled.clone());
        delivery.wakes.into_iter().for_each(wake_quietly);
        match delivery.duty {
            Duty::Wait => Delivered::Caught,
            Duty::Drop | Duty::Gone => Delivered::Uncaught,
        }
    }

    /// Takes the cancellation that is pending at the root of `task`: no catch point inside received
    /// it, or a catch point was dropped before it returned it. Also registers the task's waker for
    /// the next one.
    pub(crate) fn take_uncaught(&self, task: &Task) -> Option<Cancelled> {
        let root = task.scope()?;
        if !self.scopes().has_waker(root, |_| true) {
            let old = self.scopes().set_waker(root, task.waker());
            drop(old);
        }
        self.scopes().take_pending(root)
    }

    /// Returns `true` if a cancellation was delivered to a catch point, shield or scope that has
    /// not been polled since.
    pub(crate) fn is_any_unheard(&self) -> bool {
        self.scopes().is_any_unheard()
    }

    /// Propagates what was delivered inside `scope` to nodes that have not been polled since (C26).
    /// The poll of `scope` has ended pending, and the scope is not woken again.
    pub(super) fn pass_by(&self, scope: Key) {
        if self.is_any_unheard() {
            let wakes = self.scopes().pass_by(scope);
            wakes.into_iter().for_each(wake_quietly);
        }
    }

    /// Returns the cancellation for which a future is being dropped, or one that says that its
    /// awaiter is gone.
    pub(crate) fn why_dropped(&self) -> Cancelled {
        let gone = || Cancelled::awaiter_gone(self.current_id(), None);
        self.aborting().unwrap_or_else(gone)
    }

    /// Drops a task's future. The task ends as cancelled when the tasks that the future was
    /// awaiting have ended.
    #[cold]
    pub(super) fn abort(&self, task: Task, cancelled: Cancelled) {
        if task.state().is_draining() {
            let wait = PendingJoins::take_draining(self, task.by_ref().number());
            drop(wait);
            task.start();
            return self.end_draining(task);
        }
        let wait = self.aborting_for(&task, &cancelled, || {
            PendingJoins::of(&cancelled, || {
                task.abort(JoinError::Cancelled(cancelled.clone()));
            })
        });
        if wait.is_over() {
            return self.settle(task, true);
        }
        self.begin_draining(task, wait);
    }

    /// Keeps a task whose future is gone until the tasks in `wait` have ended.
    fn begin_draining(&self, task: Task, mut wait: PendingJoins) {
        task.begin_draining();
        // If they have ended already, the task is polled once more and ends then.
        if wait.poll(&task.waker()).is_ready() {
            task.clone().wake();
        }
        wait.set_draining(self, task.by_ref().number());
    }

    /// Polls a task that drains: ends it if the tasks that it waits for have ended.
    pub(super) fn poll_draining(&self, task: Task) {
        let number = task.by_ref().number();
        let mut wait = PendingJoins::take_draining(self, number);
        task.start();
        if wait
            .poll_again(task.take_cancel(), &task.waker())
            .is_ready()
        {
            return self.end_draining(task);
        }
        wait.set_draining(self, number);
        self.settle(task, false);
    }

    fn end_draining(&self, task: Task) {
        // The root is still open if the future was dropped while the runtime was not driven.
        self.close_root(&task);
        self.settle(task, true);
    }
}
