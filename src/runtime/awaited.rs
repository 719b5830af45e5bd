//! Tasks that a cancelled future was awaiting (C21): they are cancelled, and whoever dropped the future waits for them.
//!
//! ```text
//!   Awaited::of(drop the future) ── a handle that was awaited is dropped ─▶ awaiter_gone: cancel, collect
//!        │                                                                    └─ it would close a cycle: not collected
//!        ▼
//!   Awaited ── poll: the next that has not ended wakes us ──▶ Ready
//!    │ └─── cancel_again: the scope was hit again, so are they (C9)
//!    └─ dropped by an outer scope that collects itself: that one takes the wait over
//! ```
//!
//! Nothing of this is paid while nobody is cancelled.

use std::collections::{BTreeMap, BTreeSet};
use std::task::{Poll, Waker};

use super::core::{Core, Phase};
use super::{Task, TaskRef, try_with};
use crate::error::{Cancelled, Reason};

/// A wait for tasks to end.
#[derive(Debug, Default)]
pub(crate) struct Awaited {
    /// Those that may not have ended.
    tasks: Vec<TaskRef>,
    /// Who waits, by number, with the tasks whose groups it is in; for the record of waits.
    waiter: Vec<u64>,
}

impl Awaited {
    /// Runs `drop_it`, which drops a future for the sake of `cancelled`, and gives the wait for what that was awaiting.
    /// Outside of a runtime there is nobody to wait for.
    pub(crate) fn of(cancelled: &Cancelled, drop_it: impl FnOnce()) -> Self {
        let outer = try_with(|core| {
            let reason = core.set_aborting(Some(cancelled.clone()));
            (core.collector().replace(Some(Vec::new())), reason)
        });
        let Ok((outer, reason)) = outer else {
            drop_it();
            return Self::default();
        };
        let collecting = Collecting { outer, reason };
        drop_it();
        collecting.finish()
    }

    /// Waits on. Ready when all have ended, or when it is asked where it cannot wait.
    pub(crate) fn poll(&mut self, waker: &Waker) -> Poll<()> {
        while let Some(last) = self.tasks.last() {
            if !last.is_done()
                && let Ok(task) = last.clone().at_home()
            {
                task.wake_at_end(waker);
                return Poll::Pending;
            }
            self.tasks.pop();
        }
        self.strike_out();
        Poll::Ready(())
    }

    /// True when there is nobody to wait for.
    pub(crate) fn is_over(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Waits for the tasks of `other`, too.
    pub(crate) fn join(&mut self, mut other: Self) {
        self.tasks.append(&mut other.tasks);
        if self.waiter.is_empty() {
            self.waiter = std::mem::take(&mut other.waiter);
        }
    }

    /// Cancels the tasks again: the scope that waits for them was.
    pub(crate) fn cancel_again(&self) {
        for task in &self.tasks {
            task.cancel(gone());
        }
    }

    /// Takes the wait out of the record.
    fn strike_out(&mut self) {
        let waiter = std::mem::take(&mut self.waiter);
        if !waiter.is_empty() {
            try_with(|core| core.waits().borrow_mut().forget(&waiter)).ok();
        }
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        self.strike_out();
        let tasks = std::mem::take(&mut self.tasks);
        if !tasks.is_empty() {
            try_with(|core| core.take_over(tasks)).ok();
        }
    }
}

/// While it lives, dropped handles report to a list.
struct Collecting {
    /// The list of whoever collects around us.
    outer: Option<Vec<TaskRef>>,
    /// The cancellation for which they drop.
    reason: Option<Cancelled>,
}

impl Collecting {
    /// Ends it, and gives the list as a wait.
    fn finish(mut self) -> Awaited {
        let tasks = self.back();
        std::mem::forget(self);
        let wait = |core: &Core| core.begin_wait(tasks);
        try_with(wait).unwrap_or_default()
    }

    /// Puts the outer list back and gives ours.
    fn back(&mut self) -> Vec<TaskRef> {
        let (outer, reason) = (self.outer.take(), self.reason.take());
        let ours = try_with(|core| {
            core.set_aborting(reason);
            core.collector().replace(outer)
        });
        ours.ok().flatten().unwrap_or_default()
    }
}

impl Drop for Collecting {
    /// A destructor panicked: the tasks are cancelled, and the panic does not wait.
    fn drop(&mut self) {
        drop(self.back());
    }
}

/// Who waits for whom, for as long as a wait lasts: task numbers.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    /// For each waiter those it waits for. The tasks whose groups a waiter is in wait with it.
    edges: BTreeMap<u64, BTreeSet<u64>>,
}

impl Waits {
    /// True when `target` waits, by way of others perhaps, for one of `waiters`, or is one.
    fn leads_back(&self, target: u64, waiters: &[u64]) -> bool {
        let (mut seen, mut next) = (BTreeSet::from([target]), vec![target]);
        while let Some(task) = next.pop() {
            if waiters.contains(&task) {
                return true;
            }
            let further = self.edges.get(&task).into_iter().flatten();
            next.extend(further.copied().filter(|&task| seen.insert(task)));
        }
        false
    }

    /// One of `waiters` waits for `target`, and so do the others, whose groups it is in.
    fn note(&mut self, waiters: &[u64], target: u64) {
        for &waiter in waiters {
            self.edges.entry(waiter).or_default().insert(target);
        }
    }

    /// The waits of the first of `waiters` are over.
    fn forget(&mut self, waiters: &[u64]) {
        let Some((first, around)) = waiters.split_first() else {
            return;
        };
        let targets = self.edges.remove(first).unwrap_or_default();
        for waiter in around {
            if let Some(theirs) = self.edges.get_mut(waiter) {
                theirs.retain(|target| !targets.contains(target));
            }
        }
    }
}

/// The cancellation of a task whose awaiter was.
fn gone() -> Cancelled {
    let by = try_with(Core::current_id).ok().flatten();
    Cancelled::new(Reason::AwaiterGone, by)
}

impl Core {
    /// A handle that had been awaited was dropped before its task ended.
    pub(super) fn awaiter_gone(&self, task: Task) {
        self.cancel_again(task.clone(), &gone());
        self.wait_for(&task);
    }

    /// Cancels a task that goes with a future which is dropped. In a shutdown every task has been told already, and a second
    /// cancellation would only cut its clean-up.
    pub(super) fn cancel_again(&self, task: Task, cancelled: &Cancelled) {
        if self.phase() != Phase::ShuttingDown {
            task.cancel(cancelled.clone());
        }
    }

    /// Has whoever drops a cancelled future, if anybody does, wait for a task that goes with it.
    pub(super) fn wait_for(&self, task: &Task) {
        let waiters = self.waiters();
        let number = task.by_ref().number();
        let mut collector = self.collector().borrow_mut();
        if let Some(list) = collector.as_mut()
            && !self.waits().borrow().leads_back(number, &waiters)
        {
            self.waits().borrow_mut().note(&waiters, number);
            list.push(task.by_ref().clone());
        }
    }

    /// Begins to wait for what was collected.
    fn begin_wait(&self, tasks: Vec<TaskRef>) -> Awaited {
        let waiter = match tasks.is_empty() {
            true => Vec::new(),
            false => self.waiters(),
        };
        Awaited { tasks, waiter }
    }

    /// A wait that had begun was dropped: whoever collects around it takes it over.
    fn take_over(&self, tasks: Vec<TaskRef>) {
        let waiters = self.waiters();
        let mut collector = self.collector().borrow_mut();
        if let Some(list) = collector.as_mut() {
            for task in &tasks {
                self.waits().borrow_mut().note(&waiters, task.number());
            }
            list.extend(tasks.iter().cloned());
            drop(collector);
            // The scope that waited was cancelled again, and so are they.
            for task in tasks {
                task.cancel(gone());
            }
        }
    }

    /// The task that runs, and those whose groups it is in.
    fn waiters(&self) -> Vec<u64> {
        let mut waiters = Vec::new();
        let mut next = self.current();
        while let Some(task) = next {
            waiters.push(task.by_ref().number());
            let owner = task.pen().and_then(|pen| pen.owner());
            next = owner.and_then(|owner| owner.at_home().ok());
        }
        waiters
    }
}
