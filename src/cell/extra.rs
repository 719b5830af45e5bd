//! What few tasks have.

use std::cell::Cell;

use crate::error::Cancelled;
use crate::util::slab::Key;

/// What a task has once it was cancelled or has a catch point; allocated then.
#[derive(Default)]
pub(crate) struct Extra {
    /// The cancellation that waits to be delivered.
    pub(crate) cancel: Cell<Option<Cancelled>>,
    /// The root of the task's catch points in the tree of scopes.
    pub(crate) scope: Cell<Option<Key>>,
}
