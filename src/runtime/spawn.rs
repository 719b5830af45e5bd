//! New tasks: spawned, children of groups, and the cells of main futures.
//!
//! ```text
//!   spawn, admit_child ─▶ admit ─┬─ open ──────────▶ queued
//!                                ├─ shutting down ─▶ queued; cancelled, unless a child
//!                                └─ closed ────────▶ dropped at once
//!   admit_main ─▶ queued
//! ```

use std::rc::Rc;

use super::core::Core;
use super::lifecycle::Phase;
use super::shared::Shared;
use super::variables::hand_vars_down;
use super::{Join, OwnedRef, Task};
use crate::cell::{Label, ParentScheduler, spawn, spawn_main};
use crate::error::{Cancelled, Reason};

impl Core {
    /// Spawns a task, which is first polled in a later turn.
    pub(crate) fn spawn<F: Future + 'static>(&self, label: Label, future: F) -> Join<F::Output> {
        let spawned = spawn(self.shared(), self.scheduler.next_number(), label, future);
        self.admit(spawned.owner, spawned.queued);
        spawned.join
    }

    /// Adds a new task, with the context variables that it inherits.
    #[inline(always)] // its frame would cost as much as its work (bench `spawn_detached_burst`)
    fn admit(&self, owner: OwnedRef, task: Task) {
        self.scheduler.owned.insert(owner);
        if self.vars.is_set() {
            hand_vars_down(self, &task);
        }
        match self.lifecycle.phase() {
            Phase::Open => self.enqueue(task),
            _ => self.admit_late(task),
        }
    }

    /// Adds a new task while the runtime ends.
    #[cold]
    fn admit_late(&self, task: Task) {
        let cancelled = Cancelled::new(Reason::Shutdown, None);
        match self.lifecycle.phase() {
            Phase::Closed => self.with_vars_of(&task.clone(), || self.abort(task, cancelled)),
            // A group that still spawns cleans up, or is shielded. Otherwise it would be cancelled,
            // and its new child with it.
            _ if task.state().is_child() => self.enqueue(task),
            _ => {
                task.cancel(cancelled);
                self.enqueue(task);
            }
        }
    }

    /// Adds a new task that a group polls.
    pub(crate) fn admit_child(
        &self,
        owner: OwnedRef,
        task: Task,
        parent: Rc<dyn ParentScheduler<Shared>>,
    ) {
        task.set_parent(parent);
        self.admit(owner, task);
    }

    /// Creates the cell of a main future, and queues it for its first poll.
    pub(super) fn admit_main(&self, label: Label) -> Task {
        let (owner, task) = spawn_main(self.shared(), self.scheduler.next_number(), label);
        self.scheduler.owned.insert(owner);
        self.enqueue(task.clone());
        task
    }
}
