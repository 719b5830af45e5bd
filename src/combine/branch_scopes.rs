//! The scopes of a [`JoinAll`](super::join_all::JoinAll) and its children, and its exit when it
//! does not complete.
//!
//! ```text
//!   join ─┬─ branch of child 0     opened when code in the child opens a node
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

/// Why a combinator ends before its children have completed.
pub(super) enum Exit {
    /// The driver's judgement broke off.
    Broken,
    /// A cancellation, which propagates.
    Cancelled(Cancelled),
    /// A child panicked; the panic propagates.
    Panicked(Panic),
}

/// The scopes of a combinator and its children.
#[derive(Default)]
pub(super) struct BranchScopes {
    /// The scope of the combinator.
    pub(super) join: ScopeHandle,
    /// The scopes of the children in which a node was opened, by index.
    branches: BTreeMap<usize, ScopeHandle>,
    /// Set from `begin_exit`, or a cancellation from outside, on.
    pub(super) exit: Option<Exit>,
    /// A cancellation that a child resumed, and that the combinator did not deliver to it.
    pub(super) resumed: Option<Cancelled>,
    /// The cancellation that the combinator itself delivered to its children.
    sent: Option<Cancelled>,
    /// The last cancellation from outside.
    outer: Option<Cancelled>,
    /// The joins that were pending in dropped children.
    pub(super) pending_joins: PendingJoins,
    /// A cancellation that propagates: the combinator waits to be dropped.
    propagating: Option<Outgoing>,
}

impl BranchScopes {
    /// Begins a poll and takes a cancellation from outside. `true` obliges the caller to drop the
    /// children that have no open catch point.
    pub(super) fn begin_poll(&mut self, waker: &Waker) -> bool {
        self.join.visit(waker);
        let Some(cancelled) = self.join.arrived() else {
            return false;
        };
        if self.join.owns(&cancelled) {
            return false;
        }
        // The same cancellation may arrive again, from a shield at the end of a branch. It does not
        // count as a second one.
        if !matches!(&self.exit, Some(Exit::Cancelled(first)) if first.is_same(&cancelled)) {
            self.pending_joins.cancel_again(&cancelled);
            self.outer = Some(cancelled.clone());
        }
        // A panic takes precedence. Of two cancellations the first stands, unless the second comes
        // from further out.
        let replaces = match &self.exit {
            Some(Exit::Panicked(_)) => false,
            Some(Exit::Cancelled(first)) => self.join.outranks(&cancelled, first),
            Some(Exit::Broken) | None => true,
        };
        if replaces {
            self.exit = Some(Exit::Cancelled(cancelled));
        }
        true
    }

    /// Ends a poll that is pending. Returns `false` if a cancellation has arrived meanwhile and the
    /// poll must continue.
    pub(super) fn end_poll(&mut self, waker: &Waker, engine: &Engine) -> bool {
        self.pass_by(engine);
        self.join.refresh(waker);
        !self.join.has_arrived()
    }

    /// Propagates cancellations that a branch received and did not observe in its poll (C26), so
    /// that they end the branch. Concerns branches whose last poll was pending and that were not
    /// woken again.
    fn pass_by(&self, engine: &Engine) {
        if !self.has_scopes() || try_with(Core::is_any_unheard) != Ok(true) {
            return;
        }
        let pending = self
            .branches
            .iter()
            .filter(|(index, _)| !engine.is_woken(**index));
        pending.for_each(|(_, branch)| branch.pass_by());
    }

    /// Begins to exit for a reason inside the combinator, and cancels the other children.
    pub(super) fn begin_exit(&mut self, exit: Exit) {
        let own = match &exit {
            // The cancellation is not the combinator's own, so the children receive a renewed one.
            Exit::Cancelled(resumed) => resumed.renewed(),
            _ => failed(),
        };
        match (&self.exit, exit) {
            (Some(Exit::Panicked(_)), exit) => drop_exit(exit),
            (Some(Exit::Cancelled(_)), exit @ Exit::Panicked(_))
            | (None | Some(Exit::Broken), exit) => self.exit = Some(exit),
            (Some(Exit::Cancelled(_)), exit) => drop_exit(exit),
        }
        let sent = self.sent.get_or_insert(own);
        self.join.cancel(sent);
    }

    /// Runs `poll` as code inside a child. `deferred` opens the scope of the child if the code
    /// needs it.
    #[inline]
    pub(super) fn poll_inside<R>(
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

    /// Stores the scope of a child; with the first one, also that of the combinator.
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

    /// Returns `true` if a node was opened in the child.
    pub(super) fn has_scope(&self, index: usize) -> bool {
        let branch = self.branches.get(&index);
        branch.is_some_and(|branch| branch.node().is_some())
    }

    /// Returns `true` if a node was opened in any child.
    #[inline]
    pub(super) fn has_scopes(&self) -> bool {
        !self.branches.is_empty()
    }

    /// Returns `true` if a cancellation ends the child.
    pub(super) fn has_arrived_at(&self, index: usize) -> bool {
        self.branches
            .get(&index)
            .is_some_and(ScopeHandle::has_arrived)
    }

    /// Takes the cancellation that ends the child.
    pub(super) fn arrived_at(&self, index: usize) -> Option<Cancelled> {
        self.branches.get(&index)?.arrived()
    }

    /// Returns `true` if a cancellation that ends a child is the combinator's own, or comes when
    /// the exit is decided.
    pub(super) fn expects(&self, cancelled: &Cancelled) -> bool {
        let is_decided = matches!(self.exit, Some(Exit::Cancelled(_) | Exit::Panicked(_)));
        is_decided || self.join.owns(cancelled)
    }

    /// Closes the scope of a child that has completed.
    pub(super) fn close_branch(&mut self, index: usize) {
        self.branches.remove(&index);
    }

    /// Drops a child because of `why`. The combinator then waits for the joins that were pending in
    /// it. A panic of its destructor becomes the exit.
    pub(super) fn drop_child<S: Set>(
        &mut self,
        index: usize,
        why: &Cancelled,
        mut set: Pin<&mut S>,
    ) {
        let branch = self.branches.remove(&index).unwrap_or_default();
        let mut dropped = Ok(());
        let joins = PendingJoins::of(why, || {
            dropped = branch.inside(|| caught(|| set.as_mut().clear_child(index)));
        });
        self.pending_joins.join(joins);
        if let Err(panic) = dropped {
            match self.exit {
                Some(Exit::Panicked(_)) => drop_quietly(panic),
                _ => self.exit = Some(Exit::Panicked(Panic::new(panic))),
            }
        }
    }

    /// Returns the cancellation for children that are dropped without a scope. It is the one that
    /// the others receive, so that the combinator recognizes it when it returns through the handle
    /// of a task.
    pub(super) fn reason(&self) -> Cancelled {
        let resumed = match &self.exit {
            Some(Exit::Cancelled(cancelled)) => Some(cancelled),
            _ => None,
        };
        let reason = self.outer.as_ref().or(resumed);
        let reason = reason.or(self.resumed.as_ref()).or(self.sent.as_ref());
        reason.cloned().unwrap_or_else(failed)
    }

    /// Closes all scopes.
    pub(super) fn close(&mut self) {
        self.branches.clear();
        self.join.close();
    }

    /// Propagates a cancellation.
    pub(super) fn propagate(&mut self, cancelled: Cancelled, waker: &Waker) {
        self.propagating = try_with(|core| core.resume(cancelled, waker)).ok();
    }

    /// Returns `true` if a cancellation propagates and the combinator waits to be dropped.
    pub(super) fn is_propagating(&self) -> bool {
        self.propagating.is_some()
    }

    /// Waits to be dropped while a cancellation propagates.
    ///
    /// # Panics
    /// If `catch_cancel` has returned the cancellation already.
    pub(super) fn wait_to_be_dropped<T>(&self) -> Poll<T> {
        match &self.propagating {
            Some(outgoing) => outgoing.poll(),
            None => Poll::Pending,
        }
    }

    /// Ends the propagation: the future that waited to be dropped was dropped.
    pub(super) fn forget_propagating(&mut self) {
        self.propagating = None;
    }
}

/// Creates the cancellation for the siblings of a child that failed or panicked.
fn failed() -> Cancelled {
    let by = try_with(Core::current_id).ok().flatten();
    Cancelled::new(Reason::SiblingFailed, by)
}

/// Drops an exit that another one takes precedence over.
fn drop_exit(exit: Exit) {
    if let Exit::Panicked(panic) = exit {
        drop_quietly(panic);
    }
}
