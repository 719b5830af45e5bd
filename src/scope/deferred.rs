//! Entering a scope that is opened only if the code inside opens a node; see
//! [`position`](super::position).

use super::node::Identity;
use super::position::{Position, Unopened};
use super::scopes::Scopes;
use crate::util::slab::Key;

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
        let key = self.tree(|tree| unopened.open(tree, outer));
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
