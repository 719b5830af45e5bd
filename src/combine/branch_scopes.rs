//! A crew in the tree of scopes, and how it ends when it does not end well. Floor: F4.
//!
//! ```text
//!   Join ─┬─ branch of child 0      opened when something in the child opens a node
//!         └─ branch of child 7
//! ```

use super::engine::Engine;
use super::slot::Set;
use crate::error::{Cancelled, Panic, Reason};
use crate::runtime::{Core, DeferredOpen, Outgoing, PendingJoins, ScopeHandle, try_with};
use crate::util::{caught, drop_quietly};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// Why a crew ends before its time.
pub(super) enum Exit {
    /// The driver broke it off.
    Broken,
    /// A cancellation, which goes on outwards.
    Cancelled(Cancelled),
    /// A child panicked; the panic goes on.
    Panicked(Panic),
}

/// The places of a crew and its children.
#[derive(Default)]
pub(super) struct BranchScopes {
    /// The crew's own.
    pub(super) join: ScopeHandle,
    /// Those of children in which something opened a node.
    branches: BTreeMap<usize, ScopeHandle>,
    /// Set while it winds up.
    pub(super) end: Option<Exit>,
    /// A cancellation that a child resumed, and that was not sent into the crew.
    pub(super) resumed: Option<Cancelled>,
    /// What was sent into the crew for a reason that lies inside.
    sent: Option<Cancelled>,
    /// What came from outside last.
    heard: Option<Cancelled>,
    /// The tasks that dropped children were awaiting.
    pub(super) awaited: PendingJoins,
    /// A cancellation that has been sent on outwards: nothing will come of this crew.
    passed: Option<Outgoing>,
}

impl BranchScopes {
    /// Begins a poll of the crew; `true` when a cancellation has come, so that who does not catch it is to be dropped.
    pub(super) fn hear(&mut self, waker: &Waker) -> bool {
        self.join.visit(waker);
        let Some(cancelled) = self.join.arrived() else {
            return false;
        };
        if self.join.owns(&cancelled) {
            return false;
        }
        // The first one may come again, out of a shield at the end of a branch: that is no second cancellation.
        if !matches!(&self.end, Some(Exit::Cancelled(first)) if first.is_same(&cancelled)) {
            self.awaited.cancel_again(&cancelled);
            self.heard = Some(cancelled.clone());
        }
        // A panic goes before anything; of two cancellations the first stands, unless the second is from further out.
        let goes_on = match &self.end {
            Some(Exit::Panicked(_)) => false,
            Some(Exit::Cancelled(first)) => self.join.outranks(&cancelled, first),
            Some(Exit::Broken) | None => true,
        };
        if goes_on {
            self.end = Some(Exit::Cancelled(cancelled));
        }
        true
    }

    /// Ends a poll in which nothing more can be done; `false` when there is something to be heard yet.
    pub(super) fn rest(&mut self, waker: &Waker, engine: &Engine) -> bool {
        self.pass_by(engine);
        self.join.refresh(waker);
        !self.join.has_arrived()
    }

    /// In the branches that were polled to a pending end and not woken again, what was delivered
    /// and not heard goes on outwards (C26), so that it ends the branch.
    fn pass_by(&self, engine: &Engine) {
        if !self.has_places() || try_with(Core::is_any_unheard) != Ok(true) {
            return;
        }
        let resting = self
            .branches
            .iter()
            .filter(|(index, _)| !engine.is_woken(**index));
        resting.for_each(|(_, branch)| branch.pass_by());
    }

    /// Begins to end for a reason that lies inside: the others are cancelled.
    pub(super) fn begin_exit(&mut self, end: Exit) {
        let news = match &end {
            // It is not the crew's own, so what is sent into that is another one.
            Exit::Cancelled(resumed) => resumed.renewed(),
            _ => failed(),
        };
        match (&self.end, end) {
            (Some(Exit::Panicked(_)), end) => drop_end(end),
            (Some(Exit::Cancelled(_)), end @ Exit::Panicked(_))
            | (None | Some(Exit::Broken), end) => self.end = Some(end),
            (Some(Exit::Cancelled(_)), end) => drop_end(end),
        }
        let sent = self.sent.get_or_insert(news);
        self.join.cancel(sent);
    }

    /// Runs `poll` as code inside of a child. `promise` stands for the branches that are not open.
    #[inline]
    pub(super) fn visit<R>(
        &mut self,
        index: usize,
        cx: &mut Context<'_>,
        promise: Option<&DeferredOpen<'_>>,
        poll: impl FnOnce(&mut Context<'_>) -> R,
    ) -> R {
        let waker = cx.waker();
        if !self.branches.is_empty()
            && let Some(branch) = self.branches.get_mut(&index)
        {
            branch.refresh(waker);
            return branch.inside(|| poll(cx));
        }
        let polled = poll(cx);
        if let Some(promise) = promise
            && let Some(branch) = promise.opened(waker)
        {
            self.keep(index, branch, promise);
        }
        polled
    }

    /// Keeps the branch of a child, and learns of the crew's own place with the first one.
    #[cold]
    fn keep(&mut self, index: usize, branch: ScopeHandle, promise: &DeferredOpen<'_>) {
        if self.join.node().is_none() {
            self.join = branch.around().unwrap_or_default();
            promise.know(&self.join);
        }
        self.branches.insert(index, branch);
    }

    /// Whether something in a child has opened a node.
    pub(super) fn has_place(&self, index: usize) -> bool {
        let branch = self.branches.get(&index);
        branch.is_some_and(|branch| branch.node().is_some())
    }

    /// Whether any child has a place.
    #[inline]
    pub(super) fn has_places(&self) -> bool {
        !self.branches.is_empty()
    }

    /// Whether a cancellation ends a child.
    pub(super) fn has_arrived_at(&self, index: usize) -> bool {
        self.branches
            .get(&index)
            .is_some_and(ScopeHandle::has_arrived)
    }

    /// The cancellation that ends a child, once.
    pub(super) fn arrived_at(&self, index: usize) -> Option<Cancelled> {
        self.branches.get(&index)?.arrived()
    }

    /// Whether a cancellation that ends a child is one that was sent into the crew, or comes too late to count.
    pub(super) fn expects(&self, cancelled: &Cancelled) -> bool {
        let is_decided = matches!(self.end, Some(Exit::Cancelled(_) | Exit::Panicked(_)));
        is_decided || self.join.owns(cancelled)
    }

    /// A child has ended by itself.
    pub(super) fn leave(&mut self, index: usize) {
        self.branches.remove(&index);
    }

    /// Drops a child, for the sake of `why`. The tasks that it was awaiting are waited for; a panic of its destructor ends the
    /// crew.
    pub(super) fn cut<S: Set>(&mut self, index: usize, why: &Cancelled, mut set: Pin<&mut S>) {
        let branch = self.branches.remove(&index).unwrap_or_default();
        let mut dropped = Ok(());
        let awaited = PendingJoins::of(why, || {
            dropped = branch.inside(|| caught(|| set.as_mut().clear_child(index)));
        });
        self.awaited.join(awaited);
        if let Err(panic) = dropped {
            match self.end {
                Some(Exit::Panicked(_)) => drop_quietly(panic),
                _ => self.end = Some(Exit::Panicked(Panic::new(panic))),
            }
        }
    }

    /// Why children are dropped that were told nothing; the very cancellation that the others hear of, so that the crew knows it
    /// as its own where it comes back by way of a task's handle.
    pub(super) fn reason(&self) -> Cancelled {
        let resumed = match &self.end {
            Some(Exit::Cancelled(cancelled)) => Some(cancelled),
            _ => None,
        };
        let reason = self.heard.as_ref().or(resumed);
        let reason = reason.or(self.resumed.as_ref()).or(self.sent.as_ref());
        reason.cloned().unwrap_or_else(failed)
    }

    /// Leaves the tree.
    pub(super) fn close(&mut self) {
        self.branches.clear();
        self.join.close();
    }

    /// Sends a cancellation on outwards.
    pub(super) fn pass(&mut self, cancelled: Cancelled, waker: &Waker) {
        self.passed = try_with(|core| core.resume(cancelled, waker)).ok();
    }

    /// Whether it has sent a cancellation on, and waits to be dropped.
    pub(super) fn has_passed(&self) -> bool {
        self.passed.is_some()
    }

    /// It has sent a cancellation on, and waits to be dropped.
    ///
    /// # Panics
    /// If the cancellation was given out.
    pub(super) fn wait_to_be_dropped<T>(&self) -> Poll<T> {
        match &self.passed {
            Some(outgoing) => outgoing.poll(),
            None => Poll::Pending,
        }
    }

    /// Whoever waited to be dropped has been.
    pub(super) fn be_over(&mut self) {
        self.passed = None;
    }
}

/// What a crew is told when a child has failed or panicked.
fn failed() -> Cancelled {
    let by = try_with(Core::current_id).ok().flatten();
    Cancelled::new(Reason::SiblingFailed, by)
}

/// Drops an end that another one has come before.
fn drop_end(end: Exit) {
    if let Exit::Panicked(panic) = end {
        drop_quietly(panic);
    }
}
