//! The graph itself: the waits and holds of one runtime.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use super::{FINDER, Finder, ResourceInfo, ResourceLabel, WAIT_GRAPHS};
use crate::util::Id;

/// One wait.
#[derive(Clone, Debug)]
pub(crate) struct WaitRecord {
    /// The waiting task; `None` outside of a task.
    pub(crate) task: Option<Id>,
    pub(crate) resource: ResourceLabel,
    /// Whether the resource was granted to this wait, whose future has not taken it yet.
    pub(crate) is_granted: bool,
}

/// A resource and the task that holds it; `None` if it was taken outside of a task.
pub(crate) type HoldRecord = (ResourceLabel, Option<Id>);

/// A step of one wait in a queue.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WaitStep {
    /// The current task starts to wait.
    Begin,
    /// The current task polled a wait that another task may have begun.
    Move,
    /// The resource was granted to the wait.
    Grant,
    /// The wait has left the queue.
    End,
}

/// The waits and holds of a runtime.
pub(crate) struct WaitGraph(RefCell<Records>, PhantomData<*const ()>);

/// What a [`WaitGraph`] records.
#[derive(Default)]
struct Records {
    /// By the number of the resource and the index of the entry in its queue.
    waits: BTreeMap<(u64, u32), WaitRecord>,
    /// By the number of the hold.
    holds: BTreeMap<u32, HoldRecord>,
}

impl WaitGraph {
    /// Creates a graph that `finder` finds. All graphs of a process have the same finder.
    pub(crate) fn open(finder: Finder) -> Self {
        FINDER.get_or_init(|| finder);
        WAIT_GRAPHS.set(WAIT_GRAPHS.get() + 1);
        Self(RefCell::default(), PhantomData)
    }

    /// Records a step of a wait.
    pub(super) fn step(&self, step: WaitStep, of: &ResourceInfo, index: u32, task: Option<Id>) {
        match step {
            WaitStep::Begin => self.insert_wait(of.label(), index, task),
            WaitStep::Move => self.update_wait(of.number(), index, |wait| wait.task = task),
            WaitStep::Grant => self.update_wait(of.number(), index, |wait| wait.is_granted = true),
            WaitStep::End => self.remove_wait(of.number(), index),
        }
    }

    /// Records a wait.
    pub(super) fn insert_wait(&self, resource: ResourceLabel, index: u32, task: Option<Id>) {
        let key = (resource.number, index);
        let wait = WaitRecord {
            task,
            resource,
            is_granted: false,
        };
        self.0.borrow_mut().waits.insert(key, wait);
    }

    /// Changes a wait, if it was recorded.
    fn update_wait(&self, resource: u64, index: u32, change: impl FnOnce(&mut WaitRecord)) {
        let mut records = self.0.borrow_mut();
        records.waits.get_mut(&(resource, index)).map(change);
    }

    /// Removes a wait.
    pub(super) fn remove_wait(&self, resource: u64, index: u32) {
        self.0.borrow_mut().waits.remove(&(resource, index));
    }

    /// Removes the waits of a resource that was dropped. Their futures were leaked.
    pub(super) fn remove_waits_of(&self, resource: u64) {
        let mut records = self.0.borrow_mut();
        records.waits.retain(|(number, _), _| *number != resource);
    }

    /// Records a hold.
    pub(super) fn insert_hold(&self, resource: ResourceLabel, hold: u32, task: Option<Id>) {
        self.0.borrow_mut().holds.insert(hold, (resource, task));
    }

    /// Removes a hold.
    pub(super) fn remove_hold(&self, hold: u32) {
        self.0.borrow_mut().holds.remove(&hold);
    }

    /// Returns all waits.
    pub(crate) fn all_waits(&self) -> Vec<WaitRecord> {
        self.0.borrow().waits.values().cloned().collect()
    }

    /// Returns the holds of resources that a task waits for.
    pub(crate) fn holds_in_demand(&self) -> Vec<HoldRecord> {
        let records = self.0.borrow();
        let is_awaited = |resource: &ResourceLabel| {
            let mut waits = records.waits.values();
            waits.any(|wait| wait.resource.number == resource.number)
        };
        let holds = records.holds.values();
        holds
            .filter(|(resource, _)| is_awaited(resource))
            .cloned()
            .collect()
    }
}

impl Drop for WaitGraph {
    fn drop(&mut self) {
        WAIT_GRAPHS.set(WAIT_GRAPHS.get() - 1);
    }
}

impl fmt::Debug for WaitGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let records = self.0.borrow();
        f.debug_struct("WaitGraph")
            .field("waits", &records.waits.len())
            .field("holds", &records.holds.len())
            .finish()
    }
}
