//! The children of a group that have not ended, in spawn order.

use crate::runtime::Task;

/// How many entries of ended children are kept beyond as many as there are live ones.
const SLACK: usize = 16;

/// Children by number. The task of an ended child is released at once; its empty entry stays until
/// empty entries are the majority.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// Sorted by number; `None` for a child that has ended.
    entries: Vec<(u64, Option<Task>)>,
    /// How many entries are `None`.
    empty: usize,
}

impl Members {
    /// Adds a child. Numbers grow, unless a destructor spawns while another runtime is driven.
    pub(super) fn add(&mut self, task: Task) {
        let number = task.by_ref().number();
        let index = match self.entries.last() {
            Some(&(last, _)) if last > number => self.index_after(number),
            _ => self.entries.len(),
        };
        self.entries.insert(index, (number, Some(task)));
    }

    /// Returns the index of the first entry with a greater number.
    fn index_after(&self, number: u64) -> usize {
        self.entries.partition_point(|&(other, _)| other <= number)
    }

    fn find(&self, number: u64) -> Option<usize> {
        let found = self
            .entries
            .binary_search_by_key(&number, |&(other, _)| other);
        found.ok()
    }

    /// Returns the child with this number, if it has not ended.
    pub(super) fn get(&self, number: u64) -> Option<Task> {
        let index = self.find(number)?;
        self.entries[index].1.clone()
    }

    /// Removes a child that has ended.
    pub(super) fn remove(&mut self, number: u64) -> Option<Task> {
        let index = self.find(number)?;
        let task = self.entries[index].1.take()?;
        self.empty += 1;
        if self.empty > self.entries.len() / 2 + SLACK {
            self.compact();
        }
        Some(task)
    }

    /// Removes the empty entries.
    fn compact(&mut self) {
        self.entries.retain(|(_, task)| task.is_some());
        self.entries.shrink_to(2 * (self.entries.len() + SLACK));
        self.empty = 0;
    }

    /// Returns the children, in spawn order.
    pub(super) fn all(&self) -> Vec<Task> {
        let tasks = self.entries.iter().filter_map(|(_, task)| task.clone());
        tasks.collect()
    }

    /// Removes all children and returns them, in spawn order.
    pub(super) fn take_all(&mut self) -> Vec<Task> {
        self.empty = 0;
        let entries = std::mem::take(&mut self.entries);
        entries.into_iter().filter_map(|(_, task)| task).collect()
    }
}
