//! The book itself.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::Ordering;

use super::{FINDER, Finder, ResourceLabel, WAIT_GRAPHS};
use crate::util::Id;

/// Somebody who waits for something.
#[derive(Clone, Debug)]
pub(crate) struct Wait {
    /// Which task; nothing, outside of a task.
    pub(crate) task: Option<Id>,
    /// For what.
    pub(crate) thing: ResourceLabel,
    /// Whether it was handed that, and has not taken it.
    pub(crate) is_served: bool,
}

/// Something, and which task has it; none, for what was taken outside of a task.
pub(crate) type Hold = (ResourceLabel, Option<Id>);

/// Who waits for what, and who holds it.
pub(crate) struct WaitGraph(RefCell<Lines>);

/// What is written in it.
#[derive(Default)]
struct Lines {
    /// Waits, by the number of the thing and the place in its queue.
    waits: BTreeMap<(u64, u32), Wait>,
    /// Who took a thing last that one at a time may have, by the number of the thing. That it was given back is not noted:
    /// nobody asks for it unless somebody waits, and then it was not.
    takers: BTreeMap<u64, Hold>,
    /// What several may hold, by the numbers of the holds.
    holds: BTreeMap<u32, Hold>,
}

impl WaitGraph {
    /// Opens a book that is found by `finder`. Whoever keeps one uses the same.
    pub(crate) fn open(finder: Finder) -> Self {
        FINDER.get_or_init(|| finder);
        WAIT_GRAPHS.fetch_add(1, Ordering::Relaxed);
        Self(RefCell::default())
    }

    /// A task waits.
    pub(super) fn waits(&self, thing: ResourceLabel, place: u32, task: Option<Id>) {
        let wait = Wait {
            task,
            thing,
            is_served: false,
        };
        let place = (wait.thing.number, place);
        self.0.borrow_mut().waits.insert(place, wait);
    }

    /// A wait goes on, as another task perhaps.
    pub(super) fn waits_on(&self, thing: u64, place: u32, task: Option<Id>) {
        if let Some(wait) = self.0.borrow_mut().waits.get_mut(&(thing, place)) {
            wait.task = task;
        }
    }

    /// A wait was served.
    pub(super) fn served(&self, thing: u64, place: u32) {
        if let Some(wait) = self.0.borrow_mut().waits.get_mut(&(thing, place)) {
            wait.is_served = true;
        }
    }

    /// A wait is over.
    pub(super) fn left(&self, thing: u64, place: u32) {
        self.0.borrow_mut().waits.remove(&(thing, place));
    }

    /// A task has something, alone.
    pub(super) fn taken(&self, thing: ResourceLabel, task: Option<Id>) {
        let number = thing.number;
        self.0.borrow_mut().takers.insert(number, (thing, task));
    }

    /// A thing has gone, and who waited for it, if anybody did, was leaked.
    pub(super) fn forget(&self, thing: u64) {
        let mut lines = self.0.borrow_mut();
        lines.takers.remove(&thing);
        lines.waits.retain(|(number, _), _| *number != thing);
    }

    /// A task holds something, with others perhaps.
    pub(super) fn holds(&self, thing: ResourceLabel, number: u32, task: Option<Id>) {
        self.0.borrow_mut().holds.insert(number, (thing, task));
    }

    /// A task has let go of something: its latest hold of it is over, or the oldest of anybody's.
    pub(super) fn lets_go(&self, thing: u64, task: Option<Id>) {
        let mut lines = self.0.borrow_mut();
        let holds = lines.holds.iter();
        let mut holds = holds.filter(|(_, (held, _))| held.number == thing);
        let own = holds.clone().rfind(|(_, (_, who))| *who == task);
        let over = own.or_else(|| holds.next()).map(|(number, _)| *number);
        if let Some(number) = over {
            lines.holds.remove(&number);
        }
    }

    /// A hold is over.
    pub(super) fn let_go(&self, number: u32) {
        self.0.borrow_mut().holds.remove(&number);
    }

    /// All waits.
    pub(crate) fn all_waits(&self) -> Vec<Wait> {
        self.0.borrow().waits.values().cloned().collect()
    }

    /// Who holds what somebody waits for.
    pub(crate) fn holds_in_demand(&self) -> Vec<Hold> {
        let lines = self.0.borrow();
        let waits = || lines.waits.values();
        let is_wanted =
            |thing: &ResourceLabel| waits().any(|wait| wait.thing.number == thing.number);
        let was_handed_on = |thing: &ResourceLabel| {
            waits().any(|wait| wait.is_served && wait.thing.number == thing.number)
        };
        let takers = lines.takers.values();
        let takers = takers.filter(|(thing, _)| !was_handed_on(thing));
        let all = takers.chain(lines.holds.values());
        all.filter(|(thing, _)| is_wanted(thing)).cloned().collect()
    }
}

impl Drop for WaitGraph {
    fn drop(&mut self) {
        WAIT_GRAPHS.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for WaitGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.0.borrow();
        f.debug_struct("Book")
            .field("waits", &lines.waits.len())
            .field("holds", &lines.holds.len())
            .finish()
    }
}
