//! Circles of awaits that go through a shield, and how they are broken (C28).
//!
//! A task that is cancelled and was awaited goes on in a shield, where it awaits others; whoever
//! dropped its handle waits for it to end (C21). If one of the others is that very task, nobody
//! could go on: it is not waited for any longer.
//!
//! ```text
//!   A ── shield, in it: awaits B ──────────────▶ B
//!   ▲                                            │ its timeout has dropped A's handle
//!   └───────── waits for A to end (C21) ◀────────┘ given up: B's timeout ends, then B, then A
//! ```
//!
//! Looked for when a task that is waited for holds a cancellation off, and when somebody awaits a
//! task while one does. Nothing of this is paid otherwise.

use std::collections::{BTreeMap, BTreeSet};

use super::core::Core;
use super::position::Position;
use super::{Task, TaskRef};
use crate::util::{Id, wake_quietly};

/// The tasks that are waited for while they hold a cancellation off.
#[derive(Debug, Default)]
pub(crate) struct HeldOff {
    /// Those that may be in a circle.
    tasks: Vec<TaskRef>,
    /// The numbers of those that were in one, and are not waited for any longer.
    given_up: BTreeSet<u64>,
}

impl HeldOff {
    /// Adds a task.
    fn add(&mut self, task: &TaskRef) {
        if !self
            .tasks
            .iter()
            .any(|known| known.number() == task.number())
        {
            self.tasks.push(task.clone());
        }
    }

    /// Takes out those that have ended, for the caller to drop.
    #[must_use = "references are dropped with no borrow alive"]
    fn take_ended(&mut self) -> Vec<TaskRef> {
        let all = std::mem::take(&mut self.tasks);
        let (ended, live) = all.into_iter().partition(TaskRef::is_done);
        self.tasks = live;
        for task in &ended {
            let task: &TaskRef = task;
            self.given_up.remove(&task.number());
        }
        ended
    }
}

impl Core {
    /// Returns `true` if a task is not waited for any longer, since that would close a circle.
    pub(super) fn is_given_up(&self, task: &TaskRef) -> bool {
        self.held_off().borrow().given_up.contains(&task.number())
    }

    /// A task that has been polled, or that somebody begins to wait for, may hold a cancellation
    /// off.
    pub(super) fn look_for_shields(&self, task: &Task) {
        let number = task.by_ref().number();
        if !self.waits().borrow().is_target(number) {
            return;
        }
        let holds = task.scope();
        if holds.is_some_and(|root| self.scopes().borrow().is_holding(root)) {
            self.held_off().borrow_mut().add(task.by_ref());
            self.is_any_held_off().set(true);
            self.break_circles();
        }
    }

    /// The code that runs begins to await a task; returns its own task, if a shield is around it.
    #[inline]
    pub(super) fn await_begins(&self) -> Option<Id> {
        if self.here().get() == Position::Task && !self.is_any_held_off().get() {
            return None;
        }
        self.await_begins_inside()
    }

    /// [`await_begins`](Core::await_begins) in a scope, or while a task is held off. Apart, so that
    /// every other await pays for two comparisons only.
    #[cold]
    #[inline(never)]
    fn await_begins_inside(&self) -> Option<Id> {
        if self.is_any_held_off().get() {
            self.break_circles();
        }
        let (Position::Node(at) | Position::Unopened(Some(at), _)) = self.here().get() else {
            return None;
        };
        let is_shielded = self.scopes().borrow().is_shielded(at);
        self.current_id().filter(|_| is_shielded)
    }

    /// Gives up the tasks that are held off in a circle, and wakes those who wait for them.
    #[cold]
    fn break_circles(&self) {
        let ended = self.held_off().borrow_mut().take_ended();
        drop(ended);
        let candidates = self.held_off().borrow().tasks.clone();
        self.is_any_held_off().set(!candidates.is_empty());
        if candidates.is_empty() {
            return;
        }
        let tasks: BTreeMap<_, _> = self
            .running()
            .into_iter()
            .map(|task| (task.by_ref().number(), task))
            .collect();
        for task in candidates {
            if self.is_given_up(&task) || !self.waits_for_itself(task.number(), &tasks) {
                continue;
            }
            self.held_off().borrow_mut().given_up.insert(task.number());
            if let Ok(task) = task.at_home() {
                task.take_at_end().into_iter().for_each(wake_quietly);
            }
        }
    }

    /// Returns `true` if a task waits, through others, for itself.
    fn waits_for_itself(&self, number: u64, tasks: &BTreeMap<u64, Task>) -> bool {
        let (mut seen, mut open) = (BTreeSet::new(), vec![number]);
        while let Some(at) = open.pop() {
            let waiting = self.who_waits_for(at, tasks);
            if waiting.contains(&number) {
                return true;
            }
            open.extend(waiting.into_iter().filter(|waiter| seen.insert(*waiter)));
        }
        false
    }

    /// The tasks that wait for one: because they dropped its handle, because they await it, or
    /// because it is in a group of theirs.
    fn who_waits_for(&self, number: u64, tasks: &BTreeMap<u64, Task>) -> Vec<u64> {
        let mut waiting = self.waits().borrow().waiters_for(number);
        if let Some(task) = tasks.get(&number) {
            waiting.extend(task.awaited_by());
            let owner = task.parent().and_then(|parent| parent.owner());
            waiting.extend(owner.map(|owner| owner.number()));
        }
        waiting
    }
}
