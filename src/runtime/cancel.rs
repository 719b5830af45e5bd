//! Where a cancellation meets the loop: delivery to a task, catch points, and the way out.
//!
//! The tree of scopes is data (see [`scope`](crate::scope)); here it is asked, with no borrow alive when a waker is woken
//! or a future dropped. A task has a root in the tree from its first catch point on; a task without one pays for none
//! of this.
//!
//! ```text
//!   run: cancel waits ─▶ deliver ─┬─ no root, or nobody catches ─▶ the future is dropped
//!                                 └─ caught: the catch points' wakers are woken ─▶ the task is polled
//!   resume ─▶ the next catch point outwards, or `raise`: the future is dropped when the poll returns
//! ```

use std::task::Waker;

use super::core::Core;
use super::hub::{Hub, Message};
use super::{Task, try_with};
use crate::error::Cancelled;
use crate::scope::{Duty, Identity, Kind, Raise};
use crate::util::slab::Key;
use crate::util::{drop_quietly, wake_quietly};

impl Identity for Cancelled {
    fn is(&self, other: &Self) -> bool {
        self.is_same(other)
    }
}

/// What a delivery leaves to do.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Delivered {
    /// Poll the task: a catch point inside has it.
    Caught,
    /// Drop the task's future.
    Uncaught,
}

impl Core {
    /// Delivers a cancellation to a task that is not running.
    pub(super) fn deliver(&self, task: &Task, cancelled: &Cancelled) -> Delivered {
        let Some(root) = task.scope() else {
            return Delivered::Uncaught;
        };
        let delivery = self.scopes().borrow_mut().cancel(root, cancelled.clone());
        delivery.wakes.into_iter().for_each(wake_quietly);
        match delivery.duty {
            Duty::Wait => Delivered::Caught,
            Duty::Drop | Duty::Gone => Delivered::Uncaught,
        }
    }

    /// The innermost node around the code that runs now; opens the task's root if need be. `None` outside of a task.
    fn node_here(&self) -> Option<Key> {
        if let Some(node) = self.node().get() {
            return Some(node);
        }
        let task = self.current()?;
        if let Some(root) = task.scope() {
            return Some(root);
        }
        let root = self.scopes().borrow_mut().open(None, Kind::Task);
        task.set_scope(root);
        self.set_look_after();
        Some(root)
    }

    /// What a catch point of `task` let out to the root when foreign code dropped it; also sees to it that the task is
    /// woken for the next such case.
    pub(super) fn let_out(&self, task: &Task) -> Option<Cancelled> {
        let root = task.scope()?;
        if self.scopes().borrow().waker(root).is_none() {
            let waker = task.waker();
            let old = self.scopes().borrow_mut().set_waker(root, waker);
            drop(old);
        }
        self.scopes().borrow_mut().take_pending(root)
    }

    /// Takes the root of a task that has ended out of the tree.
    pub(super) fn close_root(&self, task: &Task) {
        if let Some(root) = task.scope() {
            self.close_node(root);
        }
    }

    /// Takes a node out of the tree.
    fn close_node(&self, key: Key) {
        let closed = self.scopes().borrow_mut().close(key);
        drop(closed.waker);
        closed.wake.into_iter().for_each(wake_quietly);
    }

    /// A catch point was dropped away from home. Its waker is dropped here, and may be anybody's.
    pub(super) fn forget_catch_point(&self, key: Key) {
        let closed = self.scopes().borrow_mut().close(key);
        drop_quietly(closed.waker);
        closed.wake.into_iter().for_each(wake_quietly);
    }

    /// Sends a cancellation outwards from the code that runs now.
    ///
    /// # Panics
    /// Outside of a task.
    pub(crate) fn resume(&self, cancelled: Cancelled) {
        assert!(
            self.current().is_some(),
            "`Cancelled::resume` was awaited outside of a task, where there is nothing that it could end"
        );
        let raised = match self.node().get() {
            Some(node) => self.scopes().borrow_mut().raise(node, &cancelled),
            None => Raise::Nowhere,
        };
        match raised {
            Raise::Caught(waker) => waker.into_iter().for_each(wake_quietly),
            Raise::Ends(scope, waker) => {
                let root = self.current().and_then(|task| task.scope());
                debug_assert_eq!(root, Some(scope), "tasks are the only scopes so far");
                drop(waker);
                self.raise(cancelled);
            }
            Raise::Nowhere => self.raise(cancelled),
        }
    }
}

/// A catch point's place in the tree.
#[derive(Debug, Default)]
pub(crate) struct CatchPoint {
    /// The node and its runtime, from the first poll to the end.
    node: Option<(Key, u32)>,
}

impl CatchPoint {
    /// Begins a poll: opens the node, or asks whether a cancellation has arrived; says whom to wake for one.
    pub(crate) fn enter(&mut self, waker: &Waker) -> Option<Cancelled> {
        try_with(|core| self.enter_at(core, waker)).ok().flatten()
    }

    /// [`enter`](CatchPoint::enter), inside a runtime.
    fn enter_at(&mut self, core: &Core, waker: &Waker) -> Option<Cancelled> {
        let parent = core.node_here()?;
        let key = match self.node_in(core) {
            None => {
                // It may have been polled in another runtime before.
                self.close();
                let key = core.scopes().borrow_mut().open(Some(parent), Kind::Catch);
                self.node = Some((key, core.hub().number()));
                key
            }
            Some(key) => {
                core.scopes().borrow_mut().adopt(key, Some(parent));
                if let Some(cancelled) = self.arrived() {
                    return Some(cancelled);
                }
                key
            }
        };
        if !core
            .scopes()
            .borrow()
            .waker(key)
            .is_some_and(|set| set.will_wake(waker))
        {
            let waker = waker.clone();
            let old = core.scopes().borrow_mut().set_waker(key, waker);
            drop(old);
        }
        None
    }

    /// The node, if it is one of this runtime.
    fn node_in(&self, core: &Core) -> Option<Key> {
        self.node
            .and_then(|(key, runtime)| (runtime == core.hub().number()).then_some(key))
    }

    /// Runs `f` as code inside the catch point.
    pub(crate) fn inside<R>(&self, f: impl FnOnce() -> R) -> R {
        let outer = try_with(|core| self.node_in(core).map(|key| core.node().replace(Some(key))));
        let _back = match outer {
            Ok(Some(outer)) => Some(Back(outer)),
            _ => None,
        };
        f()
    }

    /// The cancellation that has arrived, once.
    pub(crate) fn arrived(&self) -> Option<Cancelled> {
        try_with(|core| {
            self.node_in(core)
                .and_then(|key| core.scopes().borrow_mut().take_pending(key))
        })
        .ok()
        .flatten()
    }

    /// Takes the node out of the tree.
    pub(crate) fn close(&mut self) {
        let Some((key, runtime)) = self.node.take() else {
            return;
        };
        let here = try_with(|core| {
            let here = core.hub().number() == runtime;
            if here {
                core.close_node(key);
            }
            here
        });
        if here != Ok(true)
            && let Some(hub) = Hub::find(runtime)
        {
            hub.send(Message::CatchGone(key));
        }
    }
}

impl Drop for CatchPoint {
    fn drop(&mut self) {
        self.close();
    }
}

/// Puts the outer node back when the inner code returns or panics.
struct Back(Option<Key>);

impl Drop for Back {
    fn drop(&mut self) {
        try_with(|core| core.node().set(self.0)).ok();
    }
}
