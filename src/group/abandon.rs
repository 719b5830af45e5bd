//! A group that is dropped before its children have ended: they are dropped with it, wherever that happens.

use super::TaskGroup;
use crate::error::{Cancelled, JoinError};
use crate::runtime::{Core, Task, abort_outside, try_with};

impl<E> TaskGroup<'_, '_, E> {
    /// From now on nobody polls the children; what is spawned is born cancelled, with the result.
    pub(super) fn abandon(&self) -> Cancelled {
        let gone = try_with(Core::why_dropped);
        let gone = gone.unwrap_or_else(|_| Cancelled::awaiter_gone(None, None));
        self.cancelled
            .borrow_mut()
            .get_or_insert_with(|| gone.clone());
        self.children.close();
        gone
    }

    /// Drops the children, and what their destructors spawn.
    pub(super) fn drop_children(&self, gone: &Cancelled) {
        loop {
            let members = self.children.take_members();
            if members.is_empty() {
                return;
            }
            for task in members {
                drop_child(&task, gone);
                self.children.one_less(&task);
            }
        }
    }
}

/// While a body is made that may spawn, and panic, before there is a driver of it.
pub(super) struct AbortOnDrop<'a, 'scope, 'env, E>(pub(super) &'a TaskGroup<'scope, 'env, E>);

impl<E> Drop for AbortOnDrop<'_, '_, '_, E> {
    fn drop(&mut self) {
        let gone = self.0.abandon();
        self.0.drop_children(&gone);
    }
}

/// Drops the future of a child whose group is being dropped.
fn drop_child(task: &Task, gone: &Cancelled) {
    if task.state().is_done() {
        // It lingered, and the destructor of a sibling has driven the runtime.
        return;
    }
    let home = task.by_ref().home();
    let inside = try_with(|core| {
        let is_here = core.shared().number() == home.number();
        if is_here {
            core.drop_child(task, gone);
        }
        is_here
    });
    if inside == Ok(true) || task.state().is_draining() || home.wait_for_the_end() {
        // After the runtime's end another thread may have the handle: the child is leaked.
        return;
    }
    // The runtime is not driven now, and this is its thread. The task ends when it is driven next, or at its end.
    abort_outside(task, JoinError::Cancelled(gone.clone()));
    task.begin_draining();
    task.waker().wake();
}
