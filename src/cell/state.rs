//! The state word of a task: a plain value, its transitions, and what each of them leaves the
//! caller to do.
//!
//! Only the home thread changes the word while the runtime lives, so a transition is a load and a
//! store, without a read-modify-write; other threads may look at it ([`State::is_done`]). Every
//! transition returns the new word and a duty.
//!
//! ```text
//!            wake (Enqueue)             start                 finish (Deliver | Discard)
//!   idle ───────────────────▶ queued ──────────▶ running ────────────────────────────────▶ done
//!     ▲                          ▲                │   │ ▲                                    ▲
//!     │     suspend (Rest)       │                │   └─┘ wake (Nothing: marked)             │
//!     └──────────────────────────┼────────────────┤                                          │
//!                                └────────────────┘ suspend (Requeue: it was marked)         │
//!   idle, queued ────────────────────────────────────────────────────── finish (aborted) ────┘
//!
//!                 start_carrying                       wake (Enqueue, if idle before)
//!   idle, queued ────────────────▶ carrying ◀─┐──────────────────────────────────────┐
//!        ▲                           │   │    └──────────────────────────────────────┘
//!        └─────── end_carrying ──────┘   └─▶ done, by finish
//! ```
//!
//! A task *carries* while it is polled so that a group inside of it can poll one of its children.
//! That is the child's turn and not the carrier's, which keeps its place in the queue and, if it
//! has none, can be given one meanwhile.
//!
//! The handle is a second, independent track: `HANDLE` while a join handle exists, `OUTPUT` while
//! the finished task's result waits in the cell for it.

/// The task stands in the run queue; while it runs: it was woken and goes back there.
const SCHEDULED: u32 = 1;
/// The task is being polled.
const RUNNING: u32 = 1 << 1;
/// The future is gone; nothing will be polled any more.
const DONE: u32 = 1 << 2;
/// The join handle exists.
const HANDLE: u32 = 1 << 3;
/// The result lies in the cell.
const OUTPUT: u32 = 1 << 4;
/// A cancellation was asked for and not delivered yet.
const CANCEL: u32 = 1 << 5;
/// The cell stands for the main future of `block_on`, which is polled where it lies.
const MAIN: u32 = 1 << 6;

/// The task has, or had, catch points: the tree of scopes is asked after each of its polls.
const SCOPED: u32 = 1 << 7;

/// The task is polled by its pen, a group, and not by the loop.
const CHILD: u32 = 1 << 8;

/// The future is gone and the output written; the task waits for others before it ends.
const DRAINING: u32 = 1 << 9;

/// Context variables were set where the task was spawned.
const VARS: u32 = 1 << 10;

/// With `RUNNING`: the poll is the turn of a task further in, and leaves `SCHEDULED` as it is.
const CARRIES: u32 = 1 << 11;

/// One value of the state word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State(u32);

/// What a wake leaves to do.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OnWake {
    /// Put the task into the run queue.
    Enqueue,
    /// It is there, or marked, or done.
    Nothing,
}

/// What a poll that ended pending leaves to do.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OnSuspend {
    /// Put the task back into the run queue: it was woken while it ran.
    Requeue,
    /// Leave it until somebody wakes it.
    Rest,
}

/// What the end of the future leaves to do.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OnFinish {
    /// Wake the joiner: the result waits for the handle.
    Deliver,
    /// Drop the result and give the task up: nobody can ask for it.
    Discard,
}

/// What a request to cancel leaves to do.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OnCancel {
    /// Keep the reason and wake the task.
    Record,
    /// Nothing: an earlier request has not been delivered yet, and its reason stands.
    Merge,
    /// Nothing: the task has ended.
    Refuse,
}

/// What the end of the handle leaves to do.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OnHandleGone {
    /// The task runs on.
    Detach,
    /// The task has ended: give it up.
    GiveUp,
    /// The same, and its result was never taken: drop that first.
    DropOutputAndGiveUp,
}

/// Why a task stands at the front of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dispatch {
    /// To be polled.
    Poll,
    /// It is a main future: to be polled by whoever drives it.
    Main,
    /// It has ended meanwhile, has a cancellation to be delivered, catch points, a pen, or
    /// variables; or it lingers.
    Other,
}

impl State {
    /// Why the task stands at the front of the queue.
    pub(crate) fn dispatch(self) -> Dispatch {
        match self.0 & (DONE | CANCEL | MAIN | SCOPED | CHILD | DRAINING | VARS) {
            0 => Dispatch::Poll,
            bits if bits & (DONE | MAIN) == MAIN => Dispatch::Main,
            _ => Dispatch::Other,
        }
    }

    /// A task that was just made: queued, with or without a handle.
    pub(crate) fn spawned(handle: bool) -> Self {
        Self(SCHEDULED | if handle { HANDLE } else { 0 })
    }

    /// The cell of a main future: queued, no handle.
    pub(crate) fn main() -> Self {
        Self(SCHEDULED | MAIN)
    }

    /// The word as it is stored.
    pub(crate) fn bits(self) -> u32 {
        self.0
    }

    /// The stored word as a value.
    pub(crate) fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// True when all bits of `mask` are set.
    fn has(self, mask: u32) -> bool {
        self.0 & mask == mask
    }

    /// The word without the bits of `mask`.
    fn without(self, mask: u32) -> Self {
        Self(self.0 & !mask)
    }

    /// The word with the bits of `mask`.
    fn with(self, mask: u32) -> Self {
        Self(self.0 | mask)
    }

    /// True when the future is gone.
    pub(crate) fn is_done(self) -> bool {
        self.has(DONE)
    }

    /// True while the task is polled.
    pub(crate) fn is_running(self) -> bool {
        self.has(RUNNING)
    }

    /// True while the task stands in the run queue, or will when its poll ends.
    pub(crate) fn is_scheduled(self) -> bool {
        self.has(SCHEDULED)
    }

    /// True for the cell of a main future.
    pub(crate) fn is_main(self) -> bool {
        self.has(MAIN)
    }

    /// True when a cancellation waits to be delivered.
    pub(crate) fn cancel_waits(self) -> bool {
        self.has(CANCEL)
    }

    /// True while the join handle exists.
    pub(crate) fn has_handle(self) -> bool {
        self.has(HANDLE)
    }

    /// True while the result lies in the cell.
    pub(crate) fn has_output(self) -> bool {
        self.has(OUTPUT)
    }

    /// True when the task has ended and its result has been taken: the handle is all that keeps it.
    pub(crate) fn is_spent(self) -> bool {
        self.0 & (DONE | OUTPUT) == DONE
    }

    /// Somebody woke the task.
    pub(crate) fn wake(self) -> (Self, OnWake) {
        if self.0 & (SCHEDULED | DONE) != 0 {
            return (self, OnWake::Nothing);
        }
        let duty = if self.0 & (RUNNING | CARRIES) == RUNNING {
            OnWake::Nothing
        } else {
            OnWake::Enqueue
        };
        (self.with(SCHEDULED), duty)
    }

    /// The loop took the task out of the queue and is about to poll it.
    ///
    /// # Panics
    /// If it has ended or is being polled: two polls at once would alias the future.
    pub(crate) fn start(self) -> Self {
        assert!(
            self.0 & (DONE | RUNNING) == 0,
            "a task is polled once at a time, until it has ended"
        );
        self.without(SCHEDULED).with(RUNNING)
    }

    /// The task is about to be polled for the sake of a task further in.
    pub(crate) fn start_carrying(self) -> Self {
        assert!(
            self.0 & (DONE | RUNNING) == 0,
            "a task is polled once at a time, until it has ended"
        );
        self.with(RUNNING | CARRIES)
    }

    /// That poll ended pending.
    pub(crate) fn end_carrying(self) -> Self {
        self.without(RUNNING | CARRIES)
    }

    /// True when the poll that has just ended pending was the task's own and is not to be repeated.
    pub(crate) fn had_own_poll(self) -> bool {
        self.0 & (SCHEDULED | CARRIES) == 0
    }

    /// True when the task can be polled for the sake of a task further in.
    pub(crate) fn can_carry(self) -> bool {
        self.0 & (DONE | RUNNING | DRAINING) == 0
    }

    /// The word of a task whose wakes have no effect, since it is about to be polled.
    pub(crate) fn deaf(self) -> Self {
        self.with(SCHEDULED)
    }

    /// The same task, woken by nobody meanwhile.
    pub(crate) fn undeaf(self) -> Self {
        self.without(SCHEDULED)
    }

    /// The poll ended pending.
    pub(crate) fn suspend(self) -> (Self, OnSuspend) {
        let duty = match self.is_scheduled() {
            true => OnSuspend::Requeue,
            false => OnSuspend::Rest,
        };
        (self.without(RUNNING), duty)
    }

    /// The future ended: by itself, by a panic, or because it was cancelled.
    ///
    /// # Panics
    /// If it has ended before: its output would be given twice.
    pub(crate) fn finish(self) -> (Self, OnFinish) {
        assert!(!self.is_done(), "a task ends once");
        let done = self
            .without(SCHEDULED | RUNNING | CARRIES | CANCEL | DRAINING)
            .with(DONE);
        match self.has_handle() {
            true => (done.with(OUTPUT), OnFinish::Deliver),
            false => (done, OnFinish::Discard),
        }
    }

    /// Somebody asked for a cancellation.
    pub(crate) fn request_cancel(self) -> (Self, OnCancel) {
        if self.is_done() {
            return (self, OnCancel::Refuse);
        }
        match self.cancel_waits() {
            true => (self, OnCancel::Merge),
            false => (self.with(CANCEL), OnCancel::Record),
        }
    }

    /// The cancellation that waited is being delivered.
    pub(crate) fn take_cancel(self) -> Self {
        self.without(CANCEL)
    }

    /// The task gets its first catch point.
    pub(crate) fn scoped(self) -> Self {
        self.with(SCOPED)
    }

    /// The task gets context variables.
    pub(crate) fn with_vars(self) -> Self {
        self.with(VARS)
    }

    /// True when it has context variables.
    pub(crate) fn has_vars(self) -> bool {
        self.has(VARS)
    }

    /// The task is given to a pen.
    pub(crate) fn into_child(self) -> Self {
        self.with(CHILD)
    }

    /// True when a pen polls it.
    pub(crate) fn is_child(self) -> bool {
        self.has(CHILD)
    }

    /// True while a pen has the future, which nobody else may poll or drop.
    pub(crate) fn is_held_by_parent(self) -> bool {
        self.has(CHILD) && self.0 & (DRAINING | DONE) == 0
    }

    /// The future was dropped, but the task has yet to wait for others. A wake that came meanwhile
    /// is for the future.
    pub(crate) fn begin_draining(self) -> Self {
        assert!(
            self.is_running(),
            "only the end of a future lets its task linger"
        );
        self.without(RUNNING | CARRIES | SCHEDULED).with(DRAINING)
    }

    /// True while it waits for others, its future gone.
    pub(crate) fn is_draining(self) -> bool {
        self.has(DRAINING)
    }

    /// The handle takes the result.
    pub(crate) fn take_output(self) -> Self {
        self.without(OUTPUT)
    }

    /// The handle is gone.
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
mod tests {
    use super::*;

    /// Every word that a task can have.
    fn reachable() -> Vec<State> {
        let mut seen = vec![State::spawned(true), State::spawned(false), State::main()];
        let mut next = 0;
        while next < seen.len() {
            for state in successors(seen[next]) {
                if !seen.contains(&state) {
                    seen.push(state);
                }
            }
            next += 1;
        }
        seen
    }

    fn successors(state: State) -> Vec<State> {
        let mut all = vec![
            state.wake().0,
            state.request_cancel().0,
            state.take_cancel(),
        ];
        if state.has_handle() {
            all.push(state.drop_handle().0);
            if state.has_output() {
                all.push(state.take_output());
            }
        }
        if !state.is_done() {
            all.push(state.finish().0);
            all.extend([state.into_child(), state.with_vars()]);
            if state.is_running() && state.has(CARRIES) {
                all.extend([state.end_carrying(), state.begin_draining()]);
            } else if state.is_running() {
                all.extend([state.suspend().0, state.begin_draining()]);
            } else if state.is_scheduled() {
                all.push(state.start());
            }
            if state.can_carry() {
                all.push(state.start_carrying());
            }
        }
        all
    }

    #[test]
    fn a_done_task_is_never_scheduled_running_or_cancelled() {
        for state in reachable().into_iter().filter(|state| state.is_done()) {
            assert!(!state.is_scheduled() && !state.is_running() && !state.cancel_waits());
            assert_eq!(state.wake(), (state, OnWake::Nothing));
            assert_eq!(state.request_cancel(), (state, OnCancel::Refuse));
        }
    }

    #[test]
    fn output_lies_in_the_cell_only_for_a_handle_and_after_the_end() {
        for state in reachable().into_iter().filter(|state| state.has_output()) {
            assert!(state.is_done() && state.has_handle(), "{state:?}");
        }
    }

    #[test]
    fn a_wake_enqueues_exactly_when_the_task_rests() {
        for state in reachable() {
            let is_polled = state.is_running() && !state.has(CARRIES);
            let rests = !state.is_done() && !is_polled && !state.is_scheduled();
            let (after, duty) = state.wake();
            assert_eq!(duty == OnWake::Enqueue, rests, "{state:?}");
            assert_eq!(
                after.wake(),
                (after, OnWake::Nothing),
                "a second wake does nothing"
            );
        }
    }

    /// What must not come to pass panics in release builds, too.
    fn panics<T>(f: impl FnOnce() -> T + std::panic::UnwindSafe) -> bool {
        std::panic::catch_unwind(f).is_err()
    }

    #[test]
    fn nothing_is_polled_twice_at_once_or_after_its_end_and_nothing_ends_twice() {
        for state in reachable() {
            let may_start = !state.is_done() && !state.is_running();
            assert_eq!(panics(|| state.start()), !may_start, "{state:?}");
            assert_eq!(panics(|| state.finish()), state.is_done(), "{state:?}");
            assert_eq!(
                panics(|| state.begin_draining()),
                !state.is_running(),
                "{state:?}"
            );
            assert_eq!(panics(|| state.start_carrying()), !may_start, "{state:?}");
        }
    }

    #[test]
    fn a_wake_while_running_requeues() {
        let running = State::spawned(true).start();
        assert_eq!(running.suspend().1, OnSuspend::Rest);
        assert_eq!(running.wake().0.suspend().1, OnSuspend::Requeue);
    }

    #[test]
    fn a_carrier_keeps_its_place_in_the_queue_and_can_be_given_one() {
        for state in reachable().into_iter().filter(|state| state.can_carry()) {
            let carrying = state.start_carrying();
            assert_eq!(carrying.end_carrying(), state, "{state:?}");
            let woken = carrying.wake().0;
            assert_eq!(woken.end_carrying(), state.deaf(), "{state:?}");
            assert!(!carrying.can_carry(), "only one poll at a time");
        }
    }

    #[test]
    fn only_what_is_being_polled_carries() {
        for state in reachable().into_iter().filter(|state| state.has(CARRIES)) {
            assert!(state.is_running() && !state.is_done() && !state.is_draining());
        }
    }

    #[test]
    fn the_result_goes_to_the_handle_if_there_is_one() {
        for state in reachable().into_iter().filter(|state| !state.is_done()) {
            let (after, duty) = state.finish();
            assert_eq!(duty == OnFinish::Deliver, state.has_handle());
            assert_eq!(after.has_output(), state.has_handle());
        }
    }

    #[test]
    fn several_requests_to_cancel_are_one() {
        for state in reachable().into_iter().filter(|state| !state.is_done()) {
            let (after, _) = state.request_cancel();
            assert_eq!(after.request_cancel(), (after, OnCancel::Merge));
            assert!(!after.take_cancel().cancel_waits());
        }
    }

    #[test]
    fn whoever_ends_last_gives_the_task_up() {
        for state in reachable().into_iter().filter(|state| state.has_handle()) {
            let (after, duty) = state.drop_handle();
            assert!(!after.has_handle() && !after.has_output());
            assert_eq!(duty == OnHandleGone::Detach, !state.is_done());
            assert_eq!(
                duty == OnHandleGone::DropOutputAndGiveUp,
                state.has_output()
            );
        }
    }
}
