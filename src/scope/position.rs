//! The position of the running code in the tree of scopes.
//!
//! A scope that no catch point needs is never opened: a `timeout` or a `gather` with no catch point
//! inside costs no node. Its position is then [`Unopened`], and [`node_here`](super::Scopes::node_here)
//! opens the node when the code inside opens one.
//!
//! ```text
//!   Task ───── node_here: the root of the task ─────────────────────────┐
//!   Unopened ─ node_here: the timeout, or the gather and its branch ────┼─▶ Node
//!   Node ───── node_here: the node itself ──────────────────────────────┘
//!
//!   defer ──▶ Unopened ── the code inside runs ── restore ──▶ the position before
//!                              └─ Node now: the owner of the scope takes the node
//! ```

use super::node::{Identity, Kind};
use super::tree::Tree;
use crate::util::slab::Key;

/// The position of the running code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    /// Directly in its task.
    Task,
    /// Directly in this node.
    Node(Key),
    /// In a scope that is not open, inside of this node (`None`: directly in the task).
    Unopened(Option<Key>, Unopened),
}

/// A scope that is opened when the code inside opens a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unopened {
    /// A timeout that expires at this time, in nanoseconds of the clock.
    Scope(u64),
    /// A branch of this gather or group, or of one that is not open either.
    Branch(Option<Key>),
}

impl Position {
    /// Returns the innermost open node, if that is not the root of the task.
    pub(crate) const fn node(self) -> Option<Key> {
        match self {
            Self::Node(key) | Self::Unopened(Some(key), _) => Some(key),
            Self::Task | Self::Unopened(None, _) => None,
        }
    }
}

impl Unopened {
    /// Opens the scope inside of `outer`.
    pub(super) fn open<C: Identity, W>(self, tree: &mut Tree<C, W>, outer: Key) -> Key {
        match self {
            Self::Scope(deadline) => {
                let timeout = tree.open(Some(outer), Kind::Scope);
                tree.set_end(timeout, deadline);
                timeout
            }
            Self::Branch(join) => {
                let join = join.unwrap_or_else(|| tree.open(Some(outer), Kind::Join));
                tree.open(Some(join), Kind::Branch)
            }
        }
    }
}
