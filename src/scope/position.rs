//! The position of the running code in the tree of scopes.
//!
//! A scope that no catch point needs is never opened: a `timeout` or a `gather` with no catch point
//! inside costs no node. Its position is then [`Unopened`], and [`node_here`](Scopes::node_here)
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
use super::scopes::Scopes;
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
    fn open<C: Identity, W>(self, tree: &mut Tree<C, W>, outer: Key) -> Key {
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

impl<C: Identity, W, T, J> Scopes<C, W, T, J> {
    /// Returns the innermost node around the running code, and opens it if need be. `root` opens
    /// the root of the task; it returns `None` outside of a task, and so does this function.
    pub(crate) fn node_here(&self, root: impl FnOnce() -> Option<Key>) -> Option<Key> {
        let position = self.position();
        let outer = match position.node() {
            Some(node) => node,
            None => root()?,
        };
        let Position::Unopened(_, unopened) = position else {
            return Some(outer);
        };
        let key = self.with_tree(|tree| unopened.open(tree, outer));
        self.set_position(Position::Node(key));
        Some(key)
    }

    /// Enters a timeout directly in a task without opening it. Returns `false`, and changes
    /// nothing, in any other case, which [`defer`](Scopes::defer) handles.
    #[inline]
    pub(crate) fn defer_in_task(&self, unopened: Unopened) -> bool {
        if !matches!(
            (self.position(), unopened),
            (Position::Task, Unopened::Scope(_))
        ) {
            return false;
        }
        self.set_position(Position::Unopened(None, unopened));
        true
    }

    /// Enters a scope without opening it. Returns the position before.
    ///
    /// A position holds one unopened scope. If the code runs in another one already, that is
    /// opened.
    pub(crate) fn defer(&self, unopened: Unopened, root: impl FnOnce() -> Option<Key>) -> Position {
        let mut around = None;
        if let Unopened::Branch(Some(join)) = unopened {
            around = Some(join);
        } else if self.position() != Position::Task {
            around = self.node_here(root);
        }
        let outer = self.position();
        self.set_position(Position::Unopened(around, unopened));
        outer
    }

    /// Restores the position before a scope.
    ///
    /// Directly in a task, the common case, this writes one word. To copy the whole value there
    /// costs more than the rest of an unopened scope: the processor waits for the partial writes
    /// before it reads the whole.
    #[inline]
    pub(crate) fn restore(&self, outer: Position) {
        match outer {
            Position::Task => self.set_position(Position::Task),
            outer => self.restore_inside(outer),
        }
    }

    /// [`restore`](Scopes::restore) inside of a scope (bench `timeout_ready`).
    #[inline(never)]
    fn restore_inside(&self, outer: Position) {
        self.set_position(outer);
    }
}
