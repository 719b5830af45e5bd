//! Where in the tree of scopes the code runs at this moment.
//!
//! A scope that nobody asks for is never opened: a `timeout` or a `gather` with no catch point inside pays for no node. What
//! stands here then is a promise of one, which [`node_here`](Core::node_here) makes good when something inside opens a node.
//!
//! ```text
//!   Task ── node_here: the task's root ─────────────────────────┐
//!   Unopened ── node_here: the scope, or the gather and its branch ─┼─▶ Node, seen by whoever put the promise here
//!   Node ◀──────────────────────────────────────────────────────┘
//! ```

use super::Task;
use super::core::Core;
use crate::scope::{Around, Kind};
use crate::util::slab::Key;

/// Where the code runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    /// Directly in its task.
    Task,
    /// Directly in this node.
    Node(Key),
    /// In a scope that has not been opened, inside of this node (`None`: of the task).
    Unopened(Option<Key>, Unopened),
}

/// A scope that is opened when something inside of it opens a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unopened {
    /// A timeout that is due at this moment, in the clock's nanoseconds.
    Scope(u64),
    /// A branch of this gather or group, which may have to be opened first.
    Branch(Option<Key>),
}

impl Core {
    /// The innermost node around the code that runs now, opened if need be. `None` outside of a task.
    pub(super) fn node_here(&self) -> Option<Key> {
        let Position::Unopened(outer, lazy) = self.here().get() else {
            return self.opened_here();
        };
        let outer = outer.or_else(|| self.root_here())?;
        let mut tree = self.scopes().borrow_mut();
        let key = match lazy {
            Unopened::Scope(deadline) => {
                let timeout = tree.open(Some(outer), Kind::Scope);
                tree.set_end(timeout, deadline);
                timeout
            }
            Unopened::Branch(join) => {
                let join = join.unwrap_or_else(|| tree.open(Some(outer), Kind::Join));
                tree.open(Some(join), Kind::Branch)
            }
        };
        self.here().set(Position::Node(key));
        Some(key)
    }

    /// The node here, where there is no promise of one.
    fn opened_here(&self) -> Option<Key> {
        match self.here().get() {
            Position::Node(key) => Some(key),
            _ => self.root_here(),
        }
    }

    /// Where a scope is polled, and what is around it: a node, or `None` for the task itself. A promise that is here is
    /// made good, since one promise is all that can stand here.
    fn outer_here(&self) -> (Position, Option<Key>) {
        match self.here().get() {
            Position::Task => (Position::Task, None),
            Position::Node(key) => (Position::Node(key), Some(key)),
            Position::Unopened(..) => {
                let around = self.node_here();
                (self.here().get(), around)
            }
        }
    }

    /// Promises a scope to the code that runs next; gives where it ran before, and what stands there now. `None` outside of
    /// a task.
    #[inline]
    pub(super) fn promise(&self, lazy: Unopened) -> Option<(Position, Position)> {
        self.current_number()?;
        if !matches!(
            (self.here().get(), lazy),
            (Position::Task, Unopened::Scope(_))
        ) {
            return Some(self.promise_inside(lazy));
        }
        let promised = Position::Unopened(None, lazy);
        self.here().set(promised);
        Some((Position::Task, promised))
    }

    /// [`promise`](Core::promise) where it takes more than two words to write. A call of its own, as [`restore`](Core::restore).
    #[inline(never)]
    fn promise_inside(&self, lazy: Unopened) -> (Position, Position) {
        let (outer, around) = match lazy {
            Unopened::Branch(Some(join)) => (self.here().get(), Some(join)),
            _ => self.outer_here(),
        };
        let promised = Position::Unopened(around, lazy);
        self.here().set(promised);
        (outer, promised)
    }

    /// Puts back where the code ran before.
    ///
    /// Directly in a task, as mostly, that is one word. To move all of it would cost more than the rest of a scope that
    /// nobody opens: the processor has to wait for what was written by halves before it can read it whole.
    #[inline]
    pub(super) fn restore(&self, outer: Position) {
        match outer {
            Position::Task => self.here().set(Position::Task),
            outer => self.restore_inside(outer),
        }
    }

    /// [`restore`](Core::restore) inside of a scope.
    #[inline(never)]
    fn restore_inside(&self, outer: Position) {
        self.here().set(outer);
    }

    /// The group whose node this is will cancel itself.
    pub(crate) fn announce_end(&self, group: Key) {
        self.scopes().borrow_mut().set_end(group, 0);
    }

    /// Returns `true` if a scope around the code that runs now is about to end, so that one inside
    /// leaves it to that (C27): it is due, or was cancelled and has not acted on that yet.
    pub(crate) fn is_outer_ending(&self) -> bool {
        let now = self.clock().nanos();
        let mut task = self.current();
        let mut at = match self.here().get() {
            Position::Node(key) | Position::Unopened(Some(key), _) => Some(key),
            Position::Task | Position::Unopened(None, _) => task.as_ref().and_then(Task::scope),
        };
        loop {
            let around = at.map(|at| self.scopes().borrow().around(at, now));
            match (around, task) {
                (Some(Around::Ending), _) => return true,
                (Some(Around::Shielded), _) | (_, None) => return false,
                (_, Some(inner)) if inner.state().cancel_waits() => return true,
                (_, Some(inner)) => {
                    let Some(parent) = inner.parent() else {
                        return false;
                    };
                    at = parent.node();
                    task = parent.owner().and_then(|owner| owner.at_home().ok());
                }
            }
        }
    }

    /// The root of the task that is polled, opened if need be.
    fn root_here(&self) -> Option<Key> {
        let task = self.current()?;
        Some(self.root_of(&task))
    }

    /// The root of a task, opened if need be.
    pub(super) fn root_of(&self, task: &Task) -> Key {
        if let Some(root) = task.scope() {
            return root;
        }
        let around = task.parent().and_then(|parent| parent.node());
        let root = self.scopes().borrow_mut().open(around, Kind::Task);
        task.set_scope(root);
        self.set_look_after();
        root
    }
}
