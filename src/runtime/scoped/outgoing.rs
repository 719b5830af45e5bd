//! A cancellation that code has resumed, and that is to end that code.
//!
//! ```text
//!   resume ─▶ Outgoing: the code is pending ─┬─ dropped by the owner of the stop, the common case
//!                                            └─ the stop has acted, and the code was kept: its poll panics (C29)
//! ```
//!
//! The stop is the catch point, scope or task that the cancellation reached. Its owner takes the
//! cancellation in the same poll, on the way out. Third-party code in between may poll the code
//! again before that: for example, a `select!` in a loop with another arm that is ready.

use std::task::{Poll, Waker};

use crate::error::Cancelled;
use crate::runtime::Task;
use crate::runtime::core::Core;
use crate::runtime::home_key::HomeKey;
use crate::scope::{Position, Raise};
use crate::util::slab::Key;
use crate::util::wake_quietly;

/// The message of the panic of a future that was ended and is polled again.
const CUT: &str = "a future was polled again after a cancellation had ended it: something outside, for example a \
                   `timeout` around `&mut future`, cancelled it, and it passed the cancellation on with `resume` (as \
                   `finally` does). It has nothing more to give: drop it, and make a new one to try again";

/// Where a resumed cancellation stopped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing {
    home: HomeKey,
    stop: Stop,
}

/// The end of the way of a resumed cancellation.
#[derive(Clone, Copy, Debug)]
enum Stop {
    /// This node of the tree of scopes.
    Node(Key),
    /// The task with this number, which ends when its poll returns.
    Task(u64),
}

impl Outgoing {
    fn to(core: &Core, stop: Stop) -> Self {
        let home = HomeKey::of(core);
        Self { home, stop }
    }

    /// Returns `Pending`: the code waits to be dropped.
    ///
    /// # Panics
    /// If the owner of the stop has taken the cancellation.
    pub(crate) fn poll<T>(&self) -> Poll<T> {
        let on_its_way = self.home.with_home(|core| self.is_on_its_way(core));
        assert!(on_its_way == Some(true), "{CUT}");
        Poll::Pending
    }

    /// Returns `true` if the owner of the stop has not taken the cancellation.
    fn is_on_its_way(&self, core: &Core) -> bool {
        match self.stop {
            Stop::Node(key) => core.scopes().tree(|tree| tree.is_raised(key)),
            Stop::Task(number) => {
                core.scopes().is_exit_set() && core.current_number() == Some(number)
            }
        }
    }
}

impl Core {
    /// Sends a cancellation outwards from the running code.
    ///
    /// `waker` belongs to the future that resumes it and waits to be dropped. It is woken, so that
    /// a future that is not dropped is polled once more and panics.
    ///
    /// # Panics
    /// Outside of a task.
    pub(crate) fn resume(&self, cancelled: Cancelled, waker: &Waker) -> Outgoing {
        let outgoing = self.send_out(cancelled);
        waker.wake_by_ref();
        outgoing
    }

    fn send_out(&self, cancelled: Cancelled) -> Outgoing {
        let Some(task) = self.current() else {
            panic!(
                "`Cancelled::resume` was awaited outside of a task, where there is nothing that it could end"
            );
        };
        if self.scopes().position() == Position::Task
            && task.scope().is_none()
            && task.parent().is_none()
        {
            return self.exit_with(&task, cancelled);
        }
        let from = self.node_here();
        let raised = from.map_or(Raise::Nowhere, |node| {
            self.scopes().tree(|tree| tree.raise(node, &cancelled))
        });
        let stop = match raised {
            Raise::Ends(scope, waker) if task.scope() == Some(scope) => {
                drop(waker);
                self.exit_with(&task, cancelled);
                scope
            }
            Raise::Caught(stop, waker) | Raise::Ends(stop, waker) => {
                waker.into_iter().for_each(wake_quietly);
                stop
            }
            Raise::Nowhere => return self.exit_with(&task, cancelled),
        };
        Outgoing::to(self, Stop::Node(stop))
    }

    /// Ends the current task as cancelled when its poll returns.
    fn exit_with(&self, task: &Task, cancelled: Cancelled) -> Outgoing {
        self.scopes().set_exit(cancelled);
        Outgoing::to(self, Stop::Task(task.by_ref().number()))
    }
}
