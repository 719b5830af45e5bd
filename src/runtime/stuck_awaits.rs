//! Tasks that await each other in a cycle, in real time (C28): a report on standard error.
//!
//! On virtual time a runtime in which nothing can happen any more panics with a report. In real time
//! other code of the process may still wake a task, so the loop reports a cycle of awaits, and
//! waits on.
//!
//! ```text
//!              no task is ready, no timer is set, nothing is in flight
//!   Watching ── for REPORT_DELAY ──▶ Asked: each await is polled once more,
//!      ▲                               │    and records its task
//!      │ a task is ready               ▼ no task is ready again
//!      └──────────────────────────── Over: a cycle was reported, or there is none
//! ```
//!
//! The second poll drops the awaits that their tasks no longer poll, such as the handle that an
//! expired `timeout(d, &mut handle)` leaves behind. It also names the tasks that await through a
//! combinator, whose waker does not. An await that a timeout, a socket or another thread may still
//! end is not reported, since the loop then has a timer, a waiter or work in flight.
//!
//! None of this costs anything before the loop has waited for so long.

use std::time::{Duration, Instant};

use super::await_watch::WatchStage;
use super::core::Core;
use super::lifecycle::Phase;
use super::report::cycle_of_waits;
use super::stuck::{REPORT_DELAY, report_cycle};
use crate::util::wake_quietly;

/// Sleeps until something happens, and reports awaits in a cycle if nothing can.
pub(super) fn park(core: &Core) {
    let timeout = core.timers.until_next_deadline();
    let can_happen =
        timeout.is_some() || core.is_something_in_flight() || core.lifecycle.phase() != Phase::Open;
    if can_happen {
        stop_asking(core);
        core.sleep_or_report_backlog(timeout);
    } else {
        park_without_events(core);
    }
}

/// Sleeps while only other code of the process can wake a task.
#[cold]
fn park_without_events(core: &Core) {
    match core.await_watch.get() {
        WatchStage::Watching => {
            if sleeps_through(core, REPORT_DELAY) {
                ask_awaits(core);
            }
        }
        WatchStage::Asked => {
            stop_asking(core);
            core.await_watch.set(WatchStage::Over);
            if let Some(cycle) = cycle_of_waits(core) {
                report_cycle(&cycle);
            }
        }
        WatchStage::Over => {
            core.sleep(None);
            core.await_watch.set(WatchStage::Watching);
        }
    }
}

/// Sleeps for at most `delay`. Returns `true` if nothing has happened meanwhile.
fn sleeps_through(core: &Core, delay: Duration) -> bool {
    let begin = Instant::now();
    core.sleep(Some(delay));
    begin.elapsed() >= delay && core.scheduler.is_idle() && core.shared().is_empty()
}

/// Wakes the code behind each await, which polls it again if it still awaits.
fn ask_awaits(core: &Core) {
    let tasks = core.running();
    let joiners: Vec<_> = tasks.iter().filter_map(|task| task.take_joiner()).collect();
    if joiners.is_empty() {
        return core.await_watch.set(WatchStage::Over);
    }
    core.await_watch.set(WatchStage::Asked);
    core.scopes().set_recording(true);
    joiners.into_iter().for_each(wake_quietly);
}

fn stop_asking(core: &Core) {
    if core.await_watch.get() == WatchStage::Asked {
        core.await_watch.set(WatchStage::Watching);
        core.scopes().set_recording(false);
    }
}
