//! Which runtime this thread drives at this moment: the one thread-local of a thread that drives. (A thread of the pool has the
//! context variables that a function brought along, in [`vars`](crate::util::vars).)
//!
//! ```text
//!   outside ── enter(core) ──▶ inside ── drop(Entered) ──▶ outside
//!                               │  ▲
//!                               └──┘ enter(other), only by `Runtime::drop`: restored when it is done
//! ```
//!
//! A door to raw pointers: the thread-local holds the address of a `Core` that the [`Entered`] guard keeps alive.

use std::cell::Cell;
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::sync::Arc;

use super::core::Core;
use super::shared::{Message, Shared};
use super::{OwnedRef, Task};
use crate::cell::{Class, Schedule, TaskMessage};
use crate::error::NoRuntime;
use crate::util::{Id, budget};

/// The addresses of what is driven here; null outside.
struct Driven {
    /// The runtime's home part.
    core: Cell<*const Core>,
    /// The part that all threads share.
    shared: Cell<*const Shared>,
    /// The number of the poll that is under way, if that is the turn of another task, further in (see
    /// [`carry`](super::carry)); else 0.
    carrying: Cell<u32>,
}

thread_local! {
    /// What this thread drives.
    static HERE: Driven = const { Driven {
        core: Cell::new(ptr::null()),
        shared: Cell::new(ptr::null()),
        carrying: Cell::new(0),
    } };
}

/// While it lives, this thread drives the runtime.
#[derive(Debug)]
pub(crate) struct Entered {
    /// Keeps the core that the thread-local points to. Invariant: it is only let go after the pointer was replaced.
    core: Rc<Core>,
    /// What was driven before.
    outer: (*const Core, *const Shared, u32),
    /// What was left of the poll that this interrupts, if it does.
    rest: budget::Rest,
}

/// Makes `core` the runtime that this thread drives.
pub(crate) fn enter(core: &Rc<Core>) -> Entered {
    let core = Rc::clone(core);
    core.drivers().set(core.drivers().get() + 1);
    let outer = HERE.with(|here| {
        let shared = Arc::as_ptr(core.shared());
        (
            here.core.replace(Rc::as_ptr(&core)),
            here.shared.replace(shared),
            here.carrying.replace(0),
        )
    });
    let rest = budget::set_aside();
    Entered { core, outer, rest }
}

impl Drop for Entered {
    fn drop(&mut self) {
        debug_assert!(
            HERE.with(|here| ptr::eq(here.core.get(), &*self.core)),
            "left in the wrong order"
        );
        HERE.with(|here| {
            here.core.set(self.outer.0);
            here.shared.set(self.outer.1);
            here.carrying.set(self.outer.2);
        });
        self.core.drivers().set(self.core.drivers().get() - 1);
        budget::put_back(self.rest);
    }
}

/// Notes the number of a poll that carries another task's turn, or 0; gives what was noted before.
pub(super) fn set_carrying(number: u32) -> u32 {
    HERE.with(|here| here.carrying.replace(number))
}

/// What waits for its task's own turn, and is passed over by polls that carry another task's.
///
/// By each of them once: code that polls it in a loop comes to an end.
#[derive(Debug, Default)]
pub(crate) struct OwnTurn {
    /// The poll that passed it over last; 0 for none.
    passed_by: u32,
}

impl OwnTurn {
    /// Whether the poll that is under way passes it over.
    #[inline]
    pub(crate) fn is_passed_over(&mut self) -> bool {
        let number = HERE.with(|here| here.carrying.get());
        number != 0 && self.is_passed_by(number)
    }

    /// Whether the poll of this number passes it over. Apart, so that a poll that carries nothing pays for one look.
    #[cold]
    fn is_passed_by(&mut self, number: u32) -> bool {
        std::mem::replace(&mut self.passed_by, number) != number
    }
}

/// True when this thread drives a runtime.
pub(crate) fn is_inside() -> bool {
    HERE.with(|here| !here.core.get().is_null())
}

/// Runs `f` with the runtime that this thread drives.
#[inline]
pub(crate) fn try_with<R>(f: impl FnOnce(&Core) -> R) -> Result<R, NoRuntime> {
    hand((), |core, ()| Ok(f(core)), |()| Err(NoRuntime(())))
}

/// Gives `value` to the runtime that this thread drives, or to `outside` where there is none.
#[inline]
pub(super) fn hand<T, R>(
    value: T,
    inside: impl FnOnce(&Core, T) -> R,
    outside: impl FnOnce(T) -> R,
) -> R {
    let core = HERE.with(|here| here.core.get());
    // SAFETY: null or kept by an `Entered` of this thread, which cannot be dropped while `inside` is on the stack.
    match unsafe { core.as_ref() } {
        Some(core) => inside(core, value),
        None => outside(value),
    }
}

/// Runs `f` with the runtime that this thread drives.
///
/// # Panics
/// Outside of a runtime; `what` is the name of the call that needs one.
#[track_caller]
pub(crate) fn with<R>(what: &str, f: impl FnOnce(&Core) -> R) -> R {
    match try_with(f) {
        Ok(result) => result,
        Err(error) => panic!("`{what}` was called outside of a runtime: {error}"),
    }
}

/// A task was woken at home where its runtime is not driven, which cannot be.
#[cold]
fn unreachable(task: Task) {
    debug_assert!(false, "scheduled away from home: {task:?}");
}

// SAFETY: `shared` is set only by `enter`, on the thread of the core, which is not `Send`, so no other thread sees it.
unsafe impl Schedule for Shared {
    #[inline]
    fn is_here(&self) -> bool {
        HERE.with(|here| ptr::eq(here.shared.get(), self))
    }

    #[inline]
    fn schedule(task: Task) {
        // Nobody can be told of a failure here; `is_here` was checked, so there is none.
        hand(task, Core::enqueue, unreachable);
    }

    #[inline]
    fn remove(slot: u32) -> Option<OwnedRef> {
        try_with(|core| core.remove(slot)).ok().flatten()
    }

    #[inline]
    fn take_block(class: Class) -> Option<NonNull<u8>> {
        try_with(|core| core.pool().take(class)).ok().flatten()
    }

    #[inline]
    fn keep_block(class: Class, block: NonNull<u8>, free: fn(Class, NonNull<u8>)) {
        hand(
            block,
            |core, block| core.pool().keep(class, block, free),
            |block| free(class, block),
        );
    }

    fn awaiter_gone(task: Task) {
        try_with(|core| core.awaiter_gone(&task)).ok();
    }

    #[inline]
    fn await_begins() -> Option<Id> {
        try_with(Core::await_begins).ok().flatten()
    }

    fn is_home_thread(&self) -> bool {
        Self::is_home_thread(self)
    }

    fn has_ended(&self) -> bool {
        self.wait_for_the_end()
    }

    fn send(&self, letter: TaskMessage<Self>) {
        self.send(Message::Task(letter));
    }
}
