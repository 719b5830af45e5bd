//! Cycles of awaits through a shield, and how they are broken (C28).
//!
//! A task that is cancelled and was awaited may continue in a shield, where it awaits other tasks.
//! The scope that dropped its handle waits for it to end (C21). If one of the awaited tasks is the
//! waiter itself, neither could continue. The waiter then stops waiting: the task is given up.
//!
//! ```text
//!   A ── shield, in it: awaits B ──────────────▶ B
//!   ▲                                            │ its timeout dropped A's handle
//!   └──────── waits for A to end (C21) ◀─────────┘
//!             given up: B's timeout ends, then B, then A
//! ```
//!
//! The search runs when a task that is waited for holds off a cancellation, and when code begins to
//! await a task while one does. Otherwise none of this costs anything.

use std::collections::{BTreeMap, BTreeSet};

use super::core::Core;
use super::{Task, TaskRef};
use crate::util::{Id, wake_quietly};

impl Core {
    /// Records `task` if it is waited for and holds off a cancellation, and breaks the cycles that
    /// it is in. Called after a poll of the task, and when a scope begins to wait for it.
    pub(super) fn look_for_shields(&self, task: &Task) {
        let number = task.by_ref().number();
        if !self.scopes().is_target(number) {
            return;
        }
        let holds = task.scope();
        if holds.is_some_and(|root| self.scopes().tree(|tree| tree.is_holding(root))) {
            self.scopes().hold_off(number, || task.by_ref().clone());
            break_cycles(self);
        }
    }

    /// Returns `true` if the running code is in an open scope, if a task holds off a cancellation,
    /// or if awaits are recorded for a report.
    #[inline]
    pub(super) fn are_awaits_watched(&self) -> bool {
        self.scopes().position().node().is_some()
            || self.scopes().watches_awaits()
            || self.wait_graph.is_some()
    }

    /// Called when the running code begins to await a task. Returns the current task if the code is
    /// in a shield, or if awaits are recorded for the report of a cycle.
    pub(super) fn await_begins(&self) -> Option<Id> {
        if self.scopes().watches_awaits() {
            break_cycles(self);
        }
        if self.scopes().is_recording() {
            return self.current_id();
        }
        let at = self.scopes().position().node()?;
        let is_shielded = self.scopes().tree(|tree| tree.is_shielded(at));
        self.current_id().filter(|_| is_shielded)
    }
}

/// Gives up the tasks that hold off a cancellation in a cycle, and wakes their waiters.
#[cold]
fn break_cycles(core: &Core) {
    let candidates = core.scopes().update_held_off(TaskRef::is_done);
    if candidates.is_empty() {
        return;
    }
    let tasks: BTreeMap<_, _> = core
        .running()
        .into_iter()
        .map(|task| (task.by_ref().number(), task))
        .collect();
    for (number, task) in candidates {
        if core.scopes().is_given_up(number) || !waits_for_itself(core, number, &tasks) {
            continue;
        }
        core.scopes().give_up(number);
        if let Ok(task) = task.at_home() {
            task.take_at_end().into_iter().for_each(wake_quietly);
        }
    }
}

/// Returns `true` if a task waits, through others, for itcore.
fn waits_for_itself(core: &Core, number: u64, tasks: &BTreeMap<u64, Task>) -> bool {
    let (mut seen, mut open) = (BTreeSet::new(), vec![number]);
    while let Some(at) = open.pop() {
        let waiting = waiters_of(core, at, tasks);
        if waiting.contains(&number) {
            return true;
        }
        open.extend(waiting.into_iter().filter(|waiter| seen.insert(*waiter)));
    }
    false
}

/// Returns the tasks that wait for task `number`: those that dropped its handle, that await it,
/// or whose group contains it.
fn waiters_of(core: &Core, number: u64, tasks: &BTreeMap<u64, Task>) -> Vec<u64> {
    let mut waiting = core.scopes().waiters_for(number);
    if let Some(task) = tasks.get(&number) {
        waiting.extend(task.awaited_by());
        let owner = task.parent().and_then(|parent| parent.owner());
        waiting.extend(owner.map(|owner| owner.number()));
    }
    waiting
}
