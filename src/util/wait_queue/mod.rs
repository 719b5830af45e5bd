//! The one wait queue under all of `sync`: first come, first served, by direct hand-off.
//!
//! Three layers, of which a primitive picks the highest that fits:
//!
//! - [`WaitQueue`]: pure data. Entries in the order in which they came, each with what its waiter wants and, once it was
//!   served, what it was handed. It wakes nobody, and clones and drops no waker.
//! - [`Resource`]: what a primitive says about itself, that is, who is served when. [`Waiter`] is one wait at a desk: a state,
//!   a `poll` and a `leave`, for futures that hold their primitive in their own way (an `Rc`, a handle).
//! - [`Wait`]: such a future, for primitives that are borrowed.
//!
//! It is not a lock and no channel, and it knows no task. Where a book is kept, it tells the [`wait_graph`](super::wait_graph) who waits. Floor
//! F0.
//!
//! # One wait
//!
//! ```text
//!             poll: Resource::ask grants
//!   new ───────────────────────────────────────────────────▶ done
//!    │                                                        ▲
//!    │ poll: Resource::ask declines, WaitQueue::enter             │ poll: WaitQueue::claim
//!    ▼                                                        │
//!   waiting ─────────────────────────────────────────────▶ served
//!    │                 WaitQueue::serve, by others            │
//!    │ drop: WaitQueue::leave, Resource::left                     │ drop: WaitQueue::leave, Resource::returned
//!    ▼                                                        ▼
//!   gone: those behind may be served now                     gone: what it was handed goes to the next
//! ```
//!
//! What a waiter was handed stays in its entry until its future takes it, and the future is the only one that can: so a
//! wait that is dropped after it was served and before it was polled knows what to pass on.
//!
//! # Guarantees
//!
//! - Entering, serving the first and leaving from anywhere take constant time. Entries share one block of memory, which
//!   grows by doubling: no allocation for each wait.
//! - Foreign code (a waker's clone, wake and drop; the destructor of what is wanted or granted) runs while nothing is
//!   borrowed, so it may use the primitive. A panic of a wake or of a waker's drop ends there; one of its clone comes out of
//!   `poll`, and nothing has changed.
//!
//! # What it does not promise
//!
//! - A wait that is leaked stays in the queue; should its turn come, it keeps what it was handed for ever.

mod entries;
mod queue;
mod resource;
mod wakes;

#[cfg(test)]
mod tests;

pub(crate) use queue::{Left, Ticket, WaitQueue};
pub(crate) use resource::{
    Resource, Wait, Waiter, held, name, note_held, note_let_go, note_taken, update,
};
pub(crate) use wakes::Wakes;
