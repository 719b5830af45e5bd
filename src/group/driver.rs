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
//!              receive        a cancellation from outside
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
//!
//! What a cancellation means for the members is decided by the
//! [nursery](crate::runtime::Nursery); the driver decides which of them is polled when.

use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;

use super::TaskGroup;
use super::child_set::Call;
use super::output::GroupOutput;
use crate::error::{Cancelled, GroupError, Panic};
use crate::runtime::{Core, DeferredOpen, Nursery, OwnTurn, Task, with};
use crate::util::{Payload, caught, drop_quietly};

/// The index of the body in the nursery. The children are tasks, with roots of their own.
const BODY: usize = 0;

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
    nursery: Nursery,
    body_waker: Waker,
    /// The number of the runtime of the first poll.
    runtime: Option<u32>,
    /// Keeps a poll for the group itself until the turn of its owner.
    own_turn: OwnTurn,
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
            state: DriverState {
                value: None,
                nursery: Nursery::default(),
                body_waker: group.children.body_waker(),
                runtime: None,
                own_turn: OwnTurn::default(),
            },
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
        let nursery = &mut this.state.nursery;
        let is_first = nursery.open(waker);
        this.group.children.begin_poll(core, waker, nursery.node());
        is_first
    }

    /// Receives a cancellation from outside. One that came before the first poll stays in the tree
    /// until the body has been polled once (C24), so that catch points that open in that poll
    /// receive it.
    fn receive(self: Pin<&mut Self>, is_first: bool) -> bool {
        let this = self.project();
        let nursery = &mut this.state.nursery;
        let has_received = nursery.receive(is_first);
        if has_received {
            this.group.set_cancelled(nursery.passing());
        }
        has_received
    }

    /// Polls the body once, if it was woken or carries the turn of a nested task. Returns `true` if
    /// it resumed a cancellation that does not come from the group.
    fn poll_body(mut self: Pin<&mut Self>, core: &Core, carries: bool) -> bool {
        let mut this = self.as_mut().project();
        let children = &this.group.children;
        let Some(body) = this.body.as_mut().as_pin_mut() else {
            return false;
        };
        let (nursery, waker) = (&mut this.state.nursery, &this.state.body_waker);
        let was_woken = children.waker().take_body_wake();
        nursery.refresh(BODY, waker);
        let polled = if nursery.has_arrived_at(BODY) {
            Ok(Poll::Pending)
        } else if was_woken || carries {
            let parent = Rc::clone(children) as _;
            core.in_body_of(parent, || poll_in(nursery, body, waker))
        } else {
            return false;
        };
        match polled {
            Ok(Poll::Pending) => {
                if was_woken && !carries {
                    nursery.pass_by(|_| children.waker().is_body_woken());
                }
                let ended = nursery.end_cancelled(BODY, || this.body.set(None));
                report_panic(nursery, this.group);
                return ended == Poll::Ready(ControlFlow::Break(()));
            }
            Ok(Poll::Ready(output)) => {
                match output.into_result() {
                    Ok(value) => this.state.value = Some(value),
                    Err(error) => this.group.failed(error),
                }
                self.drop_body(None);
            }
            Err(payload) => {
                this.group.panicked(Panic::new(payload));
                self.drop_body(None);
            }
        }
        false
    }

    /// Drops the body inside its scope, and closes the scope. If it is dropped for a cancellation,
    /// the group then waits for the joins that were pending in it.
    fn drop_body(self: Pin<&mut Self>, why: Option<&Cancelled>) {
        let mut this = self.project();
        let nursery = &mut this.state.nursery;
        let drop_it = || this.body.set(None);
        match why {
            Some(cancelled) => nursery.drop_child(BODY, cancelled, drop_it),
            None => nursery.end_child(BODY, drop_it),
        }
        report_panic(nursery, this.group);
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
        if self.as_mut().poll_body(core, carries) {
            self.group.set_cancelled(self.state.nursery.passing());
            self.drop_uncaught(core);
        }
    }

    /// Returns `true` if a poll for the group itself has something to do.
    fn is_due(&self) -> bool {
        let children = &self.group.children;
        let is_body_due = match self.body {
            Some(_) => children.waker().is_body_woken(),
            None => children.len() == 0,
        };
        is_body_due || children.has_backlog() || self.state.nursery.has_arrived()
    }

    /// Runs a poll that is for the group itself.
    fn poll_group(
        mut self: Pin<&mut Self>,
        core: &Core,
        cx: &Context<'_>,
        is_first: bool,
    ) -> Poll<Output<B>> {
        let has_received = self.as_mut().receive(is_first);
        if has_received && !is_first {
            self.as_mut().drop_uncaught(core);
        }
        self.as_mut().advance_body(core, false);
        if has_received && is_first {
            self.as_mut().project().state.nursery.receive(false);
            self.as_mut().drop_uncaught(core);
        }
        self.as_mut().deliver(core);
        self.as_mut().run_backlog(core);
        if self.body.is_some() || self.group.children.len() > 0 {
            return Poll::Pending;
        }
        let nursery = &mut self.as_mut().project().state.nursery;
        ready!(nursery.poll_joins(cx.waker()));
        self.finish(cx.waker())
    }

    /// Delivers the group's own cancellation to its members, once.
    fn deliver(mut self: Pin<&mut Self>, core: &Core) {
        let this = self.as_mut().project();
        let Some(cancelled) = this.group.cancelled() else {
            return;
        };
        if this.state.nursery.is_exiting() || core.is_outer_ending() {
            // If two scopes end at the same moment, the outer one wins (C27): its cancellation
            // reaches this group.
            return;
        }
        this.state.nursery.cancel(cancelled);
        self.drop_uncaught(core);
    }

    /// Drops the body and those children that have no open catch point, before any other member
    /// runs. A sibling that a dropped member was awaiting is cancelled with it; that merges with
    /// the cancellation delivered there (C10) and interrupts no clean-up.
    fn drop_uncaught(mut self: Pin<&mut Self>, core: &Core) {
        let nursery = &self.state.nursery;
        let cancelled = &nursery.reason();
        let arrived = nursery.arrived_at(BODY);
        if self.body.is_some() && (arrived.is_some() || !nursery.has_scope(BODY)) {
            self.as_mut()
                .drop_body(arrived.as_ref().or(Some(cancelled)));
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
    fn finish(self: Pin<&mut Self>, waker: &Waker) -> Poll<Output<B>> {
        let this = self.project();
        let (group, state) = (this.group, this.state);
        state.nursery.close();
        if let Some(panic) = group.panic.take() {
            panic.resume();
        }
        if state.nursery.propagate(waker) {
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
            self.as_mut().drop_body(None);
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
            if self.state.nursery.is_propagating() {
                return self.state.nursery.wait_to_be_dropped();
            }
            let is_first = self.as_mut().begin_poll(core, cx.waker());
            match self.group.children.take_call() {
                Some(call) => self.as_mut().poll_for_child(core, call),
                None if !is_first && self.as_mut().project().state.own_turn.is_passed_over() => {}
                None => return self.poll_group(core, cx, is_first),
            }
            self.state.nursery.unhear();
            if self.is_due() {
                // A combinator around may have polled the group because of a wake for the group
                // itself, which this poll did not serve.
                cx.waker().wake_by_ref();
            }
            Poll::Pending
        })
    }
}

/// Moves the panic of the body's destructor, if there is one, to the panics of the children.
fn report_panic<E>(nursery: &mut Nursery, group: &TaskGroup<'_, '_, E>) {
    if let Some(panic) = nursery.take_panic() {
        group.panicked(panic);
    }
}

/// Polls a body as code inside of its scope, and catches its panic.
fn poll_in<B: Future>(
    nursery: &mut Nursery,
    body: Pin<&mut B>,
    waker: &Waker,
) -> Result<Poll<B::Output>, Payload> {
    let mut cx = Context::from_waker(waker);
    DeferredOpen::with_branches(nursery.node(), |deferred| {
        nursery.poll_inside(BODY, &mut cx, deferred, |cx| caught(|| body.poll(cx)))
    })
}
