//! A reference to a task on its home thread, with the operations that only that thread may perform.

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::rc::Rc;
use std::task::Waker;

use super::refs::{release_here, retain_here};
use super::waker::waker_vtable;
use super::{Header, Schedule, TaskRef};
use crate::cell::cold_state::{ColdState, ParentScheduler};
use crate::cell::state::{OnCancel, OnWake, State};
use crate::error::Cancelled;
use crate::util::Id;
use crate::util::slab::Key;
use crate::util::vars::Vars;

/// A counted reference on the home thread: it may use the fields of that thread (rule 2).
pub(crate) struct Task<H: Schedule>(ManuallyDrop<TaskRef<H>>, PhantomData<*const ()>);

impl<H: Schedule> Task<H> {
    /// Wraps a reference that is used on its home thread.
    ///
    /// # Safety
    /// `is_here` is true, or this thread has just created the task (rule 2).
    pub(super) unsafe fn new(task: TaskRef<H>) -> Self {
        Self(ManuallyDrop::new(task), PhantomData)
    }

    pub(super) fn header(&self) -> &Header<H> {
        self.0.header()
    }

    /// Returns the reference as one for any thread.
    pub(crate) fn by_ref(&self) -> &TaskRef<H> {
        &self.0
    }

    pub(crate) fn state(&self) -> State {
        self.header().state()
    }

    /// Returns the name of the future's type.
    pub(crate) fn future_name(&self) -> &'static str {
        (self.header().vtable.future_name)()
    }

    /// Returns a waker of this task.
    pub(crate) fn waker(&self) -> Waker {
        let data = TaskRef::clone(&self.0).into_raw();
        // SAFETY: the data is a counted reference, as the functions of the vtable require.
        unsafe { Waker::new(data, waker_vtable::<H>()) }
    }

    /// Wakes the task and consumes the reference.
    pub(crate) fn wake(self) {
        let duty = self.header().state.step(State::wake);
        if duty == OnWake::Enqueue {
            H::schedule(self);
        }
    }

    /// Wakes the task.
    #[inline]
    pub(super) fn wake_by_ref(&self) {
        let duty = self.header().state.step(State::wake);
        if duty == OnWake::Enqueue {
            schedule_outlined(self.clone());
        }
    }

    /// Processes a wake that another thread has sent.
    pub(crate) fn wake_collected(self) {
        self.header().shared_refs.collect();
        self.wake();
    }

    /// Requests a cancellation. Returns `false` if the task has ended.
    pub(crate) fn cancel(&self, cancelled: Cancelled) -> bool {
        let duty = self.header().state.step(State::request_cancel);
        match duty {
            OnCancel::Refuse => false,
            OnCancel::Merge => true,
            OnCancel::Record => {
                self.with_cold_state(|cold_state| cold_state.cancel.set(Some(cancelled)));
                self.wake_by_ref();
                true
            }
        }
    }

    /// Takes the requested cancellation, if there is one, and marks it as delivered.
    #[inline]
    pub(crate) fn take_cancel(&self) -> Option<Cancelled> {
        if !self.state().cancel_waits() {
            return None;
        }
        self.header().state.step(|state| (state.take_cancel(), ()));
        self.with_cold_state(|cold_state| cold_state.cancel.take())
    }

    /// Returns the root of the task's catch points, if there is one.
    #[inline]
    pub(crate) fn scope(&self) -> Option<Key> {
        let cold_state = self.header().cold_state.take()?;
        let scope = cold_state.scope.get();
        self.header().cold_state.set(Some(cold_state));
        scope
    }

    /// Stores the root of the task's catch points.
    pub(crate) fn set_scope(&self, root: Key) {
        self.header().state.step(|state| (state.scoped(), ()));
        self.with_cold_state(|cold_state| cold_state.scope.set(Some(root)));
    }

    /// Makes the task a child of a group: `parent` polls it, not the loop.
    pub(crate) fn set_parent(&self, parent: Rc<dyn ParentScheduler<H>>) {
        self.header().state.step(|state| (state.into_child(), ()));
        self.with_cold_state(|cold_state| cold_state.parent.set(Some(parent)));
    }

    /// Returns the group of a child.
    pub(crate) fn parent(&self) -> Option<Rc<dyn ParentScheduler<H>>> {
        if !self.state().is_child() {
            return None;
        }
        self.with_cold_state(|cold_state| {
            let parent = cold_state.parent.take();
            cold_state.parent.set(parent.clone());
            parent
        })
    }

    /// Stores the context variables of the spawning task.
    pub(crate) fn give_vars(&self, vars: Vars) {
        self.header().state.step(|state| (state.with_vars(), ()));
        self.with_cold_state(|cold_state| cold_state.vars.set(vars));
    }

    /// Returns the context variables that the task was spawned with.
    pub(crate) fn vars(&self) -> Vars {
        if !self.state().has_vars() {
            return None;
        }
        self.with_cold_state(|cold_state| {
            let vars = cold_state.vars.take();
            cold_state.vars.set(vars.clone());
            vars
        })
    }

    /// Records which task awaits this one.
    pub(super) fn note_awaiter(&self, awaiter: Option<Id>) {
        self.with_cold_state(|cold_state| cold_state.awaiter.set(awaiter));
    }

    /// Returns the number of the task that awaits this one, from the joiner's waker or from the
    /// record; `None` without a joiner.
    pub(crate) fn awaited_by(&self) -> Option<u64> {
        let joiner = self.header().joiner.take();
        let is_awaited = joiner.is_some();
        self.header().joiner.set(joiner);
        if !is_awaited {
            return None;
        }
        let by_waker = self.header().joiner_number();
        by_waker.or_else(|| self.awaiter().map(Id::number))
    }

    /// Takes the waker of the code that awaits the task, which must be woken.
    #[must_use]
    pub(crate) fn take_joiner(&self) -> Option<Waker> {
        self.header().joiner.take()
    }

    /// Takes the wakers that were to be woken at the end, besides the joiner.
    pub(crate) fn take_at_end(&self) -> Vec<Waker> {
        self.with_cold_state(|cold_state| cold_state.at_end.take())
    }

    /// Returns the task that awaited this one last, if that was recorded.
    pub(crate) fn awaiter(&self) -> Option<Id> {
        let cold_state = self.header().cold_state.take()?;
        let awaiter = cold_state.awaiter.get();
        self.header().cold_state.set(Some(cold_state));
        awaiter
    }

    /// Adds a waker to wake when the task ends, besides the joiner. Returns `false` if the task has
    /// ended already.
    #[must_use]
    pub(crate) fn wake_at_end(&self, waker: &Waker) -> bool {
        // The clone is third-party code, which may end the task, so it runs before the check.
        let waker = waker.clone();
        if self.state().is_done() {
            return false;
        }
        let spare = self.with_cold_state(|cold_state| {
            let mut list = cold_state.at_end.take();
            let known = list.iter().any(|known| known.will_wake(&waker));
            let spare = if known {
                Some(waker)
            } else {
                list.push(waker);
                None
            };
            cold_state.at_end.set(list);
            spare
        });
        drop(spare);
        true
    }

    /// Marks the task as draining: its future is dropped and its output written, and it waits for
    /// other tasks before it ends.
    pub(crate) fn begin_draining(&self) {
        self.header()
            .state
            .step(|state| (state.begin_draining(), ()));
    }

    /// Runs `look` with the rarely used state, and allocates it if necessary. `look` must not use
    /// the task. After the end nothing is kept: the code that frees the cell does not look for it.
    fn with_cold_state<R>(&self, look: impl FnOnce(&ColdState<H>) -> R) -> R {
        let cold_state = self.header().cold_state.take().unwrap_or_default();
        let result = look(&cold_state);
        if !self.state().is_done() {
            self.header().cold_state.set(Some(cold_state));
        }
        result
    }

    /// Runs `f` with wakes of this task suppressed: the task is about to be polled in any case. A
    /// cancellation that `f` requests needs a turn of its own, so it wakes the task afterwards.
    pub(crate) fn with_wakes_suppressed(&self, f: impl FnOnce()) {
        let was_scheduled = self.state().is_scheduled();
        self.header()
            .state
            .step(|state| (state.suppress_wakes(), ()));
        f();
        if was_scheduled {
            return;
        }
        self.unschedule();
        if self.state().cancel_waits() {
            self.wake_by_ref();
        }
    }

    /// Takes a task that came out of the queue out of the scheduled state, without a poll: the next
    /// wake, or a cancellation, puts it back.
    pub(crate) fn unschedule(&self) {
        self.header().state.step(|state| (state.unschedule(), ()));
    }

    /// Returns `true` if `parent` polls the task.
    pub(crate) fn is_in(&self, parent: *const ()) -> bool {
        self.state().is_held_by_parent()
            && self.with_cold_state(|cold_state| {
                let its = cold_state.parent.take();
                let is_in = its
                    .as_ref()
                    .is_some_and(|its| Rc::as_ptr(its).cast() == parent);
                cold_state.parent.set(its);
                is_in
            })
    }
}

/// Puts a task into the run queue. Not inlined, so that the wake of a running task (bench
/// `yield_1`) needs no stack frame.
#[inline(never)]
fn schedule_outlined<H: Schedule>(task: Task<H>) {
    H::schedule(task);
}

impl<H: Schedule> Clone for Task<H> {
    #[inline]
    fn clone(&self) -> Self {
        retain_here(self.header());
        // SAFETY: the line before counted it.
        let task = unsafe { TaskRef::counted(self.0.ptr()) };
        Self(ManuallyDrop::new(task), PhantomData)
    }
}

impl<H: Schedule> Drop for Task<H> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the count is this reference's, which ends here, and rule 2: it never left the
        // home thread.
        unsafe { release_here(self.0.ptr()) };
    }
}

impl<H: Schedule> fmt::Debug for Task<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
