//! The cancellation state of a runtime: the tree, the position of the running code, and the waits.
//!
//! Data behind cells. Each method borrows for one operation and calls no third-party code
//! meanwhile: it returns wakers and values for the caller to wake and drop.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use super::held_off::HeldOff;
use super::node::Identity;
use super::position::Position;
use super::tree::Tree;
use super::waits::{Wait, Waits};

/// The cancellation state of a runtime.
///
/// `C` is the cancellation, `W` the waker, `T` a reference to a task, `J` a wait for tasks to end.
/// Tasks are known by their numbers.
pub(crate) struct Scopes<C, W, T, J> {
    /// The scopes and catch points of all tasks.
    tree: RefCell<Tree<C, W>>,
    position: Cell<Position>,
    /// The tasks that wait for other tasks to end, after they dropped their handles.
    waits: RefCell<Waits>,
    held_off: RefCell<HeldOff<T>>,
    /// Whether the beginning of an await is looked at: `held_off` has tasks that may be in a cycle, or
    /// awaits are recorded.
    watches_awaits: Cell<bool>,
    /// Whether each await records its task.
    is_recording: Cell<bool>,
    /// The waits of the tasks that drain, by the numbers of these.
    draining: RefCell<BTreeMap<u64, J>>,
    /// The wait of the future that is being dropped for a cancellation, while it is dropped.
    collecting: RefCell<Option<J>>,
    /// The cancellation for which a future is being dropped.
    dropping_for: RefCell<Option<C>>,
    /// The cancellation that ends the current task after its poll: it was resumed past every catch
    /// point.
    exit: Cell<Option<C>>,
    /// Whether `exit` and the tree are looked at after the current poll. Always set while the task
    /// has a root in the tree.
    after_poll: Cell<bool>,
}

/// The part of [`Scopes`] that belongs to one poll of a task.
pub(crate) struct PollState<C> {
    position: Position,
    exit: Option<C>,
    after_poll: bool,
}

impl<C: Identity, W, T: Clone, J> Scopes<C, W, T, J> {
    pub(crate) fn new() -> Self {
        Self {
            tree: RefCell::new(Tree::new()),
            position: Cell::new(Position::Task),
            waits: RefCell::default(),
            held_off: RefCell::new(HeldOff::new()),
            watches_awaits: Cell::new(false),
            is_recording: Cell::new(false),
            draining: RefCell::default(),
            collecting: RefCell::new(None),
            dropping_for: RefCell::new(None),
            exit: Cell::new(None),
            after_poll: Cell::new(false),
        }
    }
}

/// The tree.
impl<C: Identity, W, T, J> Scopes<C, W, T, J> {
    /// Runs one operation on the tree, which calls no third-party code.
    pub(crate) fn tree<R>(&self, operation: impl FnOnce(&mut Tree<C, W>) -> R) -> R {
        operation(&mut self.tree.borrow_mut())
    }
}

/// The poll that is under way.
impl<C: Identity, W, T, J> Scopes<C, W, T, J> {
    #[inline]
    pub(crate) fn position(&self) -> Position {
        self.position.get()
    }

    #[inline]
    pub(crate) fn set_position(&self, position: Position) {
        self.position.set(position);
    }

    #[inline]
    pub(crate) fn replace_position(&self, position: Position) -> Position {
        self.position.replace(position)
    }

    #[inline]
    pub(crate) fn is_after_poll_set(&self) -> bool {
        self.after_poll.get()
    }

    pub(crate) fn set_after_poll(&self, after_poll: bool) {
        self.after_poll.set(after_poll);
    }

    /// Sets the cancellation that ends the current task after its poll.
    pub(crate) fn set_exit(&self, cancel: C) {
        self.after_poll.set(true);
        drop(self.exit.replace(Some(cancel)));
    }

    /// Takes the cancellation that ends the task whose poll has ended, and stops looking for one.
    pub(crate) fn take_exit(&self) -> Option<C> {
        self.after_poll.set(false);
        self.exit.take()
    }

    /// Returns `true` if the current task ends as cancelled after its poll.
    pub(crate) fn is_exit_set(&self) -> bool {
        let exit = self.exit.take();
        let is_set = exit.is_some();
        self.exit.set(exit);
        is_set
    }

    /// Takes the state of the current poll, for the time of a poll of another task.
    pub(crate) fn save_poll_state(&self) -> PollState<C> {
        PollState {
            position: self.position.get(),
            exit: self.exit.take(),
            after_poll: self.after_poll.replace(false),
        }
    }

    pub(crate) fn restore_poll_state(&self, state: PollState<C>) {
        self.exit.set(state.exit);
        self.after_poll.set(state.after_poll);
        self.position.set(state.position);
    }
}

/// A future that is dropped for a cancellation.
impl<C: Identity, W, T, J> Scopes<C, W, T, J> {
    /// Returns the cancellation for which a future is being dropped.
    pub(crate) fn dropping_for(&self) -> Option<C> {
        self.dropping_for.borrow().clone()
    }

    /// Sets the cancellation for which a future is being dropped. Returns the one before.
    pub(crate) fn replace_dropping_for(&self, cancel: Option<C>) -> Option<C> {
        self.dropping_for.replace(cancel)
    }

    /// Sets the wait to which dropped handles add their tasks. Returns the one before.
    pub(crate) fn replace_collecting(&self, wait: Option<J>) -> Option<J> {
        self.collecting.replace(wait)
    }

    pub(crate) fn is_collecting(&self) -> bool {
        self.collecting.borrow().is_some()
    }

    /// Runs `add` on the wait to which dropped handles add their tasks, if there is one. `add`
    /// calls no third-party code.
    pub(crate) fn collect(&self, add: impl FnOnce(&mut J)) {
        if let Some(wait) = self.collecting.borrow_mut().as_mut() {
            add(wait);
        }
    }
}

/// Tasks that wait for other tasks to end.
impl<C: Identity, W, T: Clone, J> Scopes<C, W, T, J> {
    /// Records that a task, whose future is gone, waits for others. Returns the wait before.
    pub(crate) fn set_draining(&self, task: u64, wait: J) -> Option<J> {
        self.draining.borrow_mut().insert(task, wait)
    }

    pub(crate) fn take_draining(&self, task: u64) -> Option<J> {
        self.draining.borrow_mut().remove(&task)
    }

    /// Returns what `read` returns for each task that drains and its wait. `read` calls no
    /// third-party code.
    pub(crate) fn all_draining<R>(&self, read: impl Fn(&J) -> R) -> Vec<(u64, R)> {
        let draining = self.draining.borrow();
        draining
            .iter()
            .map(|(&task, wait)| (task, read(wait)))
            .collect()
    }

    /// Returns `true` if `target` waits, directly or through others, for one of `waiters`, or is
    /// one of them.
    pub(crate) fn leads_back(&self, target: u64, waiters: &[u64]) -> bool {
        self.waits.borrow().leads_back(target, waiters)
    }

    pub(crate) fn add_wait(&self, wait: Wait) {
        self.waits.borrow_mut().add(wait);
    }

    pub(crate) fn remove_waits(&self, waits: &[Wait]) {
        self.waits.borrow_mut().remove(waits);
    }

    pub(crate) fn is_target(&self, task: u64) -> bool {
        self.waits.borrow().is_target(task)
    }

    pub(crate) fn waiters_for(&self, task: u64) -> Vec<u64> {
        self.waits.borrow().waiters_for(task)
    }

    /// Returns `true` if the beginning of an await must be looked at.
    #[inline]
    pub(crate) fn watches_awaits(&self) -> bool {
        self.watches_awaits.get()
    }

    /// Returns `true` if each await records its task.
    pub(crate) fn is_recording(&self) -> bool {
        self.is_recording.get()
    }

    /// Sets whether each await records its task.
    pub(crate) fn set_recording(&self, is_recording: bool) {
        self.is_recording.set(is_recording);
        let is_any_held_off = !self.held_off.borrow().is_empty();
        self.watches_awaits.set(is_recording || is_any_held_off);
    }

    /// Records that a task that is waited for holds off a cancellation.
    pub(crate) fn hold_off(&self, number: u64, task: impl FnOnce() -> T) {
        self.held_off.borrow_mut().add(number, task);
        self.watches_awaits.set(true);
    }

    /// Returns the tasks that hold off a cancellation, without those that have ended.
    pub(crate) fn update_held_off(&self, has_ended: impl Fn(&T) -> bool) -> Vec<(u64, T)> {
        let ended = self.held_off.borrow_mut().take_ended(has_ended);
        drop(ended);
        let candidates = self.held_off.borrow().candidates();
        let is_any_held_off = !candidates.is_empty();
        self.watches_awaits
            .set(is_any_held_off || self.is_recording.get());
        candidates
    }

    /// Records that a task is no longer waited for, since it is in a cycle.
    pub(crate) fn give_up(&self, task: u64) {
        self.held_off.borrow_mut().give_up(task);
    }

    /// Returns `true` if a task is no longer waited for.
    pub(crate) fn is_given_up(&self, task: u64) -> bool {
        self.held_off.borrow().is_given_up(task)
    }
}
