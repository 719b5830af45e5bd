//! The tasks in the tree of scopes: their roots, and the position of the code that they run.

use super::Task;
use super::core::Core;
use crate::scope::{Around, Kind, Position, Unopened};
use crate::util::drop_quietly;
use crate::util::slab::Key;
use crate::util::wake_quietly;

impl Core {
    /// Returns the innermost node around the running code, opened if need be; `None` outside of a
    /// task.
    pub(super) fn node_here(&self) -> Option<Key> {
        self.scopes().node_here(|| self.root_here())
    }

    /// Enters a scope without opening it. Returns the position before; `None` outside of a task.
    #[inline]
    pub(super) fn defer(&self, unopened: Unopened) -> Option<Position> {
        self.current_number()?;
        if self.scopes().defer_in_task(unopened) {
            return Some(Position::Task);
        }
        Some(self.defer_inside(unopened))
    }

    /// [`defer`](Core::defer) where it takes more than two words to write (bench `timeout_ready`).
    #[inline(never)]
    fn defer_inside(&self, unopened: Unopened) -> Position {
        self.scopes().defer(unopened, || self.root_here())
    }

    /// Returns the root of the current task, opened if need be.
    fn root_here(&self) -> Option<Key> {
        let task = self.current()?;
        Some(self.root_of(&task))
    }

    /// Returns the root of a task, opened if need be.
    pub(super) fn root_of(&self, task: &Task) -> Key {
        if let Some(root) = task.scope() {
            return root;
        }
        let around = task.parent().and_then(|parent| parent.node());
        let root = self.scopes().tree(|tree| tree.open(around, Kind::Task));
        task.set_scope(root);
        self.scopes().set_after_poll(true);
        root
    }

    /// Closes the root of a task that has ended.
    pub(super) fn close_root(&self, task: &Task) {
        if let Some(root) = task.scope() {
            self.close_node(root);
        }
    }

    /// Closes a node. Its wakers may be of third-party code, and the call may be part of an
    /// unwinding.
    pub(super) fn close_node(&self, key: Key) {
        let closed = self.scopes().tree(|tree| tree.close(key));
        drop_quietly(closed.waker);
        closed.wake.into_iter().for_each(wake_quietly);
    }

    /// Records that the group with this node is about to cancel itself.
    pub(crate) fn announce_end(&self, group: Key) {
        self.scopes().tree(|tree| tree.set_end(group, 0));
    }

    /// Returns `true` if a scope around the running code is about to end: it has expired, or was
    /// cancelled and has not acted on that yet. A scope inside then leaves the end to the outer one
    /// (C27).
    pub(crate) fn is_outer_ending(&self) -> bool {
        let now = self.timers.clock().nanos();
        let mut task = self.current();
        let position = self.scopes().position();
        let mut at = position
            .node()
            .or_else(|| task.as_ref().and_then(Task::scope));
        loop {
            let around = at.map(|at| self.scopes().tree(|tree| tree.around(at, now)));
            match (around, task) {
                (Some(Around::Ending), _) => return true,
                (Some(Around::Shielded), _) | (_, None) => return false,
                (_, Some(inner)) if inner.state().cancel_waits() => return true,
                (_, Some(inner)) => {
                    let Some(parent) = inner.parent() else {
                        return false;
                    };
                    at = parent.node();
                    task = parent.owner().and_then(|owner| owner.at_home().ok());
                }
            }
        }
    }
}
