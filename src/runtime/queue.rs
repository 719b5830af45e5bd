//! The run queue: who is ready, first come, first served.

use std::cell::RefCell;
use std::collections::VecDeque;

use super::Task;

/// The room that an empty queue keeps.
const KEEP: usize = 1024;

/// The ready tasks, in the order in which they will run.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// The tasks; the front runs next.
    tasks: RefCell<VecDeque<Task>>,
}

impl Queue {
    /// Adds a task behind all others.
    #[inline]
    pub(crate) fn push(&self, task: Task) {
        if let Ok(mut tasks) = self.tasks.try_borrow_mut()
            && tasks.len() < tasks.capacity()
        {
            return tasks.push_back(task);
        }
        self.push_and_grow(task);
    }

    /// Adds a task where there is no room. Apart, so that the usual case needs no frame.
    #[cold]
    #[inline(never)]
    fn push_and_grow(&self, task: Task) {
        self.tasks.borrow_mut().push_back(task);
    }

    /// Adds a task behind all others, and takes the one that runs next: both at the price of one.
    #[inline]
    pub(crate) fn push_and_pop(&self, task: Task) -> Task {
        let mut tasks = self.tasks.borrow_mut();
        match tasks.pop_front() {
            Some(next) => {
                tasks.push_back(task);
                next
            }
            None => task,
        }
    }

    /// Takes the task that runs next.
    #[inline]
    pub(crate) fn pop(&self) -> Option<Task> {
        self.tasks.borrow_mut().pop_front()
    }

    /// True when nobody is ready.
    pub(crate) fn is_empty(&self) -> bool {
        self.tasks.borrow().is_empty()
    }

    /// Gives back the room that a burst took, when the burst is over.
    pub(crate) fn shrink(&self) {
        let mut tasks = self.tasks.borrow_mut();
        if tasks.is_empty() && tasks.capacity() > KEEP {
            tasks.shrink_to(KEEP);
        }
    }
}
