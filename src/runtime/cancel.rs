//! Delivery of a cancellation to a task, and the end of the task by it.
//!
//! [`scope`](crate::scope) decides where a cancellation goes. The functions here call it, then wake
//! the wakers and drop the futures that it names, with no borrow alive. A task has a root in the
//! tree from its first catch point on. A task without a root pays for none of this.
//!
//! ```text
//!   before a poll: deliver ─┬─ uncaught ─▶ abort: the future is dropped
//!                           └─ caught ───▶ the catch points are woken, the
//!                                          task is polled
//!   after a pending poll: exit_of ── one left the last catch point ─▶ abort
//!
//!   abort ─┬─ the future was awaiting no task ──▶ settle: ended
//!          └─ it was awaiting some (C21):
//!             begin_draining ─▶ poll_draining ── all have ended ─▶ settle
//! ```

use super::Task;
use super::core::Core;
use super::scoped::PendingJoins;
use crate::error::{Cancelled, JoinError};
use crate::scope::{Duty, Identity, Position};
use crate::util::slab::Key;
use crate::util::{budget, wake_quietly};

impl Identity for Cancelled {
    fn is(&self, other: &Self) -> bool {
        self.is_same(other)
    }

    fn is_of_one_event(&self, other: &Self) -> bool {
        self.has_origin_of(other)
    }
}

impl Core {
    /// Delivers the cancellation that waits for a task. Returns the one that ends the task: no
    /// catch point or shield inside has received it.
    pub(super) fn deliver(&self, task: &Task) -> Option<Cancelled> {
        let uncaught = task
            .take_cancel()
            .filter(|cancelled| !self.deliver_inside(task, cancelled));
        // If one was pending at the root already, the new one has joined it (C10).
        self.take_uncaught(task).or(uncaught)
    }

    /// Delivers a cancellation to the catch points and shields inside a task, and wakes them.
    /// Returns `false` if there is none.
    fn deliver_inside(&self, task: &Task, cancelled: &Cancelled) -> bool {
        let Some(root) = task.scope() else {
            return false;
        };
        let delivery = self
            .scopes()
            .tree(|tree| tree.cancel(root, cancelled.clone()));
        delivery.wakes.into_iter().for_each(wake_quietly);
        delivery.duty == Duty::Wait
    }

    /// Takes the cancellation that is pending at the root of `task`: no catch point inside received
    /// it, or a catch point was dropped before it returned it. Also registers the task's waker for
    /// the next one.
    pub(crate) fn take_uncaught(&self, task: &Task) -> Option<Cancelled> {
        let root = task.scope()?;
        if self.scopes().tree(|tree| tree.waker(root).is_none()) {
            let waker = task.waker();
            let old = self.scopes().tree(|tree| tree.set_waker(root, waker));
            drop(old);
        }
        if self.has_arrived(root) {
            self.scopes().tree(|tree| tree.take_pending(root))
        } else {
            None
        }
    }

    /// Returns `true` if a cancellation has arrived at a node. One that a shield or catch point
    /// inside has let out goes to the others inside first, which are suspended now.
    #[inline]
    pub(super) fn has_arrived(&self, key: Key) -> bool {
        self.scopes().tree(|tree| tree.is_pending(key)) && self.stays_after_redelivery(key)
    }

    #[cold]
    fn stays_after_redelivery(&self, key: Key) -> bool {
        let wakes = self.scopes().tree(|tree| tree.redeliver(key));
        wakes.into_iter().for_each(wake_quietly);
        self.scopes().tree(|tree| tree.is_pending(key))
    }

    /// Returns `true` if a cancellation was delivered to a catch point, shield or scope that has
    /// not been polled since.
    pub(crate) fn is_any_unheard(&self) -> bool {
        self.scopes().tree(|tree| tree.is_any_unheard())
    }

    /// Propagates what was delivered inside `scope` to nodes that have not been polled since (C26).
    /// The poll of `scope` has ended pending. If the scope is woken again, they have some more polls.
    pub(super) fn pass_by(&self, scope: Key, is_woken: bool) {
        if self.is_any_unheard() {
            let wakes = self.scopes().tree(|tree| {
                if is_woken {
                    tree.pass_by_if_overdue(scope)
                } else {
                    tree.pass_by(scope)
                }
            });
            wakes.into_iter().for_each(wake_quietly);
        }
    }

    /// Returns the cancellation that ends `task` after a pending poll: the poll resumed it past
    /// every catch point, or a catch point let it out because third-party code dropped it or did
    /// not poll it (C26).
    pub(super) fn exit_of(&self, task: &Task) -> Option<Cancelled> {
        let exit = self.scopes().take_exit();
        if let Some(root) = task.scope()
            && task.state().had_own_poll()
        {
            let is_woken = task.state().is_scheduled();
            self.pass_by(root, is_woken);
            if !is_woken {
                self.look_for_shields(task);
            }
        }
        // If the task has a root, the tree has decided between the one that was resumed and the one
        // pending there.
        self.take_uncaught(task).or(exit)
    }

    /// Returns the cancellation for which a future is being dropped, if it is dropped for one.
    pub(crate) fn aborting(&self) -> Option<Cancelled> {
        self.scopes().dropping_for()
    }

    /// Returns the cancellation for which a future is being dropped, or one that says that its
    /// awaiter is gone.
    pub(crate) fn why_dropped(&self) -> Cancelled {
        let gone = || Cancelled::awaiter_gone(self.current_id(), None);
        self.aborting().unwrap_or_else(gone)
    }

    /// Runs `drop_it`, which drops the future of `task` for `cancelled` and does not panic.
    pub(super) fn aborting_for<R>(
        &self,
        task: &Task,
        cancelled: &Cancelled,
        drop_it: impl FnOnce() -> R,
    ) -> R {
        let scopes = self.scopes();
        let outer = scopes.replace_dropping_for(Some(cancelled.clone()));
        let position = scopes.replace_position(Position::Task);
        // A destructor takes no steps of the poll that drops it.
        let rest = budget::set_aside();
        let dropped = self.scheduler.current.during(task, drop_it);
        budget::put_back(rest);
        scopes.set_position(position);
        self.end_poll(task);
        scopes.replace_dropping_for(outer);
        dropped
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
