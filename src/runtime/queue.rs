//! The run queue: who is ready, first come, first served.

use std::collections::VecDeque;

use super::Task;

/// The room that an empty queue keeps.
const KEEP: usize = 1024;

/// The ready tasks, in the order in which they will run.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// The tasks; the front runs next.
    tasks: VecDeque<Task>,
}

impl Queue {
    /// Adds a task behind all others.
    #[inline]
    pub(crate) fn push(&mut self, task: Task) {
        if self.tasks.len() == self.tasks.capacity() {
            return self.push_into_more_room(task);
        }
        self.tasks.push_back(task);
    }

    /// Adds a task to a queue that is full. Apart, so that the usual case needs no frame.
    #[cold]
    #[inline(never)]
    fn push_into_more_room(&mut self, task: Task) {
        self.tasks.push_back(task);
    }

    /// Takes the task that runs next.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Task> {
        self.tasks.pop_front()
    }

    /// True when nobody is ready.
    pub(crate) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Gives back the room that a burst took, when the burst is over.
    pub(crate) fn shrink(&mut self) {
        if self.tasks.is_empty() && self.tasks.capacity() > KEEP {
            self.tasks.shrink_to(KEEP);
        }
    }
}
