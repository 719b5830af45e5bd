//! The turns of children: each child is polled at its own place in the run queue.
//!
//! A child of a group borrows from the code around the group, so only a poll of the group's future
//! may poll it. That future is inside of another task, the owner, which may be a child of a further
//! group. When a child comes to the front of the queue, the outermost of these tasks is polled at
//! once, and carries the turn inwards:
//!
//! ```text
//!   front of the queue: child D of group H
//!     admit by H ─▶ false: D waits for the limit, or for its next poll
//!     expect D at H              the owner of H is C, a child of group G
//!     expect C at G, for D       the owner of G is T, a task of the loop, or main
//!     T carries ─▶ G polls C only ─▶ C carries ─▶ H polls D only
//!     retract ─┬─ D was polled
//!              └─ not: third-party code between T and H did not poll H.
//!                 H keeps D for its next poll; all on the path are woken
//! ```
//!
//! A group inside the body of another group is reached through that body, in the same manner.
//!
//! A carrier has no turn of its own. It keeps its place in the queue, a cancellation that waits for
//! it is not delivered, and groups that it polls skip the bodies that are not on the path. Other
//! code on the path is marked by its wakers, as if the group had been woken; what else that code
//! polls then is polled early.
//!
//! A turn in a group of depth `d` costs `d` polls and `d` stack frames. No future is touched after
//! the end of what it borrows.

use std::fmt;
use std::rc::Rc;

use super::context::set_carrying;
use super::core::Core;
use super::shared::Shared;
use super::{ParentScheduler, Task};

/// A turn that is carried inwards. Its drop ends the turn.
#[derive(Debug)]
pub(super) struct Carried {
    /// The outermost task, which is to be polled.
    by: Task,
    _path: Path,
}

impl Carried {
    pub(super) fn by(&self) -> &Task {
        &self.by
    }
}

/// The groups between a child whose turn has come and the outermost carrier.
struct Path {
    /// The group of the child.
    innermost: Rc<dyn ParentScheduler<Shared>>,
    /// The groups around it, from the inside out.
    others: Vec<Rc<dyn ParentScheduler<Shared>>>,
}

impl Path {
    /// Iterates over all groups, from the inside out.
    fn parents(&self) -> impl Iterator<Item = &Rc<dyn ParentScheduler<Shared>>> {
        std::iter::once(&self.innermost).chain(&self.others)
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        let was_reached = self.innermost.retract();
        for parent in &self.others {
            // The turn that it carried was not its own.
            let _was_polled = parent.retract();
        }
        if !was_reached {
            for parent in self.parents() {
                parent.wake();
                // A waker on the path may have been used while its task ignored wakes.
                parent.owner().into_iter().for_each(|owner| owner.wake());
            }
        }
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Path")
            .field("depth", &(1 + self.others.len()))
            .finish_non_exhaustive()
    }
}

impl Core {
    /// Begins the turn of a child of `parent`. Returns the turn if main has to carry it.
    pub(super) fn give_turn(
        &self,
        task: Task,
        parent: Rc<dyn ParentScheduler<Shared>>,
    ) -> Option<Carried> {
        if !parent.admit(&task) {
            return None;
        }
        drop(task);
        let carried = find_carrier(parent)?;
        if carried.by.state().is_main() {
            return Some(carried);
        }
        self.carry(carried.by.clone());
        None
    }

    /// Begins the next turn if it is that of another child of `parent`: the tasks that carried the
    /// last turn carry this one, too. Returns `false` if there is none.
    pub(crate) fn next_turn_in(&self, parent: &dyn ParentScheduler<Shared>) -> bool {
        if !self.scheduler.batch.may_poll() {
            return false;
        }
        let thin = std::ptr::from_ref(parent).cast();
        while let Some(task) = self.scheduler.queue.pop_if(|task| task.is_in(thin)) {
            let _spent = self.scheduler.batch.spend_poll();
            if parent.admit(&task) {
                return true;
            }
        }
        false
    }

    /// Polls a task that carries the turn of a child further in.
    fn carry(&self, task: Task) {
        if !task.state().can_carry() {
            return;
        }
        if task.state().has_vars() || self.vars.is_set() {
            return self.with_vars_of(&task.clone(), || self.poll_carrier(task));
        }
        self.poll_carrier(task);
    }

    /// Polls a child as a carrier, inside the poll of the task that polls its group. Returns `true`
    /// if the child has ended.
    pub(crate) fn carry_child(&self, task: &Task) -> bool {
        self.with_saved_poll(|| self.carry(task.clone()));
        task.state().is_done()
    }

    /// Runs `poll` as the poll of a carrier.
    pub(super) fn carrying<R>(&self, poll: impl FnOnce() -> R) -> R {
        /// Ends the carrying, also if the poll panics.
        struct EndOnDrop;
        impl Drop for EndOnDrop {
            fn drop(&mut self) {
                set_carrying(0);
            }
        }
        set_carrying(self.carriers.next_number());
        let _end = EndOnDrop;
        poll()
    }

    /// Runs `poll`, which polls the body of a group.
    pub(crate) fn in_body_of<R>(
        &self,
        parent: Rc<dyn ParentScheduler<Shared>>,
        poll: impl FnOnce() -> R,
    ) -> R {
        /// Restores the outer group, also if the poll panics.
        struct RestoreOnDrop<'a>(&'a Core, Option<Rc<dyn ParentScheduler<Shared>>>);
        impl Drop for RestoreOnDrop<'_> {
            fn drop(&mut self) {
                drop(self.0.carriers.replace_body(self.1.take()));
            }
        }
        let _restore = RestoreOnDrop(self, self.carriers.replace_body(Some(parent)));
        poll()
    }

    /// Polls a task as a carrier.
    fn poll_carrier(&self, task: Task) {
        let started = task.start_carrying();
        let ended = self.carrying(|| self.poll_as(&task, || started.poll()));
        if let Some(pending) = self.end_unless_pending(task, ended) {
            pending.end_carrying();
        }
    }
}

/// Prepares all groups around a child whose turn has come, and marks the code between them.
/// Returns `None` if the path ends at a task that cannot be polled.
fn find_carrier(innermost: Rc<dyn ParentScheduler<Shared>>) -> Option<Carried> {
    let mut path = Path {
        innermost,
        others: Vec::new(),
    };
    loop {
        let parent = path.others.last().unwrap_or(&path.innermost);
        let owner = parent.owner()?.at_home().ok()?;
        if !owner.state().can_carry() {
            return None;
        }
        owner.with_wakes_suppressed(|| parent.mark_path());
        let (outer, carrier) = match (parent.around(), owner.parent()) {
            (Some(around), _) => (around, None),
            (None, Some(parent)) => (parent, Some(owner)),
            (None, None) => {
                return Some(Carried {
                    by: owner,
                    _path: path,
                });
            }
        };
        // `false` if the path is a cycle.
        let is_expected = outer.expect(carrier);
        path.others.push(outer);
        if !is_expected {
            return None;
        }
    }
}
