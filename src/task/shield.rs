//! `shield` holds cancellations back; `finally` and `finally_with` clean up after every end of a
//! future.
//!
//! ```text
//!   shield:   new ── first poll: open ──▶ running ── ready: close ──▶ value
//!                                          │                 │
//!                    a cancellation is held┘                 └ it propagates now
//!
//!   finally:  body ─┬─ value ───────┐                    ┌─▶ returns the value
//!                   ├─ cancellation ┼─ shield(cleanup) ──┼─▶ resumes it
//!                   └─ panic ───────┘                    └─▶ unwinds again
//! ```

use std::future::{Future, IntoFuture, poll_fn};
use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::catch_cancel;
use crate::error::Cancelled;
use crate::runtime::{Ending, ScopeKind, Scoped};
use crate::util::{Payload, caught};

/// Runs a future to its end, even if the code around it is cancelled meanwhile (asyncio: `shield`).
///
/// A cancellation from outside waits until the future is ready. Then `shield` returns the value,
/// and the cancellation arrives at the next `await` that suspends. The deadline of a
/// [`timeout`](crate::timeout) around the shield waits in the same way. To bound the shielded code,
/// put the timeout inside: `shield(timeout(duration, clean_up()))`.
///
/// The future runs in place: no task is spawned, and it may borrow. In asyncio, a cancelled awaiter
/// of `shield` continues at once while the shielded code runs alone. Here the awaiter stays until
/// the future is ready.
///
/// # Cancel safety
/// A shield holds back cancellations, not drops. If third-party code drops the `Shield` (`select!`
/// drops the arms that lose), the future is dropped.
///
/// # Panics
/// If it is polled again after it was ready.
///
/// # Examples
/// ```
/// use wheelhouse::{run, shield, spawn, yield_now};
///
/// run(async {
///     let task = spawn(async {
///         shield(async {
///             yield_now().await; // a commit that must not be cut off
///         })
///         .await;
///         yield_now().await; // the cancellation arrives here
///     });
///     yield_now().await;
///     task.cancel();
///     assert!(task.await.unwrap_err().is_cancelled());
/// });
/// ```
pub fn shield<F: IntoFuture>(future: F) -> Shield<F::IntoFuture> {
    let scoped = Scoped::new(future.into_future());
    Shield { scoped }
}

pin_project! {
    /// The future of [`shield`].
    ///
    /// # Panics
    /// If it is polled again after it was ready.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct Shield<F> {
        #[pin]
        scoped: Scoped<F>,
    }
}

impl<F: Future> Future for Shield<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match ready!(self.project().scoped.poll(cx, ScopeKind::Shield)) {
            Ending::Value(output) => Poll::Ready(output),
            Ending::Cut(_) => unreachable!("no cancellation cuts a shield"),
        }
    }
}

/// Runs `body`, then `cleanup`, whether the body returned, was cancelled or panicked (asyncio:
/// `try: … finally: …` with awaits in the `finally`).
///
/// After the clean-up, `finally` returns the value of the body, [resumes](Cancelled::resume) its
/// cancellation, or continues its panic. The clean-up runs in a [`shield`], so a second
/// cancellation does not interrupt it. To bound its time, use a [`timeout`](crate::timeout) inside
/// it.
///
/// # Cancel safety
/// A cancellation of a scope around it runs the clean-up. Two cases do not:
/// - Third-party code drops the future (`select!` drops the arms that lose): the body is dropped,
///   without a clean-up.
/// - The body never began, for example in a task that was cancelled before its first poll.
///
/// # Panics
/// If the body panicked, after the clean-up. If the clean-up panics, that panic replaces the end of
/// the body.
///
/// # Examples
/// ```
/// use wheelhouse::{finally, run, spawn, yield_now};
/// use std::cell::Cell;
/// use std::rc::Rc;
///
/// run(async {
///     let tidy = Rc::new(Cell::new(false));
///     let flag = Rc::clone(&tidy);
///     let task = spawn(finally(std::future::pending::<()>(), async move {
///         yield_now().await;
///         flag.set(true);
///     }));
///     yield_now().await;
///     task.cancel();
///     assert!(task.await.unwrap_err().is_cancelled());
///     assert!(tidy.get());
/// });
/// ```
pub async fn finally<B, C>(body: B, cleanup: C) -> B::Output
where
    B: IntoFuture,
    C: IntoFuture<Output = ()>,
{
    let end = run_to_end(body.into_future()).await;
    shield(cleanup).await;
    end.propagate().await
}

/// Runs `body` with a reference to a resource, then passes the resource to `cleanup`, whether the
/// body returned, was cancelled or panicked.
///
/// This is the equivalent of asyncio's `async with`: `body` is the block, `cleanup` is `__aexit__`.
/// The clean-up runs, and the end of the body is returned, resumed or continued, as in [`finally`].
///
/// # Cancel safety
/// A cancellation of a scope around it runs the clean-up. Two cases drop the resource without one:
/// - Third-party code drops the future (`select!` drops the arms that lose).
/// - The body never began, for example in a task that was cancelled before its first poll.
///
/// If the resource must be closed even then, give it a destructor, or open it inside the body.
///
/// # Panics
/// As [`finally`].
///
/// # Examples
/// ```
/// use wheelhouse::{finally_with, run, yield_now};
///
/// run(async {
///     let log = vec!["begin"];
///     let length = finally_with(
///         log,
///         async |log| {
///             log.push("work");
///             log.len()
///         },
///         async |log| {
///             yield_now().await; // a rollback, for example
///             assert_eq!(log, ["begin", "work"]);
///         },
///     )
///     .await;
///     assert_eq!(length, 2);
/// });
/// ```
#[doc(alias = "AsyncExitStack")]
pub async fn finally_with<R, T, B, C>(mut resource: R, body: B, cleanup: C) -> T
where
    B: AsyncFnOnce(&mut R) -> T,
    C: AsyncFnOnce(R),
{
    let end = run_to_end(body(&mut resource)).await;
    shield(cleanup(resource)).await;
    end.propagate().await
}

/// The end of a body.
enum BodyEnd<T> {
    Value(T),
    Cancelled(Cancelled),
    Panicked(Payload),
}

impl<T> BodyEnd<T> {
    /// Returns the value, resumes the cancellation, or continues the panic.
    async fn propagate(self) -> T {
        match self {
            Self::Value(value) => value,
            Self::Cancelled(cancelled) => cancelled.resume().await,
            Self::Panicked(payload) => resume_unwind(payload),
        }
    }
}

/// Runs `body` and returns its end. By then the future has been dropped.
async fn run_to_end<F: Future>(body: F) -> BodyEnd<F::Output> {
    let polled = async move {
        let mut body = pin!(body);
        poll_fn(move |cx| match caught(|| body.as_mut().poll(cx)) {
            Ok(polled) => polled.map(Ok),
            Err(payload) => Poll::Ready(Err(payload)),
        })
        .await
    };
    match catch_cancel(polled).await {
        Ok(Ok(value)) => BodyEnd::Value(value),
        Ok(Err(payload)) => BodyEnd::Panicked(payload),
        Err(cancelled) => BodyEnd::Cancelled(cancelled),
    }
}
