//! Drops the children of a group that is dropped before they have ended.

use super::TaskGroup;
use crate::error::{Cancelled, JoinError};
use crate::runtime::{Core, Task, abort_outside, try_with};

impl<E> TaskGroup<'_, '_, E> {
    /// Closes the group: its children are not polled again, and a child that is spawned later is
    /// cancelled with the result before its first poll.
    pub(super) fn abandon(&self) -> Cancelled {
        let cancelled = try_with(Core::why_dropped);
        let cancelled = cancelled.unwrap_or_else(|_| Cancelled::awaiter_gone(None, None));
        self.cancelled
            .borrow_mut()
            .get_or_insert_with(|| cancelled.clone());
        self.children.close();
        cancelled
    }

    /// Drops the children, and those that their destructors spawn.
    pub(super) fn drop_children(&self, cancelled: &Cancelled) {
        loop {
            let members = self.children.take_members();
            if members.is_empty() {
                return;
            }
            for task in members {
                drop_child(&task, cancelled);
                self.children.remove(&task);
            }
        }
    }
}

/// Abandons the group on drop: a body may spawn children and then panic before a
/// [`Driver`](super::driver::Driver) exists.
pub(super) struct AbortOnDrop<'a, 'scope, 'env, E>(pub(super) &'a TaskGroup<'scope, 'env, E>);

impl<E> Drop for AbortOnDrop<'_, '_, '_, E> {
    fn drop(&mut self) {
        let cancelled = self.0.abandon();
        self.0.drop_children(&cancelled);
    }
}

/// Drops the future of a child whose group is being dropped.
fn drop_child(task: &Task, cancelled: &Cancelled) {
    if task.state().is_done() {
        // The task was draining, and the destructor of a sibling has driven the runtime.
        return;
    }
    let home = task.by_ref().home();
    let on_home = try_with(|core| {
        let on_home = core.shared().number() == home.number();
        if on_home {
            core.drop_child(task, cancelled);
        }
        on_home
    });
    if on_home == Ok(true) || task.state().is_draining() || home.wait_for_the_end() {
        // After the end of the runtime another thread may own the handle: the child is leaked.
        return;
    }
    // This is the home thread, but the runtime is not driven now. The task ends when the runtime
    // is driven next, or when it ends.
    abort_outside(task, JoinError::Cancelled(cancelled.clone()));
    task.begin_draining();
    task.waker().wake();
}
