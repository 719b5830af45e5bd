//! Holding cancellations off, and cleaning up however something ended.
//!
//! ```text
//!   shield:   new ── first poll ──▶ open: cancellations from outside are held ── ready ──▶ closed: they go on outwards
//!
//!   finally:  body ─┬─ value ──────┐                          ┌─ the value is given
//!                   ├─ cancelled ──┼─▶ clean-up, in a shield ─┼─ resumed
//!                   └─ panic ──────┘                          └─ the panic goes on
//! ```

use std::future::{Future, IntoFuture, poll_fn};
use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::catch_cancel;
use crate::error::Cancelled;
use crate::runtime::ScopeHandle;
use crate::scope::Kind;
use crate::util::{Payload, caught};

/// Runs a future to its end, even if the code around it is cancelled meanwhile (asyncio: `shield`, which makes a task).
///
/// A cancellation from outside waits until the future is done; its value is given, and the cancellation arrives at the
/// next `await` that suspends. That holds for the deadline of a [`timeout`](crate::timeout) around the shield, too: give the
/// shielded code a timeout of its own, `shield(timeout(d, clean_up))`, to bound it. Nothing is spawned, so the future may
/// borrow. Where asyncio lets the awaiter go at once and the shielded code run on alone, here both stay together.
///
/// # Cancel safety
/// Foreign code that drops it (`select!`) drops the future.
///
/// # Panics
/// When polled after it was done.
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
    Shield {
        future: Some(future.into_future()),
        place: ScopeHandle::default(),
    }
}

pin_project! {
    /// The future of [`shield`].
    ///
    /// # Panics
    /// When it is polled after it was done.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct Shield<F> {
        // Before the place, so that it is dropped before that closes.
        #[pin]
        future: Option<F>,
        place: ScopeHandle,
    }
}

impl<F: Future> Future for Shield<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let place = this.place;
        let inner = this.future.as_mut().as_pin_mut();
        let inner = inner.expect("a shield was polled after it was done");
        place.open(Kind::Mask, cx.waker());
        let output = ready!(place.inside(|| inner.poll(cx)));
        place.inside(|| this.future.set(None));
        place.close();
        Poll::Ready(output)
    }
}

/// Runs `body`, then `cleanup`, however the body ended: with a value, by a cancellation, or by a panic (asyncio:
/// `try: … finally: …`, with awaits in the `finally`).
///
/// The clean-up runs in a [`shield`]; `timeout(d, clean_up)` bounds it. After it the value is given, the cancellation
/// [`resume`](Cancelled::resume)d, or the panic let go on.
///
/// # Cancel safety
/// Foreign code that drops it (`select!`) drops both: no clean-up runs. Neither does one where the body never began, as in
/// a task that was cancelled before its first turn.
///
/// # Panics
/// When the body panicked, after the clean-up; and when the clean-up does, in place of whatever the body ended with.
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
    let outcome = outcome_of(body.into_future()).await;
    shield(cleanup).await;
    outcome.go_on().await
}

/// Runs `body` with a resource lent to it, then gives the resource to `cleanup`, however the body ended.
///
/// asyncio says this with `async with`: the body is the block, the clean-up its `__aexit__`. See [`finally`] for how the two
/// run and what comes out.
///
/// # Cancel safety
/// Foreign code that drops it (`select!`) drops all three: no clean-up runs. Nor does one where the body never began, as in
/// a task that was cancelled before its first turn: let the body open what has to be closed, or give the resource a
/// destructor.
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
    let outcome = outcome_of(body(&mut resource)).await;
    shield(cleanup(resource)).await;
    outcome.go_on().await
}

/// How a body ended.
enum Outcome<T> {
    /// With a value.
    Value(T),
    /// By a cancellation.
    Cancelled(Cancelled),
    /// By a panic.
    Panicked(Payload),
}

impl<T> Outcome<T> {
    /// What was going to happen before the clean-up.
    async fn go_on(self) -> T {
        match self {
            Self::Value(value) => value,
            Self::Cancelled(cancelled) => cancelled.resume().await,
            Self::Panicked(payload) => resume_unwind(payload),
        }
    }
}

/// Runs `body` and gives how it ended. By then it is dropped.
async fn outcome_of<F: Future>(body: F) -> Outcome<F::Output> {
    let polled = async move {
        let mut body = pin!(body);
        poll_fn(move |cx| match caught(|| body.as_mut().poll(cx)) {
            Ok(polled) => polled.map(Ok),
            Err(payload) => Poll::Ready(Err(payload)),
        })
        .await
    };
    match catch_cancel(polled).await {
        Ok(Ok(value)) => Outcome::Value(value),
        Ok(Err(payload)) => Outcome::Panicked(payload),
        Err(cancelled) => Outcome::Cancelled(cancelled),
    }
}
