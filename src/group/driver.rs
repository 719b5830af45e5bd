//! The future of a group: polls its body and its children, and ends when all have.
//!
//! ```text
//!   poll ─┬─ for a child whose turn it is: carry ─▶ that child, and those of the group that are next in the run queue
//!         │                                │           │
//!         │                                └─ failed: ─┴─▶ cancel the others, once
//!         │     the body was woken, or all have ended ─▶ wakes itself, and is polled at its owner's own turn
//!         │
//!         └─ for itself: visit ─▶ hear: a cancellation from outside ─▶ the body, once, if it was woken ─▶ the backlog
//!                                                                         │                                │
//!                                                                         └── failed: ── as above ─────────┘
//!               nobody left ─▶ the tasks that a body was awaiting when it was cut (C21) ─▶ done
//! ```

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;

use super::TaskGroup;
use super::child_set::Call;
use super::output::GroupOutput;
use crate::error::{Cancelled, GroupError};
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
        state: State<<B::Output as GroupOutput>::Value>,
    }

    impl<B: Future<Output: GroupOutput>> PinnedDrop for Driver<'_, '_, B> {
        fn drop(this: Pin<&mut Self>) {
            this.clear();
        }
    }
}

/// What a driver keeps besides body and children.
struct State<V> {
    /// What the body gave.
    value: Option<V>,
    /// The group's place in the tree of scopes, and the body's.
    join: ScopeHandle,
    /// The body's.
    branch: ScopeHandle,
    /// The body's waker.
    body_waker: Waker,
    /// The runtime it is polled in, from the first poll on.
    runtime: Option<u32>,
    /// Whether the group's own cancellation has been delivered.
    told: bool,
    /// A cancellation that came from outside, or that the body resumed.
    outer: Option<Cancelled>,
    /// The tasks that the body was awaiting when it was cut.
    awaited: PendingJoins,
    /// A cancellation that it has sent on outwards; it waits to be dropped.
    passed: Option<Outgoing>,
    /// What it does for itself waits for its owner's turn.
    own_turn: OwnTurn,
}

impl<V> State<V> {
    /// That of a group that has not begun.
    fn new(body_waker: Waker) -> Self {
        Self {
            value: None,
            join: ScopeHandle::default(),
            branch: ScopeHandle::default(),
            body_waker,
            runtime: None,
            told: false,
            outer: None,
            awaited: PendingJoins::default(),
            passed: None,
            own_turn: OwnTurn::default(),
        }
    }
}

/// What the members of the group around `B` fail with.
type Error<B> = <<B as Future>::Output as GroupOutput>::Error;

/// What the group gives.
type Outcome<B> = Result<<<B as Future>::Output as GroupOutput>::Value, GroupError<Error<B>>>;

impl<'scope, 'env, B: Future<Output: GroupOutput>> Driver<'scope, 'env, B> {
    /// A driver of a group that has not begun.
    pub(super) fn new(group: &'scope TaskGroup<'scope, 'env, Error<B>>, body: B) -> Self {
        Self {
            body: Some(body),
            group,
            state: State::new(group.children.body_waker()),
        }
    }

    /// Begins a poll: notes who polls. Tells whether it is the first one.
    fn enter(self: Pin<&mut Self>, core: &Core, waker: &Waker) -> bool {
        let this = self.project();
        let here = core.shared().number();
        let home = *this.state.runtime.get_or_insert(here);
        assert!(
            home == here,
            "a task group was polled in another runtime than the one that it was first polled in"
        );
        let join = &mut this.state.join;
        let is_first = join.open(Kind::Join, waker);
        this.group.children.visit(core, waker, join.node());
        is_first
    }

    /// Hears of a cancellation from outside, which may have come before the first poll. That is left with the tree until
    /// the body has been polled once (C24), so that it moves into catch points that open meanwhile.
    fn hear(mut self: Pin<&mut Self>, is_first: bool) -> Option<Cancelled> {
        let join = &self.state.join;
        let heard = match is_first {
            true => join.pending(),
            false => join.arrived(),
        };
        let heard = heard.filter(|heard| !join.owns(heard))?;
        self.as_mut().pass_later(heard.clone());
        Some(heard)
    }

    /// A cancellation that is not the group's own ends it: it goes on outwards in the end.
    fn pass_later(self: Pin<&mut Self>, cancelled: Cancelled) {
        let this = self.project();
        let state = this.state;
        state.told = true;
        state.awaited.cancel_again(&cancelled);
        // Of two the first stands, unless the second is from further out.
        let first = state.outer.as_ref();
        if first.is_none_or(|first| state.join.outranks(&cancelled, first)) {
            // What is spawned from now on is born cancelled.
            this.group.cancelled.replace(Some(cancelled.clone()));
            state.outer = Some(cancelled);
        }
    }

    /// Polls the body once, if it was woken or has something to carry. Gives a cancellation that it resumed, and that the
    /// group did not send it.
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
                    // What was delivered inside, and not heard by this poll, ends the body (C26).
                    state.branch.pass_by();
                }
                let cancelled = state.branch.arrived()?;
                let is_own = state.join.owns(&cancelled) || state.outer.is_some();
                self.cut_body(&cancelled);
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
                this.group.panicked(payload);
                self.drop_body();
            }
        }
        None
    }

    /// Drops the body, which has ended.
    fn drop_body(self: Pin<&mut Self>) {
        let mut this = self.project();
        let branch = &mut this.state.branch;
        let dropped = branch.inside(|| caught(|| this.body.set(None)));
        branch.close();
        if let Err(payload) = dropped {
            this.group.panicked(payload);
        }
    }

    /// Drops the body, which is cancelled, and has the tasks waited for that it was awaiting.
    fn cut_body(mut self: Pin<&mut Self>, cancelled: &Cancelled) {
        let awaited = PendingJoins::of(cancelled, || self.as_mut().drop_body());
        self.project().state.awaited.join(awaited);
    }

    /// A poll that is for a child: gives it its turn, and nobody else.
    fn carry(mut self: Pin<&mut Self>, core: &Core, call: Call) {
        // It may have been cancelled from elsewhere, and its owner's turn may not have come yet.
        self.as_mut().tell(core);
        match call {
            Call::Turn(task) => {
                self.as_mut().run_child(core, &task);
                drop(task);
                self.run_next_children(core);
            }
            Call::Passage(Some(task)) => {
                if core.carry_child(&task) {
                    self.group.children.one_less(&task);
                }
                self.tell(core);
            }
            Call::Passage(None) => {
                self.as_mut().advance_body(core, true);
                self.tell(core);
            }
        }
    }

    /// Gives the children a turn that are next in the run queue.
    fn run_next_children(mut self: Pin<&mut Self>, core: &Core) {
        let children = &self.group.children;
        while core.next_turn_in(&**children)
            && let Some(Call::Turn(task)) = children.take_call()
        {
            self.as_mut().run_child(core, &task);
        }
    }

    /// Gives those children a turn that had theirs while the group was not polled. The first of them in any case, so that
    /// there is an end to it; the others while the batch lasts.
    fn run_backlog(mut self: Pin<&mut Self>, core: &Core) {
        let children = &self.group.children;
        let mut may_go_on = true;
        while may_go_on && let Some(task) = children.next_in_backlog() {
            self.as_mut().run_child(core, &task);
            may_go_on = core.spend_poll();
        }
        if children.has_backlog() {
            children.waker().wake_outer();
        }
    }

    /// Gives one child a turn.
    fn run_child(mut self: Pin<&mut Self>, core: &Core, task: &Task) {
        if !task.state().is_held_by_parent() {
            return;
        }
        if core.poll_child(task) {
            self.group.children.one_less(task);
        }
        self.as_mut().tell(core);
    }

    /// Polls the body, if it is to be polled, and draws the consequence.
    fn advance_body(mut self: Pin<&mut Self>, core: &Core, carries: bool) {
        if let Some(cancelled) = self.as_mut().poll_body(core, carries) {
            // It is not the group's own, so what is sent to the members is another one.
            self.state.join.cancel(&cancelled.renewed());
            self.as_mut().pass_later(cancelled.clone());
            self.drop_uncaught(core, &cancelled);
        }
    }

    /// Whether there is something to do for the group itself.
    fn is_due(&self) -> bool {
        let children = &self.group.children;
        let is_body_due = match self.body {
            Some(_) => children.waker().is_body_woken(),
            None => children.living() == 0,
        };
        is_body_due || children.has_backlog() || self.state.join.has_arrived()
    }

    /// A poll that is for the group itself.
    fn visit(
        mut self: Pin<&mut Self>,
        core: &Core,
        cx: &Context<'_>,
        is_first: bool,
    ) -> Poll<Outcome<B>> {
        let heard = self.as_mut().hear(is_first);
        if let (Some(cancelled), false) = (&heard, is_first) {
            self.as_mut().drop_uncaught(core, cancelled);
        }
        self.as_mut().advance_body(core, false);
        if let (Some(cancelled), true) = (&heard, is_first) {
            drop(self.state.join.arrived());
            self.as_mut().drop_uncaught(core, cancelled);
        }
        self.as_mut().tell(core);
        self.as_mut().run_backlog(core);
        if self.body.is_some() || self.group.children.living() > 0 {
            return Poll::Pending;
        }
        ready!(self.as_mut().project().state.awaited.poll(cx.waker()));
        self.finish(core, cx.waker())
    }

    /// Delivers the group's own cancellation to its members, once.
    fn tell(mut self: Pin<&mut Self>, core: &Core) {
        let this = self.as_mut().project();
        let Some(cancelled) = this.group.cancelled() else {
            return;
        };
        if this.state.told || core.is_outer_ending() {
            // Of two scopes that end at one moment the outer one wins (C27): this hears of it.
            return;
        }
        this.state.told = true;
        this.state.join.cancel(&cancelled);
        self.drop_uncaught(core, &cancelled);
    }

    /// Drops the body and the children in which nobody catches, all of them before any other runs: a sibling that one of
    /// them was awaiting is cancelled with it, which joins what has been delivered there (C10) and cuts no clean-up.
    fn drop_uncaught(mut self: Pin<&mut Self>, core: &Core, cancelled: &Cancelled) {
        let branch = &self.state.branch;
        if self.body.is_some() && (branch.node().is_none() || branch.has_arrived()) {
            let arrived = branch.arrived();
            self.as_mut()
                .cut_body(arrived.as_ref().unwrap_or(cancelled));
        }
        let group = self.group;
        for task in group.children.members() {
            if task.state().is_draining() {
                // Its future is gone; those that it waits for hear of this one, too (C9).
                core.cancel_dropped(&task, cancelled);
            }
            if !task.state().is_held_by_parent() {
                continue;
            }
            // One that has a place in the tree has been told there.
            let uncaught = match task.scope() {
                None => Some(cancelled.clone()),
                Some(_) => core.take_uncaught(&task),
            };
            if let Some(cancelled) = uncaught
                && core.abort_child(&task, &cancelled)
            {
                group.children.one_less(&task);
            }
        }
    }

    /// All have ended: what the group gives.
    fn finish(self: Pin<&mut Self>, core: &Core, waker: &Waker) -> Poll<Outcome<B>> {
        let this = self.project();
        let (group, state) = (this.group, this.state);
        state.join.close();
        if let Some(panic) = group.panic.take() {
            panic.resume();
        }
        if let Some(cancelled) = state.outer.take() {
            state.passed = Some(core.resume(cancelled, waker));
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
            (None, None) => panic!("a task group was polled after it was done"),
        })
    }

    /// Drops body and children, in this order, as foreign code or the cancellation of a scope around wishes.
    fn clear(mut self: Pin<&mut Self>) {
        let group = self.group;
        let gone = group.abandon();
        if self.body.is_some() {
            self.as_mut().drop_body();
        }
        group.drop_children(&gone);
        if let Some(panic) = group.panic.take() {
            match std::thread::panicking() {
                true => drop_quietly(panic),
                false => panic.resume(),
            }
        }
    }
}

impl<B: Future<Output: GroupOutput>> Future for Driver<'_, '_, B> {
    type Output = Outcome<B>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        with("task_group", |core| {
            if let Some(outgoing) = &self.state.passed {
                return outgoing.poll();
            }
            let is_first = self.as_mut().enter(core, cx.waker());
            match self.group.children.take_call() {
                Some(call) => self.as_mut().carry(core, call),
                None if !is_first && self.as_mut().project().state.own_turn.is_passed_over() => {}
                None => return self.visit(core, cx, is_first),
            }
            if self.is_due() {
                // A combinator around it may have polled it for this wake just now, which is not this poll's business.
                cx.waker().wake_by_ref();
            }
            Poll::Pending
        })
    }
}
