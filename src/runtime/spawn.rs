//! How tasks come in: spawned, by a group, or as the cell of a main future.
//!
//! ```text
//!   spawn, admit_child ─▶ admit: into the table, with its context variables ─┬─ open ──────────▶ queued
//!                                                                             ├─ shutting down ─▶ queued; cancelled, if no group has it
//!   admit_main ─▶ into the table, queued                                      └─ closed ────────▶ dropped at once
//! ```

use std::rc::Rc;

use super::core::{Core, Phase};
use super::shared::Shared;
use super::{Join, OwnedRef, Task};
use crate::cell::{Label, ParentScheduler, spawn, spawn_main};
use crate::error::{Cancelled, Reason};

impl Core {
    /// Spawns a task: it runs on a later turn.
    pub(crate) fn spawn<F: Future + 'static>(&self, label: Label, future: F) -> Join<F::Output> {
        let spawned = spawn(self.shared(), self.scheduler.next_number(), label, future);
        self.admit(spawned.owner, spawned.queued);
        spawned.join
    }

    /// Takes a new task in.
    #[inline(always)] // once a task: its frame would cost as much as its work
    fn admit(&self, owner: OwnedRef, task: Task) {
        self.scheduler.owned.insert(owner);
        if self.vars.is_set() {
            self.hand_vars_down(&task);
        }
        match self.phase() {
            Phase::Open => self.enqueue(task),
            _ => self.admit_late(task),
        }
    }

    /// Takes a new task in while the runtime ends.
    #[cold]
    fn admit_late(&self, task: Task) {
        let cancelled = Cancelled::new(Reason::Shutdown, None);
        match self.phase() {
            Phase::Closed => self.with_vars_of(&task.clone(), || self.abort(task, cancelled)),
            // A group that still spawns cleans up, or is shielded: else it were cancelled, and what it spawns with it.
            _ if task.state().is_child() => self.enqueue(task),
            _ => {
                task.cancel(cancelled);
                self.enqueue(task);
            }
        }
    }

    /// Takes a new task in that a pen polls.
    pub(crate) fn admit_child(
        &self,
        owner: OwnedRef,
        task: Task,
        parent: Rc<dyn ParentScheduler<Shared>>,
    ) {
        task.set_parent(parent);
        self.admit(owner, task);
    }

    /// Makes the cell of a main future, queued for its first poll.
    pub(super) fn admit_main(&self, label: Label) -> Task {
        let (owner, task) = spawn_main(self.shared(), self.scheduler.next_number(), label);
        self.scheduler.owned.insert(owner);
        self.enqueue(task.clone());
        task
    }
}
