//! Tasks that hold off a cancellation in a shield while others wait for them to end.
//!
//! Such a task may await one of its waiters: a cycle that no task could leave (C28). The runtime
//! looks for cycles; this is its list of candidates, and of the tasks that are no longer waited
//! for.

use std::collections::BTreeSet;

/// The tasks that are waited for while they hold off a cancellation.
#[derive(Debug)]
pub(super) struct HeldOff<T> {
    /// Those that may be in a cycle, with their numbers.
    tasks: Vec<(u64, T)>,
    /// The numbers of those that were in one and are no longer waited for.
    given_up: BTreeSet<u64>,
}

impl<T: Clone> HeldOff<T> {
    pub(super) const fn new() -> Self {
        Self {
            tasks: Vec::new(),
            given_up: BTreeSet::new(),
        }
    }

    /// Adds a task that is not in the list.
    pub(super) fn add(&mut self, number: u64, task: impl FnOnce() -> T) {
        if !self.tasks.iter().any(|known| known.0 == number) {
            self.tasks.push((number, task()));
        }
    }

    /// Removes the tasks that have ended.
    #[must_use = "task references must be dropped with no borrow alive"]
    pub(super) fn take_ended(&mut self, has_ended: impl Fn(&T) -> bool) -> Vec<(u64, T)> {
        let all = std::mem::take(&mut self.tasks);
        let (ended, live) = all.into_iter().partition(|(_, task)| has_ended(task));
        self.tasks = live;
        for (number, _) in &ended {
            let number: &u64 = number;
            self.given_up.remove(number);
        }
        ended
    }

    /// Returns `true` if no task may be in a cycle.
    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Returns the tasks that may be in a cycle.
    pub(super) fn candidates(&self) -> Vec<(u64, T)> {
        self.tasks.clone()
    }

    /// Records that a task is no longer waited for.
    pub(super) fn give_up(&mut self, number: u64) {
        self.given_up.insert(number);
    }

    /// Returns `true` if a task is no longer waited for.
    pub(super) fn is_given_up(&self, number: u64) -> bool {
        self.given_up.contains(&number)
    }
}
