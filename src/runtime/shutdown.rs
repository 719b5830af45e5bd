//! The end of a runtime.
//!
//! ```text
//!   Open ── shut_down ──▶ ShuttingDown: all cancelled, clean-ups run ──▶ Closed: the rest is dropped ──▶ ended ─┬─▶ threads returned
//!     │                        (at most `shutdown_timeout`)                   ▲                                  └─▶ or are left
//!     └── during a panic, or inside another runtime: waits for no thread ─────┘                                      alone, and named
//! ```
//!
//! A thread cannot be made to stop. So who still runs a function of `to_thread` when all tasks are gone is waited for, but
//! never for ever.

use std::panic::{Location, resume_unwind};
use std::rc::Rc;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::core::{Core, Phase};
use super::last_words::say;
use super::report::describe;
use super::{Task, context};
use crate::cell::State;
use crate::error::{Cancelled, Reason};
use crate::util::{budget, caught, drop_quietly};

/// How often the end looks again for what destructors left behind while it cleared out.
const CLEARINGS: usize = 16;

/// How long the end waits for functions on other threads, where no `shutdown_timeout` says so.
const PATIENCE_WITH_THREADS: Duration = Duration::from_secs(5);

/// How long an end waits for tasks in silence.
pub(super) const SILENCE: Duration = Duration::from_secs(5);

/// Ends the runtime in order: everything is cancelled and given the time to clean up.
pub(super) fn shut_down(core: &Rc<Core>, patience: Option<Duration>) {
    let begin = Instant::now();
    let entered = context::enter(core);
    core.set_phase(Phase::ShuttingDown);
    // Who was cancelled before has another reason, and the first one stands.
    core.drain_inbox_fully();
    // Those in groups are cancelled by their groups.
    let tasks = core.running();
    for task in tasks.into_iter().filter(|task| !task.state().is_child()) {
        task.cancel(shutdown());
    }
    // It panics where virtual time finds a deadlock; the end comes all the same.
    let emptied = caught(|| core.run_until_empty(patience));
    drop(entered);
    close(core);
    let left = match patience {
        Some(patience) => patience.saturating_sub(begin.elapsed()),
        None => PATIENCE_WITH_THREADS,
    };
    report_threads(&core.shared().jobs().wait_for_none(left));
    emptied.unwrap_or_else(|payload| resume_unwind(payload));
}

/// Ends the runtime at once: every future is dropped where it stands.
pub(super) fn close(core: &Rc<Core>) {
    let entered = context::enter(core);
    core.set_phase(Phase::Closed);
    // From here to the end no foreign code runs on this thread: every later letter comes from another one. Those of other
    // threads are not read any more, however fast they come; after the end they are settled wherever they are, and calls
    // dropped unrun.
    core.clear_out();
    let tasks = core.table().take_all();
    core.shared().end(tasks);
    drop(entered);
    core.shared().settle_leftovers();
}

/// The cancellation of a shutdown.
fn shutdown() -> Cancelled {
    Cancelled::new(Reason::Shutdown, None)
}

impl Core {
    /// Runs until no task is left, or the time is up; then says on standard error who did not stop. After some seconds it says
    /// for whom it waits.
    fn run_until_empty(&self, patience: Option<Duration>) {
        let begin = Instant::now();
        let end = patience.and_then(|patience| begin.checked_add(patience));
        // On virtual time a task for which nothing comes is a deadlock, which is reported at once.
        let mut silent_until = (!self.timers.clock().is_virtual()).then_some(begin + SILENCE);
        loop {
            self.begin_batch();
            // A main future has ended with its `block_on`, so there is none to be driven.
            while let Some(main) = self.batch() {
                drop(main);
            }
            if self.queue().is_empty() && !self.table().has_running() {
                return;
            }
            if has_come(end) {
                return report(&self.running());
            }
            if has_come(silent_until) {
                silent_until = None;
                report_wait(&self.running());
            }
            self.rest_until(end.into_iter().chain(silent_until).min());
        }
    }

    /// Between two batches of a shutdown: does not sleep past a moment.
    fn rest_until(&self, end: Option<Instant>) {
        budget::end();
        if self.is_somebody_ready() || end.is_none() {
            return self.between_batches();
        }
        let patience = end.map(|end| end.saturating_duration_since(Instant::now()));
        let timer = self.timers.until_next_deadline();
        self.sleep(patience.into_iter().chain(timer).min());
        self.drain_inbox();
        self.timers.fire();
    }

    /// Drops futures, wakers in leaves, and the letters that this thread sent, until a round finds none: the destructors of
    /// each may have left some of the others.
    fn clear_out(&self) {
        for _ in 0..CLEARINGS {
            self.drop_futures();
            let leaves = self.take_leaves();
            let were_leaves = !leaves.is_empty();
            leaves.into_iter().for_each(drop_quietly);
            let were_letters = self.drain_home_inbox();
            if !were_leaves && !were_letters {
                return;
            }
        }
        // Destructors that leave something behind each time would keep us for ever. What they left last is leaked.
        std::mem::forget(self.take_leaves());
    }

    /// Drops the future of every task that has not ended, and what is spawned meanwhile with it.
    fn drop_futures(&self) {
        loop {
            let mut tasks = self.running();
            tasks.retain(|task| may_be_dropped(task.state()));
            if tasks.is_empty() {
                break;
            }
            for task in tasks {
                // One destructor may have ended another's task, though none can have started one.
                if !task.state().is_done() {
                    self.with_vars_of(&task.clone(), || self.abort(task, shutdown()));
                }
            }
        }
        while let Some(task) = self.pop_queue() {
            drop(task);
        }
    }

    /// Takes a task out of the queue, letting go of the queue at once.
    fn pop_queue(&self) -> Option<Task> {
        self.queue().pop()
    }

    /// Takes the wakers out of timers, sockets and catch points. They may be anybody's, so each is to be dropped by itself.
    fn take_leaves(&self) -> Vec<Waker> {
        let mut leaves = self.timers.dissolve();
        leaves.append(&mut self.io.dissolve());
        leaves.append(&mut self.scopes().dissolve());
        leaves
    }
}

/// Returns `true` if the end may drop the future of a task in this state. What is left of those in groups was leaked with its
/// group: what their futures borrow may be gone. What is being polled, as a main future always is, lies on the stack.
fn may_be_dropped(state: State) -> bool {
    !(state.is_held_by_parent() || state.is_running() || state.is_main())
}

/// Returns `true` if there is such a moment, and it has come.
pub(super) fn has_come(moment: Option<Instant>) -> bool {
    moment.is_some_and(|moment| Instant::now() >= moment)
}

/// Names the tasks for which the end has waited for some time, and still does.
fn report_wait(tasks: &[Task]) {
    if tasks.is_empty() {
        return;
    }
    let (count, seconds) = (tasks.len(), SILENCE.as_secs());
    say_of(
        tasks,
        format!(
            "wheelhouse: the runtime shuts down, and has waited for {seconds} s for {count} task(s) that do not stop \
             (`Builder::shutdown_timeout` bounds this):\n"
        ),
    );
}

/// Names the tasks that run although main was cancelled by Ctrl-C some time ago.
pub(super) fn report_stuck_main(tasks: &[Task]) {
    let seconds = SILENCE.as_secs();
    say_of(
        tasks,
        format!(
            "wheelhouse: Ctrl-C has cancelled the main task {seconds} s ago, which has not ended; another Ctrl-C ends the \
             process. These run:\n"
        ),
    );
}

/// Says something of tasks, one a line.
fn say_of(tasks: &[Task], mut text: String) {
    for task in tasks {
        text += &format!("  {}\n", describe(task));
    }
    say(text);
}

/// Names the tasks that a bounded shutdown had to drop.
fn report(tasks: &[Task]) {
    if tasks.is_empty() {
        return;
    }
    let count = tasks.len();
    say_of(
        tasks,
        format!(
            "wheelhouse: {count} task(s) did not stop within the shutdown timeout and are dropped:\n"
        ),
    );
}

/// Names the functions on other threads that the end did not wait for any longer.
fn report_threads(locations: &[&Location<'_>]) {
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
    say(text);
}
