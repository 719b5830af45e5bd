//! Every task of a runtime: the table owns them, so that none vanishes.

use std::cell::RefCell;

use super::{OwnedRef, Task};

/// The tasks that have not been given up, each at a slot of its own.
#[derive(Debug, Default)]
pub(crate) struct OwnedTasks(RefCell<Slots>);

/// What is in the table.
#[derive(Debug, Default)]
struct Slots {
    /// The tasks; a slot is empty when its task was given up.
    owners: Vec<Option<OwnedRef>>,
    /// The empty slots, the last one emptied on top.
    free: Vec<u32>,
}

impl OwnedTasks {
    /// Takes a task in and tells it its slot.
    #[inline]
    pub(crate) fn insert(&self, owner: OwnedRef) {
        if let Ok(mut slots) = self.0.try_borrow_mut()
            && let Some(slot) = slots.free.pop()
            && let Some(place) = slots.owners.get_mut(slot as usize)
        {
            owner.set_slot(slot);
            let before = place.replace(owner);
            debug_assert!(before.is_none(), "a free slot is empty");
            // Nothing; to know so spares each task the look at what there would be to drop.
            return std::mem::forget(before);
        }
        self.insert_at_the_end(owner);
    }

    /// Takes a task in where no slot is free. Apart, so that the usual case needs no frame.
    #[cold]
    #[inline(never)]
    fn insert_at_the_end(&self, owner: OwnedRef) {
        let owners = &mut self.0.borrow_mut().owners;
        let slot = u32::try_from(owners.len()).expect("more than four billion tasks at once");
        owner.set_slot(slot);
        owners.push(Some(owner));
    }

    /// Takes a task out.
    #[inline]
    pub(crate) fn remove(&self, slot: u32) -> Option<OwnedRef> {
        if let Ok(mut slots) = self.0.try_borrow_mut()
            && slots.free.len() < slots.free.capacity()
        {
            return slots.remove(slot);
        }
        self.remove_and_grow(slot)
    }

    /// Takes a task out where there is no room to note its slot. Apart, so that the usual case needs no frame.
    #[cold]
    #[inline(never)]
    fn remove_and_grow(&self, slot: u32) -> Option<OwnedRef> {
        self.0.borrow_mut().remove(slot)
    }

    /// Takes every task out.
    pub(crate) fn take_all(&self) -> Vec<OwnedRef> {
        let slots = self.0.take();
        slots.owners.into_iter().flatten().collect()
    }

    /// True while a task has a future that is polled by the loop. Children of groups end with others, or were leaked; and
    /// a task that lingers waits for one that runs, or for such a child, for ever. Looks from the back, where those are that
    /// were spawned last and end last.
    pub(crate) fn has_running(&self) -> bool {
        let slots = self.0.borrow();
        let owners = slots.owners.iter().rev().flatten();
        let states = owners.map(|owner| owner.task().state());
        states
            .into_iter()
            .any(|state| !(state.is_done() || state.is_held_by_parent() || state.is_draining()))
    }

    /// The tasks that have not ended, in the order of their spawning.
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
