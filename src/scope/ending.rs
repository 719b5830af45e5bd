//! Scopes that are about to end: of several at one moment, the outermost wins (C27).
//!
//! A timeout, or a group that was cancelled from inside, asks before it cancels itself. If a scope
//! around it is about to end, too, it does not: the cancellation of the outer scope is delivered to
//! it, or drops it.

use super::node::{Identity, Kind};
use super::tree::Tree;
use crate::util::slab::Key;

/// What stands around a scope, up to the root of its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Around {
    /// A scope that is about to end.
    Ending,
    /// A shield, which holds off the end of any scope around it.
    Shielded,
    /// Neither.
    Quiet,
}

impl<C: Identity, W> Tree<C, W> {
    /// Sets the time when a timeout expires, or 0 for a group that is about to cancel itself.
    pub(crate) fn set_end(&mut self, scope: Key, ends_at: u64) {
        if let Some(node) = self.nodes.find_mut(scope) {
            node.ends_at = Some(ends_at);
        }
    }

    /// Looks from `from` outwards, up to the root of the task, for a scope that is about to end: it
    /// was cancelled, and its owner has not acted yet, or it is due by `now`.
    pub(crate) fn around(&self, from: Key, now: u64) -> Around {
        let mut next = Some(from);
        while let Some(node) = next.and_then(|at| self.nodes.find(at)) {
            if node.kind == Kind::Mask {
                return Around::Shielded;
            }
            if node.pending.is_some() || node.ends_at.is_some_and(|at| at <= now) {
                return Around::Ending;
            }
            next = node.parent.filter(|_| node.kind != Kind::Task);
        }
        Around::Quiet
    }
}
