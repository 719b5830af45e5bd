//! A future with its scope: [`Scoped`]. The children of one scope: [`Nursery`].
//!
//! Only this module asks the tree whether a cancellation has arrived at a future. An owner decides
//! what the end of its future means.
//!
//! ```text
//!              the future is ready                        Ending::Value
//!   Running ─────────────────────────────────────────────────────────────▶ Done
//!     │ cut: a cancellation has arrived,                                   ▲ │
//!     │      or cancel: none inside received it                            │ │ resume
//!     ▼                                                                    │ ▼
//!   Cutting: the future is dropped ── the tasks that it was    Ending::Cut │ Passed:
//!     └── cancelled again: so are      awaiting have ended ────────────────┘ waits to
//!         these tasks (C9)             (C21)                                 be dropped
//! ```
//!
//! | owner | node | its policy |
//! |---|---|---|
//! | `shield` | at the first poll | a cancellation is held until the future is ready |
//! | `catch_cancel` | at the first poll | `Cut`: returns the cancellation |
//! | `timeout` | if the code inside opens one | `Cut` by its own: `Elapsed`; else resumes |
//!
//! The main future has the root of its task as its node, so `drive` polls it; it shares the stage
//! [`Cutting`]. A branch of a gather, and the body of a group, are polled in a [`Nursery`].
//!
//! Outside of a task a `Scoped` only polls its future.

mod handle;
mod join_list;
mod joins;
mod nursery;
mod outgoing;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;

use super::with;
use crate::error::Cancelled;
use crate::scope::{Kind, Unopened};

pub(crate) use handle::DeferredOpen;
use handle::ScopeHandle;
pub(super) use join_list::JoinList;
pub(super) use joins::PendingJoins;
pub(crate) use nursery::Nursery;
use outgoing::Outgoing;

/// The scope of a future.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ScopeKind {
    /// A catch point. A cancellation that arrives before the first poll waits until after it (C24).
    Catch,
    /// A shield. No cancellation cuts its future.
    Shield,
    /// A timeout that expires at this time, in nanoseconds of the clock.
    Timeout(u64),
}

impl ScopeKind {
    #[cold]
    fn polled_after_end(self) -> ! {
        let what = match self {
            Self::Catch => "catch_cancel",
            Self::Shield => "shield",
            Self::Timeout(_) => "timeout",
        };
        panic!("a {what} was polled after it was done")
    }
}

/// How a scoped future has ended.
#[derive(Debug)]
pub(crate) enum Ending<T> {
    /// It was ready.
    Value(T),
    /// A cancellation has ended it. The tasks that it was awaiting have ended, too. In a box, so that
    /// an ending is as small as a value (bench `timeout_ready`).
    Cut(Box<Cut>),
}

/// The cancellations that have ended a future.
#[derive(Debug)]
pub(crate) struct Cut {
    pub(crate) by: Cancelled,
    /// Whether the scope itself was cancelled with `by`.
    pub(crate) own: bool,
    /// The cancellation from further out that was delivered inside of a timeout (C13).
    pub(crate) outer: Option<Cancelled>,
}

pin_project! {
    /// A future with its scope.
    #[derive(Debug)]
    pub(crate) struct Scoped<F> {
        // Declared before the scope, so that it is dropped before that closes.
        #[pin]
        future: Option<F>,
        scope: ScopeHandle,
        stage: Stage,
    }
}

/// The state of a scoped future.
#[derive(Debug)]
enum Stage {
    /// The future is polled, or has ended and is gone.
    Running,
    Cutting(Cutting),
    /// A cancellation was resumed. The future around waits to be dropped.
    Passed(Outgoing),
}

impl<F: Future> Scoped<F> {
    pub(crate) fn new(future: F) -> Self {
        Self {
            future: Some(future),
            scope: ScopeHandle::default(),
            stage: Stage::Running,
        }
    }

    /// Polls the future as code inside of a scope of this kind.
    ///
    /// # Panics
    /// If it has ended.
    // Inlined, and `run`, so that the kind is known and a value is not copied through memory (bench
    // `timeout_ready`).
    #[inline(always)]
    pub(crate) fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        kind: ScopeKind,
    ) -> Poll<Ending<F::Output>> {
        if matches!(self.stage, Stage::Running) {
            match self.as_mut().run(cx, kind) {
                Ok(polled) => return polled.map(Ending::Value),
                Err(by) => self.as_mut().cut(by, cx.waker()),
            }
        }
        self.poll_cutting(cx.waker()).map(Ending::Cut)
    }

    /// Polls the future, which has not ended.
    ///
    /// # Errors
    /// The cancellation that ends the future.
    #[inline(always)]
    fn run(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        kind: ScopeKind,
    ) -> Result<Poll<F::Output>, Cancelled> {
        let mut this = self.project();
        let scope = this.scope;
        let Some(inner) = this.future.as_mut().as_pin_mut() else {
            kind.polled_after_end();
        };
        let polled = match kind {
            ScopeKind::Timeout(expires_at) => {
                scope.visit(cx.waker());
                let unopened = Unopened::Scope(expires_at);
                scope.inside_unopened(unopened, cx.waker(), || inner.poll(cx))
            }
            ScopeKind::Shield => {
                scope.open(Kind::Mask, cx.waker());
                scope.inside(|| inner.poll(cx))
            }
            ScopeKind::Catch => {
                let is_first = scope.open(Kind::Catch, cx.waker());
                if !is_first && let Some(by) = scope.pending() {
                    return Err(by);
                }
                scope.inside(|| inner.poll(cx))
            }
        };
        if polled.is_ready() {
            scope.inside(|| this.future.set(None));
            scope.close();
            return Ok(polled);
        }
        match kind {
            ScopeKind::Shield => Ok(Poll::Pending),
            _ => scope.pending().map_or(Ok(Poll::Pending), Err),
        }
    }

    /// Drops the future, and begins to wait for the tasks that it was awaiting.
    #[cold]
    fn cut(self: Pin<&mut Self>, by: Cancelled, waker: &Waker) {
        let mut this = self.project();
        let scope = this.scope;
        let cutting = Cutting::begin(by, || scope.inside(|| this.future.set(None)));
        scope.visit(waker);
        *this.stage = Stage::Cutting(cutting);
    }

    /// Waits for the tasks that the dropped future was awaiting.
    #[cold]
    fn poll_cutting(self: Pin<&mut Self>, waker: &Waker) -> Poll<Box<Cut>> {
        let this = self.project();
        let scope = this.scope;
        let cutting = match this.stage {
            Stage::Cutting(cutting) => cutting,
            Stage::Passed(outgoing) => return outgoing.poll(),
            Stage::Running => return Poll::Pending,
        };
        let again = scope.latest_if_hit();
        scope.visit(waker);
        let by = ready!(cutting.poll(again, waker));
        // One that arrived meanwhile has joined the first, or replaces it.
        let arrived = scope.arrived();
        let own = arrived.as_ref().is_none_or(|arrived| scope.owns(arrived));
        let outer = scope.outer();
        scope.close();
        *this.stage = Stage::Running;
        let by = arrived.unwrap_or(by);
        Poll::Ready(Box::new(Cut { by, own, outer }))
    }

    /// Returns `true` if the future is polled, or has returned.
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.stage, Stage::Running)
    }

    /// Cancels the scope, which is running. The future is cut at once if no catch point or shield
    /// inside received the cancellation.
    pub(crate) fn cancel(
        mut self: Pin<&mut Self>,
        cancelled: Cancelled,
        waker: &Waker,
    ) -> Poll<Box<Cut>> {
        if self.scope.cancel(&cancelled) {
            return Poll::Pending;
        }
        let by = self.scope.pending().unwrap_or(cancelled);
        self.as_mut().cut(by, waker);
        self.poll_cutting(waker)
    }

    /// Resumes a cancellation that has cut the future. The future around then waits to be dropped.
    pub(crate) fn resume<T>(self: Pin<&mut Self>, cancelled: Cancelled, waker: &Waker) -> Poll<T> {
        let outgoing = with("Cancelled::resume", |core| core.resume(cancelled, waker));
        *self.project().stage = Stage::Passed(outgoing);
        Poll::Pending
    }
}

/// The end of a future that was dropped for a cancellation: a wait for the tasks that it was
/// awaiting.
#[derive(Debug)]
pub(super) struct Cutting {
    by: Cancelled,
    joins: PendingJoins,
}

impl Cutting {
    /// Runs `drop_it`, which drops the future.
    pub(super) fn begin(by: Cancelled, drop_it: impl FnOnce()) -> Self {
        let joins = PendingJoins::of(&by, drop_it);
        Self { by, joins }
    }

    /// Returns the cancellation when the tasks have ended. `again` is a further one, which is
    /// passed on to them (C9).
    pub(super) fn poll(&mut self, again: Option<Cancelled>, waker: &Waker) -> Poll<Cancelled> {
        ready!(self.joins.poll_again(again, waker));
        Poll::Ready(self.by.clone())
    }
}
