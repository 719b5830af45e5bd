//! How the loop handles the messages in its inbox.
//!
//! One turn takes at most [`TAKEN`] messages of other threads, so many such messages delay only the
//! messages behind them. Messages of the home thread have no limit: the loop itself causes them.

use super::core::Core;
use super::lifecycle::Phase;
use super::shared::{Message, Shared};
use super::task_types::{Task, TaskMessage};
use crate::cell::GoneHandle;
use crate::util::{caught, drop_quietly};

/// The most messages of other threads that one turn takes.
const TAKEN: usize = 64;

impl Core {
    /// Handles the messages of this thread, and up to [`TAKEN`] messages of other threads.
    pub(super) fn drain_inbox(&self) {
        drain_up_to(self, TAKEN);
    }

    /// Handles all messages that were sent before the call.
    pub(super) fn drain_inbox_fully(&self) {
        drain_up_to(self, usize::MAX);
    }

    /// Handles the messages that this thread sent before the call, and returns `false` if there
    /// were none. Messages that are sent meanwhile wait for the next turn.
    pub(super) fn drain_home_inbox(&self) -> bool {
        let count = self.inbox.len_from_home();
        for _ in 0..count {
            let message = self.inbox.pop_from_home();
            message
                .into_iter()
                .for_each(|message| receive(self, message));
        }
        count > 0
    }
}

/// Handles the messages of this thread, and up to `most` messages of other threads.
fn drain_up_to(core: &Core, most: usize) {
    // Each turn asks, and the length of a queue is not at hand (bench `lock_free`).
    if core.shared().is_empty() {
        return;
    }
    core.drain_home_inbox();
    for _ in 0..core.inbox.len_from_others().min(most) {
        match core.inbox.pop_from_others() {
            Some(message) => receive(core, message),
            None => return,
        }
    }
}

/// Handles one message.
fn receive(core: &Core, message: Message) {
    match message {
        Message::Task(TaskMessage::HandleGone(handle)) => settle_gone(core, handle),
        Message::Task(TaskMessage::Wake(task)) => drop(task.at_home().map(Task::wake_collected)),
        Message::Task(TaskMessage::Cancel(task, cancelled)) => drop(task.cancel(cancelled)),
        // A closed runtime calls nothing. Dropping the call completes its handle.
        Message::Call(call) if core.lifecycle.phase() == Phase::Closed => drop_quietly(call),
        Message::Call(call) => drop(caught(call).map_err(drop_quietly)),
    }
}

/// Settles a handle that was dropped on another thread. If the task has ended, this drops its
/// output. The output's destructor is the task's code, so it runs with the task as the current one.
fn settle_gone(core: &Core, handle: GoneHandle<Shared>) {
    match handle.ended() {
        Some(task) => {
            let current = &core.scheduler.current;
            current.during(&task, || handle.settle_here());
        }
        None => handle.settle_here(),
    }
}
