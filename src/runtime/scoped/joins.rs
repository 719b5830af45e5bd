//! The tasks that a cancelled future was awaiting (C21): they are cancelled, and the scope that
//! dropped the future waits for them.
//!
//! ```text
//!   PendingJoins::of(drop the future)
//!     │  a handle that was awaited is dropped ─▶ awaiter_gone
//!     │     ├─ cancel_dropped: not if the task has heard of the event
//!     │     └─ wait_for: not if that would close a cycle
//!     ▼
//!   PendingJoins ── poll: the next one that has not ended wakes us ──▶ Ready
//!     ├─ cancel_again: the scope was cancelled again, so are the tasks (C9)
//!     ├─ given up: the task awaits its waiter, in a shield (see `await_cycles`)
//!     └─ dropped by an outer scope that collects: take_over
//! ```
//!
//! Without a cancellation, none of this costs anything.

use std::mem;
use std::task::{Poll, Waker};

use super::join_list::JoinList;
use crate::error::Cancelled;
use crate::runtime::core::Core;
use crate::runtime::home_key::HomeKey;
use crate::runtime::lifecycle::Phase;
use crate::runtime::{Task, TaskRef, try_with};

/// A wait for tasks to end.
#[derive(Debug, Default)]
pub(in crate::runtime) struct PendingJoins {
    list: JoinList,
    /// The runtime of the tasks; `None` outside of a runtime.
    home: Option<HomeKey>,
}

impl PendingJoins {
    /// Runs `drop_it`, which drops a future for `cancelled`. Returns a wait for the tasks that the
    /// future was awaiting; outside of a runtime, an empty one.
    pub(in crate::runtime) fn of(cancelled: &Cancelled, drop_it: impl FnOnce()) -> Self {
        let outer = try_with(|core| {
            let reason = core.scopes().replace_dropping_for(Some(cancelled.clone()));
            let ours = Some(JoinList::default());
            (core.scopes().replace_collecting(ours), reason)
        });
        let Ok((outer, reason)) = outer else {
            drop_it();
            return Self::default();
        };
        let collecting = CollectJoins { outer, reason };
        drop_it();
        collecting.finish()
    }

    /// Returns a wait for tasks of `core`.
    fn new(core: &Core, list: JoinList) -> Self {
        let home = Some(HomeKey::of(core));
        Self { list, home }
    }

    /// Takes the wait of a task that drains.
    pub(in crate::runtime) fn take_draining(core: &Core, task: u64) -> Self {
        let list = core.scopes().take_draining(task);
        Self::new(core, list.unwrap_or_default())
    }

    /// Stores the wait of a task that drains.
    pub(in crate::runtime) fn set_draining(mut self, core: &Core, task: u64) {
        let old = core.scopes().set_draining(task, mem::take(&mut self.list));
        drop(old.map(|list| Self::new(core, list)));
    }

    /// Returns `Ready` when all tasks have ended, and where it cannot wait: outside of their
    /// runtime.
    pub(in crate::runtime) fn poll(&mut self, waker: &Waker) -> Poll<()> {
        while let Some(last) = self.list.tasks.last() {
            if !last.is_done()
                && try_with(|core| core.scopes().is_given_up(last.number())) == Ok(false)
                && let Ok(task) = last.clone().at_home()
                && task.wake_at_end(waker)
            {
                return Poll::Pending;
            }
            self.list.tasks.pop();
        }
        self.remove_from_record();
        Poll::Ready(())
    }

    /// [`poll`](PendingJoins::poll), after `again`, if there is one, is passed on to the tasks.
    pub(in crate::runtime) fn poll_again(
        &mut self,
        again: Option<Cancelled>,
        waker: &Waker,
    ) -> Poll<()> {
        again
            .iter()
            .for_each(|cancelled| self.cancel_again(cancelled));
        self.poll(waker)
    }

    /// Returns `true` if there is no task to wait for.
    pub(in crate::runtime) fn is_over(&self) -> bool {
        self.list.tasks.is_empty()
    }

    /// Adds the tasks of `other`.
    pub(in crate::runtime) fn join(&mut self, mut other: Self) {
        if self.home != other.home {
            self.remove_from_record();
            self.home = other.home;
        }
        self.list.tasks.append(&mut other.list.tasks);
        self.list.noted.append(&mut other.list.noted);
    }

    /// Cancels the tasks again, because the scope that waits for them was cancelled with
    /// `cancelled`.
    pub(in crate::runtime) fn cancel_again(&self, cancelled: &Cancelled) {
        let pass_on = |core: &Core| {
            let gone = core.gone(Some(cancelled));
            let tasks = self.list.tasks.iter();
            tasks.for_each(|task| core.pass_on(task, &gone));
        };
        try_with(pass_on).ok();
    }

    /// Removes the wait from the runtime's record.
    fn remove_from_record(&mut self) {
        let noted = mem::take(&mut self.list.noted);
        if let Some(home) = self.home
            && !noted.is_empty()
        {
            home.at_home_or_send(move |core| core.scopes().remove_waits(&noted));
        }
    }
}

impl Drop for PendingJoins {
    fn drop(&mut self) {
        self.remove_from_record();
        let tasks = mem::take(&mut self.list.tasks);
        if let Some(home) = self.home
            && !tasks.is_empty()
        {
            home.with_home(|core| core.take_over(&tasks));
        }
    }
}

/// While it lives, dropped handles add their tasks to a new `PendingJoins`.
struct CollectJoins {
    /// The one before, of a scope further out.
    outer: Option<JoinList>,
    /// The cancellation for which that scope drops its future.
    reason: Option<Cancelled>,
}

impl CollectJoins {
    fn finish(mut self) -> PendingJoins {
        let ours = self.restore();
        mem::forget(self);
        ours
    }

    /// Restores the outer wait and returns ours.
    fn restore(&mut self) -> PendingJoins {
        let (outer, reason) = (self.outer.take(), self.reason.take());
        let ours = try_with(|core| {
            core.scopes().replace_dropping_for(reason);
            let ours = core.scopes().replace_collecting(outer);
            PendingJoins::new(core, ours.unwrap_or_default())
        });
        ours.unwrap_or_default()
    }
}

impl Drop for CollectJoins {
    /// Runs if a destructor panicked. The tasks are cancelled, and the panic does not wait for
    /// them.
    fn drop(&mut self) {
        drop(self.restore());
    }
}

impl Core {
    /// Returns the cancellation of a task whose awaiter is gone. `cause` is the one that ended the
    /// awaiter, if any.
    fn gone(&self, cause: Option<&Cancelled>) -> Cancelled {
        Cancelled::awaiter_gone(self.current_id(), cause)
    }

    /// Cancels `task`, whose handle was dropped after it had been awaited, and makes the scope
    /// being cancelled wait for it.
    pub(in crate::runtime) fn awaiter_gone(&self, task: &Task) {
        self.cancel_dropped(task, &self.gone(self.aborting().as_ref()));
        self.wait_for(task.by_ref());
    }

    /// Cancels a task whose awaiter is dropped. During a shutdown every task has been cancelled
    /// already, and a second cancellation would only interrupt its clean-up.
    pub(crate) fn cancel_dropped(&self, task: &Task, cancelled: &Cancelled) {
        if self.lifecycle.phase() != Phase::ShuttingDown {
            self.pass_on(task.by_ref(), cancelled);
        }
    }

    /// Cancels a task, unless it has received a cancellation of the same event already.
    fn pass_on(&self, task: &TaskRef, cancelled: &Cancelled) {
        let root = task.clone().at_home().ok().and_then(|task| task.scope());
        let has_heard =
            root.is_some_and(|root| self.scopes().tree(|tree| tree.has_heard(root, cancelled)));
        if !has_heard {
            task.cancel(cancelled.clone());
        }
    }

    /// Makes the scope that is being cancelled, if any, wait for `tasks`, whose wait was dropped.
    fn take_over(&self, tasks: &[TaskRef]) {
        if !self.scopes().is_collecting() {
            return;
        }
        let gone = self.gone(self.aborting().as_ref());
        for task in tasks {
            self.wait_for(task);
            // The scope that waited was cancelled again, so the tasks are too.
            self.pass_on(task, &gone);
        }
    }

    /// Makes the scope that is being cancelled, if any, wait for `task`, unless that would close a
    /// cycle.
    pub(in crate::runtime) fn wait_for(&self, task: &TaskRef) {
        if !self.scopes().is_collecting() {
            return;
        }
        let (waiters, target) = (self.waiters(), task.number());
        if self.scopes().leads_back(target, &waiters) || self.scopes().is_given_up(target) {
            return;
        }
        self.scopes().collect(|list| {
            for waiter in waiters {
                self.scopes().add_wait((waiter, target));
                list.noted.push((waiter, target));
            }
            list.tasks.push(task.clone());
        });
        // A task that is scheduled is looked at after its poll, when the cancellation has taken
        // effect.
        if let Ok(task) = task.clone().at_home()
            && !task.state().is_scheduled()
        {
            self.look_for_shields(&task);
        }
    }

    /// Returns the numbers of the current task and of the tasks whose groups contain it.
    fn waiters(&self) -> Vec<u64> {
        let mut waiters = Vec::new();
        let mut next = self.current();
        while let Some(task) = next {
            waiters.push(task.by_ref().number());
            let owner = task.parent().and_then(|parent| parent.owner());
            next = owner.and_then(|owner| owner.at_home().ok());
        }
        waiters
    }
}
