//! Several futures as one: [`gather()`], [`try_gather()`], [`as_completed()`] and [`wait()`].
//!
//! They run futures side by side in the calling task. They spawn nothing, so the futures may
//! borrow. To start tasks use [`spawn`](crate::spawn); to keep tasks together,
//! [`task_group`](crate::task_group).
//!
//! ```
//! use wheelhouse::{gather, run, try_gather};
//!
//! run(async {
//!     let word = String::from("wheel");
//!     let (length, shout) = gather((async { word.len() }, async { word.to_uppercase() })).await;
//!     assert_eq!((length, shout.as_str()), (5, "WHEEL"));
//!
//!     let parse = async |text: &str| text.parse::<u32>();
//!     assert_eq!(try_gather([parse("3"), parse("7")]).await, Ok([3, 7]));
//!     assert!(try_gather([parse("3"), parse("three")]).await.is_err());
//! });
//! ```
//!
//! | | takes | returns | at the first failure |
//! |---|---|---|---|
//! | [`gather()`] | a tuple, array or `Vec` of futures | all outputs, in argument order | continues (a failure is an output) |
//! | [`try_gather()`] | the same, of `Result`s | all values, or the first error | cancels the others, which clean up |
//! | [`as_completed()`] | an iterator of futures | a stream of outputs as they come | continues |
//! | [`wait()`] | join handles | the handles, done and pending | continues, or returns with [`first_failed`](Wait::first_failed); cancels nothing |
//!
//! They need no runtime, except [`Wait::timeout`], which needs its timers.
//!
//! # Guarantees
//!
//! - Each future has its own waker: waking one polls one. `n` futures that are woken once each cost
//!   `2n` polls.
//! - Futures begin in argument order, and are polled in the order of their wakes. A future that
//!   wakes itself, or that is always ready, starves neither its siblings nor other tasks: when it
//!   has used up the budget of a poll of the task, the others come first in the next poll.
//! - `gather`, `try_gather` and `as_completed` are scopes, and each of their futures is one: a
//!   cancellation is delivered to every branch, and propagates when all have cleaned up.
//! - If one future panics, the others are cancelled and clean up; then the panic propagates. Each
//!   future is dropped, even if destructors panic.
//! - The wakers may be called from any thread, at any time, also after the combinator was dropped.
//!
//! # Non-guarantees
//!
//! - Outputs of different combinators that become ready in one round come in no particular order.

// gather   try_gather   as_completed          wait
//    └──────────┼────────────┘                 │
//            join_all   children and engine  watch   handles and engine
//       ┌───────┴────────┐                     │
//  slot, tuple, list   engine  ◀───────────────┘     when each child is polled
//  the children          │
//  runtime::Nursery    node      wakers; the unsafe module
//  their scopes        queue     the woken children, in order

mod as_completed;
mod engine;
mod gather;
mod join_all;
mod joinable;
mod list;
mod node;
mod progress;
mod queue;
mod shares;
mod slot;
mod try_gather;
mod tuple;
mod wait;
mod watch;

#[cfg(test)]
mod tests;

pub use as_completed::{AsCompleted, as_completed};
pub use gather::{Gather, gather};
pub use joinable::Joinable;
pub use progress::{Progress, Waited};
pub use try_gather::{TryGather, try_gather};
pub use wait::{Wait, wait};

/// The argument of [`gather()`] and [`try_gather()`]: a tuple of up to 12 futures, an array or a
/// `Vec` of futures.
///
/// Any `IntoFuture` is a future here, also a join handle or a `&mut` reference to one. The trait
/// cannot be implemented outside this crate.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not something to gather",
    note = "pass a tuple of up to 12 futures `(a, b)`, an array `[a, b]` or a `Vec`; for an iterator, `.collect::<Vec<_>>()`"
)]
pub trait Branches: Sized {
    /// The outputs, in argument order: a tuple, an array or a `Vec`.
    type Output;

    #[doc(hidden)]
    type Set: slot::Set<Output = Self::Output>;

    #[doc(hidden)]
    fn into_set(self) -> Self::Set;
}
