//! The children of a group that have not ended, in the order of their spawning.

use crate::runtime::Task;

/// How many entries of ended children stay besides as many as there are others.
const SLACK: usize = 16;

/// Children by number. One that ends is let go at once; its entry stays until there are many such.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// Sorted by number; a task is missing when it has ended.
    entries: Vec<(u64, Option<Task>)>,
    /// How many are missing.
    gone: usize,
}

impl Members {
    /// Adds a child. Numbers grow, unless destructors spawn in another runtime than the group's.
    pub(super) fn add(&mut self, task: Task) {
        let number = task.by_ref().number();
        let place = match self.entries.last() {
            Some(&(last, _)) if last > number => self.place_behind(number),
            _ => self.entries.len(),
        };
        self.entries.insert(place, (number, Some(task)));
    }

    /// Where the entries begin whose numbers are greater.
    fn place_behind(&self, number: u64) -> usize {
        self.entries.partition_point(|&(other, _)| other <= number)
    }

    /// The entry of a number.
    fn find(&self, number: u64) -> Option<usize> {
        let found = self
            .entries
            .binary_search_by_key(&number, |&(other, _)| other);
        found.ok()
    }

    /// The child of a number, if it has not ended.
    pub(super) fn get(&self, number: u64) -> Option<Task> {
        let place = self.find(number)?;
        self.entries[place].1.clone()
    }

    /// Takes a child out that has ended.
    pub(super) fn remove(&mut self, number: u64) -> Option<Task> {
        let place = self.find(number)?;
        let task = self.entries[place].1.take()?;
        self.gone += 1;
        if self.gone > self.entries.len() / 2 + SLACK {
            self.tidy_up();
        }
        Some(task)
    }

    /// Gives the room of ended children back.
    fn tidy_up(&mut self) {
        self.entries.retain(|(_, task)| task.is_some());
        self.entries.shrink_to(2 * (self.entries.len() + SLACK));
        self.gone = 0;
    }

    /// The children, in the order of their spawning.
    pub(super) fn all(&self) -> Vec<Task> {
        let tasks = self.entries.iter().filter_map(|(_, task)| task.clone());
        tasks.collect()
    }

    /// The same, taken out.
    pub(super) fn take_all(&mut self) -> Vec<Task> {
        self.gone = 0;
        let entries = std::mem::take(&mut self.entries);
        entries.into_iter().filter_map(|(_, task)| task).collect()
    }
}
