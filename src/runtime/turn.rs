//! The turn of the loop, in short steps.
//!
//! ```text
//!        ┌──────────────────────────────────────────────────────────────┐
//!        ▼                                                              │
//!   batch: up to 64 polls, FIFO ──▶ poll_io: glance if somebody is      │
//!        │        │                 ready, sleep until the next         │
//!        │        └─ main's turn    deadline, edge or bell if not       │
//!        │           ends the batch          │                          │
//!        │                                   ▼                          │
//!        │                          collect: the inbox ──▶ fire: due ───┘
//!        ▼                                                 timers
//!   (`drive` polls the main future where it lies and comes back)
//! ```
//!
//! The batch bounds what others wait: a due timer, a ready socket and a wake from another thread
//! are seen after at most [`BATCH`] polls of tasks, and after each poll that used up its
//! [steps](crate::util::budget). Of what other threads send, a turn takes
//! [`TAKEN`] messages at most, so a flood of them holds up nothing but what other threads send
//! behind it: by a turn for each [`TAKEN`] messages. What came from home is taken in whole.

use std::os::fd::BorrowedFd;
use std::task::Waker;
use std::time::Duration;

use super::carry::Carried;
use super::core::{Core, Phase};
use super::shared::{Message, Shared};
use super::{Task, TaskMessage};
use crate::cell::GoneHandle;
use crate::reactor::Reactor;
use crate::util::{budget, caught, drop_quietly, wake_quietly};

/// How many tasks are polled between two looks at timers, sockets and the inbox.
pub(crate) const BATCH: usize = 64;

/// How many messages of other threads one turn takes.
const TAKEN: usize = 64;

/// The shortest time between two wakes of the loop for timers, in nanoseconds.
///
/// The best trade for 100,000 sleepers that end within half a second: every wake costs the kernel and us some
/// microseconds, and half of this is how late such a sleep is in the mean.
const GAP: u64 = 40_000;

/// How many due timers are gathered before they are woken.
const GATHER: usize = 256;

/// Why main is to be polled.
#[derive(Debug)]
pub(super) enum MainTurn {
    /// Its own turn has come.
    Own(Task),
    /// That of a task has come which it carries.
    Carries(Carried),
}

impl Core {
    /// Lets the next batch begin.
    pub(super) fn begin_batch(&self) {
        self.count_lap(BATCH - self.polls_left().get());
        self.polls_left().set(BATCH);
        budget::take_refusal();
    }

    /// Counts the polls of the last batch towards the lap, in which every task that was ready at
    /// its beginning is polled.
    fn count_lap(&self, polls: usize) {
        let left = self.left_of_lap().get().saturating_sub(polls);
        let is_over = left == 0;
        if is_over {
            self.reactor().borrow_mut().begin_lap();
        }
        self.left_of_lap()
            .set(if is_over { self.queue().len() } else { left });
    }

    /// Returns `true` while the batch has polls left. A poll that used up its steps took as long as many
    /// others: timers and sockets are looked at after it.
    #[inline]
    pub(super) fn may_poll(&self) -> bool {
        self.polls_left().get() > 0 && !budget::was_refused()
    }

    /// Polls ready tasks, [`BATCH`] at most between two calls of [`begin_batch`](Core::begin_batch). Ends early when main is
    /// to be polled.
    pub(super) fn batch(&self) -> Option<MainTurn> {
        // A task that gave way, until it is known who runs next.
        let mut woken = None;
        while self.may_poll() {
            let task = match woken.take() {
                Some(woken) => self.queue().push_and_pop(woken),
                None => self.queue().pop()?,
            };
            self.polls_left().set(self.polls_left().get() - 1);
            // Branches, where a `match` on an enum cost seven instructions for each poll (`yield_1`).
            let state = task.state();
            if state.is_plain() {
                woken = self.run(task);
            } else if state.is_main_to_poll() {
                return Some(MainTurn::Own(task));
            } else if let Some(carried) = self.run_out_of_order(task) {
                return Some(MainTurn::Carries(carried));
            }
        }
        woken.into_iter().for_each(|woken| self.enqueue(woken));
        None
    }

    /// What is done between two batches. Sleeps if nobody is ready.
    pub(super) fn between_batches(&self) {
        budget::end();
        if self.is_somebody_ready() {
            return self.poll_now();
        }
        self.queue().shrink();
        self.wheel().borrow_mut().shrink();
        self.park();
    }

    /// True when a task stands in the run queue.
    pub(crate) fn is_somebody_ready(&self) -> bool {
        !self.queue().is_empty()
    }

    /// Looks at the sockets, the inbox and the timers without waiting.
    pub(super) fn poll_now(&self) {
        let has_sockets = self.reactor().borrow().len() > 0;
        if has_sockets {
            self.wait_for_io(Some(Duration::ZERO));
        }
        self.drain_inbox();
        self.fire_timers();
    }

    /// Waits until somebody may be ready, and takes in who is.
    fn park(&self) {
        match self.clock().is_virtual() {
            false => self.sleep(self.until_next_deadline()),
            true => self.park_virtually(),
        }
        self.drain_inbox();
        self.fire_timers();
    }

    /// Sleeps until the timeout, an edge or the bell, unless the inbox has something already.
    pub(super) fn sleep(&self, timeout: Option<Duration>) {
        self.sleep_unless(timeout, || false);
    }

    /// Like [`sleep`](Self::sleep), but does not begin where `over` says so. Whoever makes it so later rings the bell.
    pub(super) fn sleep_unless(&self, timeout: Option<Duration>, over: impl FnOnce() -> bool) {
        let unparker = self.shared().unparker();
        unparker.prepare_park();
        let timeout = match self.shared().is_empty() && !over() {
            true => timeout,
            false => Some(Duration::ZERO),
        };
        self.wait_for_io(timeout);
        unparker.awake();
    }

    /// How long until the loop should wake for a timer; `None` without timers.
    ///
    /// When timers are crowded it wakes for them every [`GAP`] and not for each: a lone timer, or the first of a
    /// crowd, is waited for exactly, the others are up to that much late.
    pub(super) fn until_next_deadline(&self) -> Option<Duration> {
        let next = self.wheel().borrow_mut().next_deadline()?;
        let wake = match self.clock().is_virtual() {
            true => next,
            false => next.max(self.last_fired().get().saturating_add(GAP)),
        };
        Some(Duration::from_nanos(
            wake.saturating_sub(self.clock().nanos()),
        ))
    }

    /// Waits for sockets, and wakes whom they concern.
    fn wait_for_io(&self, timeout: Option<Duration>) {
        let mut woken = self.take_scratch();
        let waited = self.reactor().borrow_mut().wait(timeout, &mut woken);
        woken.drain(..).for_each(wake_quietly);
        self.put_scratch(woken);
        if let Err(error) = waited {
            panic!(
                "the kernel refused to wait for events, which wheelhouse cannot do without: {error}"
            );
        }
    }

    /// Takes in what this thread sent, and up to [`TAKEN`] messages of other threads.
    pub(super) fn drain_inbox(&self) {
        self.drain_inbox_up_to(TAKEN);
    }

    /// Takes in all that was sent up to now.
    pub(super) fn drain_inbox_fully(&self) {
        self.drain_inbox_up_to(usize::MAX);
    }

    /// Takes in what this thread sent, and up to `most` messages of other threads.
    fn drain_inbox_up_to(&self, most: usize) {
        self.drain_home_inbox();
        for _ in 0..self.inbox().len_from_others().min(most) {
            match self.inbox().pop_from_others() {
                Some(message) => self.receive(message),
                None => return,
            }
        }
    }

    /// Takes in what this thread sent up to now; `false` when there was nothing. What the messages
    /// send again waits for the next turn.
    pub(super) fn drain_home_inbox(&self) -> bool {
        let count = self.inbox().len_from_home();
        for _ in 0..count {
            self.inbox()
                .pop_from_home()
                .into_iter()
                .for_each(|message| self.receive(message));
        }
        count > 0
    }

    /// Does what one message says.
    fn receive(&self, message: Message) {
        match message {
            Message::Task(TaskMessage::HandleGone(handle)) => self.settle_gone(handle),
            Message::Task(TaskMessage::Wake(task)) => {
                drop(task.at_home().map(Task::wake_collected))
            }
            Message::Task(TaskMessage::Cancel(task, cancelled)) => drop(task.cancel(cancelled)),
            // Nothing is run any more; the handle gives the shutdown.
            Message::Call(call) if self.phase() == Phase::Closed => drop_quietly(call),
            Message::Call(call) => drop(caught(call).map_err(drop_quietly)),
            Message::TimerGone(key) => drop_quietly(self.forget_timer(key)),
            Message::TimerReset(key) => self.forget_timer(key).into_iter().for_each(wake_quietly),
            Message::SourceGone(key) => self.end_source(key),
            Message::PlaceGone(key) => self.close_node(key),
            Message::WaitsGone(waits) => self.scopes().remove_waits(&waits),
        }
    }

    /// Settles a handle that was dropped on another thread. The output of a task that has ended is
    /// dropped with it: its destructor is the task's code, so the task is the current one meanwhile.
    fn settle_gone(&self, handle: GoneHandle<Shared>) {
        match handle.ended() {
            Some(task) => self.current_cell().during(&task, || handle.settle_here()),
            None => handle.settle_here(),
        }
    }

    /// Takes a timer out of the wheel.
    pub(crate) fn forget_timer(&self, key: crate::wheel::Key) -> Option<Waker> {
        self.wheel().borrow_mut().remove(key)
    }

    /// Gives a timer another deadline, and returns its new key; `None` when it has fired.
    pub(crate) fn move_timer(
        &self,
        key: crate::wheel::Key,
        deadline: u64,
    ) -> Option<crate::wheel::Key> {
        let mut wheel = self.wheel().borrow_mut();
        let waker = wheel.remove(key)?;
        Some(wheel.insert(deadline, waker))
    }

    /// Takes a socket that is still open out of the reactor, and wakes who waits for it.
    pub(crate) fn forget_source(&self, key: crate::util::slab::Key, fd: BorrowedFd<'_>) {
        let mut woken = Vec::new();
        let gone = self.reactor().borrow_mut().deregister(key, fd, &mut woken);
        woken.drain(..).for_each(wake_quietly);
        // Our part is done even if the kernel had forgotten the descriptor already.
        drop(gone);
    }

    /// Ends a source whose socket was closed elsewhere, and wakes who waits for it.
    fn end_source(&self, key: crate::util::slab::Key) {
        let mut woken = Vec::new();
        self.reactor().borrow_mut().remove(key, &mut woken);
        woken.drain(..).for_each(wake_quietly);
    }

    /// Wakes whoever's time has come.
    pub(super) fn fire_timers(&self) {
        if self.wheel().borrow().is_empty() {
            return;
        }
        let now = self.clock().nanos();
        // As many as there are now: a waker that sets a timer which is due at once does not keep us here.
        let sweeps = self.wheel().borrow().len().div_ceil(GATHER);
        let mut due = self.take_scratch();
        for _ in 0..sweeps {
            if !self.gather_due(now, &mut due) {
                break;
            }
            self.last_fired().set(now);
            due.drain(..).for_each(wake_quietly);
        }
        self.put_scratch(due);
    }

    /// Takes the next due timers out of the wheel; `false` when none is due.
    fn gather_due(&self, now: u64, due: &mut Vec<Waker>) -> bool {
        let mut wheel = self.wheel().borrow_mut();
        while due.len() < GATHER
            && let Some(waker) = wheel.pop_due(now)
        {
            due.push(waker);
        }
        !due.is_empty()
    }

    /// True when something outside of the runtime may still wake a task.
    pub(super) fn is_something_in_flight(&self) -> bool {
        self.shared().is_something_in_flight() || Reactor::waiting(&self.reactor().borrow()) > 0
    }
}
