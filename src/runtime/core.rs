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
use super::table::Table;
use super::{Join, Owner, Task};
use crate::cell::{Current, Label, spawn, spawn_main};
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
    /// The part that all threads share.
    hub: Arc<Hub>,
    /// The tasks that are ready, in the order in which they will run.
    queue: RefCell<Queue>,
    /// All tasks.
    table: RefCell<Table>,
    /// The task that is being polled.
    current: Current<Hub>,
    /// What time it is.
    clock: Clock,
    /// The timers, with whom they wake.
    wheel: RefCell<Wheel<Waker>>,
    /// The sockets, with whom they wake.
    reactor: RefCell<Reactor>,
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
    raised: RefCell<Option<Cancelled>>,
    /// The cancellation for which a future is being dropped.
    aborting: RefCell<Option<Cancelled>>,
}

impl Core {
    /// A runtime's home part.
    ///
    /// # Errors
    /// Those of the reactor: descriptors have run out.
    pub(crate) fn new(clock: Clock) -> io::Result<Self> {
        let reactor = Reactor::new()?;
        Ok(Self {
            hub: Hub::open(Arc::clone(reactor.bell())),
            queue: RefCell::default(),
            table: RefCell::default(),
            current: Current::new(),
            clock,
            wheel: RefCell::new(Wheel::new()),
            reactor: RefCell::new(reactor),
            scopes: RefCell::new(Tree::new()),
            node: Cell::new(None),
            last_number: Cell::new(0),
            phase: Cell::new(Phase::Open),
            io_budget: Cell::new(IO_BUDGET),
            raised: RefCell::new(None),
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

    /// The sockets, for a moment.
    pub(crate) fn reactor(&self) -> &RefCell<Reactor> {
        &self.reactor
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
    pub(super) fn queue(&self) -> &RefCell<Queue> {
        &self.queue
    }

    /// All tasks, for a moment.
    pub(super) fn table(&self) -> &RefCell<Table> {
        &self.table
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
    pub(super) fn enqueue(&self, task: Task) {
        self.queue.borrow_mut().push(task);
    }

    /// Takes a task out of the table.
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
    fn admit(&self, owner: Owner, task: Task) {
        self.table.borrow_mut().insert(owner);
        if self.phase.get() == Phase::Open {
            return self.enqueue(task);
        }
        let cancelled = Cancelled::new(Reason::Shutdown, None);
        match self.phase.get() {
            Phase::Closed => task.abort(JoinError::Cancelled(cancelled)),
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

    /// Runs a task that came out of the queue: delivers its cancellation, or polls it once.
    pub(super) fn run(&self, task: Task) {
        if task.state().is_done() {
            return;
        }
        if let Some(cancelled) = task.take_cancel()
            && self.deliver(&task, &cancelled) == Delivered::Uncaught
        {
            return self.abort(task, cancelled);
        }
        task.start();
        let ended = self.poll_as(&task, || task.poll());
        match self.take_raised() {
            Some(cancelled) if !ended => self.abort(task, cancelled),
            _ => {
                if ended {
                    self.close_root(&task);
                }
                task.settle(ended);
            }
        }
    }

    /// Runs `poll` as the poll of `task`, with a fresh budget.
    pub(super) fn poll_as<R>(&self, task: &Task, poll: impl FnOnce() -> R) -> R {
        self.io_budget.set(IO_BUDGET);
        self.node.set(None);
        self.current.during(task, poll)
    }

    /// Drops a task's future and ends the task as cancelled.
    pub(super) fn abort(&self, task: Task, cancelled: Cancelled) {
        let keep = task.clone();
        self.aborting_for(&keep, &cancelled, || {
            task.abort(JoinError::Cancelled(cancelled.clone()))
        });
    }

    /// Runs `drop_it`, which drops the future of `task` for the sake of `cancelled`.
    pub(super) fn aborting_for(&self, task: &Task, cancelled: &Cancelled, drop_it: impl FnOnce()) {
        let outer = self.aborting.replace(Some(cancelled.clone()));
        let node = self.node.replace(None);
        self.current.during(task, drop_it);
        self.node.set(node);
        self.close_root(task);
        self.aborting.replace(outer);
    }

    /// Why a future is being dropped at this moment, if that is for a cancellation.
    pub(crate) fn aborting(&self) -> Option<Cancelled> {
        self.aborting.borrow().clone()
    }

    /// Ends the current task as cancelled when its poll returns.
    pub(crate) fn raise(&self, cancelled: Cancelled) {
        let earlier = self.raised.replace(Some(cancelled));
        drop(earlier);
    }

    /// The cancellation that the poll which has just returned raised.
    pub(super) fn take_raised(&self) -> Option<Cancelled> {
        self.raised.take()
    }

    /// Counts one I/O call of the current poll; `false` when the task should give way.
    pub(crate) fn spend_io(&self) -> bool {
        let left = self.io_budget.get();
        self.io_budget.set(left.saturating_sub(1));
        left > 0
    }
}

impl Access for Core {
    fn with_reactor<R>(&self, work: impl FnOnce(&mut Reactor) -> R) -> R {
        work(&mut self.reactor.borrow_mut())
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
