//! The runtime that this thread drives: the one thread-local of the loop. (A thread of the pool has
//! its context variables in [`vars`](crate::util::vars).)
//!
//! ```text
//!   outside ── enter(core, f): f runs ──▶ inside ── f returns or unwinds ──▶ outside
//!                                          │  ▲
//!                                          └──┘ enter(other, f), by `Runtime::drop`
//! ```
//!
//! The thread-local holds the address of a `Core`, so this module has unsafe code. The guard that
//! keeps the core alive is a local of [`enter`]: it can be neither leaked nor dropped out of order.

use std::cell::Cell;
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::sync::Arc;

use super::core::Core;
use super::shared::{Message, Shared};
use super::task_types::{OwnedRef, Task, TaskMessage};
use crate::cell::{Class, Schedule};
use crate::error::NoRuntime;
use crate::util::{Id, budget};

/// The runtime that a thread drives; null pointers outside.
struct Driven {
    core: Cell<*const Core>,
    shared: Cell<*const Shared>,
    /// The number of the current poll if it carries the turn of another task, further in (see
    /// [`carry`](super::carry)); otherwise 0.
    carrying: Cell<u32>,
}

thread_local! {
    static DRIVEN: Driven = const { Driven {
        core: Cell::new(ptr::null()),
        shared: Cell::new(ptr::null()),
        carrying: Cell::new(0),
    } };
}

/// Keeps a core alive while the thread-local points to it.
struct Entered {
    /// Invariant: dropped only after the pointer was replaced.
    core: Rc<Core>,
    /// What the thread drove before.
    outer: (*const Core, *const Shared, u32),
    /// The steps left of the poll that this interrupts, if any.
    rest: budget::Rest,
}

/// Runs `f` while this thread drives `core`.
pub(super) fn enter<R>(core: &Rc<Core>, f: impl FnOnce() -> R) -> R {
    let _entered = Entered::new(core);
    f()
}

impl Entered {
    /// Makes `core` the runtime that this thread drives.
    fn new(core: &Rc<Core>) -> Self {
        let core = Rc::clone(core);
        core.lifecycle.begin_driving();
        let outer = DRIVEN.with(|driven| {
            let shared = Arc::as_ptr(core.shared());
            (
                driven.core.replace(Rc::as_ptr(&core)),
                driven.shared.replace(shared),
                driven.carrying.replace(0),
            )
        });
        let rest = budget::set_aside();
        Self { core, outer, rest }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        DRIVEN.with(|driven| {
            driven.core.set(self.outer.0);
            driven.shared.set(self.outer.1);
            driven.carrying.set(self.outer.2);
        });
        self.core.lifecycle.end_driving();
        budget::put_back(self.rest);
    }
}

/// Sets the number of a poll that carries another task's turn, or 0. Returns the number before.
pub(super) fn set_carrying(number: u32) -> u32 {
    DRIVEN.with(|driven| driven.carrying.replace(number))
}

/// The state of a leaf that waits for its task's own turn: it stays pending in polls that carry the
/// turn of another task.
///
/// In each such poll once, so that code that polls it in a loop ends.
#[derive(Debug, Default)]
pub(crate) struct OwnTurn {
    /// The last poll in which it stayed pending; 0 for none.
    passed_by: u32,
}

impl OwnTurn {
    /// Returns `true` if it stays pending in the current poll.
    #[inline]
    pub(crate) fn is_passed_over(&mut self) -> bool {
        let number = DRIVEN.with(|driven| driven.carrying.get());
        number != 0 && self.is_passed_by(number)
    }

    /// Returns `true` if it stays pending in the poll `number`.
    #[cold]
    fn is_passed_by(&mut self, number: u32) -> bool {
        std::mem::replace(&mut self.passed_by, number) != number
    }
}

/// Returns `true` if this thread drives a runtime.
pub(crate) fn is_inside() -> bool {
    DRIVEN.with(|driven| !driven.core.get().is_null())
}

/// Runs `f` with the runtime that this thread drives.
#[inline]
pub(crate) fn try_with<R>(f: impl FnOnce(&Core) -> R) -> Result<R, NoRuntime> {
    hand((), |core, ()| Ok(f(core)), |()| Err(NoRuntime(())))
}

/// Passes `value` to `inside` with the runtime that this thread drives, or to `outside` without
/// one.
#[inline]
pub(super) fn hand<T, R>(
    value: T,
    inside: impl FnOnce(&Core, T) -> R,
    outside: impl FnOnce(T) -> R,
) -> R {
    let core = DRIVEN.with(|driven| driven.core.get());
    // SAFETY: null, or kept alive by a call of `enter` that is on the stack of this thread.
    match unsafe { core.as_ref() } {
        Some(core) => inside(core, value),
        None => outside(value),
    }
}

/// Runs `f` with the runtime that this thread drives.
///
/// # Panics
/// Panics outside of a runtime; `what` is the name of the call that needs one.
#[track_caller]
pub(crate) fn with<R>(what: &str, f: impl FnOnce(&Core) -> R) -> R {
    match try_with(f) {
        Ok(result) => result,
        Err(error) => panic!("`{what}` was called outside of a runtime: {error}"),
    }
}

/// Sends a scheduled task to its runtime, which this thread does not drive: the run queue is out of
/// reach.
#[cold]
fn send_scheduled(task: Task) {
    let reference = task.by_ref().clone();
    let enqueue = move || {
        if let Ok(task) = reference.at_home() {
            hand(task, Core::enqueue, drop);
        }
    };
    task.by_ref().home().send(Message::Call(Box::new(enqueue)));
}

// SAFETY: `shared` is set only by `enter`, on the thread of the core, which is not `Send`, so no
// other thread sees it.
unsafe impl Schedule for Shared {
    #[inline]
    fn is_here(&self) -> bool {
        DRIVEN.with(|driven| ptr::eq(driven.shared.get(), self))
    }

    #[inline]
    fn schedule(task: Task) {
        hand(task, Core::enqueue, send_scheduled);
    }

    #[inline]
    fn remove(slot: u32) -> Option<OwnedRef> {
        try_with(|core| core.scheduler.owned.remove(slot))
            .ok()
            .flatten()
    }

    #[inline]
    fn take_block(class: Class) -> Option<NonNull<u8>> {
        try_with(|core| core.scheduler.pool.take(class))
            .ok()
            .flatten()
    }

    #[inline]
    fn keep_block(class: Class, block: NonNull<u8>, free: fn(Class, NonNull<u8>)) {
        hand(
            block,
            |core, block| core.scheduler.pool.keep(class, block, free),
            |block| free(class, block),
        );
    }

    fn awaiter_gone(task: Task) {
        try_with(|core| core.awaiter_gone(&task)).ok();
    }

    #[inline]
    fn are_awaits_watched() -> bool {
        try_with(Core::are_awaits_watched).unwrap_or(true)
    }

    fn await_begins() -> Option<Id> {
        try_with(Core::await_begins).ok().flatten()
    }

    fn is_home_thread(&self) -> bool {
        Self::is_home_thread(self)
    }

    fn has_ended(&self) -> bool {
        self.wait_for_the_end()
    }

    fn send(&self, message: TaskMessage) {
        self.send(Message::Task(message));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::task::Poll;

    use super::*;
    use crate::runtime::Runtime;

    /// Spawns a task that counts its polls and never ends.
    fn spawn_counter(polls: &Rc<Cell<u32>>) -> Task {
        let polls = Rc::clone(polls);
        let handle = crate::spawn(std::future::poll_fn(move |_| {
            polls.set(polls.get() + 1);
            Poll::<()>::Pending
        }));
        drop(handle);
        with("a test", Core::running)
            .pop()
            .expect("one was spawned")
    }

    /// Yields until every ready task was polled.
    async fn settle() {
        for _ in 0..3 {
            crate::yield_now().await;
        }
    }

    #[test]
    fn a_task_that_is_woken_where_its_runtime_is_not_driven_is_polled_by_the_next_turn() {
        let (runtime, polls) = (Runtime::new().unwrap(), Rc::new(Cell::new(0)));
        let task = runtime.block_on(async {
            let task = spawn_counter(&polls);
            settle().await;
            task
        });
        assert_eq!(polls.get(), 1);
        task.wake();
        runtime.block_on(settle());
        assert_eq!(polls.get(), 2);
    }

    #[test]
    fn the_outer_runtime_is_driven_again_when_an_inner_one_returns_or_unwinds() {
        let runtimes = [Runtime::new().unwrap(), Runtime::new().unwrap()];
        let [outer, inner] = runtimes.each_ref().map(|runtime| &runtime.core);
        let is_driven = |core: &Rc<Core>| try_with(|here| ptr::eq(here, &**core));
        enter(outer, || {
            enter(inner, || assert_eq!(is_driven(inner), Ok(true)));
            assert_eq!(is_driven(outer), Ok(true));
            let unwound = catch_unwind(AssertUnwindSafe(|| enter(inner, || panic!("on purpose"))));
            assert!(unwound.is_err());
            assert_eq!(is_driven(outer), Ok(true));
        });
        assert!(!is_inside());
    }
}
