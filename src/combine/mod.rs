//! Several futures as one: [`gather()`], [`try_gather()`], [`as_completed()`] and [`wait()`].
//!
//! They run in the calling task and spawn nothing, so their futures may borrow. They need no runtime (only the timeout
//! of `wait` needs its timers). What they are not: a way to start tasks (that is `spawn`) or to keep them together (that
//! is `task_group`). Floor: F4.
//!
//! | | takes | gives | on the first failure |
//! |---|---|---|---|
//! | [`gather()`] | a tuple, array or `Vec` of futures | all outputs, in argument order | goes on (an output is an output) |
//! | [`try_gather()`] | the same, of `Result`s | all values, or the first error | cancels the others, which clean up |
//! | [`as_completed()`] | an iterator of futures | a stream of outputs as they come | goes on |
//! | [`wait()`] | join handles | which are done, which are pending | `.first_failed()` returns; nothing is cancelled |
//!
//! ```text
//!   gather   try_gather   as_completed        wait
//!      └──────────┼────────────┘               │
//!               crew    children and engine    │
//!         ┌───────┴────────┐                   │
//!    tuple, list        engine  ◀──────────────┘   who is polled when
//!    the children          │
//!                        node    wakers, the unsafe door
//!                        queue   who was woken, in order
//! ```
//!
//! # Guarantees
//!
//! - Each future has its own waker: a wake of one polls one. `n` futures that are woken once each cost `2n` polls.
//! - Futures are begun in argument order, and polled in the order of their wakes; a future that wakes itself starves
//!   neither its siblings nor the rest of the program. Nor does one that is always ready: when it has
//!   used up what a poll of the task may do, the others come first in the next one.
//! - `gather`, `try_gather` and `as_completed` are scopes, and each of their futures is one: a cancellation goes into
//!   every branch, and goes on outwards when all have cleaned up.
//! - A panic of one future goes on after the others were cancelled and have cleaned up; each is dropped, also when
//!   destructors panic.
//! - Their wakers may be called from any thread, at any time, also after the combinator is gone.
//!
//! # Not guaranteed
//!
//! The order in which outputs that were ready in the same round become visible across different combinators.

mod as_completed;
mod crew;
mod engine;
mod gather;
mod joinable;
mod list;
mod node;
mod queue;
mod shares;
mod slot;
mod try_gather;
mod tuple;
mod wait;
mod watch;
mod winding;

#[cfg(test)]
mod tests;

pub use as_completed::{AsCompleted, as_completed};
pub use gather::{Gather, gather};
pub use joinable::Joinable;
pub use try_gather::{TryGather, try_gather};
pub use wait::{Progress, Wait, Waited, wait};

/// What [`gather()`] and [`try_gather()`] take: a tuple of up to 12 futures, an array or a `Vec` of futures.
///
/// Anything `IntoFuture` counts as a future, join handles and `&mut` references to them included. The trait cannot be
/// implemented outside this crate.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not something to gather",
    note = "pass a tuple of up to 12 futures `(a, b)`, an array `[a, b]` or a `Vec`; for an iterator, `.collect::<Vec<_>>()`"
)]
pub trait Branches: Sized {
    /// All outputs, in argument order: a tuple, an array or a `Vec`.
    type Output;

    /// How the futures are kept.
    #[doc(hidden)]
    type Set: slot::Set<Output = Self::Output>;

    /// Turns what was passed into futures that have not begun.
    #[doc(hidden)]
    fn into_set(self) -> Self::Set;
}
