//! A reference to a task on its home thread, with the operations that only that thread may perform.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::rc::Rc;
use std::task::{Context, Waker};

use super::refs::{release_here, retain_here};
use super::waker::waker_vtable;
use super::{Header, Schedule, TaskRef};
use crate::cell::cold_state::{ColdState, ParentScheduler};
use crate::cell::state::{OnCancel, OnFinish, OnSuspend, OnWake, State};
use crate::error::{Cancelled, JoinError};
use crate::util::Id;
use crate::util::slab::Key;
use crate::util::vars::Vars;
use crate::util::{drop_quietly, wake_quietly};

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

    /// Marks the task as running: the loop has taken it from the queue.
    #[inline]
    pub(crate) fn start(&self) -> Started<'_, H> {
        self.header()
            .state
            .advance(|state| (state.start(), Started(self)))
    }

    /// Marks the task as running if its turn is a poll and nothing else.
    #[inline]
    pub(crate) fn start_if_plain(&self) -> Option<Started<'_, H>> {
        self.header().state.set(self.state().start_if_plain()?);
        Some(Started(self))
    }

    /// Marks the task as running to carry the turn of a nested task.
    pub(crate) fn start_carrying(&self) -> Started<'_, H> {
        self.header()
            .state
            .advance(|state| (state.start_carrying(), Started(self)))
    }

    /// Ends a pending poll that carried the turn of a nested task.
    pub(crate) fn end_carrying(&self) {
        self.header().state.step(|state| (state.end_carrying(), ()));
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

    /// Completes or suspends the task after a poll. Returns it if it must be queued again.
    #[inline]
    pub(crate) fn settle(self, ended: bool, current: &Current<H>) -> Option<Self> {
        if ended {
            self.conclude(current);
            None
        } else {
            self.suspend()
        }
    }

    /// Suspends the task after a pending poll, also of a main future. Returns it if it must be
    /// queued again.
    #[inline]
    pub(crate) fn suspend(self) -> Option<Self> {
        match self.header().state.advance(State::suspend) {
            OnSuspend::Rest => None,
            OnSuspend::Requeue => Some(self),
        }
    }

    /// Drops the future of a task that is not being polled, and writes `error` as its output. The
    /// caller must then call [`settle`](Task::settle), as after a poll that ended the task.
    pub(crate) fn abort(&self, error: JoinError) {
        assert!(!self.state().is_done() && !self.state().is_main());
        if !self.state().is_running() {
            self.start();
        }
        // SAFETY: rule 3; here, not done, and marked as running, so that no poll is in progress.
        unsafe { (self.header().vtable.abort)(self.0.ptr(), error) };
    }

    /// Ends the task after its output was written: delivers the output to the handle, or drops it.
    fn conclude(self, current: &Current<H>) {
        let duty = self.header().state.advance(State::finish);
        match self.header().cold_state.take() {
            None => self.hand_over(duty, current),
            Some(cold_state) => self.conclude_cold(cold_state, duty, current),
        }
    }

    /// Delivers the output to the handle, or drops it.
    #[inline]
    fn hand_over(self, duty: OnFinish, current: &Current<H>) {
        match duty {
            OnFinish::Deliver => self.deliver(),
            OnFinish::Discard => self.discard(current),
        }
    }

    /// [`conclude`](Task::conclude) for a task with rarely used state. Not inlined, so that other
    /// tasks (bench `spawn_join_1`) save no registers for it.
    #[cold]
    #[inline(never)]
    fn conclude_cold(self, cold_state: Box<ColdState<H>>, duty: OnFinish, current: &Current<H>) {
        // The destructors of the variables are third-party code.
        drop_quietly(cold_state.vars.take());
        let at_end = cold_state.at_end.take();
        drop(cold_state);
        self.hand_over(duty, current);
        at_end.into_iter().for_each(wake_quietly);
    }

    /// Wakes the joiner.
    fn deliver(self) {
        if let Some(joiner) = self.header().joiner.take() {
            wake_joiner(joiner);
        }
    }

    /// Drops the output and gives the task up: it has no handle, and so no joiner. The destructor
    /// of the output is code of the task, so the task is current meanwhile.
    #[inline(never)]
    fn discard(self, current: &Current<H>) {
        current.during(&self, || {
            // SAFETY: rule 3; done and no handle, so the output is ours, at home.
            unsafe { (self.header().vtable.drop_output)(self.0.ptr()) };
        });
        let joiner = self.header().joiner.take();
        self.give_up();
        drop_quietly(joiner);
    }

    /// Removes the task from `OwnedTasks` and drops both references, this one first: the owner is
    /// then the last reference, unless a waker is left, and needs no atomic operation.
    #[inline]
    fn give_up(self) {
        let owner = H::remove(self.header().slot.get());
        drop(self);
        if let Some(owner) = owner {
            owner.end_here();
        }
    }

    /// Ends the cell of a main future, whose value `block_on` returns.
    pub(crate) fn end_main(self) {
        assert!(self.state().is_main() && !self.state().has_handle());
        // There is no handle, so no result is written.
        _ = self.header().state.advance(State::finish);
        drop(self.header().cold_state.take());
        self.give_up();
    }
}

/// A started task, which may be polled once. (The code that drives the runtime polls the main
/// future.)
pub(crate) struct Started<'a, H: Schedule>(&'a Task<H>);

impl<H: Schedule> Started<'_, H> {
    /// Polls the task. Returns `true` if it has ended. The caller must call
    /// [`settle`](Task::settle) in either case.
    #[inline]
    pub(crate) fn poll(self) -> bool {
        let task = self.0;
        let ptr = task.0.ptr();
        let data = ptr.as_ptr().cast_const().cast();
        // SAFETY: the data is the counted reference `task`, which outlives this waker; it is never
        // dropped.
        let waker = ManuallyDrop::new(unsafe { Waker::new(data, waker_vtable::<H>()) });
        let mut cx = Context::from_waker(&waker);
        // SAFETY: rule 3; here, and started; `start` panics until the poll is over.
        unsafe { (task.header().vtable.poll)(ptr, &mut cx) }
    }
}

/// Puts a task into the run queue. Not inlined, so that the wake of a running task (bench
/// `yield_1`) needs no stack frame.
#[inline(never)]
fn schedule_outlined<H: Schedule>(task: Task<H>) {
    H::schedule(task);
}

/// Wakes the joiner. Not inlined, so that a task without a joiner (bench `spawn_detached_burst`)
/// needs no stack frame.
#[inline(never)]
fn wake_joiner(joiner: Waker) {
    wake_quietly(joiner);
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

/// Restores the outer task on drop, even if the inner code panics.
struct Restore<'a, H: Schedule>(&'a Current<H>, Option<NonNull<Header<H>>>);

impl<H: Schedule> Drop for Restore<'_, H> {
    fn drop(&mut self) {
        self.0.0.set(self.1);
    }
}

/// The task that is being polled.
pub(crate) struct Current<H: Schedule>(Cell<Option<NonNull<Header<H>>>>);

impl<H: Schedule> Current<H> {
    pub(crate) fn new() -> Self {
        Self(Cell::new(None))
    }

    /// Runs `f` with `task` as the current one. The borrow keeps `task` alive meanwhile.
    pub(crate) fn during<R>(&self, task: &Task<H>, f: impl FnOnce() -> R) -> R {
        let _restore = Restore(self, self.0.replace(Some(task.0.ptr())));
        f()
    }

    /// Runs `f` as the poll of `task` while no other task is current. The borrow keeps `task` alive
    /// meanwhile.
    #[inline]
    pub(crate) fn during_poll<R>(&self, task: &Task<H>, f: impl FnOnce() -> R) -> R {
        /// Resets the current task on drop, even if `f` panics.
        struct Clear<'a, H: Schedule>(&'a Current<H>);
        impl<H: Schedule> Drop for Clear<'_, H> {
            fn drop(&mut self) {
                self.0.0.set(None);
            }
        }
        debug_assert!(
            self.0.get().is_none(),
            "a task is polled inside the poll of another one"
        );
        let _clear = Clear(self);
        self.0.set(Some(task.0.ptr()));
        f()
    }

    /// Runs `f` with no current task: `f` polls another task inside this poll.
    pub(crate) fn set_aside<R>(&self, f: impl FnOnce() -> R) -> R {
        let _restore = Restore(self, self.0.replace(None));
        f()
    }

    /// Returns the current task.
    pub(crate) fn get(&self) -> Option<Task<H>> {
        let ptr = self.0.get()?;
        // SAFETY: rule 1, `during` keeps a counted reference to it; the clone below counts for
        // itself.
        let borrowed = ManuallyDrop::new(unsafe { TaskRef::counted(ptr) });
        // SAFETY: `during` received a reference of this, the home thread.
        Some(unsafe { Task::new(TaskRef::clone(&borrowed)) })
    }

    /// Returns the number of the current task.
    pub(crate) fn number(&self) -> Option<u64> {
        let ptr = self.0.get()?;
        // SAFETY: rule 1, `during` keeps a counted reference to it.
        Some(unsafe { ptr.as_ref() }.number)
    }
}

impl<H: Schedule> fmt::Debug for Current<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Current")
            .field(&self.0.get().is_some())
            .finish()
    }
}
