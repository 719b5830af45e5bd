//! The children of one scope: the branches of a gather, or the body and the children of a group.
//!
//! ```text
//!   join ─┬─ branch 0     opened when code in that child opens a node
//!         ├─ branch 7
//!         └─ task         a child of a group has a root of its own
//! ```
//!
//! A [`Nursery`] decides what a cancellation means for the children; its owner decides which child
//! is polled when.
//!
//! ```text
//!   running ─┬─ cancel, fail: a child failed ────┐
//!            ├─ resumed: a child resumed one ────┼─▶ exiting: the owner drops
//!            └─ receive: one came from outside ──┘   children without a catch
//!                                                    point, the others clean up
//!   all have ended, and the joins that were pending in dropped children (C21):
//!     close ─▶ take_panic ─▶ propagate: what was received or resumed
//! ```

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::task::{Context, Poll, Waker};

use super::handle::{DeferredOpen, ScopeHandle};
use super::joins::PendingJoins;
use super::outgoing::Outgoing;
use crate::error::{Cancelled, Panic, Reason};
use crate::runtime::{Core, try_with};
use crate::scope::Kind;
use crate::util::slab::Key;
use crate::util::{Payload, caught, drop_quietly};

/// The scopes of children that end together.
#[derive(Debug, Default)]
pub(crate) struct Nursery {
    /// The scope of all.
    join: ScopeHandle,
    /// The scopes of the children in which a node was opened, by index.
    branches: BTreeMap<usize, ScopeHandle>,
    /// The cancellation that the nursery delivered to its children last.
    sent: Option<Cancelled>,
    /// The last cancellation from outside.
    outer: Option<Cancelled>,
    /// The cancellation that propagates at the end: from outside, or resumed by a child.
    passing: Option<Cancelled>,
    /// The first panic of a child.
    panic: Option<Panic>,
    /// The joins that were pending in dropped children.
    joins: PendingJoins,
    /// A cancellation that propagates: the future around waits to be dropped.
    propagating: Option<Outgoing>,
}

/// One poll.
impl Nursery {
    /// Opens the scope of all. Returns `true` for the first call.
    pub(crate) fn open(&mut self, waker: &Waker) -> bool {
        self.join.open(Kind::Join, waker)
    }

    /// Returns the node of all, if it is open.
    pub(crate) fn node(&self) -> Option<Key> {
        self.join.node()
    }

    /// Begins a poll of a nursery that opens its scope with the first branch.
    pub(crate) fn visit(&mut self, waker: &Waker) {
        self.join.visit(waker);
    }

    /// Ends a poll that is pending. Returns `false` if a cancellation has arrived meanwhile and the
    /// poll must continue.
    pub(crate) fn end_poll(&mut self, waker: &Waker) -> bool {
        self.join.refresh(waker);
        !self.join.has_arrived()
    }

    /// Suspends the scope until the next poll: until then, a cancellation is not delivered inside.
    pub(crate) fn suspend(&mut self) {
        self.join.set_aside();
    }

    /// Ends a poll that was for a child, not for the nursery: a cancellation from outside that is
    /// pending counts as if this poll had not been.
    pub(crate) fn unhear(&self) {
        self.join.unhear();
    }

    /// Propagates cancellations that a branch received and did not observe in its poll (C26), so
    /// that they end the branch. Branches that `is_woken` holds for have some more polls.
    pub(crate) fn pass_by(&self, is_woken: impl Fn(usize) -> bool) {
        if !self.has_scopes() || try_with(Core::is_any_unheard) != Ok(true) {
            return;
        }
        for (&index, branch) in &self.branches {
            branch.pass_by(is_woken(index));
        }
    }
}

/// Cancellation of all.
impl Nursery {
    /// Returns `true` if a cancellation from outside has arrived.
    pub(crate) fn has_arrived(&self) -> bool {
        self.join.has_arrived()
    }

    /// Receives the cancellation from outside that has arrived. `true` obliges the caller to drop
    /// the children that have no open catch point. With `leave` it stays at the scope, too, for
    /// branches that open.
    pub(crate) fn receive(&mut self, leave: bool) -> bool {
        let arrived = if leave {
            self.join.pending()
        } else {
            self.join.arrived()
        };
        let Some(cancelled) = arrived.filter(|arrived| !self.join.owns(arrived)) else {
            return false;
        };
        // The same cancellation may arrive again, from a shield at the end of a branch. It does not
        // count as a second one.
        let first = self.passing.as_ref();
        if first.is_none_or(|first| !first.is_same(&cancelled)) {
            self.joins.cancel_again(&cancelled);
            self.outer = Some(cancelled.clone());
        }
        self.pass_on(cancelled);
        true
    }

    /// Records a cancellation that propagates at the end. The first one stands, unless the second
    /// comes from further out.
    fn pass_on(&mut self, cancelled: Cancelled) {
        let first = self.passing.as_ref();
        if first.is_none_or(|first| self.join.outranks(&cancelled, first)) {
            self.passing = Some(cancelled);
        }
    }

    /// Begins to exit with a cancellation that a child resumed.
    fn resumed(&mut self, cancelled: Cancelled) {
        // It is not the nursery's own, so the other children receive a renewed one.
        self.cancel(cancelled.renewed());
        self.joins.cancel_again(&cancelled);
        self.pass_on(cancelled);
    }

    /// Begins to exit because a child failed or panicked. If the children were cancelled already, a
    /// second cancellation would only interrupt their clean-ups.
    pub(crate) fn fail(&mut self) {
        if !self.is_exiting() {
            self.cancel(failed());
        }
    }

    /// Delivers a cancellation of the nursery's own to all children.
    pub(crate) fn cancel(&mut self, cancelled: Cancelled) {
        self.join.cancel(&cancelled);
        self.sent = Some(cancelled);
    }

    /// Returns `true` if all children were cancelled, by the nursery itself or from outside.
    #[inline]
    pub(crate) fn is_exiting(&self) -> bool {
        self.sent.is_some() || self.passing.is_some()
    }

    /// Returns the cancellation that propagates at the end.
    pub(crate) fn passing(&self) -> Option<&Cancelled> {
        self.passing.as_ref()
    }

    /// Returns the cancellation for children that are dropped without a scope. It is the one that
    /// the others receive, so that the nursery recognizes it when it returns through the handle of
    /// a task.
    pub(crate) fn reason(&self) -> Cancelled {
        let reason = self.outer.as_ref().or(self.passing.as_ref());
        let reason = reason.or(self.sent.as_ref());
        reason.cloned().unwrap_or_else(failed)
    }
}

/// One child.
impl Nursery {
    /// Registers the waker of a child.
    pub(crate) fn refresh(&mut self, index: usize, waker: &Waker) {
        if let Some(branch) = self.branches.get_mut(&index) {
            branch.refresh(waker);
        }
    }

    /// Runs `poll` as code inside a child. `deferred` opens the scope of the child if the code
    /// needs it.
    #[inline]
    pub(crate) fn poll_inside<R>(
        &mut self,
        index: usize,
        cx: &mut Context<'_>,
        deferred: Option<&DeferredOpen<'_>>,
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
        if let Some(deferred) = deferred
            && let Some(branch) = deferred.opened(waker)
        {
            self.store(index, branch, deferred);
        }
        polled
    }

    /// Stores the scope of a child; with the first one, also that of all.
    ///
    /// Cold: most children open no scope (bench `gather_yield_10000`).
    #[cold]
    fn store(&mut self, index: usize, branch: ScopeHandle, deferred: &DeferredOpen<'_>) {
        if self.join.node().is_none() {
            self.join = branch.around().unwrap_or_default();
            deferred.set_join(&self.join);
        }
        self.branches.insert(index, branch);
    }

    /// Returns `true` if a node was opened in any child.
    #[inline]
    pub(crate) fn has_scopes(&self) -> bool {
        !self.branches.is_empty()
    }

    /// Returns `true` if a node was opened in the child.
    pub(crate) fn has_scope(&self, index: usize) -> bool {
        let branch = self.branches.get(&index);
        branch.is_some_and(|branch| branch.node().is_some())
    }

    /// Returns `true` if a cancellation ends the child.
    pub(crate) fn has_arrived_at(&self, index: usize) -> bool {
        self.branches
            .get(&index)
            .is_some_and(ScopeHandle::has_arrived)
    }

    /// Drops a pending child if a cancellation ends it. Breaks if the child resumed one that is not
    /// the nursery's own: the other children were cancelled, and the caller drops those that have
    /// no open catch point.
    ///
    /// Cold: most children open no scope (bench `gather_yield_10000`).
    #[cold]
    pub(crate) fn end_cancelled(
        &mut self,
        index: usize,
        drop_it: impl FnOnce(),
    ) -> Poll<ControlFlow<()>> {
        let Some(cancelled) = self.arrived_at(index) else {
            return Poll::Pending;
        };
        let is_expected = self.expects(&cancelled);
        self.drop_child(index, &cancelled, drop_it);
        if is_expected {
            return Poll::Ready(ControlFlow::Continue(()));
        }
        self.resumed(cancelled);
        Poll::Ready(ControlFlow::Break(()))
    }

    /// Takes the cancellation that ends the child.
    pub(crate) fn arrived_at(&self, index: usize) -> Option<Cancelled> {
        self.branches.get(&index)?.arrived()
    }

    /// Returns `true` if a cancellation that ends a child is the nursery's own, or comes when it is
    /// decided what propagates.
    fn expects(&self, cancelled: &Cancelled) -> bool {
        let is_decided = self.passing.is_some() || self.panic.is_some();
        is_decided || self.join.owns(cancelled)
    }

    /// Closes the scope of a child that has ended.
    pub(crate) fn close_branch(&mut self, index: usize) {
        self.branches.remove(&index);
    }

    /// Runs `drop_it`, which drops a child, as code inside of it, and closes its scope.
    pub(crate) fn end_child(&mut self, index: usize, drop_it: impl FnOnce()) {
        let branch = self.branches.remove(&index).unwrap_or_default();
        if let Err(payload) = branch.inside(|| caught(drop_it)) {
            self.panicked(payload);
        }
    }

    /// [`end_child`](Nursery::end_child) because of `why`. The nursery then waits for the joins that
    /// were pending in the child.
    pub(crate) fn drop_child(&mut self, index: usize, why: &Cancelled, drop_it: impl FnOnce()) {
        let joins = PendingJoins::of(why, || self.end_child(index, drop_it));
        self.joins.join(joins);
    }

    /// Records the panic of a child, if it is the first one.
    pub(crate) fn panicked(&mut self, payload: Payload) {
        if self.panic.is_some() {
            drop_quietly(payload);
        } else {
            self.panic = Some(Panic::new(payload));
        }
    }
}

/// The end.
impl Nursery {
    /// Returns `true` if no dropped child left a join.
    pub(crate) fn has_no_joins(&self) -> bool {
        self.joins.is_over()
    }

    /// Waits for the joins that were pending in dropped children.
    pub(crate) fn poll_joins(&mut self, waker: &Waker) -> Poll<()> {
        self.joins.poll(waker)
    }

    /// Closes all scopes.
    pub(crate) fn close(&mut self) {
        self.branches.clear();
        self.join.close();
    }

    /// Takes the first panic of a child.
    pub(crate) fn take_panic(&mut self) -> Option<Panic> {
        self.panic.take()
    }

    /// Propagates the cancellation that was received or resumed. Returns `false` if there is none.
    pub(crate) fn propagate(&mut self, waker: &Waker) -> bool {
        let Some(cancelled) = self.passing.take() else {
            return false;
        };
        self.propagating = try_with(|core| core.resume(cancelled, waker)).ok();
        true
    }

    /// Returns `true` if a cancellation propagates and the future around waits to be dropped.
    pub(crate) fn is_propagating(&self) -> bool {
        self.propagating.is_some()
    }

    /// Waits to be dropped while a cancellation propagates.
    ///
    /// # Panics
    /// If `catch_cancel` has returned the cancellation already.
    pub(crate) fn wait_to_be_dropped<T>(&self) -> Poll<T> {
        match &self.propagating {
            Some(outgoing) => outgoing.poll(),
            None => Poll::Pending,
        }
    }

    /// Ends the propagation: the future that waited to be dropped was dropped.
    pub(crate) fn forget_propagating(&mut self) {
        self.propagating = None;
    }
}

/// Creates the cancellation for the siblings of a child that failed or panicked.
fn failed() -> Cancelled {
    let by = try_with(Core::current_id).ok().flatten();
    Cancelled::new(Reason::SiblingFailed, by)
}
