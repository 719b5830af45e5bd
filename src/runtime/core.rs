//! The home part of a runtime: what only its own thread touches.
//!
//! Every field that user code could reach while it is borrowed is borrowed for a moment only; wakers, destructors
//! and polls run with no borrow alive (habit 5). So each method here either borrows and calls nothing foreign, or
//! calls and borrows nothing.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use super::clock::Clock;
use super::io::Io;
use super::owned_tasks::OwnedTasks;
use super::queue::Queue;
use super::report::find_wait_graph;
use super::scoped::PendingJoins;
use super::shared::{HomeInbox, Shared};
use super::signals::Signals;
use super::timers::Timers;
use super::{OwnedRef, ParentScheduler, Task, TaskRef};
use crate::cell::{Current, Pool, empty};
use crate::error::Cancelled;
use crate::reactor::Reactor;
use crate::scope::{self, Position};
use crate::util::vars::Vars;
use crate::util::wait_graph::WaitGraph;
use crate::util::{Id, budget};

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

/// The cancellation state of a runtime.
pub(super) type Scopes = scope::Scopes<Cancelled, Waker, TaskRef, PendingJoins>;

/// The home part of a runtime.
pub(crate) struct Core {
    /// The tasks that are ready, in the order in which they will run.
    queue: Queue,
    /// All tasks.
    table: OwnedTasks,
    /// Memory of tasks that are gone.
    pool: Pool,
    /// The task that is being polled.
    current: Current<Shared>,
    /// The context variables that are set now.
    vars: Cell<Vars>,
    /// Whether any are.
    are_vars_set: Cell<bool>,
    /// Who waits for what, and who holds it, for the report of a deadlock: on virtual time.
    book: Option<WaitGraph>,
    pub(crate) timers: Timers,
    pub(crate) io: Io,
    /// The signals that the runtime itself listens to.
    signals: Signals,
    /// Cancellation: the scopes and catch points of all tasks, and the position in them.
    scopes: Scopes,
    /// The group whose body is being polled.
    body_here: Cell<Option<Rc<dyn ParentScheduler<Shared>>>>,
    /// The number of the last poll that carried another task's turn.
    last_carried: Cell<u32>,
    /// The number of the task that was spawned last.
    last_number: Cell<u64>,
    /// Where the runtime stands in its life.
    phase: Cell<Phase>,
    /// How many calls on the stack drive the runtime.
    drivers: Cell<usize>,
    /// Polls that the current batch still has.
    polls_left: Cell<usize>,
    /// Polls until every task is polled that was ready when the current lap began.
    left_of_lap: Cell<usize>,
    /// The part that all threads share. Last, so that it outlives whatever the fields above still hold.
    inbox: HomeInbox,
}

impl Core {
    /// A runtime's home part.
    ///
    /// # Errors
    /// Those of the reactor: descriptors have run out.
    pub(crate) fn new(clock: Clock) -> io::Result<Self> {
        let reactor = Reactor::new()?;
        Ok(Self {
            inbox: Shared::open(&reactor),
            queue: Queue::default(),
            table: OwnedTasks::default(),
            pool: Pool::new(),
            current: Current::new(),
            vars: Cell::default(),
            are_vars_set: Cell::new(false),
            book: clock.is_virtual().then(|| WaitGraph::open(find_wait_graph)),
            timers: Timers::new(clock),
            io: Io::new(reactor),
            signals: Signals::default(),
            scopes: Scopes::new(),
            body_here: Cell::new(None),
            last_carried: Cell::new(0),
            last_number: Cell::new(0),
            phase: Cell::new(Phase::Open),
            drivers: Cell::new(0),
            polls_left: Cell::new(0),
            left_of_lap: Cell::new(0),
        })
    }

    /// The part that all threads share.
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        self.inbox.shared()
    }

    /// Where messages for this runtime arrive.
    pub(super) fn inbox(&self) -> &HomeInbox {
        &self.inbox
    }

    /// Who waits for what, and who holds it, if that is written down.
    pub(super) fn book(&self) -> Option<&WaitGraph> {
        self.book.as_ref()
    }

    /// The signals that the runtime itself listens to.
    pub(super) fn signals(&self) -> &Signals {
        &self.signals
    }

    /// Returns the cancellation state.
    #[inline]
    pub(super) fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// The group whose body is being polled.
    pub(super) fn body_here(&self) -> &Cell<Option<Rc<dyn ParentScheduler<Shared>>>> {
        &self.body_here
    }

    /// The number of the last poll that carried another task's turn.
    pub(super) fn last_carried(&self) -> &Cell<u32> {
        &self.last_carried
    }

    /// The context variables that are set now.
    pub(crate) fn vars(&self) -> Vars {
        let vars = self.vars.take();
        self.vars.set(vars.clone());
        vars
    }

    /// Whether any are set.
    #[inline]
    pub(super) fn are_vars_set(&self) -> bool {
        self.are_vars_set.get()
    }

    /// Sets other context variables, and gives those that were set. Nothing of anybody else's is dropped in here.
    pub(crate) fn replace_vars(&self, vars: Vars) -> Vars {
        self.are_vars_set.set(vars.is_some());
        self.vars.replace(vars)
    }

    /// The ready tasks.
    #[inline]
    pub(super) fn queue(&self) -> &Queue {
        &self.queue
    }

    /// All tasks.
    #[inline]
    pub(super) fn table(&self) -> &OwnedTasks {
        &self.table
    }

    /// Memory of tasks that are gone.
    #[inline]
    pub(super) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Polls that the current batch still has.
    #[inline]
    pub(super) fn polls_left(&self) -> &Cell<usize> {
        &self.polls_left
    }

    /// Polls that are left of the current lap.
    pub(super) fn left_of_lap(&self) -> &Cell<usize> {
        &self.left_of_lap
    }

    /// Where the runtime stands in its life.
    pub(super) fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// The runtime goes on to `phase`.
    pub(super) fn set_phase(&self, phase: Phase) {
        self.phase.set(phase);
    }

    /// How many calls on the stack drive the runtime. Only [`enter`](super::context::enter) counts.
    pub(super) fn drivers(&self) -> &Cell<usize> {
        &self.drivers
    }

    /// True while the runtime is driven, be it by an outer call on the stack.
    pub(super) fn is_driven(&self) -> bool {
        self.drivers.get() > 0
    }

    /// Puts a task into the run queue.
    #[inline]
    pub(super) fn enqueue(&self, task: Task) {
        self.queue.push(task);
    }

    /// Takes a task out of the table.
    #[inline]
    pub(super) fn remove(&self, slot: u32) -> Option<OwnedRef> {
        self.table.remove(slot)
    }

    /// The task that is being polled.
    pub(crate) fn current(&self) -> Option<Task> {
        self.current.get()
    }

    /// The id of the task that is being polled.
    pub(crate) fn current_id(&self) -> Option<Id> {
        self.current_number().map(|number| self.id(number))
    }

    /// The number of the task that is being polled.
    pub(super) fn current_number(&self) -> Option<u64> {
        self.current.number()
    }

    /// The id of this runtime's task `number`.
    fn id(&self, number: u64) -> Id {
        Id::new(self.shared().number(), number)
    }

    /// The tasks that have not ended, in the order of their spawning.
    pub(crate) fn running(&self) -> Vec<Task> {
        self.table.running()
    }

    /// The number of a new task.
    #[inline]
    pub(crate) fn next_number(&self) -> u64 {
        let number = self.last_number.get() + 1;
        self.last_number.set(number);
        number
    }

    /// Completes or suspends the task after a poll. Returns it if it must be queued again.
    #[inline(always)] // once a poll: its frame would cost as much as its work (bench `yield_1`)
    pub(super) fn settle_poll(&self, task: Task, ended: bool) -> Option<Task> {
        if self.scopes.is_after_poll_set() {
            self.after_poll(task, ended)
        } else {
            task.settle(ended, self.current_cell())
        }
    }

    /// Draws the consequence of a poll.
    #[inline]
    pub(super) fn settle(&self, task: Task, ended: bool) {
        if let Some(woken) = task.settle(ended, self.current_cell()) {
            self.enqueue(woken);
        }
    }

    /// Runs `poll` as the poll of `task`, with a fresh budget.
    #[inline]
    pub(super) fn poll_as<R>(&self, task: &Task, poll: impl FnOnce() -> R) -> R {
        budget::begin();
        self.scopes.set_position(Position::Task);
        self.current.during_poll(task, poll)
    }

    /// Runs `drop_it`, which drops the future of `task` for `cancelled` and does not panic.
    pub(super) fn aborting_for<R>(
        &self,
        task: &Task,
        cancelled: &Cancelled,
        drop_it: impl FnOnce() -> R,
    ) -> R {
        let outer = self.scopes.replace_dropping_for(Some(cancelled.clone()));
        let position = self.scopes.replace_position(Position::Task);
        // A destructor is no part of a poll, and takes none of its steps.
        let rest = budget::set_aside();
        let dropped = self.current.during(task, drop_it);
        budget::put_back(rest);
        self.scopes.set_position(position);
        self.end_poll(task);
        self.scopes.replace_dropping_for(outer);
        dropped
    }

    /// Why a future is being dropped at this moment, if that is for a cancellation.
    pub(crate) fn aborting(&self) -> Option<Cancelled> {
        self.scopes.dropping_for()
    }

    /// The task that is being polled.
    pub(super) fn current_cell(&self) -> &Current<Shared> {
        &self.current
    }

    /// Counts one poll of a task; `false` when the batch is over.
    pub(crate) fn spend_poll(&self) -> bool {
        let left = self.polls_left.get();
        self.polls_left.set(left.saturating_sub(1));
        left > 0
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        empty(&self.pool);
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("shared", self.shared())
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}
