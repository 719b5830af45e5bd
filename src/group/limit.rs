//! The limit on how many children of a group run at once, and the children that wait for it.
//!
//! ```text
//!   add ─▶ not begun ─┬─ must_wait: no ──────────────▶ begin
//!                     └─ must_wait: yes ─▶ hold ─▶ release ─▶ begin
//! ```

use std::collections::{BTreeSet, VecDeque};

use crate::util::wait_graph;

/// The limit of a group. Children are known by number.
#[derive(Debug, Default)]
pub(super) struct Limit {
    /// 0 stands for no limit.
    limit: usize,
    /// The children that were spawned under a limit and have neither begun nor ended.
    not_begun: BTreeSet<u64>,
    /// Those whose turn has come and that wait until a sibling ends, oldest first. May also contain
    /// children that have begun or ended since.
    held: VecDeque<u64>,
}

impl Limit {
    pub(super) fn set(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Records a spawned child.
    pub(super) fn add(&mut self, number: u64) {
        if self.limit > 0 {
            self.not_begun.insert(number);
        }
    }

    /// Records that a child begins, or ends without having begun. Returns `true` if it had not
    /// begun before.
    pub(super) fn begin(&mut self, number: u64) -> bool {
        wait_graph::task_goes_on(number);
        self.not_begun.remove(&number)
    }

    /// Returns `true` if one more child may run while `live` children have not ended.
    pub(super) fn has_capacity(&self, live: usize) -> bool {
        self.limit == 0 || live.saturating_sub(self.not_begun.len()) < self.limit
    }

    /// Returns `true` if a child must wait for a sibling to end before it begins.
    pub(super) fn must_wait(&self, number: u64, live: usize) -> bool {
        !self.has_capacity(live) && self.not_begun.contains(&number)
    }

    /// Queues a child that must wait until a sibling ends.
    pub(super) fn hold(&mut self, number: u64) {
        self.held.push_back(number);
        if self.held.len() > 2 * self.not_begun.len() + 16 {
            self.held.retain(|number| self.not_begun.contains(number));
        }
    }

    /// Takes the next held child that may begin, and records that it begins.
    pub(super) fn release(&mut self, live: usize) -> Option<u64> {
        if !self.has_capacity(live) {
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
