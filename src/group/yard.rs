//! Where a group keeps its children: who lives, who is ready, who waits for a place.
//!
//! ```text
//!   add ─▶ the loop's queue ─▶ admit ─┬─ ready ─▶ run by the group's poll ─▶ rests, or ended
//!             ▲                       └─ held: the limit is reached ─▶ ready, when another one ends
//!             └────────────── woken ◀──────────────────── rests
//! ```
//!
//! The loop never polls a child: it brings it here, and wakes the task that polls the group. Nothing here depends on what
//! the children borrow.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::task::Waker;

use crate::error::JoinError;
use crate::runtime::{Hub, Pen, Task, TaskRef, try_with};
use crate::util::slab::Key;
use crate::util::{caught, drop_quietly};

/// The children of one group.
#[derive(Default)]
pub(super) struct Yard {
    /// Those that have not ended, in the order of their spawning, and some that have.
    members: RefCell<Vec<Task>>,
    /// How many have not ended.
    living: Cell<usize>,
    /// Those that are to be polled.
    ready: RefCell<VecDeque<Task>>,
    /// How many may run at once; 0 for any number.
    limit: Cell<usize>,
    /// With a limit: those that were never polled, by number.
    unbegun: RefCell<BTreeSet<u64>>,
    /// Those of them that wait until another one ends.
    held: RefCell<VecDeque<Task>>,
    /// Wakes the task that polls the group. In an `Rc`, since `Waker::clone` is foreign code.
    waker: RefCell<Option<Rc<Waker>>>,
    /// That task.
    owner: RefCell<Option<TaskRef>>,
    /// The group's node in the tree of scopes.
    node: Cell<Option<Key>>,
    /// How the child that is being polled has failed.
    failure: Cell<Option<JoinError>>,
    /// Whether the group is being dropped, or was.
    closed: Cell<bool>,
}

impl Yard {
    /// How many children have not ended.
    pub(super) fn living(&self) -> usize {
        self.living.get()
    }

    /// Bounds how many run at once.
    pub(super) fn set_limit(&self, limit: usize) {
        self.limit.set(limit);
        self.release();
    }

    /// Takes a new child in.
    pub(super) fn add(&self, task: Task) {
        if self.limit.get() > 0 {
            self.unbegun.borrow_mut().insert(task.by_ref().number());
        }
        self.living.set(self.living.get() + 1);
        let mut members = self.members.borrow_mut();
        if members.len() > 2 * self.living.get() + 16 {
            members.retain(|task| !task.state().is_done());
        }
        members.push(task);
    }

    /// The children that have not ended, in the order of their spawning.
    pub(super) fn members(&self) -> Vec<Task> {
        let members = self.members.borrow();
        let living = members.iter().filter(|task| !task.state().is_done());
        living.cloned().collect()
    }

    /// The same, which it forgets: they are to be dropped.
    pub(super) fn take_members(&self) -> Vec<Task> {
        let mut members = self.members.take();
        members.retain(|task| !task.state().is_done());
        members
    }

    /// The next child that is to be polled.
    pub(super) fn next_ready(&self) -> Option<Task> {
        self.ready.borrow_mut().pop_front()
    }

    /// Whether a child is to be polled.
    pub(super) fn is_somebody_ready(&self) -> bool {
        !self.ready.borrow().is_empty()
    }

    /// A child has ended.
    pub(super) fn one_less(&self, task: &Task) {
        self.begin(task);
        self.count_down();
    }

    /// The number of those that have not ended is one less.
    fn count_down(&self) {
        self.living.set(self.living.get().saturating_sub(1));
        self.release();
    }

    /// The child that is being polled has failed, and is to end with this.
    pub(super) fn end_child_with(&self, error: JoinError) {
        self.failure.set(Some(error));
    }

    /// The group is being dropped: from now on nobody polls what comes here.
    pub(super) fn close(&self) {
        self.closed.set(true);
        // Somebody else's. The yard itself goes with the last child, deep inside of the loop perhaps.
        drop_quietly(self.waker.take());
    }

    /// Notes who polls the group.
    pub(super) fn visit(&self, waker: &Waker, owner: Option<TaskRef>, node: Option<Key>) {
        self.node.set(node);
        // Not only with another waker: foreign code may be polled by another task, and use its own wakers inside.
        drop(self.owner.replace(owner));
        let known = |known: &Waker| known.will_wake(waker);
        if !self.waker.borrow().as_deref().is_some_and(known) {
            let waker = Rc::new(waker.clone());
            let old = self.waker.replace(Some(waker));
            drop(old);
        }
    }

    /// The group is going to cancel itself: a scope inside leaves it to that, if it is to end now,
    /// too.
    pub(super) fn announce_end(&self) {
        if let Some(node) = self.node.get() {
            try_with(|core| core.announce_end(node)).ok();
        }
    }

    /// Wakes the task that polls the group.
    pub(super) fn wake(&self) {
        let waker = self.waker.borrow().clone();
        if let Some(waker) = waker {
            drop_quietly(caught(|| waker.wake_by_ref()));
            drop_quietly(waker);
        }
    }

    /// How many have begun and not ended.
    fn running(&self) -> usize {
        self.living
            .get()
            .saturating_sub(self.unbegun.borrow().len())
    }

    /// Lets those begin that the limit allows.
    fn release(&self) {
        let mut freed = false;
        while self.has_room() {
            let Some(task) = self.held.borrow_mut().pop_front() else {
                break;
            };
            if self.begin(&task) && !task.state().is_done() {
                self.ready.borrow_mut().push_back(task);
                freed = true;
            }
        }
        if freed {
            self.wake();
        }
    }

    /// Whether another one may run.
    fn has_room(&self) -> bool {
        self.limit.get() == 0 || self.running() < self.limit.get()
    }

    /// Notes that a child has begun; `true` when it had not.
    fn begin(&self, task: &Task) -> bool {
        self.unbegun.borrow_mut().remove(&task.by_ref().number())
    }

    /// Whether a child has to wait until another one ends. One that is cancelled need not.
    fn must_wait(&self, task: &Task) -> bool {
        !self.has_room()
            && !task.state().cancel_waits()
            && self.unbegun.borrow().contains(&task.by_ref().number())
    }
}

impl Pen<Hub> for Yard {
    fn admit(&self, task: Task) {
        if self.closed.get() {
            return;
        }
        if self.must_wait(&task) {
            // Not scheduled any more, so that a cancellation brings it here again.
            task.start(task.state());
            if let Some(woken) = task.clone().suspend() {
                return self.admit(woken);
            }
            return self.held.borrow_mut().push_back(task);
        }
        self.begin(&task);
        self.ready.borrow_mut().push_back(task);
        self.wake();
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

    fn ended(&self) {
        // When it was dropped, the group counted all down.
        if !self.closed.get() {
            self.count_down();
            self.wake();
        }
    }
}
