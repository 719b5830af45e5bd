//! The reference: the rules of cancellation, as a walk over a tree of the state of each task.
//!
//! It has the semantics of exceptions. A cancellation is *thrown* inwards, at every leaf (a sleep,
//! an await) of the scope that is not behind a shield. It *comes back* outwards as the way in which
//! code has ended, until a catch point catches it, or its scope has ended. That is another form of
//! the rule "the innermost catch points receive it, all else is dropped", and shares no code with
//! the crate.
//!
//! ```text
//!   world: clock, ready tasks, timers, the state of each task
//!      └── turn: a cancellation is thrown (C2), then the tree of the task continues
//!   seq: one statement after the other
//!      └── node: the running statement ── leaf │ join (gather, group) │ hold
//! ```

pub(crate) mod differences;
mod hold;
mod join;
mod leaf;
mod node;
mod world;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

pub(crate) use world::run;

/// A cancellation on its way.
#[derive(Clone, Debug)]
struct Cancel {
    /// Which one it is: a scope absorbs its own and no other (C14).
    id: usize,
    /// The scope that it was meant for.
    scope: usize,
    /// How deep that lies; `FOREIGN` where it came from elsewhere.
    level: usize,
    /// The reason (C20).
    why: String,
    /// Which tasks have been told, of this one or of one that passes it on.
    told: Told,
}

/// Which tasks an event has come to.
type Told = Rc<RefCell<BTreeSet<usize>>>;

/// The level of a cancellation that came out of a join error (C22), where no scope around is its
/// own.
const FOREIGN: usize = usize::MAX;

impl Cancel {
    /// Two that arrive as one: the first wins (C10), unless the second comes from further out
    /// (C13).
    fn merged(first: Option<Self>, second: Self) -> Self {
        match first {
            Some(first) if first.level == FOREIGN || second.level >= first.level => first,
            _ => second,
        }
    }

    /// This one has come back to where another waited for the next suspension: they arrive as one.
    fn joined(self, armed: Option<Self>) -> Self {
        match armed {
            Some(armed) => Self::merged(Some(self), armed),
            None => self,
        }
    }

    /// A task is cancelled.
    fn tell(&self, task: usize) {
        self.told.borrow_mut().insert(task);
    }

    /// The same event, for code of which nothing is left but waits (C21): that keeps the reason for
    /// which it was dropped.
    fn again(&self, first: Option<&Self>) -> Self {
        let told = Rc::clone(&self.told);
        let first = first.unwrap_or(self).clone();
        Self { told, ..first }
    }

    /// Returns `true` if it is this one.
    fn is(&self, other: Option<&Self>) -> bool {
        other.is_some_and(|other| other.id == self.id)
    }
}

/// How code that was not cancelled went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    /// To the next statement.
    Next,
    /// To the end of its task, branch or body.
    Return,
    /// The same, with a failure.
    Fail,
}

/// How a piece of code ended.
#[derive(Clone, Debug)]
enum End {
    /// With a value.
    Flow(Flow),
    /// With a cancellation, which propagates.
    Cut(Cancel),
}

/// Where code stands.
#[derive(Clone, Copy, Debug)]
struct Here {
    /// The task that it belongs to.
    task: usize,
    /// The name of the group around it.
    group: Option<usize>,
    /// The innermost scope around it.
    scope: usize,
    /// The time of a timeout around it is up, which has not fired yet.
    ending: bool,
    /// How many tasks, of this one and those around it, have no shield in between.
    exposed: usize,
}

impl Here {
    /// In a scope further in.
    fn inside(self, scope: usize) -> Self {
        Self { scope, ..self }
    }
}
