//! The turns of tasks that groups poll: each is taken at the task's own place in the run queue.
//!
//! A child of a group borrows from around the group, so only a poll of the group's future may poll it, and that future is
//! inside of another task: its owner, which may be a child of a further group, and so on. When a child comes to the front of
//! the queue, the outermost of these tasks is polled at once, and carries the turn inwards:
//!
//! ```text
//!   the queue's front: child D of group H
//!     H, admit ─▶ no: it waits for the limit, or in a line of those that were not reached ─▶ nothing is polled
//!     H expects D                 owner of H: C, a child of group G
//!     G expects C, for D          owner of G: T, a task of the loop, or main
//!     T carries ─▶ G polls nobody but C ─▶ C carries ─▶ H polls nobody but D
//!     end ─┬─ D was polled
//!          └─ it was not: foreign code between T and H did not poll what is inside of it. D stays with H, which polls it at
//!             its next poll, and all that lie on the path are woken for that
//! ```
//!
//! A group inside the body of another one is reached by way of that body, in the same manner.
//!
//! What carries has no turn of its own: it keeps its place in the queue, a cancellation that waits for it is not delivered,
//! and groups that it polls leave alone bodies through which the path does not lead. Other code on the path is marked by the
//! wakers that it gave out, as if the group had been woken; what else it polls then, it polls early.
//!
//! A turn in a group of depth `d` costs `d` polls and `d` stack frames, so that no future is touched after what it borrows.

use std::fmt;
use std::rc::Rc;

use super::context::set_carrying;
use super::core::Core;
use super::shared::Shared;
use super::{ParentScheduler, Task};

/// A turn that is being carried inwards. When it is dropped, the turn is over.
#[derive(Debug)]
pub(super) struct Carried {
    /// The outermost task, which is to be polled.
    by: Task,
    /// The way from there.
    _path: Path,
}

impl Carried {
    /// The task that is to be polled.
    pub(super) fn by(&self) -> &Task {
        &self.by
    }
}

/// The pens between a task whose turn has come and the outermost carrier.
struct Path {
    /// The one that polls the task.
    innermost: Rc<dyn ParentScheduler<Shared>>,
    /// Those around it, from the inside out.
    others: Vec<Rc<dyn ParentScheduler<Shared>>>,
}

impl Path {
    /// All of them, from the inside out.
    fn pens(&self) -> impl Iterator<Item = &Rc<dyn ParentScheduler<Shared>>> {
        std::iter::once(&self.innermost).chain(&self.others)
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        let was_reached = self.innermost.retract();
        for parent in &self.others {
            // What it carried is not a turn of its own.
            let _was_polled = parent.retract();
        }
        if !was_reached {
            for parent in self.pens() {
                parent.wake();
                // A waker on the path may have been used up while its task was deaf.
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
    /// The turn of a task has come that `parent` polls. Returned if main has to carry it.
    pub(super) fn give_turn(
        &self,
        task: Task,
        parent: Rc<dyn ParentScheduler<Shared>>,
    ) -> Option<Carried> {
        if !parent.admit(&task) {
            return None;
        }
        drop(task);
        let carried = Self::find_carrier(parent)?;
        if carried.by.state().is_main() {
            return Some(carried);
        }
        self.carry(carried.by.clone());
        None
    }

    /// Takes up the next turn, if that is of another task of the same pen: what was polled to carry the last one can
    /// carry this one, too.
    pub(crate) fn next_turn_in(&self, parent: &dyn ParentScheduler<Shared>) -> bool {
        if !self.may_poll() {
            return false;
        }
        let thin = std::ptr::from_ref(parent).cast();
        while let Some(task) = self.queue().pop_if(|task| task.is_in(thin)) {
            let _spent = self.spend_poll();
            if parent.admit(&task) {
                return true;
            }
        }
        false
    }

    /// Tells all pens around a task whose turn has come, and marks what lies between them. `None` where the way ends at
    /// a task that cannot be polled.
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
            owner.while_deaf(|| parent.mark_path());
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
            // Refused where the way leads in a circle.
            let is_expected = outer.expect(carrier);
            path.others.push(outer);
            if !is_expected {
                return None;
            }
        }
    }

    /// Polls a task for the sake of one further in.
    fn carry(&self, task: Task) {
        if !task.state().can_carry() {
            return;
        }
        if task.state().has_vars() || self.are_vars_set() {
            return self.with_vars_of(&task.clone(), || self.poll_carrier(task));
        }
        self.poll_carrier(task);
    }

    /// The same for a task of a pen, from inside the poll of the task that polls the pen. `true` when it has ended.
    pub(crate) fn carry_child(&self, task: &Task) -> bool {
        self.with_saved_poll(|| self.carry(task.clone()));
        task.state().is_done()
    }

    /// Runs `poll` as the poll of a carrier.
    pub(super) fn carrying<R>(&self, poll: impl FnOnce() -> R) -> R {
        /// Ends it, also when the poll panics.
        struct Ends;
        impl Drop for Ends {
            fn drop(&mut self) {
                set_carrying(0);
            }
        }
        let number = self.last_carried().get().checked_add(1).unwrap_or(1);
        self.last_carried().set(number);
        set_carrying(number);
        let _ends = Ends;
        poll()
    }

    /// Runs `poll`, which polls the body of a group.
    pub(crate) fn in_body_of<R>(
        &self,
        parent: Rc<dyn ParentScheduler<Shared>>,
        poll: impl FnOnce() -> R,
    ) -> R {
        /// Puts back what was around, also when the poll panics.
        struct Back<'a>(&'a Core, Option<Rc<dyn ParentScheduler<Shared>>>);
        impl Drop for Back<'_> {
            fn drop(&mut self) {
                drop(self.0.body_here().replace(self.1.take()));
            }
        }
        let _back = Back(self, self.body_here().replace(Some(parent)));
        poll()
    }

    /// The group inside of whose body the code runs, directly in a task.
    pub(crate) fn current_group(&self) -> Option<Rc<dyn ParentScheduler<Shared>>> {
        let parent = self.body_here().take();
        self.body_here().set(parent.clone());
        parent
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
