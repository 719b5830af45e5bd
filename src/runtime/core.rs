//! The home part of a runtime: what only its own thread touches.
//!
//! Every field that user code could reach while it is borrowed is borrowed for a moment only; wakers, destructors
//! and polls run with no borrow alive (habit 5). So each method here either borrows and calls nothing foreign, or
//! calls and borrows nothing.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::task::Waker;

use super::cancel::Delivered;
use super::clock::Clock;
use super::hub::Hub;
use super::queue::Queue;
use super::signals::Signals;
use super::table::Table;
use super::{Join, Owner, Task};
use crate::cell::{Current, Label, Pool, empty, spawn, spawn_main};
use crate::error::{Cancelled, JoinError, Reason};
use crate::reactor::{Access, Reactor};
use crate::scope::Tree;
use crate::util::Id;
use crate::util::slab::Key;
use crate::wheel::Wheel;

/// How many I/O calls one poll of a task may make before it gives way.
const IO_BUDGET: u32 = 128;

/// Where a runtime stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Tasks are spawned and run.
    Open,
    /// Everything has been cancelled; what is spawned is born cancelled, what cleans up runs on.
    ShuttingDown,
    /// Nothing is polled any more; what is spawned is dropped at once.
    Closed,
}

/// The home part of a runtime.
pub(crate) struct Core {
    /// The tasks that are ready, in the order in which they will run.
    queue: RefCell<Queue>,
    /// All tasks.
    table: RefCell<Table>,
    /// Memory of tasks that are gone.
    pool: RefCell<Pool>,
    /// The task that is being polled.
    current: Current<Hub>,
    /// What time it is.
    clock: Clock,
    /// The timers, with whom they wake.
    wheel: RefCell<Wheel<Waker>>,
    /// When timers fired last.
    last_fired: Cell<u64>,
    /// Room to gather wakers in.
    scratch: Cell<Vec<Waker>>,
    /// The sockets, with whom they wake.
    reactor: RefCell<Reactor>,
    /// The signals that the runtime itself listens to.
    signals: Signals,
    /// The scopes and catch points of all tasks.
    scopes: RefCell<Tree<Cancelled, Waker>>,
    /// The innermost catch point around the code that runs now.
    node: Cell<Option<Key>>,
    /// The number of the task that was spawned last.
    last_number: Cell<u64>,
    /// Where the runtime stands in its life.
    phase: Cell<Phase>,
    /// I/O calls that the current poll may still make.
    io_budget: Cell<u32>,
    /// The cancellation that ends the current task when its poll returns: it was resumed past every catch point.
    raised: Cell<Option<Cancelled>>,
    /// True when that, or the tree of scopes, is to be looked at after this poll.
    look_after: Cell<bool>,
    /// The cancellation for which a future is being dropped.
    aborting: RefCell<Option<Cancelled>>,
    /// The part that all threads share. Last, so that it outlives whatever the fields above still hold.
    hub: Arc<Hub>,
}

impl Core {
    /// A runtime's home part.
    ///
    /// # Errors
    /// Those of the reactor: descriptors have run out.
    pub(crate) fn new(clock: Clock) -> io::Result<Self> {
        let reactor = Reactor::new()?;
        Ok(Self {
            hub: Hub::open(reactor.bell().clone()),
            queue: RefCell::default(),
            table: RefCell::default(),
            pool: RefCell::new(Pool::new()),
            current: Current::new(),
            clock,
            wheel: RefCell::new(Wheel::new()),
            last_fired: Cell::new(0),
            scratch: Cell::default(),
            reactor: RefCell::new(reactor),
            signals: Signals::default(),
            scopes: RefCell::new(Tree::new()),
            node: Cell::new(None),
            last_number: Cell::new(0),
            phase: Cell::new(Phase::Open),
            io_budget: Cell::new(IO_BUDGET),
            raised: Cell::new(None),
            look_after: Cell::new(false),
            aborting: RefCell::new(None),
        })
    }

    /// The part that all threads share.
    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// The clock.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The timers, for a moment.
    pub(crate) fn wheel(&self) -> &RefCell<Wheel<Waker>> {
        &self.wheel
    }

    /// When timers fired last, in the clock's nanoseconds.
    pub(super) fn last_fired(&self) -> &Cell<u64> {
        &self.last_fired
    }

    /// Takes the empty room to gather wakers in. Whoever finds it taken, in a waker that comes back in here, gets
    /// another one.
    pub(super) fn take_scratch(&self) -> Vec<Waker> {
        self.scratch.take()
    }

    /// Puts the room back.
    pub(super) fn put_scratch(&self, empty: Vec<Waker>) {
        debug_assert!(empty.is_empty());
        self.scratch.set(empty);
    }

    /// The sockets, for a moment.
    pub(crate) fn reactor(&self) -> &RefCell<Reactor> {
        &self.reactor
    }

    /// The signals that the runtime itself listens to.
    pub(super) fn signals(&self) -> &Signals {
        &self.signals
    }

    /// The scopes and catch points, for a moment.
    pub(super) fn scopes(&self) -> &RefCell<Tree<Cancelled, Waker>> {
        &self.scopes
    }

    /// The innermost catch point around the code that runs now.
    pub(super) fn node(&self) -> &Cell<Option<Key>> {
        &self.node
    }

    /// The ready tasks, for a moment.
    #[inline]
    pub(super) fn queue(&self) -> &RefCell<Queue> {
        &self.queue
    }

    /// All tasks, for a moment.
    #[inline]
    pub(super) fn table(&self) -> &RefCell<Table> {
        &self.table
    }

    /// Memory of tasks that are gone, for a moment.
    #[inline]
    pub(super) fn pool(&self) -> &RefCell<Pool> {
        &self.pool
    }

    /// Where the runtime stands in its life.
    pub(super) fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// The runtime goes on to `phase`.
    pub(super) fn set_phase(&self, phase: Phase) {
        self.phase.set(phase);
    }

    /// Puts a task into the run queue.
    #[inline]
    pub(super) fn enqueue(&self, task: Task) {
        self.queue.borrow_mut().push(task);
    }

    /// Takes a task out of the table.
    #[inline]
    pub(super) fn retire(&self, slot: u32) -> Option<Owner> {
        self.table.borrow_mut().remove(slot)
    }

    /// The task that is being polled.
    pub(crate) fn current(&self) -> Option<Task> {
        self.current.get()
    }

    /// The id of the task that is being polled.
    pub(crate) fn current_id(&self) -> Option<Id> {
        self.current.number().map(|number| self.id(number))
    }

    /// The id of this runtime's task `number`.
    fn id(&self, number: u64) -> Id {
        Id::new(self.hub.number(), number)
    }

    /// The tasks that have not ended, in the order of their spawning.
    pub(crate) fn running(&self) -> Vec<Task> {
        self.table.borrow().running()
    }

    /// The number of a new task.
    #[inline]
    fn next_number(&self) -> u64 {
        let number = self.last_number.get() + 1;
        self.last_number.set(number);
        number
    }

    /// Spawns a task: it runs on a later turn.
    pub(crate) fn spawn<F: Future>(&self, label: Label, future: F) -> Join<F::Output> {
        let spawned = spawn(&self.hub, self.next_number(), label, future);
        self.admit(spawned.owner, spawned.queued);
        spawned.join
    }

    /// Takes a new task in.
    #[inline]
    fn admit(&self, owner: Owner, task: Task) {
        self.table.borrow_mut().insert(owner);
        if self.phase.get() == Phase::Open {
            return self.enqueue(task);
        }
        let cancelled = Cancelled::new(Reason::Shutdown, None);
        match self.phase.get() {
            Phase::Closed => self.abort(task, cancelled),
            _ => {
                task.cancel(cancelled);
                self.enqueue(task);
            }
        }
    }

    /// Makes the cell of a main future, queued for its first poll.
    pub(super) fn admit_main(&self, label: Label) -> Task {
        let (owner, task) = spawn_main(&self.hub, self.next_number(), label);
        self.table.borrow_mut().insert(owner);
        self.enqueue(task.clone());
        task
    }

    /// Runs a task that came out of the queue: polls it once, and puts it back if it was woken meanwhile.
    #[inline(always)] // once a poll: its frame would cost as much as its work
    pub(super) fn run(&self, task: Task) {
        task.start();
        let ended = self.poll_as(&task, || task.poll());
        if self.look_after.get() && !ended {
            return self.look_after(task);
        }
        if ended {
            self.end_poll(&task);
        }
        self.settle(task, ended);
    }

    /// Draws the consequence of a poll.
    #[inline]
    fn settle(&self, task: Task, ended: bool) {
        if let Some(woken) = task.settle(ended) {
            self.enqueue(woken);
        }
    }

    /// Looks for a cancellation that ends the task, after a poll that was pending.
    #[cold]
    fn look_after(&self, task: Task) {
        match self.end_of(&task) {
            Some(cancelled) => self.abort(task, cancelled),
            None => self.settle(task, false),
        }
    }

    /// The cancellation that ends `task` after a poll that was pending: one that the poll resumed past every catch
    /// point, or one that a catch point let out when foreign code dropped it.
    pub(super) fn end_of(&self, task: &Task) -> Option<Cancelled> {
        self.look_after.set(false);
        self.raised.take().or_else(|| self.let_out(task))
    }

    /// Clears up behind a task whose last poll has returned, or whose future was dropped.
    pub(super) fn end_poll(&self, task: &Task) {
        // A task that raised a cancellation in one branch and finished in another has a result, which stands (C4); what a
        // destructor raises is too late.
        self.look_after.set(false);
        drop(self.raised.take());
        self.close_root(task);
    }

    /// Runs a task that has ended meanwhile, or is to be cancelled first.
    #[cold]
    pub(super) fn run_out_of_order(&self, task: Task) {
        if task.state().is_done() {
            return;
        }
        match task.take_cancel() {
            Some(cancelled) if self.deliver(&task, &cancelled) == Delivered::Uncaught => {
                self.abort(task, cancelled)
            }
            _ => {
                self.look_after.set(true);
                self.run(task);
            }
        }
    }

    /// Runs `poll` as the poll of `task`, with a fresh budget.
    #[inline]
    pub(super) fn poll_as<R>(&self, task: &Task, poll: impl FnOnce() -> R) -> R {
        self.io_budget.set(IO_BUDGET);
        self.node.set(None);
        self.current.during(task, poll)
    }

    /// Drops a task's future and ends the task as cancelled.
    #[cold]
    pub(super) fn abort(&self, task: Task, cancelled: Cancelled) {
        self.aborting_for(&task, &cancelled, || {
            task.abort(JoinError::Cancelled(cancelled.clone()));
        });
        self.settle(task, true);
    }

    /// Runs `drop_it`, which drops the future of `task` for the sake of `cancelled` and does not panic.
    pub(super) fn aborting_for(&self, task: &Task, cancelled: &Cancelled, drop_it: impl FnOnce()) {
        let outer = self.aborting.replace(Some(cancelled.clone()));
        let node = self.node.replace(None);
        self.current.during(task, drop_it);
        self.node.set(node);
        self.end_poll(task);
        self.aborting.replace(outer);
    }

    /// Why a future is being dropped at this moment, if that is for a cancellation.
    pub(crate) fn aborting(&self) -> Option<Cancelled> {
        self.aborting.borrow().clone()
    }

    /// Ends the current task as cancelled when its poll returns.
    pub(crate) fn raise(&self, cancelled: Cancelled) {
        self.look_after.set(true);
        drop(self.raised.replace(Some(cancelled)));
    }

    /// The tree of scopes is to be asked after the current poll.
    pub(super) fn set_look_after(&self) {
        self.look_after.set(true);
    }

    /// Counts one I/O call of the current poll; `false` when the task should give way.
    pub(crate) fn spend_io(&self) -> bool {
        let left = self.io_budget.get();
        self.io_budget.set(left.saturating_sub(1));
        left > 0
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        empty(self.pool.get_mut());
    }
}

impl Access for Core {
    fn with_reactor<R>(&self, work: impl FnOnce(&mut Reactor) -> R) -> R {
        work(&mut self.reactor.borrow_mut())
    }

    fn may_call(&self) -> bool {
        self.spend_io()
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("hub", &self.hub)
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}
