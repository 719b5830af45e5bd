//! The end of a runtime.
//!
//! ```text
//!   Open ── shut_down ──▶ ShuttingDown: all tasks are cancelled and clean up
//!    │                       │ all have ended, or `shutdown_timeout` is over
//!    │                       ▼
//!    └── close ───────────▶ Closed: the other tasks are dropped ──▶ ended
//!        during a panic, or
//!        in another runtime    after `shut_down` only: waits for the
//!                              thread pool, and reports what still runs
//! ```
//!
//! A thread cannot be stopped. So the end waits for functions on the thread pool, but only for a
//! limited time.

use std::panic::resume_unwind;
use std::rc::Rc;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::context;
use super::core::Core;
use super::lifecycle::Phase;
use super::stuck::{REPORT_DELAY, has_come, report_dropped, report_functions, report_wait};
use crate::cell::State;
use crate::error::{Cancelled, Reason};
use crate::util::{budget, caught, drop_quietly};

/// The most rounds in which the end drops what the destructors of the last round have left behind.
const MAX_ROUNDS: usize = 16;

/// How long the end waits for functions on the thread pool without a `shutdown_timeout`.
const POOL_TIMEOUT: Duration = Duration::from_secs(5);

/// Cancels all tasks, lets them clean up for at most `timeout`, and ends the runtime.
pub(super) fn shut_down(core: &Rc<Core>, timeout: Option<Duration>) {
    let begin = Instant::now();
    let emptied = context::enter(core, || {
        start(core);
        // A deadlock on virtual time panics. The runtime ends all the same.
        caught(|| run_until_empty(core, timeout))
    });
    close(core);
    let left = timeout.map_or(POOL_TIMEOUT, |timeout| {
        timeout.saturating_sub(begin.elapsed())
    });
    report_functions(&core.shared().jobs().wait_for_none(left));
    emptied.unwrap_or_else(|payload| resume_unwind(payload));
}

/// Cancels all tasks, unless that was done before: a second cancellation would interrupt their
/// clean-ups.
pub(super) fn start(core: &Core) {
    if core.lifecycle.phase() != Phase::Open {
        return;
    }
    core.lifecycle.set_phase(Phase::ShuttingDown);
    // A task that was cancelled before keeps the reason of that cancellation.
    core.drain_inbox_fully();
    // Groups cancel their children.
    let tasks = core.running();
    for task in tasks.into_iter().filter(|task| !task.state().is_child()) {
        task.cancel(shutdown());
    }
}

/// Ends the runtime at once: drops every task.
pub(super) fn close(core: &Rc<Core>) {
    context::enter(core, || {
        core.lifecycle.set_phase(Phase::Closed);
        clear_out(core);
        // From here on no third-party code runs on this thread, so each later message is from
        // another thread. Those are not read any more, however many come: after the end their
        // senders settle them, and drop calls uncalled.
        let tasks = core.scheduler.owned.take_all();
        core.shared().end(tasks);
    });
    core.shared().settle_leftovers();
}

/// The cancellation of a shutdown.
fn shutdown() -> Cancelled {
    Cancelled::new(Reason::Shutdown, None)
}

/// Runs until no task is left, or until `timeout` is over, and then reports the tasks that are
/// left. Reports the tasks for which it waits after [`REPORT_DELAY`], too.
fn run_until_empty(core: &Core, timeout: Option<Duration>) {
    let begin = Instant::now();
    let end = timeout.and_then(|timeout| begin.checked_add(timeout));
    // By the real clock: on virtual time, a task that waits for nothing is a deadlock, which is
    // reported at once, but one may wait for a thread.
    let mut report_at = Some(begin + REPORT_DELAY);
    loop {
        core.run_batch();
        if core.scheduler.is_idle() && !core.scheduler.owned.has_running() {
            return;
        }
        if has_come(end) {
            return report_dropped(&core.running());
        }
        if has_come(report_at) {
            report_at = None;
            report_wait(&core.running());
        }
        // A virtual clock does not move in a sleep here; `virtual_time::park` returns in time.
        let report_at = report_at.filter(|_| !core.timers.clock().is_virtual());
        park_until(core, end.into_iter().chain(report_at).min());
    }
}

/// Does what the loop does between two batches, but does not sleep past `end`.
fn park_until(core: &Core, end: Option<Instant>) {
    budget::end();
    if !core.scheduler.is_idle() || end.is_none() {
        return core.between_batches();
    }
    let left = end.map(|end| end.saturating_duration_since(Instant::now()));
    let timer = core.timers.until_next_deadline();
    core.sleep(left.into_iter().chain(timer).min());
    core.drain_inbox();
    core.timers.fire();
}

/// Drops futures, wakers and the messages of this thread until a round finds none: each destructor
/// may leave some of the others behind.
fn clear_out(core: &Core) {
    for _ in 0..MAX_ROUNDS {
        drop_futures(core);
        let wakers = take_wakers(core);
        let were_wakers = !wakers.is_empty();
        wakers.into_iter().for_each(drop_quietly);
        let were_messages = core.drain_home_inbox();
        if !were_wakers && !were_messages {
            return;
        }
    }
    // Destructors that leave something behind each time must not keep the runtime from ending. What
    // they left last is leaked.
    std::mem::forget(take_wakers(core));
}

/// Drops the future of every task that has not ended, and of those that are spawned meanwhile.
fn drop_futures(core: &Core) {
    loop {
        let mut tasks = core.running();
        tasks.retain(|task| may_be_dropped(task.state()));
        if tasks.is_empty() {
            break;
        }
        for task in tasks {
            // A destructor may have ended the task, but cannot have started it.
            if !task.state().is_done() {
                core.with_vars_of(&task.clone(), || core.abort(task, shutdown()));
            }
        }
    }
    while let Some(task) = core.scheduler.queue.pop() {
        drop(task);
    }
}

/// Takes the wakers out of timers, sockets and scopes. They may be of third-party code, so each is
/// to be dropped by itself.
fn take_wakers(core: &Core) -> Vec<Waker> {
    let mut wakers = core.timers.dissolve();
    wakers.append(&mut core.io.dissolve());
    wakers.append(&mut core.scopes().tree(|tree| tree.dissolve()));
    wakers
}

/// Returns `true` if the end may drop the future of a task in this state. A child was leaked with
/// its group, and what its future borrows may be gone. A task that is being polled, as a main
/// future always is, is on the stack.
fn may_be_dropped(state: State) -> bool {
    !(state.is_held_by_parent() || state.is_running() || state.is_main())
}
