//! The poll of a task that needs more than a poll: one with a parent, a cancellation, context
//! variables, a root in the tree of scopes, or an end that waits for other tasks.
//!
//! ```text
//!   run_out_of_order ─┬─ a child of a group ─▶ give_turn: the group polls it, by poll_child
//!                     └─ any other ─▶ run_scoped: sets the variables ─▶ run_cancellable
//!
//!   run_cancellable ─┬─ draining ────────────▶ poll_draining
//!                    ├─ cancelled, uncaught ─▶ abort
//!                    └─ else ────────────────▶ run ── returned ─▶ after_poll ─▶ end_unless_pending
//!   end_unless_pending ─┬─ ready ─────────────────────────▶ ended
//!                       ├─ exit_of: one left the task ────▶ abort
//!                       └─ else ──────────────────────────▶ requeued if it was woken
//! ```

use super::Task;
use super::carry::Carried;
use super::context::set_carrying;
use super::core::Core;
use crate::error::Cancelled;
use crate::util::budget;

impl Core {
    /// Runs a task that is a child, drains, has ended, is to be cancelled, or has a root in the
    /// tree. Returns the turn of a task that the main future has to carry.
    #[cold]
    pub(super) fn run_out_of_order(&self, task: Task) -> Option<Carried> {
        if task.state().is_done() {
            return None;
        }
        match task.parent() {
            None => self.run_scoped(task),
            Some(parent) if task.state().is_held_by_parent() => {
                return self.give_turn(task, parent);
            }
            Some(parent) => {
                self.run_scoped(task.clone());
                if task.state().is_done() {
                    parent.ended(&task);
                }
            }
        }
        None
    }

    /// Polls a child inside the poll of the task that polls its group. Returns `true` if the child
    /// has ended.
    pub(crate) fn poll_child(&self, task: &Task) -> bool {
        self.with_saved_poll(|| self.run_scoped(task.clone()));
        task.state().is_done()
    }

    /// Drops the future of a child for a cancellation. Returns `true` if the child has ended;
    /// otherwise it drains, and its group is notified when it ends.
    pub(crate) fn abort_child(&self, task: &Task, cancelled: &Cancelled) -> bool {
        self.with_saved_poll(|| {
            self.with_vars_of(task, || self.abort(task.clone(), cancelled.clone()));
        });
        task.state().is_done()
    }

    /// Drops the future of a child whose group is dropped. The scope that drops the group waits
    /// until the child has ended.
    pub(crate) fn drop_child(&self, task: &Task, cancelled: &Cancelled) {
        if task.state().is_draining() {
            self.cancel_dropped(task, cancelled);
        } else {
            let _has_ended = self.abort_child(task, cancelled);
        }
        if !task.state().is_done() {
            self.wait_for(task.by_ref());
        }
    }

    /// Runs `work`, which may poll another task, and then restores the state of the current poll.
    pub(super) fn with_saved_poll(&self, work: impl FnOnce()) {
        let state = self.scopes().save_poll_state();
        let rest = budget::set_aside();
        let (carrying, body) = (set_carrying(0), self.carriers.replace_body(None));
        self.scheduler.current.set_aside(work);
        self.scopes().restore_poll_state(state);
        budget::put_back(rest);
        set_carrying(carrying);
        drop(self.carriers.replace_body(body));
    }

    /// Runs a task with its context variables set.
    pub(super) fn run_scoped(&self, task: Task) {
        if task.state().has_vars() || self.vars.is_set() {
            return self.with_vars_of(&task.clone(), || self.run_cancellable(task));
        }
        self.run_cancellable(task);
    }

    /// Delivers the cancellation that waits for a task, and polls the task unless that ends it.
    fn run_cancellable(&self, task: Task) {
        if task.state().is_done() {
            return;
        }
        if task.state().is_draining() {
            return self.poll_draining(task);
        }
        match self.deliver(&task) {
            Some(cancelled) => self.abort(task, cancelled),
            None => {
                self.scopes().set_after_poll(true);
                let started = task.start();
                let ended = self.poll_as(&task, || started.poll());
                let woken = self.settle_poll(task, ended);
                woken.into_iter().for_each(|woken| self.enqueue(woken));
            }
        }
    }

    /// Ends or requeues a task after a poll, and ends it if a cancellation left it. Returns the
    /// task if it was woken.
    #[cold]
    pub(super) fn after_poll(&self, task: Task, ended: bool) -> Option<Task> {
        self.end_unless_pending(task, ended)?
            .settle(false, &self.scheduler.current)
    }

    /// Ends a task whose poll returned a value, failed its group, or let a cancellation out.
    /// Returns the task if it is pending.
    pub(super) fn end_unless_pending(&self, task: Task, ended: bool) -> Option<Task> {
        if ended {
            self.end_poll(&task);
            return task.settle(true, &self.scheduler.current);
        }
        let failure = task.parent().and_then(|parent| parent.take_child_failure());
        if let Some(error) = failure {
            // The child has ended, though with nothing for its handle to return: that stands (C4).
            self.scheduler.current.during(&task, || task.abort(error));
            self.end_poll(&task);
            return task.settle(true, &self.scheduler.current);
        }
        if let Some(cancelled) = self.exit_of(&task) {
            self.abort(task, cancelled);
            return None;
        }
        Some(task)
    }

    /// Clears the state of the last poll of a task, or of the drop of its future.
    pub(super) fn end_poll(&self, task: &Task) {
        // A task that resumed a cancellation in one branch and returned from another has a result,
        // which stands (C4). One that a destructor resumes comes too late.
        drop(self.scopes().take_exit());
        self.close_root(task);
    }
}
