//! All tasks of a runtime. They own the tasks, so that none is lost.

use std::cell::RefCell;

use super::{OwnedRef, Task};

/// The tasks that have not been removed, each in a slot.
#[derive(Debug, Default)]
pub(crate) struct OwnedTasks(RefCell<Slots>);

#[derive(Debug, Default)]
struct Slots {
    /// `None` in the slot of a task that was removed.
    owners: Vec<Option<OwnedRef>>,
    /// The empty slots, the last one emptied on top. Invariant: each is `None` in `owners`.
    free: Vec<u32>,
}

impl OwnedTasks {
    /// Adds a task and sets its slot.
    #[inline]
    pub(crate) fn insert(&self, owner: OwnedRef) {
        if let Ok(mut slots) = self.0.try_borrow_mut()
            && let Some(slot) = slots.free.pop()
            && let Some(place) = slots.owners.get_mut(slot as usize)
        {
            owner.set_slot(slot);
            let before = place.replace(owner);
            debug_assert!(before.is_none(), "a free slot is empty");
            // It is `None`. Not dropped, which saves a comparison (bench `spawn_detached_burst`).
            return std::mem::forget(before);
        }
        self.insert_at_the_end(owner);
    }

    /// [`insert`](OwnedTasks::insert) without a free slot. A separate call, so that the usual case
    /// needs no stack frame (bench `spawn_detached_burst`).
    #[cold]
    #[inline(never)]
    fn insert_at_the_end(&self, owner: OwnedRef) {
        let owners = &mut self.0.borrow_mut().owners;
        let slot = u32::try_from(owners.len()).expect("more than four billion tasks at once");
        owner.set_slot(slot);
        owners.push(Some(owner));
    }

    /// Removes a task.
    #[inline]
    pub(crate) fn remove(&self, slot: u32) -> Option<OwnedRef> {
        if let Ok(mut slots) = self.0.try_borrow_mut()
            && slots.free.len() < slots.free.capacity()
        {
            return slots.remove(slot);
        }
        self.remove_and_grow(slot)
    }

    /// [`remove`](OwnedTasks::remove) without capacity for the free slot. A separate call, so that
    /// the usual case needs no stack frame (bench `spawn_detached_burst`).
    #[cold]
    #[inline(never)]
    fn remove_and_grow(&self, slot: u32) -> Option<OwnedRef> {
        self.0.borrow_mut().remove(slot)
    }

    /// Removes all tasks.
    pub(crate) fn take_all(&self) -> Vec<OwnedRef> {
        let slots = self.0.take();
        slots.owners.into_iter().flatten().collect()
    }

    /// Returns `true` while a task has a future that the loop polls. A child of a group ends with
    /// other tasks, or was leaked. A task that drains waits for a task that runs, or for ever for
    /// such a child. Looks from the back: tasks that were spawned last end last.
    pub(crate) fn has_running(&self) -> bool {
        let slots = self.0.borrow();
        let owners = slots.owners.iter().rev().flatten();
        let states = owners.map(|owner| owner.task().state());
        states
            .into_iter()
            .any(|state| !(state.is_done() || state.is_held_by_parent() || state.is_draining()))
    }

    /// Returns the tasks that have not ended, in the order in which they were spawned.
    pub(crate) fn running(&self) -> Vec<Task> {
        let slots = self.0.borrow();
        let owners = slots.owners.iter().flatten();
        let mut tasks: Vec<Task> = owners
            .map(|owner| owner.task().clone())
            .filter(|task| !task.state().is_done())
            .collect();
        tasks.sort_unstable_by_key(|task| task.by_ref().number());
        tasks
    }
}

impl Slots {
    /// Empties a slot.
    #[inline]
    fn remove(&mut self, slot: u32) -> Option<OwnedRef> {
        let place = self.owners.get_mut(slot as usize)?;
        if place.is_some() {
            self.free.push(slot);
        }
        place.take()
    }
}
