//! How many children of a group may run at once, and which of them have to wait.

use std::collections::{BTreeSet, VecDeque};

use crate::util::wait_graph;

/// The limit of a group, and the children that it concerns, by number.
#[derive(Debug, Default)]
pub(super) struct Limit {
    /// How many may run at once; 0 for any number.
    most: usize,
    /// Those that were spawned under a limit and have neither begun nor ended.
    unbegun: BTreeSet<u64>,
    /// Those of them whose turn has come and that wait until another one ends; and some that wait no more.
    held: VecDeque<u64>,
}

impl Limit {
    /// Another limit.
    pub(super) fn set(&mut self, most: usize) {
        self.most = most;
    }

    /// A child was spawned.
    pub(super) fn add(&mut self, number: u64) {
        if self.most > 0 {
            self.unbegun.insert(number);
        }
    }

    /// A child begins, or ends without having begun; `true` when it had not begun before.
    pub(super) fn begin(&mut self, number: u64) -> bool {
        wait_graph::task_goes_on(number);
        self.unbegun.remove(&number)
    }

    /// Whether another one may run where so many have not ended.
    pub(super) fn has_room(&self, living: usize) -> bool {
        self.most == 0 || living.saturating_sub(self.unbegun.len()) < self.most
    }

    /// Whether a child that would begin has to wait where so many have not ended.
    pub(super) fn must_wait(&self, number: u64, living: usize) -> bool {
        !self.has_room(living) && self.unbegun.contains(&number)
    }

    /// A child waits until another one ends.
    pub(super) fn hold(&mut self, number: u64) {
        self.held.push_back(number);
        if self.held.len() > 2 * self.unbegun.len() + 16 {
            self.held.retain(|number| self.unbegun.contains(number));
        }
    }

    /// Has the next one of those begin, if the limit allows it where so many have not ended.
    pub(super) fn release(&mut self, living: usize) -> Option<u64> {
        if !self.has_room(living) {
            return None;
        }
        loop {
            let number = self.held.pop_front()?;
            if self.begin(number) {
                return Some(number);
            }
        }
    }
}
