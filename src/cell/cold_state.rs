//! Rarely used task state, allocated when a task is cancelled, opens a catch point, or is a child
//! of a group.

use std::cell::Cell;
use std::rc::Rc;
use std::task::Waker;

use super::{Schedule, Task, TaskRef};
use crate::error::{Cancelled, JoinError};
use crate::util::Id;
use crate::util::slab::Key;
use crate::util::vars::Vars;

/// The group that polls its children in place of the loop: a child may borrow what outlives only
/// the group.
pub(crate) trait ParentScheduler<H: Schedule> {
    /// Offers the group the turn of its child `task`. Returns `true` if the next poll of the group
    /// will poll this child; otherwise the child waits, and the group keeps it.
    fn admit(&self, task: &Task<H>) -> bool;

    /// Makes the next poll of the group carry the turn of a nested task, through its child
    /// `carrier`, or through its body if that is `None`. Returns `false` if the next poll is for
    /// another turn already.
    fn expect(&self, carrier: Option<Task<H>>) -> bool;

    /// Ends the poll of the owner. Returns `false` if the group was not polled; it then keeps the
    /// turn of its child for its next poll.
    fn retract(&self) -> bool;

    /// Wakes the future that polls the group, and thereby its owner.
    fn wake(&self);

    /// Wakes the future that polls the group, unless the owner polls the group directly.
    fn mark_path(&self);

    /// Returns the group in whose body this one is polled, by the same task.
    fn around(&self) -> Option<Rc<dyn ParentScheduler<H>>>;

    /// Returns the node in the tree of scopes under which the roots of the children are opened.
    fn node(&self) -> Option<Key>;

    /// Returns the task that polls the group.
    fn owner(&self) -> Option<TaskRef<H>>;

    /// Takes the failure of the child that was just polled. If there is one, the child has ended
    /// with it.
    fn take_child_failure(&self) -> Option<JoinError>;

    /// Records that a child has ended outside a poll of the group.
    fn ended(&self, task: &Task<H>);
}

/// The rarely used state of a task. Home thread only.
pub(crate) struct ColdState<H: Schedule> {
    /// The cancellation that was requested and not delivered yet.
    pub(crate) cancel: Cell<Option<Cancelled>>,
    /// The root of the task's catch points in the tree of scopes.
    pub(crate) scope: Cell<Option<Key>>,
    /// The group that polls the task, if it is a child.
    pub(crate) parent: Cell<Option<Rc<dyn ParentScheduler<H>>>>,
    /// The wakers to wake at the end, besides the joiner.
    pub(crate) at_end: Cell<Vec<Waker>>,
    /// The context variables of the spawning task.
    pub(crate) vars: Cell<Vars>,
    /// The task that awaited it last, if the wait graph is enabled.
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
