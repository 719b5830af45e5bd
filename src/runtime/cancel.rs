//! Where a cancellation meets the loop: delivery to a task, and the way out.
//!
//! The tree of scopes is data (see [`scope`](crate::scope)); here it is asked, with no borrow alive when a waker is woken
//! or a future dropped. A task has a root in the tree from its first catch point on; a task without one pays for none
//! of this.
//!
//! ```text
//!   run: cancel waits ─▶ deliver ─┬─ no root, or nobody catches ─▶ abort: the future is dropped
//!                                 └─ caught: the catch points' wakers are woken ─▶ the task is polled
//!   poll ─ pending, not woken ─▶ pass_by: what a catch point was told that was not polled goes on
//!   resume ─▶ the next catch point outwards, the scope that owns it, or the task: abort when the poll returns
//!   abort ─┬─ it was awaiting no task ────────────────▶ ended
//!          └─ it was: they are cancelled, it lingers ─▶ ended when they have (C21)
//! ```

use std::task::Waker;

use super::Task;
use super::carry::Carried;
use super::context::set_carrying;
use super::core::Core;
use super::outgoing::{Outgoing, Stop};
use super::pending_joins::PendingJoins;
use crate::error::{Cancelled, JoinError};
use crate::scope::{Duty, Identity, Position, Raise};
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

/// What a delivery leaves to do.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Delivered {
    /// Poll the task: a catch point inside has it.
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

    /// Runs a task that the loop cannot simply poll: it has a pen, lingers, has ended, is to be cancelled first, or has
    /// places in the tree. Returns the turn of a task that main has to carry.
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

    /// Runs a task of a pen, from inside the poll of the task that polls the pen. `true` when it has ended.
    pub(crate) fn poll_child(&self, task: &Task) -> bool {
        self.nested(|| self.run_scoped(task.clone()));
        task.state().is_done()
    }

    /// Drops the future of a task of a pen, for a cancellation. `true` when it has ended; if not, it lingers, and the pen
    /// is told.
    pub(crate) fn abort_child(&self, task: &Task, cancelled: &Cancelled) -> bool {
        self.nested(|| {
            self.with_vars_of(task, || self.abort(task.clone(), cancelled.clone()));
        });
        task.state().is_done()
    }

    /// Drops the future of a task of a pen which is dropped itself: whoever drops that waits until the task has ended.
    pub(crate) fn drop_child(&self, task: &Task, cancelled: &Cancelled) {
        match task.state().is_draining() {
            true => self.cancel_dropped(task, cancelled),
            false => drop(self.abort_child(task, cancelled)),
        }
        if !task.state().is_done() {
            self.wait_for(task.by_ref());
        }
    }

    /// Why a future is being dropped at this moment, or that its awaiter has gone.
    pub(crate) fn why_dropped(&self) -> Cancelled {
        let gone = || Cancelled::awaiter_gone(self.current_id(), None);
        self.aborting().unwrap_or_else(gone)
    }

    /// Does with another task what may change the record of the poll that is under way.
    pub(super) fn nested(&self, work: impl FnOnce()) {
        let state = self.scopes().save_poll_state();
        let rest = budget::set_aside();
        let (carrying, body) = (set_carrying(0), self.body_here().take());
        self.current_cell().set_aside(work);
        self.scopes().restore_poll_state(state);
        budget::put_back(rest);
        set_carrying(carrying);
        drop(self.body_here().replace(body));
    }

    /// Runs a task that the loop, or its pen, is to poll, with its context variables set.
    pub(super) fn run_scoped(&self, task: Task) {
        if task.state().has_vars() || self.are_vars_set() {
            return self.with_vars_of(&task.clone(), || self.run_told(task));
        }
        self.run_told(task);
    }

    /// Delivers what waits for the task, and polls it if it is to live.
    fn run_told(&self, task: Task) {
        if task.state().is_done() {
            return;
        }
        if task.state().is_draining() {
            return self.wait_on(task);
        }
        let uncaught = task
            .take_cancel()
            .filter(|cancelled| self.deliver(&task, cancelled) == Delivered::Uncaught);
        // Where the task has a root, another one may have waited there, and this one has joined it (C10).
        match self.take_uncaught(&task).or(uncaught) {
            Some(cancelled) => self.abort(task, cancelled),
            None => {
                self.scopes().set_after_poll(true);
                let woken = self.run(task);
                woken.into_iter().for_each(|woken| self.enqueue(woken));
            }
        }
    }

    /// After a poll that was pending, looks for a cancellation that ends the task; after the last poll, clears up.
    #[cold]
    pub(super) fn look_after(&self, task: Task, ended: bool) -> Option<Task> {
        self.end_unless_pending(task, ended)?
            .settle(false, self.current_cell())
    }

    /// Ends the task if the poll did: by a value, a failure, or a cancellation. Returned if it is pending.
    pub(super) fn end_unless_pending(&self, task: Task, ended: bool) -> Option<Task> {
        if ended {
            self.end_poll(&task);
            return task.settle(true, self.current_cell());
        }
        let failure = task.parent().and_then(|parent| parent.failure_of_child());
        if let Some(error) = failure {
            // It has ended, though with nothing that its handle could give: that stands (C4).
            self.current_cell().during(&task, || task.abort(error));
            self.end_poll(&task);
            return task.settle(true, self.current_cell());
        }
        if let Some(cancelled) = self.end_of(&task) {
            self.abort(task, cancelled);
            return None;
        }
        Some(task)
    }

    /// The cancellation that ends `task` after a poll that was pending: one that the poll resumed
    /// past every catch point, or one that a catch point let out because foreign code dropped it,
    /// or did not poll it (C26).
    pub(super) fn end_of(&self, task: &Task) -> Option<Cancelled> {
        let raised = self.scopes().take_exit();
        if let Some(root) = task.scope()
            && task.state().had_own_poll()
        {
            self.pass_by(root);
            self.look_for_shields(task);
        }
        // Where the task has a root, the tree has decided between what was resumed and what waited there.
        self.take_uncaught(task).or(raised)
    }

    /// Clears up behind a task whose last poll has returned, or whose future was dropped.
    pub(super) fn end_poll(&self, task: &Task) {
        // A task that raised a cancellation in one branch and finished in another has a result, which stands (C4); what a
        // destructor raises is too late.
        drop(self.scopes().take_exit());
        self.close_root(task);
    }

    /// Drops a task's future and ends the task as cancelled, when the tasks that it was awaiting have ended.
    #[cold]
    pub(super) fn abort(&self, task: Task, cancelled: Cancelled) {
        if task.state().is_draining() {
            let number = task.by_ref().number();
            let wait = self.scopes().take_draining(number);
            drop(wait);
            task.start();
            return self.end_draining(task);
        }
        let mut wait = PendingJoins::default();
        self.aborting_for(&task, &cancelled, || {
            wait = PendingJoins::of(&cancelled, || {
                task.abort(JoinError::Cancelled(cancelled.clone()));
            });
        });
        if wait.is_over() {
            return self.settle(task, true);
        }
        self.begin_draining(task, wait);
    }

    /// Lets a task whose future is gone wait for others before it ends.
    fn begin_draining(&self, task: Task, mut wait: PendingJoins) {
        task.begin_draining();
        // If they have ended already, the wake makes the loop look at once.
        if wait.poll(&task.waker()).is_ready() {
            task.clone().wake();
        }
        let number = task.by_ref().number();
        drop(self.scopes().set_draining(number, wait));
    }

    /// A task that lingers was woken: ends it, if those that it waits for have ended.
    fn wait_on(&self, task: Task) {
        let number = task.by_ref().number();
        let mut wait = self.scopes().take_draining(number).unwrap_or_default();
        task.start();
        if let Some(cancelled) = task.take_cancel() {
            wait.cancel_again(&cancelled);
        }
        if wait.poll(&task.waker()).is_ready() {
            return self.end_draining(task);
        }
        drop(self.scopes().set_draining(number, wait));
        self.settle(task, false);
    }

    /// Ends a task that lingered.
    fn end_draining(&self, task: Task) {
        // Open still if its future was dropped while nobody drove the runtime.
        self.close_root(&task);
        self.settle(task, true);
    }

    /// What waits at the root of `task`: nobody inside catches it, or a catch point let it out when foreign code dropped it.
    /// Also sees to it that the task is woken for the next such case.
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

    /// Sends outwards what was delivered inside `scope` and not heard by its poll, which has ended
    /// pending and is not to be repeated (C26).
    pub(super) fn pass_by(&self, scope: Key) {
        if self.is_any_unheard() {
            let wakes = self.scopes().pass_by(scope);
            wakes.into_iter().for_each(wake_quietly);
        }
    }

    /// Sends a cancellation outwards from the code that runs now. `waker` is of the future that
    /// sends it and waits to be dropped: if it is not, it is polled once more, through whatever
    /// combinator is in between, to say so.
    ///
    /// # Panics
    /// Outside of a task.
    pub(crate) fn resume(&self, cancelled: Cancelled, waker: &Waker) -> Outgoing {
        let outgoing = self.send_out(cancelled);
        waker.wake_by_ref();
        outgoing
    }

    /// Sends a cancellation outwards; returns where it stopped.
    fn send_out(&self, cancelled: Cancelled) -> Outgoing {
        let Some(task) = self.current() else {
            panic!(
                "`Cancelled::resume` was awaited outside of a task, where there is nothing that it could end"
            );
        };
        if self.scopes().position() == Position::Task
            && task.scope().is_none()
            && task.parent().is_none()
        {
            return self.raise(&task, cancelled);
        }
        let from = self.node_here();
        let raised = from.map_or(Raise::Nowhere, |node| self.scopes().raise(node, &cancelled));
        let stop = match raised {
            Raise::Ends(scope, waker) if task.scope() == Some(scope) => {
                drop(waker);
                self.raise(&task, cancelled);
                scope
            }
            Raise::Caught(stop, waker) | Raise::Ends(stop, waker) => {
                waker.into_iter().for_each(wake_quietly);
                stop
            }
            Raise::Nowhere => return self.raise(&task, cancelled),
        };
        Outgoing::to(self, Stop::Node(stop))
    }

    /// Ends the current task as cancelled when its poll returns.
    fn raise(&self, task: &Task, cancelled: Cancelled) -> Outgoing {
        self.scopes().set_exit(cancelled);
        Outgoing::to(self, Stop::Task(task.by_ref().number()))
    }
}
