//! The children of a group, and how the loop of the runtime reaches them.
//!
//! ```text
//!   add ─▶ run queue ─▶ admit ─┬─ must_wait ─▶ held; release ─▶ run queue
//!              ▲               │
//!              │               ├─ call is set: the group is polled for it ─┐
//!              │               │    │ retract: the group was not polled    │
//!              │               │    ▼                                      │
//!              │               └─ backlog: runs at the next poll ──────────┤
//!              │                  of the group                             ▼
//!              └──── woken ◀──────────── pending ◀──────────────────── polled
//!                                                                          │
//!                                                          ended: remove ◀─┘
//! ```
//!
//! The loop does not poll a child itself: it polls the task that owns the group, and the poll
//! reaches the group from the outside inwards (`runtime/carry.rs`). If third-party code around the
//! group does not poll the group, the child moves to the backlog, and so do the children after it:
//! none overtakes another.
//!
//! Nothing here depends on what the children borrow.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use super::limit::Limit;
use super::members::Members;
use super::waker::GroupWaker;
use crate::error::JoinError;
use crate::runtime::{Core, ParentScheduler, Shared, Task, TaskRef, try_with};
use crate::util::Id;
use crate::util::slab::Key;
use crate::util::wait_graph::{self, ResourceKind};

/// What a poll of the group is for, if it is not for the group itself.
#[derive(Debug)]
pub(super) enum Call {
    /// It is the turn of this child.
    Turn(Task),
    /// It is the turn of a task of a nested group. The task given here carries it; `None` means
    /// that the body does.
    Nested(Option<Task>),
}

/// The children of one group.
#[derive(Default)]
pub(super) struct ChildSet {
    /// The children that have not ended.
    members: RefCell<Members>,
    live: Cell<usize>,
    limit: RefCell<Limit>,
    /// What the next poll of the group is for. The poll takes it.
    call: Cell<Option<Call>>,
    /// Children whose turn came while the group was not polled, oldest first.
    backlog: RefCell<VecDeque<Task>>,
    waker: Arc<GroupWaker>,
    /// Whether the owner polls the group directly, with no future in between that has its own
    /// waker.
    is_direct: Cell<bool>,
    /// The task that polls the group.
    owner: RefCell<Option<TaskRef>>,
    /// The group in whose body this one is polled, by the same task.
    around: RefCell<Option<Rc<dyn ParentScheduler<Shared>>>>,
    /// The group's node in the tree of scopes.
    node: Cell<Option<Key>>,
    /// Set by a child that fails, until its poll returns.
    failure: Cell<Option<JoinError>>,
    /// Whether the group is being dropped, or was dropped.
    closed: Cell<bool>,
}

impl ChildSet {
    /// Returns the number of children that have not ended.
    pub(super) fn len(&self) -> usize {
        self.live.get()
    }

    /// Limits how many children run at once.
    pub(super) fn set_limit(&self, limit: usize) {
        self.limit.borrow_mut().set(limit);
        self.release();
    }

    /// Adds a child.
    pub(super) fn add(&self, task: Task) {
        self.limit.borrow_mut().add(task.by_ref().number());
        self.live.set(self.live.get() + 1);
        self.members.borrow_mut().add(task);
    }

    /// Returns the children that have not ended, in spawn order.
    pub(super) fn members(&self) -> Vec<Task> {
        self.members.borrow().all()
    }

    /// Removes the children that have not ended and returns them, in spawn order.
    pub(super) fn take_members(&self) -> Vec<Task> {
        let mut members = self.members.borrow_mut().take_all();
        members.retain(|task| !task.state().is_done());
        members
    }

    /// Takes what the poll of the group that begins now is for; `None` stands for the group itself.
    pub(super) fn take_call(&self) -> Option<Call> {
        self.call.take()
    }

    pub(super) fn has_backlog(&self) -> bool {
        !self.backlog.borrow().is_empty()
    }

    pub(super) fn next_in_backlog(&self) -> Option<Task> {
        self.backlog.borrow_mut().pop_front()
    }

    /// Removes a child that has ended.
    pub(super) fn remove(&self, task: &Task) {
        self.live.set(self.live.get().saturating_sub(1));
        if self.closed.get() {
            return;
        }
        let number = task.by_ref().number();
        self.limit.borrow_mut().begin(number);
        let member = self.members.borrow_mut().remove(number);
        drop(member);
        self.release();
    }

    /// Ends the child that is being polled with `error`, when its poll returns.
    pub(super) fn end_child_with(&self, error: JoinError) {
        self.failure.set(Some(error));
    }

    /// Closes the set, as its group is being dropped: no child is polled again.
    pub(super) fn close(&self) {
        self.closed.set(true);
        // The set itself is dropped with its last child, which may be deep inside the loop.
        self.waker.close();
        drop(self.call.take());
        drop(self.around.take());
        drop(self.backlog.take());
    }

    /// Returns the waker of the group's body.
    pub(super) fn body_waker(&self) -> Waker {
        Waker::from(Arc::clone(&self.waker))
    }

    pub(super) fn waker(&self) -> &GroupWaker {
        &self.waker
    }

    /// Begins a poll of the group: records the task that polls it, and the group around.
    pub(super) fn begin_poll(&self, core: &Core, waker: &Waker, node: Option<Key>) {
        let owner = core.current();
        self.node.set(node);
        drop(self.around.replace(core.carriers.body()));
        let is_direct = owner.as_ref().map(|owner| owner.waker().will_wake(waker));
        self.is_direct.set(is_direct.unwrap_or(false));
        // Recorded even if the waker is unchanged: third-party code that uses its own wakers inside
        // may have moved to another task.
        let owner = owner.map(|owner| owner.by_ref().clone());
        drop(self.owner.replace(owner));
        self.waker.register(waker);
    }

    /// Announces that the group is about to cancel itself: a scope inside that would end at the
    /// same moment leaves the cancellation to the group.
    pub(super) fn announce_end(&self) {
        if let Some(node) = self.node.get() {
            try_with(|core| core.announce_end(node)).ok();
        }
    }

    /// Wakes the held children that may begin now.
    fn release(&self) {
        while let Some(task) = self.next_released() {
            task.waker().wake();
        }
    }

    fn next_released(&self) -> Option<Task> {
        let number = self.limit.borrow_mut().release(self.live.get())?;
        self.members.borrow().get(number)
    }

    /// Returns `true` if a child must wait until a sibling ends. A cancelled child need not wait.
    fn must_wait(&self, task: &Task) -> bool {
        let limit = self.limit.borrow();
        limit.must_wait(task.by_ref().number(), self.live.get()) && !task.state().cancel_waits()
    }
}

fn id_of(task: &Task) -> Id {
    Id::new(task.by_ref().home().number(), task.by_ref().number())
}

impl ParentScheduler<Shared> for ChildSet {
    fn admit(&self, task: &Task) -> bool {
        let number = task.by_ref().number();
        if self.closed.get() {
            return false;
        }
        if self.must_wait(task) {
            task.unschedule();
            self.limit.borrow_mut().hold(number);
            wait_graph::task_waits(id_of(task), ResourceKind::Limit);
            return false;
        }
        self.limit.borrow_mut().begin(number);
        if self.has_backlog() {
            self.backlog.borrow_mut().push_back(task.clone());
            return false;
        }
        self.call.set(Some(Call::Turn(task.clone())));
        true
    }

    fn expect(&self, carrier: Option<Task>) -> bool {
        let other = self.call.take();
        let is_free = other.is_none();
        self.call.set(other.or_else(|| Some(Call::Nested(carrier))));
        is_free
    }

    fn retract(&self) -> bool {
        let call = self.call.take();
        let was_polled = call.is_none();
        if let Some(Call::Turn(task)) = call {
            self.backlog.borrow_mut().push_back(task);
        }
        was_polled
    }

    fn wake(&self) {
        self.waker.wake_outer();
    }

    fn mark_path(&self) {
        if !self.is_direct.get() {
            self.waker.wake_outer();
        }
    }

    fn around(&self) -> Option<Rc<dyn ParentScheduler<Shared>>> {
        self.around.borrow().clone()
    }

    fn node(&self) -> Option<Key> {
        self.node.get()
    }

    fn owner(&self) -> Option<TaskRef> {
        self.owner.borrow().clone()
    }

    fn take_child_failure(&self) -> Option<JoinError> {
        self.failure.take()
    }

    fn ended(&self, task: &Task) {
        // A closed set has removed all its children already.
        if !self.closed.get() {
            self.remove(task);
            self.waker.wake_outer();
        }
    }
}
