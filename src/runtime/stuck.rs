//! Messages on standard error about tasks and functions that do not end.

use std::panic::Location;
use std::time::{Duration, Instant};

use super::blocking::pool::{Backlog, backlog_of};
use super::describe::describe;
use super::final_output::write_stderr;
use super::task_types::Task;

/// How long tasks may delay an end before they are reported.
pub(super) const REPORT_DELAY: Duration = Duration::from_secs(5);

/// Returns `true` if there is such a moment, and it has come.
pub(super) fn has_come(moment: Option<Instant>) -> bool {
    moment.is_some_and(|moment| Instant::now() >= moment)
}

/// Reports the tasks for which a shutdown has waited for [`REPORT_DELAY`].
pub(super) fn report_wait(tasks: &[Task]) {
    if tasks.is_empty() {
        return;
    }
    let (count, seconds) = (tasks.len(), REPORT_DELAY.as_secs());
    report_tasks(
        tasks,
        format!(
            "wheelhouse: the runtime shuts down, and has waited for {seconds} s for {count} task(s) that do not stop \
             (`Builder::shutdown_timeout` bounds this):\n"
        ),
    );
}

/// Reports the tasks that run although main was cancelled by Ctrl-C [`REPORT_DELAY`] ago.
pub(super) fn report_stuck_main(tasks: &[Task]) {
    let seconds = REPORT_DELAY.as_secs();
    report_tasks(
        tasks,
        format!(
            "wheelhouse: Ctrl-C has cancelled the main task {seconds} s ago, which has not ended; another Ctrl-C ends the \
             process. These run:\n"
        ),
    );
}

/// Reports the tasks that a shutdown with a timeout drops.
pub(super) fn report_dropped(tasks: &[Task]) {
    if tasks.is_empty() {
        return;
    }
    let count = tasks.len();
    report_tasks(
        tasks,
        format!(
            "wheelhouse: {count} task(s) did not stop within the shutdown timeout and are dropped:\n"
        ),
    );
}

/// Writes `text`, then one line for each task.
fn report_tasks(tasks: &[Task], mut text: String) {
    for task in tasks {
        text += &format!("  {}\n", describe(task));
    }
    write_stderr(text);
}

/// Reports functions that have waited for a thread of the pool for [`REPORT_DELAY`].
pub(super) fn report_backlog() {
    let Some(Backlog { jobs, threads }) = backlog_of(REPORT_DELAY) else {
        return;
    };
    let seconds = REPORT_DELAY.as_secs();
    write_stderr(format!(
        "wheelhouse: {jobs} function(s) have waited for {seconds} s for one of the {threads} thread(s) of the pool, of \
         which none has returned, and there can be no further thread (`BLOCKING_MAX_THREADS`, or a limit of the \
         system)\n"
    ));
}

/// Reports tasks that wait for each other. `cycle` names them.
pub(super) fn report_cycle(cycle: &str) {
    let seconds = REPORT_DELAY.as_secs();
    write_stderr(format!(
        "wheelhouse: nothing has happened for {seconds} s, and tasks wait for each other: no timer, socket, thread or \
         `Remote` of the runtime can wake one of them, only a cancellation.{cycle}\n"
    ));
}

/// Reports the functions on the thread pool that still run when the shutdown stops to wait for
/// them.
pub(super) fn report_functions(locations: &[&Location<'_>]) {
    if locations.is_empty() {
        return;
    }
    let count = locations.len();
    let mut text = format!(
        "wheelhouse: {count} function(s) on other threads did not return while the runtime shut down, and run on. \
         Asked for at:\n"
    );
    for location in locations {
        text += &format!("  {location}\n");
    }
    write_stderr(text);
}
