//! Tasks that a cancelled future was awaiting (C21): they are cancelled, and whoever dropped the future waits for them.
//!
//! ```text
//!   PendingJoins::of(drop the future) ── a handle that was awaited is dropped ─▶ awaiter_gone: pass_on, collect
//!        │                                                  has heard of it: not cancelled ──┘        │
//!        │                                                  would close a cycle: not collected ───────┘
//!        ▼
//!   PendingJoins ── poll: the next that has not ended wakes us ──▶ Ready
//!    │ ├─── cancel_again: the scope was hit again, so are they (C9)
//!    │ └─── given up: the task awaits the one that waits, in a shield (see `circles`)
//!    └─ dropped by an outer scope that collects itself: that one takes the wait over
//! ```
//!
//! Nothing of this is paid while nobody is cancelled.

use std::task::{Poll, Waker};

use super::core::{Core, Phase};
use super::shared::{Message, Shared};
use super::{Task, TaskRef, try_with};
use crate::error::Cancelled;
use crate::scope::Wait;

/// A wait for tasks to end.
#[derive(Debug, Default)]
pub(crate) struct PendingJoins {
    /// Those that may not have ended.
    tasks: Vec<TaskRef>,
    /// What the record of waits has of it.
    noted: Vec<Wait>,
    /// The runtime whose record that is.
    runtime: u32,
}

impl PendingJoins {
    /// Runs `drop_it`, which drops a future for the sake of `cancelled`, and gives the wait for what that was awaiting.
    /// Outside of a runtime there is nobody to wait for.
    pub(crate) fn of(cancelled: &Cancelled, drop_it: impl FnOnce()) -> Self {
        let outer = try_with(|core| {
            let reason = core.scopes().replace_dropping_for(Some(cancelled.clone()));
            let ours = Self::in_runtime(core);
            (core.scopes().replace_collecting(Some(ours)), reason)
        });
        let Ok((outer, reason)) = outer else {
            drop_it();
            return Self::default();
        };
        let collecting = CollectJoins { outer, reason };
        drop_it();
        collecting.finish()
    }

    /// A wait for nobody yet.
    fn in_runtime(core: &Core) -> Self {
        Self {
            tasks: Vec::new(),
            noted: Vec::new(),
            runtime: core.shared().number(),
        }
    }

    /// Waits on. Ready when all have ended, or when it is asked where it cannot wait.
    pub(crate) fn poll(&mut self, waker: &Waker) -> Poll<()> {
        while let Some(last) = self.tasks.last() {
            if !last.is_done()
                && try_with(|core| core.scopes().is_given_up(last.number())) == Ok(false)
                && let Ok(task) = last.clone().at_home()
                && task.wake_at_end(waker)
            {
                return Poll::Pending;
            }
            self.tasks.pop();
        }
        self.strike_out();
        Poll::Ready(())
    }

    /// The numbers of those that have not ended.
    pub(super) fn numbers(&self) -> Vec<u64> {
        let tasks = self.tasks.iter().filter(|task| !task.is_done());
        tasks.map(TaskRef::number).collect()
    }

    /// True when there is nobody to wait for.
    pub(crate) fn is_over(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Waits for the tasks of `other`, too.
    pub(crate) fn join(&mut self, mut other: Self) {
        if self.runtime != other.runtime {
            self.strike_out();
            self.runtime = other.runtime;
        }
        self.tasks.append(&mut other.tasks);
        self.noted.append(&mut other.noted);
    }

    /// Cancels the tasks again: the scope that waits for them was, with `cancelled`.
    pub(crate) fn cancel_again(&self, cancelled: &Cancelled) {
        let tell = |core: &Core| {
            let gone = core.gone(Some(cancelled));
            self.tasks.iter().for_each(|task| core.pass_on(task, &gone));
        };
        try_with(tell).ok();
    }

    /// Takes the wait out of the record.
    fn strike_out(&mut self) {
        let noted = std::mem::take(&mut self.noted);
        if noted.is_empty() {
            return;
        }
        let here = try_with(|core| {
            let here = core.shared().number() == self.runtime;
            if here {
                core.scopes().remove_waits(&noted);
            }
            here
        });
        if here != Ok(true)
            && let Some(shared) = Shared::find(self.runtime)
        {
            shared.send(Message::WaitsGone(noted));
        }
    }
}

impl Drop for PendingJoins {
    fn drop(&mut self) {
        self.strike_out();
        let tasks = std::mem::take(&mut self.tasks);
        let take_over = |core: &Core| {
            if core.shared().number() == self.runtime {
                core.take_over(&tasks);
            }
        };
        if !tasks.is_empty() {
            try_with(take_over).ok();
        }
    }
}

/// While it lives, dropped handles report to a list.
struct CollectJoins {
    /// The list of whoever collects around us.
    outer: Option<PendingJoins>,
    /// The cancellation for which they drop.
    reason: Option<Cancelled>,
}

impl CollectJoins {
    /// Ends it, and gives the list as a wait.
    fn finish(mut self) -> PendingJoins {
        let ours = self.back();
        std::mem::forget(self);
        ours
    }

    /// Puts the outer list back and gives ours.
    fn back(&mut self) -> PendingJoins {
        let (outer, reason) = (self.outer.take(), self.reason.take());
        let ours = try_with(|core| {
            core.scopes().replace_dropping_for(reason);
            core.scopes().replace_collecting(outer)
        });
        ours.ok().flatten().unwrap_or_default()
    }
}

impl Drop for CollectJoins {
    /// A destructor panicked: the tasks are cancelled, and the panic does not wait.
    fn drop(&mut self) {
        drop(self.back());
    }
}

impl Core {
    /// The cancellation of a task whose awaiter has gone, for the sake of `cause` if that was cancelled.
    fn gone(&self, cause: Option<&Cancelled>) -> Cancelled {
        Cancelled::awaiter_gone(self.current_id(), cause)
    }

    /// A handle that had been awaited was dropped before its task ended.
    pub(super) fn awaiter_gone(&self, task: &Task) {
        self.cancel_dropped(task, &self.gone(self.aborting().as_ref()));
        self.wait_for(task.by_ref());
    }

    /// Cancels a task that goes with a future which is dropped. In a shutdown every task has been told already, and a second
    /// cancellation would only cut its clean-up.
    pub(crate) fn cancel_dropped(&self, task: &Task, cancelled: &Cancelled) {
        if self.phase() != Phase::ShuttingDown {
            self.pass_on(task.by_ref(), cancelled);
        }
    }

    /// Cancels a task, unless it has heard of the event that this comes of by another way.
    fn pass_on(&self, task: &TaskRef, cancelled: &Cancelled) {
        let root = task.clone().at_home().ok().and_then(|task| task.scope());
        let has_heard = root.is_some_and(|root| self.scopes().has_heard(root, cancelled));
        if !has_heard {
            task.cancel(cancelled.clone());
        }
    }

    /// A wait that had begun was dropped: whoever collects around it, if anybody does, takes it over.
    fn take_over(&self, tasks: &[TaskRef]) {
        if !self.scopes().is_collecting() {
            return;
        }
        let gone = self.gone(self.aborting().as_ref());
        for task in tasks {
            self.wait_for(task);
            // The scope that waited was cancelled again, and so are they.
            self.pass_on(task, &gone);
        }
    }

    /// Has whoever drops a cancelled future, if anybody does, wait for a task that goes with it, unless that waits for it.
    pub(super) fn wait_for(&self, task: &TaskRef) {
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
        // One that is to be polled is looked at then, with what the cancellation has left of it.
        if let Ok(task) = task.clone().at_home()
            && !task.state().is_scheduled()
        {
            self.look_for_shields(&task);
        }
    }

    /// The task that runs, and those whose groups it is in.
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
