//! Where a group keeps its children, and how the loop reaches them: who lives, whose turn it is, who waits for a place.
//!
//! ```text
//!   add ─▶ the run queue ─▶ admit ─┬─ held: the limit is reached ─▶ the run queue, when another one ends
//!              ▲                   ├─ expected ─▶ the group is polled for it: it runs ─┬─▶ ended
//!              │                   │      │ the group was not polled                   │
//!              │                   │      ▼                                            │
//!              │                   └─ backlog ─▶ runs at the next poll of the group ───┤
//!              └────────────────────────────── woken ◀── rests ◀───────────────────────┘
//! ```
//!
//! The loop never polls a child: it has the group polled for it, from the outside inwards (`runtime/carry.rs`). A child whose
//! turn cannot be brought here, because foreign code around the group does not poll it, waits in the backlog, and those
//! that come after it do, too, so that none is overtaken.
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
use crate::util::wait_graph::{self, Kind};

/// What a poll of the group is for, if not for the group itself.
#[derive(Debug)]
pub(super) enum Call {
    /// The turn of this child.
    Turn(Task),
    /// The turn of a task further in, that this child carries, or the body where there is none.
    Passage(Option<Task>),
}

/// The children of one group.
#[derive(Default)]
pub(super) struct ChildSet {
    /// Those that have not ended.
    members: RefCell<Members>,
    /// How many those are.
    living: Cell<usize>,
    /// How many of them may run at once.
    limit: RefCell<Limit>,
    /// What the poll of the group that is under way, or comes now, is for.
    call: Cell<Option<Call>>,
    /// Children whose turn has come and did not reach them.
    backlog: RefCell<VecDeque<Task>>,
    /// Wakes what polls the group.
    waker: Arc<GroupWaker>,
    /// Whether that is the owner, with nothing in between.
    is_direct: Cell<bool>,
    /// The task that polls the group.
    owner: RefCell<Option<TaskRef>>,
    /// The group inside of whose body that polls this one.
    around: RefCell<Option<Rc<dyn ParentScheduler<Shared>>>>,
    /// The group's node in the tree of scopes.
    node: Cell<Option<Key>>,
    /// How the child that is being polled has failed.
    failure: Cell<Option<JoinError>>,
    /// Whether the group is being dropped, or was.
    closed: Cell<bool>,
}

impl ChildSet {
    /// How many children have not ended.
    pub(super) fn living(&self) -> usize {
        self.living.get()
    }

    /// Bounds how many run at once.
    pub(super) fn set_limit(&self, limit: usize) {
        self.limit.borrow_mut().set(limit);
        self.release();
    }

    /// Takes a new child in.
    pub(super) fn add(&self, task: Task) {
        self.limit.borrow_mut().add(task.by_ref().number());
        self.living.set(self.living.get() + 1);
        self.members.borrow_mut().add(task);
    }

    /// The children that have not ended, in the order of their spawning.
    pub(super) fn members(&self) -> Vec<Task> {
        self.members.borrow().all()
    }

    /// The same, which it forgets: they are to be dropped.
    pub(super) fn take_members(&self) -> Vec<Task> {
        let mut members = self.members.borrow_mut().take_all();
        members.retain(|task| !task.state().is_done());
        members
    }

    /// What the poll of the group that begins now is for.
    pub(super) fn take_call(&self) -> Option<Call> {
        self.call.take()
    }

    /// Whether children wait whose turn did not reach them.
    pub(super) fn has_backlog(&self) -> bool {
        !self.backlog.borrow().is_empty()
    }

    /// The first of these.
    pub(super) fn next_in_backlog(&self) -> Option<Task> {
        self.backlog.borrow_mut().pop_front()
    }

    /// A child has ended: it is let go.
    pub(super) fn one_less(&self, task: &Task) {
        self.living.set(self.living.get().saturating_sub(1));
        if self.closed.get() {
            return;
        }
        let number = task.by_ref().number();
        self.limit.borrow_mut().begin(number);
        let member = self.members.borrow_mut().remove(number);
        drop(member);
        self.release();
    }

    /// The child that is being polled has failed, and is to end with this.
    pub(super) fn end_child_with(&self, error: JoinError) {
        self.failure.set(Some(error));
    }

    /// The group is being dropped: from now on nobody polls what comes here.
    pub(super) fn close(&self) {
        self.closed.set(true);
        // The yard itself goes with the last child, deep inside of the loop perhaps.
        self.waker.close();
        drop(self.call.take());
        drop(self.around.take());
        drop(self.backlog.take());
    }

    /// The waker of the group's body.
    pub(super) fn body_waker(&self) -> Waker {
        Waker::from(Arc::clone(&self.waker))
    }

    /// The wakers of the group.
    pub(super) fn waker(&self) -> &GroupWaker {
        &self.waker
    }

    /// Notes who polls the group, and where.
    pub(super) fn visit(&self, core: &Core, waker: &Waker, node: Option<Key>) {
        let owner = core.current();
        self.node.set(node);
        drop(self.around.replace(core.group_here()));
        let is_direct = owner.as_ref().map(|owner| owner.waker().will_wake(waker));
        self.is_direct.set(is_direct.unwrap_or(false));
        // Not only with another waker: foreign code may be polled by another task, and use its own wakers inside.
        let owner = owner.map(|owner| owner.by_ref().clone());
        drop(self.owner.replace(owner));
        self.waker.leave(waker);
    }

    /// The group is going to cancel itself: a scope inside leaves it to that, if it is to end now,
    /// too.
    pub(super) fn announce_end(&self) {
        if let Some(node) = self.node.get() {
            try_with(|core| core.announce_end(node)).ok();
        }
    }

    /// Has those begin that the limit allows now.
    fn release(&self) {
        while let Some(task) = self.next_released() {
            task.waker().wake();
        }
    }

    /// The next one of them.
    fn next_released(&self) -> Option<Task> {
        let number = self.limit.borrow_mut().release(self.living.get())?;
        self.members.borrow().get(number)
    }

    /// Whether a child has to wait until another one ends. One that is cancelled need not.
    fn must_wait(&self, task: &Task) -> bool {
        let limit = self.limit.borrow();
        limit.must_wait(task.by_ref().number(), self.living.get()) && !task.state().cancel_waits()
    }
}

/// The id of a child.
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
            // Not scheduled any more, so that a cancellation brings it here again.
            task.start();
            let woken = task.clone().suspend();
            debug_assert!(woken.is_none(), "nothing ran in between");
            self.limit.borrow_mut().hold(number);
            wait_graph::task_waits(id_of(task), Kind::Limit);
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
        self.call
            .set(other.or_else(|| Some(Call::Passage(carrier))));
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

    fn failure_of_child(&self) -> Option<JoinError> {
        self.failure.take()
    }

    fn ended(&self, task: &Task) {
        // When it was dropped, the group counted all down.
        if !self.closed.get() {
            self.one_less(task);
            self.waker.wake_outer();
        }
    }
}
