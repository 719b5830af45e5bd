//! What the turns of children keep in the runtime between polls; see [`carry`](super::carry).

use std::cell::Cell;
use std::rc::Rc;

use super::shared::Shared;
use crate::cell::ParentScheduler;

/// A group of tasks.
pub(crate) type Group = Rc<dyn ParentScheduler<Shared>>;

/// The state of the turns of children.
#[derive(Default)]
pub(crate) struct Carriers {
    /// The group whose body is being polled.
    body: Cell<Option<Group>>,
    /// The number of the last poll that carried another task's turn.
    last: Cell<u32>,
}

impl Carriers {
    /// Returns the number of a new poll that carries another task's turn; never 0.
    pub(super) fn next_number(&self) -> u32 {
        let number = self.last.get().checked_add(1).unwrap_or(1);
        self.last.set(number);
        number
    }

    /// Returns the group whose body is running, directly in its task.
    pub(crate) fn body(&self) -> Option<Group> {
        let group = self.body.take();
        self.body.set(group.clone());
        group
    }

    /// Sets the group whose body is running. Returns the one before.
    pub(super) fn replace_body(&self, group: Option<Group>) -> Option<Group> {
        self.body.replace(group)
    }
}
