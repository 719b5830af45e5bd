//! A task at home: everything that only the thread of its runtime may do.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::rc::Rc;
use std::task::{Context, Waker};

use super::refs::{release_here, retain_here};
use super::waker::{number_of, waker_vtable};
use super::{Header, Schedule, TaskRef};
use crate::cell::cold_state::{ColdState, ParentScheduler};
use crate::cell::state::{OnCancel, OnFinish, OnSuspend, OnWake, State};
use crate::error::{Cancelled, JoinError};
use crate::util::Id;
use crate::util::slab::Key;
use crate::util::vars::Vars;
use crate::util::{drop_quietly, wake_quietly};

/// A counted reference at home: it may use the home's fields.
pub(crate) struct Task<H: Schedule>(ManuallyDrop<TaskRef<H>>, PhantomData<*const ()>);

impl<H: Schedule> Task<H> {
    /// `task` as a reference at home.
    ///
    /// # Safety
    /// `is_here` is true, or the task was made here just now (rule 2).
    pub(super) unsafe fn new(task: TaskRef<H>) -> Self {
        Self(ManuallyDrop::new(task), PhantomData)
    }

    /// The task's header.
    pub(super) fn header(&self) -> &Header<H> {
        self.0.header()
    }

    /// The reference as one that may travel.
    pub(crate) fn by_ref(&self) -> &TaskRef<H> {
        &self.0
    }

    /// The state word.
    pub(crate) fn state(&self) -> State {
        self.header().state()
    }

    /// The type of the task's future.
    pub(crate) fn future_name(&self) -> &'static str {
        (self.header().vtable.future_name)()
    }

    /// A waker of this task.
    pub(crate) fn waker(&self) -> Waker {
        let data = TaskRef::clone(&self.0).into_raw();
        // SAFETY: the data is a counted reference, as the functions of the table expect.
        unsafe { Waker::new(data, waker_vtable::<H>()) }
    }

    /// Wakes the task and gives the reference up.
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
            schedule_apart(self.clone());
        }
    }

    /// A wake from another thread has come home.
    pub(crate) fn wake_collected(self) {
        self.header().shared_refs.collect();
        self.wake();
    }

    /// Asks for a cancellation; `false` when the task has ended.
    pub(crate) fn cancel(&self, cancelled: Cancelled) -> bool {
        let duty = self.header().state.step(State::request_cancel);
        match duty {
            OnCancel::Refuse => false,
            OnCancel::Merge => true,
            OnCancel::Record => {
                self.with_extra(|cold_state| cold_state.cancel.set(Some(cancelled)));
                self.wake_by_ref();
                true
            }
        }
    }

    /// The cancellation that waits, if one does; it counts as delivered from now on.
    #[inline]
    pub(crate) fn take_cancel(&self) -> Option<Cancelled> {
        if !self.state().cancel_waits() {
            return None;
        }
        self.header().state.step(|state| (state.take_cancel(), ()));
        self.with_extra(|cold_state| cold_state.cancel.take())
    }

    /// The root of the task's catch points, if it has had one.
    #[inline]
    pub(crate) fn scope(&self) -> Option<Key> {
        let cold_state = self.header().cold_state.take()?;
        let scope = cold_state.scope.get();
        self.header().cold_state.set(Some(cold_state));
        scope
    }

    /// Keeps the root of the task's catch points.
    pub(crate) fn set_scope(&self, root: Key) {
        self.header().state.step(|state| (state.scoped(), ()));
        self.with_extra(|cold_state| cold_state.scope.set(Some(root)));
    }

    /// Gives the task to a pen: from now on that polls it, and not the loop.
    pub(crate) fn put_into(&self, parent: Rc<dyn ParentScheduler<H>>) {
        self.header().state.step(|state| (state.into_child(), ()));
        self.with_extra(|cold_state| cold_state.parent.set(Some(parent)));
    }

    /// Who polls the task, if not the loop.
    pub(crate) fn parent(&self) -> Option<Rc<dyn ParentScheduler<H>>> {
        if !self.state().is_child() {
            return None;
        }
        self.with_extra(|cold_state| {
            let parent = cold_state.parent.take();
            cold_state.parent.set(parent.clone());
            parent
        })
    }

    /// Gives a new task the context variables of where it was spawned.
    pub(crate) fn give_vars(&self, vars: Vars) {
        self.header().state.step(|state| (state.with_vars(), ()));
        self.with_extra(|cold_state| cold_state.vars.set(vars));
    }

    /// The context variables that the task was spawned with.
    pub(crate) fn vars(&self) -> Vars {
        if !self.state().has_vars() {
            return None;
        }
        self.with_extra(|cold_state| {
            let vars = cold_state.vars.take();
            cold_state.vars.set(vars.clone());
            vars
        })
    }

    /// Notes which task awaits this one.
    pub(super) fn note_awaiter(&self, awaiter: Option<Id>) {
        self.with_extra(|cold_state| cold_state.awaiter.set(awaiter));
    }

    /// The number of the task that awaits this one: the joiner's waker is that task's, or else it
    /// was noted.
    pub(crate) fn awaited_by(&self) -> Option<u64> {
        let joiner = self.header().joiner.take();
        let home = self.header().home();
        let number = joiner.as_ref().and_then(|joiner| number_of(joiner, home));
        self.header().joiner.set(joiner);
        number.or_else(|| self.awaiter().map(Id::number))
    }

    /// Takes out whom to wake when the task ends, besides the joiner: they do not wait any longer.
    pub(crate) fn take_at_end(&self) -> Vec<Waker> {
        self.with_extra(|cold_state| cold_state.at_end.take())
    }

    /// Which task awaited this one last, where that was noted.
    pub(crate) fn awaiter(&self) -> Option<Id> {
        let cold_state = self.header().cold_state.take()?;
        let awaiter = cold_state.awaiter.get();
        self.header().cold_state.set(Some(cold_state));
        awaiter
    }

    /// Has `waker` woken when the task ends, besides the joiner; `false` if it has ended, and wakes
    /// nobody any more.
    #[must_use]
    pub(crate) fn wake_at_end(&self, waker: &Waker) -> bool {
        // Foreign code, which may end the task, so it runs before the question.
        let waker = waker.clone();
        if self.state().is_done() {
            return false;
        }
        let spare = self.with_extra(|cold_state| {
            let mut list = cold_state.at_end.take();
            let known = list.iter().any(|known| known.will_wake(&waker));
            let spare = match known {
                true => Some(waker),
                false => {
                    list.push(waker);
                    None
                }
            };
            cold_state.at_end.set(list);
            spare
        });
        drop(spare);
        true
    }

    /// The future is gone and the output written, but the task has yet to wait before it may end.
    pub(crate) fn begin_draining(&self) {
        self.header()
            .state
            .step(|state| (state.begin_draining(), ()));
    }

    /// Lets `look` see what few tasks have, making room for it if need be. `look` must not use the
    /// task.
    fn with_extra<R>(&self, look: impl FnOnce(&ColdState<H>) -> R) -> R {
        let cold_state = self.header().cold_state.take().unwrap_or_default();
        let result = look(&cold_state);
        self.header().cold_state.set(Some(cold_state));
        result
    }

    /// Marks the task as running: the loop took it out of the queue.
    #[inline]
    pub(crate) fn start(&self) -> Started<'_, H> {
        self.header()
            .state
            .advance(|state| (state.start(), Started(self)))
    }

    /// Marks the task as running for the sake of a task further in.
    pub(crate) fn start_carrying(&self) -> Started<'_, H> {
        self.header()
            .state
            .advance(|state| (state.start_carrying(), Started(self)))
    }

    /// Ends such a poll, which was pending.
    pub(crate) fn end_carrying(&self) {
        self.header().state.step(|state| (state.end_carrying(), ()));
    }

    /// Runs `f`, in which wakes of this task have no effect. It is about to be polled in any case.
    pub(crate) fn while_deaf(&self, f: impl FnOnce()) {
        let was_scheduled = self.state().is_scheduled();
        self.header().state.step(|state| (state.deaf(), ()));
        f();
        if !was_scheduled {
            self.header().state.step(|state| (state.undeaf(), ()));
        }
    }

    /// Whether `parent` polls the task.
    pub(crate) fn is_in(&self, parent: *const ()) -> bool {
        self.state().is_held_by_parent()
            && self.with_extra(|cold_state| {
                let its = cold_state.parent.take();
                let is_in = its
                    .as_ref()
                    .is_some_and(|its| Rc::as_ptr(its).cast() == parent);
                cold_state.parent.set(its);
                is_in
            })
    }

    /// Draws the consequence of a poll: the task gives its output, or rests. Returned if it must go
    /// back into the queue.
    #[inline]
    pub(crate) fn settle(self, ended: bool, current: &Current<H>) -> Option<Self> {
        match ended {
            true => {
                self.conclude(current);
                None
            }
            false => self.suspend(),
        }
    }

    /// Ends a poll that was pending; also that of a main future, which is polled where it lies.
    /// Returned if it must go back into the queue.
    #[inline]
    pub(crate) fn suspend(self) -> Option<Self> {
        match self.header().state.advance(State::suspend) {
            OnSuspend::Rest => None,
            OnSuspend::Requeue => Some(self),
        }
    }

    /// Drops the future of a task that is not running, and writes `error` as its output.
    /// [`settle`](Task::settle) is due, as after a poll with which the task ended.
    pub(crate) fn abort(&self, error: JoinError) {
        assert!(!self.state().is_done() && !self.state().is_main());
        if !self.state().is_running() {
            self.start();
        }
        // SAFETY: rule 3; here, not done, and marked as running by ourselves: nobody polls it.
        unsafe { (self.header().vtable.abort)(self.0.ptr(), error) };
    }

    /// The output is written: gives it to the handle, or drops it and the task.
    fn conclude(self, current: &Current<H>) {
        let header = self.header();
        let duty = header.state.advance(State::finish);
        let at_end = header
            .cold_state
            .take()
            .map(|cold_state| whom_to_wake(&cold_state));
        match duty {
            OnFinish::Deliver => self.deliver(),
            OnFinish::Discard => self.discard(current),
        }
        if let Some(wakers) = at_end {
            wakers.into_iter().for_each(wake_quietly);
        }
    }

    /// Wakes who awaits the handle.
    fn deliver(self) {
        let joiner = self.header().joiner.take();
        drop(self);
        if let Some(joiner) = joiner {
            wake_joiner(joiner);
        }
    }

    /// Drops the output, and gives the task up. Nobody awaits it: the joiner went with the handle.
    /// The output's destructor is the task's code, so the task is the current one meanwhile.
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

    /// Takes the task out of the table and gives both references up, this one first: the owner then
    /// finds itself alone, if no waker is left, and no atomic is paid.
    #[inline]
    fn give_up(self) {
        let owner = H::remove(self.header().slot.get());
        drop(self);
        if let Some(owner) = owner {
            owner.end_here();
        }
    }

    /// Ends the cell of a main future; its value goes straight to the caller of `block_on`.
    pub(crate) fn end_main(self) {
        assert!(self.state().is_main() && !self.state().has_handle());
        // Nobody can ask for a result, so there is none to write.
        _ = self.header().state.advance(State::finish);
        drop(self.header().cold_state.take());
        self.give_up();
    }
}

/// A task that was started: it may be polled, once. (A main future is polled by whoever drives it.)
pub(crate) struct Started<'a, H: Schedule>(&'a Task<H>);

impl<H: Schedule> Started<'_, H> {
    /// Polls the task; `true` when it ended. [`settle`](Task::settle) is due in either case.
    #[inline]
    pub(crate) fn poll(self) -> bool {
        let task = self.0;
        let ptr = task.0.ptr();
        let data = ptr.as_ptr().cast_const().cast();
        // SAFETY: the data is the counted reference `task`, which outlives this waker; it is never
        // dropped.
        let waker = ManuallyDrop::new(unsafe { Waker::new(data, waker_vtable::<H>()) });
        let mut cx = Context::from_waker(&waker);
        // SAFETY: rule 3; here, and started, which is refused until the poll is over.
        unsafe { (task.header().vtable.poll)(ptr, &mut cx) }
    }
}

/// Puts a task into the run queue. Apart, so that the wake of a running task, a yield, needs no
/// frame.
#[inline(never)]
fn schedule_apart<H: Schedule>(task: Task<H>) {
    H::schedule(task);
}

/// Wakes who awaits a task. Apart, so that a task that nobody awaits needs no frame.
#[inline(never)]
fn wake_joiner(joiner: Waker) {
    wake_quietly(joiner);
}

/// Who waits for the end of a task that has what few have. Apart, so that those who have nothing do
/// not pay for the call.
#[cold]
fn whom_to_wake<H: Schedule>(cold_state: &ColdState<H>) -> Vec<Waker> {
    // Their values' destructors are somebody else's code.
    drop_quietly(cold_state.vars.take());
    cold_state.at_end.take()
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

/// Puts the outer task back, also when the inner code panics.
struct Restore<'a, H: Schedule>(&'a Current<H>, Option<NonNull<Header<H>>>);

impl<H: Schedule> Drop for Restore<'_, H> {
    fn drop(&mut self) {
        self.0.0.set(self.1);
    }
}

/// Which task is being polled.
pub(crate) struct Current<H: Schedule>(Cell<Option<NonNull<Header<H>>>>);

impl<H: Schedule> Current<H> {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self(Cell::new(None))
    }

    /// Runs `f` with `task` as the current one; `task` cannot go away meanwhile.
    pub(crate) fn during<R>(&self, task: &Task<H>, f: impl FnOnce() -> R) -> R {
        let _restore = Restore(self, self.0.replace(Some(task.0.ptr())));
        f()
    }

    /// Runs `f` as the poll of `task`, where no other task is current; `task` cannot go away
    /// meanwhile.
    #[inline]
    pub(crate) fn during_poll<R>(&self, task: &Task<H>, f: impl FnOnce() -> R) -> R {
        /// Leaves no task current, also when `f` panics.
        struct Clear<'a, H: Schedule>(&'a Current<H>);
        impl<H: Schedule> Drop for Clear<'_, H> {
            fn drop(&mut self) {
                self.0.0.set(None);
            }
        }
        debug_assert!(self.0.get().is_none(), "a poll inside of a poll");
        let _clear = Clear(self);
        self.0.set(Some(task.0.ptr()));
        f()
    }

    /// Runs `f` with no task current: it is about to poll another one from inside of a poll.
    pub(crate) fn set_aside<R>(&self, f: impl FnOnce() -> R) -> R {
        let _restore = Restore(self, self.0.replace(None));
        f()
    }

    /// The current task.
    pub(crate) fn get(&self) -> Option<Task<H>> {
        let ptr = self.0.get()?;
        // SAFETY: rule 1, `during` keeps a counted reference to it; the clone below counts for
        // itself.
        let borrowed = ManuallyDrop::new(unsafe { TaskRef::counted(ptr) });
        // SAFETY: `during` was given a reference at home, and this is the thread it was given on.
        Some(unsafe { Task::new(TaskRef::clone(&borrowed)) })
    }

    /// The current task's number.
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
