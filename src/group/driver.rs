//! The future of a group: polls its body and its children, and ends when all have.
//!
//! ```text
//!   poll ─▶ hear: a cancellation from outside ─▶ the body, once ─▶ children that are ready, while the batch lasts
//!                                                    │                  │
//!                                                    └── one failed: ───┴─▶ cancel the others, once
//!   nobody left ─▶ the tasks that a body was awaiting when it was cut (C21) ─▶ done
//! ```

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;

use super::TaskGroup;
use super::output::GroupOutput;
use crate::error::{Cancelled, GroupError, JoinError};
use crate::runtime::{Awaited, Core, Lazy, Outgoing, Place, Task, abort_outside, try_with, with};
use crate::scope::Kind;
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
    join: Place,
    /// The body's.
    branch: Place,
    /// The runtime it is polled in, from the first poll on.
    runtime: Option<u32>,
    /// Whether the group's own cancellation has been delivered.
    told: bool,
    /// A cancellation that came from outside, or that the body resumed.
    outer: Option<Cancelled>,
    /// The tasks that the body was awaiting when it was cut.
    awaited: Awaited,
    /// A cancellation that it has sent on outwards; it waits to be dropped.
    passed: Option<Outgoing>,
}

impl<V> Default for State<V> {
    fn default() -> Self {
        Self {
            value: None,
            join: Place::default(),
            branch: Place::default(),
            runtime: None,
            told: false,
            outer: None,
            awaited: Awaited::default(),
            passed: None,
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
            state: State::default(),
        }
    }

    /// Begins a poll: notes who polls. Tells whether it is the first one.
    fn enter(self: Pin<&mut Self>, core: &Core, waker: &Waker) -> bool {
        let this = self.project();
        let here = core.hub().number();
        let home = *this.state.runtime.get_or_insert(here);
        assert!(
            home == here,
            "a task group was polled in another runtime than the one that it was first polled in"
        );
        let join = &mut this.state.join;
        let is_first = join.open(Kind::Join, waker);
        let owner = core.current().map(|task| task.by_ref().clone());
        this.group.yard.visit(waker, owner, join.node());
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

    /// Polls the body once. Gives a cancellation that it resumed, and that the group did not send it.
    fn poll_body(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Option<Cancelled> {
        let this = self.as_mut().project();
        let body = this.body.as_pin_mut()?;
        let state = this.state;
        state.branch.refresh(cx.waker());
        let waker = cx.waker();
        let polled = match state.branch.has_arrived() {
            true => Ok(Poll::Pending),
            false => {
                let lazy = Lazy::Branch(state.join.node());
                state
                    .branch
                    .inside_lazily(lazy, waker, || caught(|| body.poll(cx)))
            }
        };
        match polled {
            Ok(Poll::Pending) => {
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
        let awaited = Awaited::of(cancelled, || self.as_mut().drop_body());
        self.project().state.awaited.join(awaited);
    }

    /// Polls the children that are ready, while the batch lasts.
    fn run_children(mut self: Pin<&mut Self>, core: &Core) {
        let group = self.group;
        while group.yard.is_somebody_ready() {
            if !core.spend_poll() {
                return group.yard.wake();
            }
            let Some(task) = group.yard.next_ready() else {
                return;
            };
            if task.state().is_done() || !task.state().is_kept_in_pen() {
                continue;
            }
            if core.run_penned(&task) {
                group.yard.one_less(&task);
            }
            self.as_mut().tell(core);
        }
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
        for task in group.yard.members() {
            if task.state().lingers() {
                // Its future is gone; those that it waits for hear of this one, too (C9).
                core.drop_along(&task, cancelled);
            }
            if !task.state().is_kept_in_pen() {
                continue;
            }
            // One that has a place in the tree has been told there.
            let uncaught = match task.scope() {
                None => Some(cancelled.clone()),
                Some(_) => core.let_out(&task),
            };
            if let Some(cancelled) = uncaught
                && core.abort_penned(&task, &cancelled)
            {
                group.yard.one_less(&task);
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

impl<E> TaskGroup<'_, '_, E> {
    /// From now on nobody polls the children; what is spawned is born cancelled, with the result.
    fn abandon(&self) -> Cancelled {
        let gone = try_with(Core::why_dropped);
        let gone = gone.unwrap_or_else(|_| Cancelled::awaiter_gone(None, None));
        self.cancelled
            .borrow_mut()
            .get_or_insert_with(|| gone.clone());
        self.yard.close();
        gone
    }

    /// Drops the children, and what their destructors spawn.
    fn drop_children(&self, gone: &Cancelled) {
        loop {
            let members = self.yard.take_members();
            if members.is_empty() {
                return;
            }
            for task in members {
                drop_child(&task, gone);
                self.yard.one_less(&task);
            }
        }
    }
}

/// While a body is made that may spawn, and panic, before there is a driver of it.
pub(super) struct Unmanned<'a, 'scope, 'env, E>(pub(super) &'a TaskGroup<'scope, 'env, E>);

impl<E> Drop for Unmanned<'_, '_, '_, E> {
    fn drop(&mut self) {
        let gone = self.0.abandon();
        self.0.drop_children(&gone);
    }
}

/// Drops the future of a child whose group is being dropped.
fn drop_child(task: &Task, gone: &Cancelled) {
    if task.state().is_done() {
        // It lingered, and the destructor of a sibling has driven the runtime.
        return;
    }
    let home = task.by_ref().home();
    let inside = try_with(|core| {
        let is_here = core.hub().number() == home.number();
        if is_here {
            core.drop_penned(task, gone);
        }
        is_here
    });
    if inside == Ok(true) || task.state().lingers() || home.wait_for_the_end() {
        // After the runtime's end another thread may have the handle: the child is leaked.
        return;
    }
    // The runtime is not driven now, and this is its thread. The task ends when it is driven next, or at its end.
    abort_outside(task, JoinError::Cancelled(gone.clone()));
    task.linger();
    task.waker().wake();
}

impl<B: Future<Output: GroupOutput>> Future for Driver<'_, '_, B> {
    type Output = Outcome<B>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        with("task_group", |core| {
            if let Some(outgoing) = &self.state.passed {
                return outgoing.poll();
            }
            let is_first = self.as_mut().enter(core, cx.waker());
            let heard = self.as_mut().hear(is_first);
            if let (Some(cancelled), false) = (&heard, is_first) {
                self.as_mut().drop_uncaught(core, cancelled);
            }
            if let Some(cancelled) = self.as_mut().poll_body(cx) {
                // It is not the group's own, so what is sent to the members is another one.
                self.state.join.cancel(&cancelled.renewed());
                self.as_mut().pass_later(cancelled.clone());
                self.as_mut().drop_uncaught(core, &cancelled);
            }
            if let (Some(cancelled), true) = (&heard, is_first) {
                drop(self.state.join.arrived());
                self.as_mut().drop_uncaught(core, cancelled);
            }
            self.as_mut().tell(core);
            self.as_mut().run_children(core);
            if self.body.is_some() || self.group.yard.living() > 0 {
                return Poll::Pending;
            }
            ready!(self.as_mut().project().state.awaited.poll(cx.waker()));
            self.finish(core, cx.waker())
        })
    }
}
