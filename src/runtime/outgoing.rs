//! A cancellation that code has sent outwards, and that is to end that code.
//!
//! ```text
//!   send ─▶ on its way: the code is pending ─┬─ dropped, as mostly
//!                                            └─ given out, and the code was kept: it panics (C29)
//! ```
//!
//! It is given out when the catch point, scope or task where it stopped has taken it, which happens
//! in the same poll, on the way out. Foreign code in between may poll again before that: a
//! `select!` in a loop, with another arm that is ready.

use std::task::Poll;

use super::core::Core;
use super::try_with;
use crate::util::slab::Key;

/// What is said where a future goes on that cannot.
const CUT: &str = "a future was polled again after a cancellation had ended it: something outside, for example a \
                   `timeout` around `&mut future`, cancelled it, and it passed the cancellation on with `resume` (as \
                   `finally` does). It has nothing more to give: drop it, and make a new one to try again";

/// Where a cancellation went that was sent outwards.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing {
    /// The runtime.
    runtime: u32,
    /// Where it waits to be taken.
    stop: Stop,
}

/// Where a cancellation stopped.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stop {
    /// At this node of the tree of scopes.
    Node(Key),
    /// At this task, which ends when its poll returns.
    Task(u64),
}

impl Outgoing {
    /// Notes where a cancellation has stopped.
    pub(super) fn to(core: &Core, stop: Stop) -> Self {
        let runtime = core.shared().number();
        Self { runtime, stop }
    }

    /// Waits to be dropped.
    ///
    /// # Panics
    /// If the cancellation was given out.
    pub(crate) fn poll<T>(&self) -> Poll<T> {
        let on_its_way = try_with(|core| self.is_on_its_way(core));
        assert!(on_its_way == Ok(true), "{CUT}");
        Poll::Pending
    }

    /// Returns `true` if the cancellation has not been taken.
    fn is_on_its_way(&self, core: &Core) -> bool {
        core.shared().number() == self.runtime
            && match self.stop {
                Stop::Node(key) => core.scopes().is_raised(key),
                Stop::Task(number) => {
                    core.scopes().is_exit_set() && core.current_number() == Some(number)
                }
            }
    }
}
