//! The wait queue under all of `sync`: first come, first served, with direct hand-off.
//!
//! It has three levels. A primitive uses the highest that fits:
//!
//! - [`WaitQueue`]: pure data. The entries in order of arrival, each with the waiter's request and,
//!   once the resource was granted to it, its grant. It wakes, clones and drops no waker.
//! - [`Resource`]: implemented by the state of a primitive, and decides which requests are granted
//!   when. [`Waiter`] is one wait for a resource: a state, a `poll` and a `leave`, for futures that
//!   hold their primitive in their own way (an `Rc`, a handle).
//! - [`WaitFuture`]: such a future, for primitives that are borrowed.
//!
//! It is neither a lock nor a channel, and it knows no task. While a [`wait_graph`] is open, it
//! records the waits there. Layer 0.
//!
//! [`wait_graph`]: super::wait_graph
//!
//! # One wait
//!
//! ```text
//!        poll: try_grant returns Ok
//!   New ─────────────────────────────────────────▶ Done
//!    │                                               ▲
//!    │ poll: try_grant returns Err,                  │ poll:
//!    │       WaitQueue::enter                        │ WaitQueue::take_grant
//!    ▼                                               │
//!   Queued, waiting ───────────────────────▶ Queued, granted
//!    │               WaitQueue::grant,               │
//!    │               called by others                │
//!    │ drop: WaitQueue::leave,                       │ drop: WaitQueue::leave,
//!    ▼       waiter_left                             ▼       take_back
//!   gone: waiters behind may get a grant           gone: the next gets the grant
//! ```
//!
//! A grant stays in its entry until the waiter's future takes it, and only that future can. So a
//! wait that is dropped after the grant and before its next poll can pass the grant on.
//!
//! # Guarantees
//!
//! - Entering, granting to the first and leaving from anywhere take constant time. The entries
//!   share one block of memory, which grows by doubling: a wait does not allocate by itself.
//! - Third-party code (a waker's clone, wake and drop; the destructor of a request or grant) runs
//!   while nothing is borrowed, so it may use the primitive. Panics of a waker's wake or drop are
//!   discarded. A panic of its clone propagates out of `poll`, and nothing has changed.
//!
//! # Non-guarantees
//!
//! - A wait that is leaked stays in the queue. If it gets a grant, it keeps it for ever.

mod entries;
mod queue;
mod resource;
mod wakes;

#[cfg(test)]
mod tests;

pub(crate) use queue::{Removed, Ticket, WaitQueue};
pub(crate) use resource::{Resource, WaitFuture, Waiter, held, name, update};
pub(crate) use wakes::Wakes;
