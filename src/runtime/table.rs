//! Every task of a runtime: the table owns them, so that none vanishes.

use super::{Owner, Task};

/// The tasks that have not been given up, each at a slot of its own.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// The tasks; a slot is empty when its task was given up.
    slots: Vec<Option<Owner>>,
    /// The empty slots, the last one emptied on top.
    free: Vec<u32>,
}

impl Table {
    /// Takes a task in and tells it its slot.
    #[inline]
    pub(crate) fn insert(&mut self, owner: Owner) {
        let slot = self.free.pop().unwrap_or_else(|| self.add_slot());
        owner.set_slot(slot);
        self.slots[slot as usize] = Some(owner);
    }

    /// A new empty slot.
    #[cold]
    fn add_slot(&mut self) -> u32 {
        let slot = u32::try_from(self.slots.len()).expect("more than four billion tasks at once");
        self.slots.push(None);
        slot
    }

    /// Takes a task out.
    #[inline]
    pub(crate) fn remove(&mut self, slot: u32) -> Option<Owner> {
        let owner = self.slots.get_mut(slot as usize)?.take()?;
        self.free.push(slot);
        Some(owner)
    }

    /// Takes every task out.
    pub(crate) fn take_all(&mut self) -> Vec<Owner> {
        self.free.clear();
        std::mem::take(&mut self.slots)
            .into_iter()
            .flatten()
            .collect()
    }

    /// True while a task has not ended; those in groups end with others, or were leaked. Looks from the back, where those are that were spawned last and end last.
    pub(crate) fn has_running(&self) -> bool {
        let owners = self.slots.iter().rev().flatten();
        let states = owners.map(|owner| owner.task().state());
        let mut states = states.filter(|state| !state.is_kept_in_pen());
        states.any(|state| !state.is_done())
    }

    /// The tasks that have not ended, in the order of their spawning.
    pub(crate) fn running(&self) -> Vec<Task> {
        let owners = self.slots.iter().flatten();
        let mut tasks: Vec<Task> = owners
            .map(|owner| owner.task().clone())
            .filter(|task| !task.state().is_done())
            .collect();
        tasks.sort_unstable_by_key(|task| task.by_ref().number());
        tasks
    }
}
