//! The home part of a runtime: what only its own thread touches.
//!
//! Each owner of state ([`Scheduler`], [`Timers`], [`Io`], [`Scopes`]) borrows for one operation.
//! Wakers, destructors and polls run with no borrow alive: each method here either borrows and
//! calls no third-party code, or calls and borrows nothing.

use std::cell::{Cell, OnceCell};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::task::Waker;

use super::await_watch::WatchStage;
use super::carriers::Carriers;
use super::clock::Clock;
use super::io::Io;
use super::lifecycle::Lifecycle;
use super::scheduler::Scheduler;
use super::scoped::JoinList;
use super::shared::{HomeInbox, Shared};
use super::signals::Signals;
use super::task_types::{Task, TaskRef};
use super::timers::Timers;
use super::var_cell::VarCell;
use crate::error::Cancelled;
use crate::reactor::{Doorbell, Reactor};
use crate::scope::{self, Position};
use crate::util::wait_graph::WaitGraph;
use crate::util::{Id, budget};

/// The cancellation state of a runtime.
pub(super) type Scopes = scope::Scopes<Cancelled, Waker, TaskRef, JoinList>;

/// The home part of a runtime.
pub(crate) struct Core {
    pub(crate) scheduler: Scheduler,
    pub(crate) timers: Timers,
    pub(crate) io: Io,
    pub(crate) vars: VarCell,
    pub(crate) signals: Signals,
    pub(crate) carriers: Carriers,
    pub(super) await_watch: Cell<WatchStage>,
    scopes: Scopes,
    /// The wait graph for the report of a deadlock; on virtual time only.
    pub(super) wait_graph: Option<WaitGraph>,
    pub(super) lifecycle: Lifecycle,
    /// The descriptor for another loop, opened when it is first asked for.
    pub(super) doorbell: OnceCell<Doorbell>,
    /// Last, so that it outlives what the other fields contain.
    pub(super) inbox: HomeInbox,
}

impl Core {
    /// Creates the home part of a runtime.
    ///
    /// # Errors
    /// Those of [`Reactor::new`]: descriptors have run out.
    pub(crate) fn new(clock: Clock, wait_graph: Option<WaitGraph>) -> io::Result<Self> {
        let reactor = Reactor::new()?;
        Ok(Self {
            inbox: Shared::open(&reactor),
            scheduler: Scheduler::new(),
            timers: Timers::new(clock),
            io: Io::new(reactor),
            vars: VarCell::default(),
            signals: Signals::default(),
            carriers: Carriers::default(),
            await_watch: Cell::default(),
            scopes: Scopes::new(),
            wait_graph,
            lifecycle: Lifecycle::new(),
            doorbell: OnceCell::new(),
        })
    }

    /// Returns the part that all threads share.
    #[inline]
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        self.inbox.shared()
    }

    /// Returns the cancellation state.
    #[inline]
    pub(super) fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// Puts a task into the run queue.
    #[inline]
    pub(super) fn enqueue(&self, task: Task) {
        self.scheduler.queue.push(task);
    }

    /// Returns the task that is being polled.
    pub(crate) fn current(&self) -> Option<Task> {
        self.scheduler.current.get()
    }

    /// Returns the id of the task that is being polled.
    pub(crate) fn current_id(&self) -> Option<Id> {
        let number = self.current_number()?;
        Some(Id::new(self.shared().number(), number))
    }

    /// Returns the number of the task that is being polled.
    pub(super) fn current_number(&self) -> Option<u64> {
        self.scheduler.current.number()
    }

    /// Returns the tasks that have not ended, in the order in which they were spawned.
    pub(crate) fn running(&self) -> Vec<Task> {
        self.scheduler.owned.running()
    }

    /// Completes or suspends the task after a poll. Returns it if it must be queued again.
    #[inline(always)] // once a poll: its frame would cost as much as its work (bench `yield_1`)
    pub(super) fn settle_poll(&self, task: Task, ended: bool) -> Option<Task> {
        if self.scopes.is_after_poll_set() {
            self.after_poll(task, ended)
        } else {
            task.settle(ended, &self.scheduler.current)
        }
    }

    /// Completes or requeues a task after a poll.
    #[inline]
    pub(super) fn settle(&self, task: Task, ended: bool) {
        if let Some(woken) = task.settle(ended, &self.scheduler.current) {
            self.enqueue(woken);
        }
    }

    /// Runs `poll` as the poll of `task`, with a fresh budget.
    #[inline]
    pub(super) fn poll_as<R>(&self, task: &Task, poll: impl FnOnce() -> R) -> R {
        budget::begin();
        self.scopes.set_position(Position::Task);
        self.scheduler.current.during_poll(task, poll)
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("shared", self.shared())
            .field("lifecycle", &self.lifecycle)
            .finish_non_exhaustive()
    }
}
