//! The future of a group: polls the body and the children, and ends when all of them have ended.
//!
//! ```text
//!   poll ─┬─ for a child: poll_for_child ─▶ run_child ─▶ run_next_children
//!         │                                    │
//!         │                                    └─ failed ─▶ deliver: cancels the
//!         │                                                 other members, once
//!         │    the body was woken, or all have ended ─▶ wakes itself, and is
//!         │                                  polled at the turn of its owner
//!         │
//!         └─ for itself: poll_group
//!              take_outer     a cancellation from outside
//!                 ▼
//!              advance_body   polls the body once, if it was woken
//!                 ▼
//!              deliver        the group's own cancellation, once
//!                 ▼
//!              run_backlog    children whose turn came while it was not polled
//!                 ▼
//!              no member left ─▶ the joins that a cancelled body left (C21)
//!                                 ─▶ finish
//! ```

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;

use super::TaskGroup;
use super::child_set::Call;
use super::output::GroupOutput;
use crate::error::{Cancelled, GroupError, Panic};
use crate::runtime::{Core, Outgoing, OwnTurn, PendingJoins, ScopeHandle, Task, with};
use crate::scope::Kind;
use crate::scope::Unopened;
use crate::util::{caught, drop_quietly};

pin_project! {
    /// The future of a group.
    pub(super) struct Driver<'scope, 'env, B: Future<Output: GroupOutput>>
    where
        <B::Output as GroupOutput>::Error: 'env
    {
        // `None` once it has ended.
        #[pin]
        body: Option<B>,
        group: &'scope TaskGroup<'scope, 'env, <B::Output as GroupOutput>::Error>,
        state: DriverState<<B::Output as GroupOutput>::Value>,
    }

    impl<B: Future<Output: GroupOutput>> PinnedDrop for Driver<'_, '_, B> {
        fn drop(this: Pin<&mut Self>) {
            this.clear();
        }
    }
}

/// What a driver keeps besides the body and the children.
struct DriverState<V> {
    /// The value of the body, once it has ended with one.
    value: Option<V>,
    /// The scope of the group.
    join: ScopeHandle,
    /// The scope of the body.
    branch: ScopeHandle,
    body_waker: Waker,
    /// The number of the runtime of the first poll.
    runtime: Option<u32>,
    /// Whether the group's own cancellation has been delivered.
    delivered: bool,
    /// A cancellation that came from outside, or that the body resumed. It propagates at the end.
    outer: Option<Cancelled>,
    /// The joins that were pending in the body when it was dropped.
    pending_joins: PendingJoins,
    /// A cancellation that propagates: the group waits to be dropped.
    propagating: Option<Outgoing>,
    /// Keeps a poll for the group itself until the turn of its owner.
    own_turn: OwnTurn,
}

impl<V> DriverState<V> {
    fn new(body_waker: Waker) -> Self {
        Self {
            value: None,
            join: ScopeHandle::default(),
            branch: ScopeHandle::default(),
            body_waker,
            runtime: None,
            delivered: false,
            outer: None,
            pending_joins: PendingJoins::default(),
            propagating: None,
            own_turn: OwnTurn::default(),
        }
    }
}

/// The error type of the members of the group with body `B`.
type MemberError<B> = <<B as Future>::Output as GroupOutput>::Error;

/// The output of the group with body `B`.
type Output<B> = Result<<<B as Future>::Output as GroupOutput>::Value, GroupError<MemberError<B>>>;

impl<'scope, 'env, B: Future<Output: GroupOutput>> Driver<'scope, 'env, B> {
    /// Creates the future of a group that was not polled yet.
    pub(super) fn new(group: &'scope TaskGroup<'scope, 'env, MemberError<B>>, body: B) -> Self {
        Self {
            body: Some(body),
            group,
            state: DriverState::new(group.children.body_waker()),
        }
    }

    /// Begins a poll: records the task that polls. Returns `true` for the first poll.
    fn begin_poll(self: Pin<&mut Self>, core: &Core, waker: &Waker) -> bool {
        let this = self.project();
        let here = core.shared().number();
        let home = *this.state.runtime.get_or_insert(here);
        assert!(
            home == here,
            "a task group was polled in another runtime than at its first poll; await it in one \
             runtime only"
        );
        let join = &mut this.state.join;
        let is_first = join.open(Kind::Join, waker);
        this.group.children.begin_poll(core, waker, join.node());
        is_first
    }

    /// Takes a cancellation from outside. One that came before the first poll stays in the tree
    /// until the body has been polled once (C24), so that catch points that open in that poll
    /// receive it.
    fn take_outer(mut self: Pin<&mut Self>, is_first: bool) -> Option<Cancelled> {
        let join = &self.state.join;
        let cancelled = if is_first {
            join.pending()
        } else {
            join.arrived()
        };
        let cancelled = cancelled.filter(|cancelled| !join.owns(cancelled))?;
        self.as_mut().propagate_at_end(cancelled.clone());
        Some(cancelled)
    }

    /// Records a cancellation that is not the group's own: it propagates when all members have
    /// ended.
    fn propagate_at_end(self: Pin<&mut Self>, cancelled: Cancelled) {
        let this = self.project();
        let state = this.state;
        state.delivered = true;
        state.pending_joins.cancel_again(&cancelled);
        // The first cancellation stands, unless the second comes from further out.
        let first = state.outer.as_ref();
        if first.is_none_or(|first| state.join.outranks(&cancelled, first)) {
            // A child that is spawned later is cancelled with this before its first poll.
            this.group.cancelled.replace(Some(cancelled.clone()));
            state.outer = Some(cancelled);
        }
    }

    /// Polls the body once, if it was woken or carries the turn of a nested task. Returns a
    /// cancellation that the body resumed and that does not come from the group.
    fn poll_body(mut self: Pin<&mut Self>, core: &Core, carries: bool) -> Option<Cancelled> {
        let this = self.as_mut().project();
        let body = this.body.as_pin_mut()?;
        let state = this.state;
        let was_woken = this.group.children.waker().take_body_wake();
        let waker = &state.body_waker;
        state.branch.refresh(waker);
        let polled = if state.branch.has_arrived() {
            Ok(Poll::Pending)
        } else if was_woken || carries {
            let lazy = Unopened::Branch(state.join.node());
            let mut cx = Context::from_waker(waker);
            let poll = || caught(|| body.poll(&mut cx));
            let parent = Rc::clone(&this.group.children) as _;
            let branch = &mut state.branch;
            core.in_body_of(parent, || branch.inside_unopened(lazy, waker, poll))
        } else {
            return None;
        };
        match polled {
            Ok(Poll::Pending) => {
                if was_woken && !carries && !this.group.children.waker().is_body_woken() {
                    // A cancellation that was delivered inside, and that this poll did not observe,
                    // ends the body (C26).
                    state.branch.pass_by();
                }
                let cancelled = state.branch.arrived()?;
                let is_own = state.join.owns(&cancelled) || state.outer.is_some();
                self.cancel_body(&cancelled);
                return (!is_own).then_some(cancelled);
            }
            Ok(Poll::Ready(output)) => {
                match output.into_result() {
                    Ok(value) => state.value = Some(value),
                    Err(error) => this.group.failed(error),
                }
                self.drop_body();
            }
            Err(payload) => {
                this.group.panicked(Panic::new(payload));
                self.drop_body();
            }
        }
        None
    }

    /// Drops the body inside its scope, and closes the scope.
    fn drop_body(self: Pin<&mut Self>) {
        let mut this = self.project();
        let branch = &mut this.state.branch;
        let dropped = branch.inside(|| caught(|| this.body.set(None)));
        branch.close();
        if let Err(payload) = dropped {
            this.group.panicked(Panic::new(payload));
        }
    }

    /// Drops the cancelled body. The group then waits for the joins that were pending in it.
    fn cancel_body(mut self: Pin<&mut Self>, cancelled: &Cancelled) {
        let joins = PendingJoins::of(cancelled, || self.as_mut().drop_body());
        self.project().state.pending_joins.join(joins);
    }

    /// Runs a poll that is for a child: polls that child, and its successors in the run queue.
    fn poll_for_child(mut self: Pin<&mut Self>, core: &Core, call: Call) {
        // The group may have been cancelled since its owner's last turn.
        self.as_mut().deliver(core);
        match call {
            Call::Turn(task) => {
                self.as_mut().run_child(core, &task);
                drop(task);
                self.run_next_children(core);
            }
            Call::Nested(Some(task)) => {
                if core.carry_child(&task) {
                    self.group.children.remove(&task);
                }
                self.deliver(core);
            }
            Call::Nested(None) => {
                self.as_mut().advance_body(core, true);
                self.deliver(core);
            }
        }
    }

    /// Polls further children of the group while they are next in the run queue.
    fn run_next_children(mut self: Pin<&mut Self>, core: &Core) {
        let children = &self.group.children;
        while core.next_turn_in(&**children)
            && let Some(Call::Turn(task)) = children.take_call()
        {
            self.as_mut().run_child(core, &task);
        }
    }

    /// Polls the children of the backlog: the first in any case, so that the backlog shrinks, the
    /// others while the batch has polls left.
    fn run_backlog(mut self: Pin<&mut Self>, core: &Core) {
        let children = &self.group.children;
        let mut has_polls_left = true;
        while has_polls_left && let Some(task) = children.next_in_backlog() {
            self.as_mut().run_child(core, &task);
            has_polls_left = core.scheduler.batch.spend_poll();
        }
        if children.has_backlog() {
            children.waker().wake_outer();
        }
    }

    fn run_child(mut self: Pin<&mut Self>, core: &Core, task: &Task) {
        if !task.state().is_held_by_parent() {
            return;
        }
        if core.poll_child(task) {
            self.group.children.remove(task);
        }
        self.as_mut().deliver(core);
    }

    /// Polls the body, if it is due, and cancels the members if the body resumed a cancellation.
    fn advance_body(mut self: Pin<&mut Self>, core: &Core, carries: bool) {
        if let Some(cancelled) = self.as_mut().poll_body(core, carries) {
            // The cancellation is not the group's own, so the members receive a renewed one.
            self.state.join.cancel(&cancelled.renewed());
            self.as_mut().propagate_at_end(cancelled.clone());
            self.drop_uncaught(core, &cancelled);
        }
    }

    /// Returns `true` if a poll for the group itself has something to do.
    fn is_due(&self) -> bool {
        let children = &self.group.children;
        let is_body_due = match self.body {
            Some(_) => children.waker().is_body_woken(),
            None => children.len() == 0,
        };
        is_body_due || children.has_backlog() || self.state.join.has_arrived()
    }

    /// Runs a poll that is for the group itself.
    fn poll_group(
        mut self: Pin<&mut Self>,
        core: &Core,
        cx: &Context<'_>,
        is_first: bool,
    ) -> Poll<Output<B>> {
        let outer = self.as_mut().take_outer(is_first);
        if let (Some(cancelled), false) = (&outer, is_first) {
            self.as_mut().drop_uncaught(core, cancelled);
        }
        self.as_mut().advance_body(core, false);
        if let (Some(cancelled), true) = (&outer, is_first) {
            drop(self.state.join.arrived());
            self.as_mut().drop_uncaught(core, cancelled);
        }
        self.as_mut().deliver(core);
        self.as_mut().run_backlog(core);
        if self.body.is_some() || self.group.children.len() > 0 {
            return Poll::Pending;
        }
        ready!(self.as_mut().project().state.pending_joins.poll(cx.waker()));
        self.finish(core, cx.waker())
    }

    /// Delivers the group's own cancellation to its members, once.
    fn deliver(mut self: Pin<&mut Self>, core: &Core) {
        let this = self.as_mut().project();
        let Some(cancelled) = this.group.cancelled() else {
            return;
        };
        if this.state.delivered || core.is_outer_ending() {
            // If two scopes end at the same moment, the outer one wins (C27): its cancellation
            // reaches this group.
            return;
        }
        this.state.delivered = true;
        this.state.join.cancel(&cancelled);
        self.drop_uncaught(core, &cancelled);
    }

    /// Drops the body and those children that have no open catch point, before any other member
    /// runs. A sibling that a dropped member was awaiting is cancelled with it; that merges with
    /// the cancellation delivered there (C10) and interrupts no clean-up.
    fn drop_uncaught(mut self: Pin<&mut Self>, core: &Core, cancelled: &Cancelled) {
        let branch = &self.state.branch;
        if self.body.is_some() && (branch.node().is_none() || branch.has_arrived()) {
            let arrived = branch.arrived();
            self.as_mut()
                .cancel_body(arrived.as_ref().unwrap_or(cancelled));
        }
        let group = self.group;
        for task in group.children.members() {
            if task.state().is_draining() {
                // Its future is dropped; the tasks it waits for receive this cancellation, too
                // (C9).
                core.cancel_dropped(&task, cancelled);
            }
            if !task.state().is_held_by_parent() {
                continue;
            }
            // A child with a scope has received the cancellation through the tree.
            let uncaught = match task.scope() {
                None => Some(cancelled.clone()),
                Some(_) => core.take_uncaught(&task),
            };
            if let Some(cancelled) = uncaught
                && core.abort_child(&task, &cancelled)
            {
                group.children.remove(&task);
            }
        }
    }

    /// Completes the group: all members have ended.
    fn finish(self: Pin<&mut Self>, core: &Core, waker: &Waker) -> Poll<Output<B>> {
        let this = self.project();
        let (group, state) = (this.group, this.state);
        state.join.close();
        if let Some(panic) = group.panic.take() {
            panic.resume();
        }
        if let Some(cancelled) = state.outer.take() {
            state.propagating = Some(core.resume(cancelled, waker));
            return Poll::Pending;
        }
        let mut errors = group.errors.take().into_iter();
        if let Some(first) = errors.next() {
            let others = errors.collect();
            return Poll::Ready(Err(GroupError::Failed { first, others }));
        }
        Poll::Ready(match (state.value.take(), group.cancelled()) {
            (Some(value), _) => Ok(value),
            (None, Some(cancelled)) => Err(GroupError::Cancelled(cancelled)),
            (None, None) => panic!("a task group was polled after it had completed"),
        })
    }

    /// Drops the body, then the children: the group is dropped before it has ended.
    fn clear(mut self: Pin<&mut Self>) {
        let group = self.group;
        let cancelled = group.abandon();
        if self.body.is_some() {
            self.as_mut().drop_body();
        }
        group.drop_children(&cancelled);
        if let Some(panic) = group.panic.take() {
            if std::thread::panicking() {
                drop_quietly(panic);
            } else {
                panic.resume();
            }
        }
    }
}

impl<B: Future<Output: GroupOutput>> Future for Driver<'_, '_, B> {
    type Output = Output<B>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        with("task_group", |core| {
            if let Some(outgoing) = &self.state.propagating {
                return outgoing.poll();
            }
            let is_first = self.as_mut().begin_poll(core, cx.waker());
            match self.group.children.take_call() {
                Some(call) => self.as_mut().poll_for_child(core, call),
                None if !is_first && self.as_mut().project().state.own_turn.is_passed_over() => {}
                None => return self.poll_group(core, cx, is_first),
            }
            if self.is_due() {
                // A combinator around may have polled the group because of a wake for the group
                // itself, which this poll did not serve.
                cx.waker().wake_by_ref();
            }
            Poll::Pending
        })
    }
}
