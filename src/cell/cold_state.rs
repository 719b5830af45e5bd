//! What few tasks have: allocated when a task is cancelled, gets a catch point, or is a group's.

use std::cell::Cell;
use std::rc::Rc;
use std::task::Waker;

use super::{Schedule, Task, TaskRef};
use crate::error::{Cancelled, JoinError};
use crate::util::Id;
use crate::util::slab::Key;
use crate::util::vars::Vars;

/// Who polls a task that the loop must not poll: a group polls its own, since they borrow what
/// outlives the group only.
pub(crate) trait ParentScheduler<H: Schedule> {
    /// The turn of a task has come. `true` when the next poll of the pen is to be for this task
    /// alone; otherwise it has to wait, and the pen sees to that.
    fn admit(&self, task: &Task<H>) -> bool;

    /// Has the next poll of the pen be for the turn of a task further in, which its task `carrier`
    /// brings there, or its body where that is `None`. `false` when the next poll is for another
    /// turn already.
    fn expect(&self, carrier: Option<Task<H>>) -> bool;

    /// The poll is over. `false` when the pen was not polled: it keeps the turn of a task of its
    /// own for its next poll.
    fn retract(&self) -> bool;

    /// Wakes what polls the pen inside of its owner, and that with it.
    fn wake(&self);

    /// Wakes that, if there is anything between the owner and the pen.
    fn mark_path(&self);

    /// The pen inside of whose body this one is polled, by the same task.
    fn around(&self) -> Option<Rc<dyn ParentScheduler<H>>>;

    /// The node in the tree of scopes inside of which the task's root is to be opened.
    fn node(&self) -> Option<Key>;

    /// The task that polls the pen.
    fn owner(&self) -> Option<TaskRef<H>>;

    /// How the child that has just been polled has failed: it has ended, and its result is to be
    /// this.
    fn take_child_failure(&self) -> Option<JoinError>;

    /// A task of the pen has ended while the pen was not polling it.
    fn ended(&self, task: &Task<H>);
}

/// The cold part of a task. Home only.
pub(crate) struct ColdState<H: Schedule> {
    /// The cancellation that waits to be delivered.
    pub(crate) cancel: Cell<Option<Cancelled>>,
    /// The root of the task's catch points in the tree of scopes.
    pub(crate) scope: Cell<Option<Key>>,
    /// Who polls it, if not the loop.
    pub(crate) parent: Cell<Option<Rc<dyn ParentScheduler<H>>>>,
    /// Whom to wake when the task has ended, besides the joiner.
    pub(crate) at_end: Cell<Vec<Waker>>,
    /// The context variables that were set where it was spawned.
    pub(crate) vars: Cell<Vars>,
    /// Which task awaited it last, where a book is kept.
    pub(crate) awaiter: Cell<Option<Id>>,
}

impl<H: Schedule> Default for ColdState<H> {
    fn default() -> Self {
        Self {
            cancel: Cell::default(),
            scope: Cell::default(),
            parent: Cell::default(),
            at_end: Cell::default(),
            vars: Cell::default(),
            awaiter: Cell::default(),
        }
    }
}
