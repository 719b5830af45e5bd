//! The state word of a task: a plain value, its transitions, and the duty that each transition
//! leaves to the caller.
//!
//! Only the home thread changes the word while the runtime lives, so a transition is a load and a
//! store, without a read-modify-write; other threads may read it ([`State::is_done`]). Every
//! transition returns the new word and a duty.
//!
//! ```text
//!         wake (Enqueue)          start              finish (Deliver | Discard)
//!   idle ───────────────▶ queued ───────▶ running ─────────────────────────▶ done
//!     ▲                     ▲             │   │ ▲                              ▲
//!     │    suspend (Rest)   │             │   └─┘ wake (Nothing: marked)       │
//!     └─────────────────────┼─────────────┤                                    │
//!                           └─────────────┘ suspend (Requeue: marked)          │
//!   idle, queued ───────────────────────────────────────── finish (aborted) ───┘
//!
//!                 start_carrying                       wake (Enqueue, if idle)
//!   idle, queued ────────────────▶ carrying ◀─┐────────────────────────────┐
//!        ▲                           │   │    └────────────────────────────┘
//!        └─────── end_carrying ──────┘   └─▶ done, by finish
//! ```
//!
//! A task *carries* while it is polled so that a group inside it can poll one of its children. That
//! poll is the child's turn: the carrier keeps its place in the run queue and, if it has none, can
//! be queued meanwhile.
//!
//! The handle is a second, independent track: `HANDLE` while a join handle exists, `OUTPUT` while
//! the result of the finished task is in the cell for it.

mod duty;

pub(crate) use duty::{OnCancel, OnFinish, OnHandleGone, OnSuspend, OnWake};

/// The task is in the run queue; with `RUNNING`: it was woken and returns there.
const SCHEDULED: u32 = 1;
/// The task is being polled: this is its own turn.
const RUNNING: u32 = 1 << 1;
/// The future is dropped; the task is not polled again.
const DONE: u32 = 1 << 2;
/// The join handle exists.
const HANDLE: u32 = 1 << 3;
/// The result is in the cell.
const OUTPUT: u32 = 1 << 4;
/// A cancellation was requested and not delivered yet.
const CANCEL: u32 = 1 << 5;
/// The cell represents the main future of `block_on`, which is polled in place.
const MAIN: u32 = 1 << 6;

/// The task has, or had, catch points: each of its polls checks the tree of scopes afterwards.
const SCOPED: u32 = 1 << 7;

/// The task is a child: its group polls it, not the loop.
const CHILD: u32 = 1 << 8;

/// The future is dropped and the output written; the task waits for other tasks before it ends.
const DRAINING: u32 = 1 << 9;

/// Context variables were set where the task was spawned.
const VARS: u32 = 1 << 10;

/// The task is being polled: this is the turn of a nested task, and leaves `SCHEDULED` as it is.
const CARRIES: u32 = 1 << 11;

/// Either poll. At most one of the two bits is set.
const POLLED: u32 = RUNNING | CARRIES;

/// One value of the state word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State(u32);

impl State {
    /// Returns `true` if a turn of the task is a poll and nothing else.
    fn is_plain(self) -> bool {
        self.0 & (POLLED | DONE | CANCEL | MAIN | SCOPED | CHILD | DRAINING | VARS) == 0
    }

    /// Returns `true` for a main future that has not ended: `drive` polls it.
    pub(crate) fn is_main_to_poll(self) -> bool {
        self.0 & (DONE | MAIN) == MAIN
    }

    /// The word of a new task: queued, with or without a handle.
    pub(crate) fn spawned(handle: bool) -> Self {
        Self(SCHEDULED | if handle { HANDLE } else { 0 })
    }

    /// The word of the cell of a main future: queued, no handle.
    pub(crate) fn main() -> Self {
        Self(SCHEDULED | MAIN)
    }

    pub(crate) fn bits(self) -> u32 {
        self.0
    }

    pub(crate) fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    fn has(self, mask: u32) -> bool {
        self.0 & mask == mask
    }

    fn without(self, mask: u32) -> Self {
        Self(self.0 & !mask)
    }

    fn with(self, mask: u32) -> Self {
        Self(self.0 | mask)
    }

    /// Returns `true` if the task has ended.
    pub(crate) fn is_done(self) -> bool {
        self.has(DONE)
    }

    pub(crate) fn is_running(self) -> bool {
        self.0 & POLLED != 0
    }

    /// Returns `true` if the task is in the run queue, or will be when its poll ends.
    pub(crate) fn is_scheduled(self) -> bool {
        self.has(SCHEDULED)
    }

    pub(crate) fn is_main(self) -> bool {
        self.has(MAIN)
    }

    /// Returns `true` if a cancellation was requested and not delivered yet.
    pub(crate) fn cancel_waits(self) -> bool {
        self.has(CANCEL)
    }

    pub(crate) fn has_handle(self) -> bool {
        self.has(HANDLE)
    }

    pub(crate) fn has_output(self) -> bool {
        self.has(OUTPUT)
    }

    /// Returns `true` if the task has ended and its result was taken: only the handle keeps the
    /// cell.
    pub(crate) fn is_spent(self) -> bool {
        self.0 & (DONE | OUTPUT) == DONE
    }

    /// Marks the task as woken.
    pub(crate) fn wake(self) -> (Self, OnWake) {
        if self.0 & (SCHEDULED | DONE) != 0 {
            return (self, OnWake::Nothing);
        }
        let duty = if self.has(RUNNING) {
            OnWake::Nothing
        } else {
            OnWake::Enqueue
        };
        (self.with(SCHEDULED), duty)
    }

    /// Begins a poll: the loop has taken the task from the run queue.
    ///
    /// # Panics
    /// If it has ended or is being polled: two polls at once would alias the future.
    pub(crate) fn start(self) -> Self {
        self.assert_may_start();
        self.without(SCHEDULED).with(RUNNING)
    }

    /// Begins a poll like [`start`](State::start) if the turn is a poll and nothing else. One
    /// comparison covers both questions (bench `yield_1`).
    pub(crate) fn start_if_plain(self) -> Option<Self> {
        self.is_plain()
            .then(|| self.without(SCHEDULED).with(RUNNING))
    }

    /// Begins a poll that carries the turn of a nested task.
    ///
    /// # Panics
    /// As [`start`](State::start).
    pub(crate) fn start_carrying(self) -> Self {
        self.assert_may_start();
        self.with(CARRIES)
    }

    fn assert_may_start(self) {
        assert!(
            self.0 & (DONE | POLLED) == 0,
            "a task is polled once at a time, until it has ended"
        );
    }

    /// Ends a pending poll that carried the turn of a nested task.
    pub(crate) fn end_carrying(self) -> Self {
        self.without(CARRIES)
    }

    /// Returns `true` if the poll that was pending was the task's own turn.
    pub(crate) fn had_own_poll(self) -> bool {
        !self.has(CARRIES)
    }

    /// Returns `true` if the task can carry the turn of a nested task.
    pub(crate) fn can_carry(self) -> bool {
        self.0 & (DONE | POLLED | DRAINING) == 0
    }

    /// Suppresses wakes of a task that is about to be polled.
    pub(crate) fn suppress_wakes(self) -> Self {
        self.with(SCHEDULED)
    }

    /// Takes the task out of the scheduled state: the next wake enqueues it.
    pub(crate) fn unschedule(self) -> Self {
        self.without(SCHEDULED)
    }

    /// Ends a pending poll.
    pub(crate) fn suspend(self) -> (Self, OnSuspend) {
        let duty = if self.is_scheduled() {
            OnSuspend::Requeue
        } else {
            OnSuspend::Rest
        };
        (self.without(RUNNING), duty)
    }

    /// Ends the task: the future completed, panicked, or was cancelled.
    ///
    /// # Panics
    /// If it has ended before: its output would be delivered twice.
    pub(crate) fn finish(self) -> (Self, OnFinish) {
        assert!(!self.is_done(), "a task ends once");
        let done = self
            .without(SCHEDULED | POLLED | CANCEL | DRAINING)
            .with(DONE);
        if self.has_handle() {
            (done.with(OUTPUT), OnFinish::Deliver)
        } else {
            (done, OnFinish::Discard)
        }
    }

    /// Requests a cancellation.
    pub(crate) fn request_cancel(self) -> (Self, OnCancel) {
        if self.is_done() {
            return (self, OnCancel::Refuse);
        }
        if self.cancel_waits() {
            (self, OnCancel::Merge)
        } else {
            (self.with(CANCEL), OnCancel::Record)
        }
    }

    /// Marks the requested cancellation as delivered.
    pub(crate) fn take_cancel(self) -> Self {
        self.without(CANCEL)
    }

    /// Marks the task as having a catch point.
    pub(crate) fn scoped(self) -> Self {
        self.with(SCOPED)
    }

    /// Marks the task as having context variables.
    pub(crate) fn with_vars(self) -> Self {
        self.with(VARS)
    }

    pub(crate) fn has_vars(self) -> bool {
        self.has(VARS)
    }

    /// Makes the task a child of a group.
    pub(crate) fn into_child(self) -> Self {
        self.with(CHILD)
    }

    /// Returns `true` if the task is a child of a group.
    pub(crate) fn is_child(self) -> bool {
        self.has(CHILD)
    }

    /// Returns `true` while the future belongs to the group: no other code may poll or drop it.
    pub(crate) fn is_held_by_parent(self) -> bool {
        self.has(CHILD) && self.0 & (DRAINING | DONE) == 0
    }

    /// Marks the task as draining: its future is dropped, and it waits for other tasks. A wake that
    /// came meanwhile was for the future, and is discarded.
    pub(crate) fn begin_draining(self) -> Self {
        assert!(
            self.is_running(),
            "a task drains only after the end of its future"
        );
        self.without(POLLED | SCHEDULED).with(DRAINING)
    }

    /// Returns `true` while the task waits for other tasks, its future dropped.
    pub(crate) fn is_draining(self) -> bool {
        self.has(DRAINING)
    }

    /// Marks the result as taken by the handle.
    pub(crate) fn take_output(self) -> Self {
        self.without(OUTPUT)
    }

    /// Marks the handle as dropped.
    pub(crate) fn drop_handle(self) -> (Self, OnHandleGone) {
        let rest = self.without(HANDLE | OUTPUT);
        let duty = match (self.is_done(), self.has_output()) {
            (false, _) => OnHandleGone::Detach,
            (true, false) => OnHandleGone::GiveUp,
            (true, true) => OnHandleGone::DropOutputAndGiveUp,
        };
        (rest, duty)
    }
}

#[cfg(test)]
mod tests;
