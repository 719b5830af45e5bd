//! Counted references to a task: from anywhere ([`TaskRef`], and the wakers), at home ([`Task`]), and the one that
//! the runtime's table holds ([`Owner`]).
//!
//! The second half of the door described in [`raw`](super::raw).

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, RawWaker, RawWakerVTable, Waker};

use super::away::Release;
use super::join::Join;
use super::label::{Extra, Label};
use super::raw::{Header, Home, Letter, Seed, allocate};
use super::state::{OnCancel, OnFinish, OnSuspend, OnWake, State};
use crate::error::{Cancelled, JoinError};
use crate::util::slab::Key;
use crate::util::wake_quietly;

/// The home count of a task whose references are all counted away (see [`Away`](super::away::Away)).
pub(super) const MERGED: u32 = u32::MAX;

/// A counted reference that any thread may hold.
pub(crate) struct TaskRef<H: Home>(NonNull<Header<H>>);

// SAFETY: its methods touch only what rule 2 allows to every thread, and the home's fields where `is_here`.
unsafe impl<H: Home> Send for TaskRef<H> {}
// SAFETY: as above; none of them needs exclusive access.
unsafe impl<H: Home> Sync for TaskRef<H> {}

impl<H: Home> TaskRef<H> {
    /// The task's header.
    pub(super) fn header(&self) -> &Header<H> {
        // SAFETY: rule 1, this reference is counted.
        unsafe { self.0.as_ref() }
    }

    /// True on the thread that drives the task's runtime.
    #[inline]
    pub(crate) fn is_here(&self) -> bool {
        self.header().home().is_here()
    }

    /// This reference as one that may use the home's fields; `None` elsewhere.
    pub(crate) fn at_home(self) -> Option<Task<H>> {
        self.is_here().then(|| Task::new(self))
    }

    /// True when the task has ended.
    pub(crate) fn is_done(&self) -> bool {
        self.header().state().is_done()
    }

    /// Wakes the task and gives the reference up.
    pub(crate) fn wake(self) {
        match self.is_here() {
            true => Task::new(self).wake(),
            false => self.wake_from_away(),
        }
    }

    /// Sends the wake home, unless one is on its way or the task has ended.
    fn wake_from_away(self) {
        if !self.is_done() && self.header().away.post() {
            // The home thread may read the letter and drop its reference before `post` returns.
            let keep = self.clone();
            keep.home().post(Letter::Wake(self));
        }
    }

    /// Cancels the task from any thread; `false` when it has ended.
    pub(crate) fn cancel(&self, cancelled: Cancelled) -> bool {
        if self.is_done() {
            return false;
        }
        match self.is_here() {
            true => Task::new(self.clone()).cancel(cancelled),
            false => {
                self.header()
                    .home()
                    .post(Letter::Cancel(self.clone(), cancelled));
                true
            }
        }
    }

    /// The task's number in its runtime.
    pub(crate) fn number(&self) -> u64 {
        self.header().number
    }

    /// Location and name.
    pub(crate) fn label(&self) -> &Label {
        &self.header().label
    }

    /// The runtime the task belongs to.
    pub(crate) fn home(&self) -> &H {
        self.header().home()
    }

    /// The reference as a raw pointer that still counts.
    fn into_raw(self) -> *const () {
        ManuallyDrop::new(self).0.as_ptr().cast_const().cast()
    }
}

impl<H: Home> Clone for TaskRef<H> {
    fn clone(&self) -> Self {
        retain(self.header());
        Self(self.0)
    }
}

impl<H: Home> Drop for TaskRef<H> {
    fn drop(&mut self) {
        release(self.0);
    }
}

impl<H: Home> fmt::Debug for TaskRef<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.header(), f)
    }
}

/// A new counted reference to a task.
///
/// # Safety
/// Something else keeps the cell at this moment (rule 1).
pub(super) unsafe fn reference<H: Home>(ptr: NonNull<Header<H>>) -> TaskRef<H> {
    // SAFETY: the caller's duty.
    retain(unsafe { ptr.as_ref() });
    TaskRef(ptr)
}

/// Counts one more reference, at home if it can be done without an atomic.
#[inline]
fn retain<H: Home>(header: &Header<H>) {
    if header.home().is_here() {
        let refs = header.refs.get();
        if refs < MERGED - 1 {
            return header.refs.set(refs + 1);
        }
    }
    header.away.retain();
}

/// Gives a counted reference up; frees the cell if it was the last of a task that nobody owns.
fn release<H: Home>(ptr: NonNull<Header<H>>) {
    // SAFETY: rule 1, the reference that is given up still counts.
    let header = unsafe { ptr.as_ref() };
    if header.home().is_here() {
        let refs = header.refs.get();
        if refs != 0 && refs != MERGED {
            // Not the last one: while the count is at home, the table's own reference is in the sum.
            return header.refs.set(refs - 1);
        }
    }
    if header.away.release() == Release::Last {
        free_merged(ptr);
    }
}

/// Frees a cell whose references were merged, and its share of the home.
pub(super) fn free_merged<H: Home>(ptr: NonNull<Header<H>>) {
    // SAFETY: the caller has just given up the last reference, so the cell is ours.
    let header = unsafe { ptr.as_ref() };
    let home = header.home;
    free(ptr, false);
    // SAFETY: rule 4, the merge took this count for the cell.
    unsafe { Arc::decrement_strong_count(home.as_ptr()) };
}

/// Frees a cell to which no reference is left; `here` as for [`VTable::free`](super::raw::VTable::free).
fn free<H: Home>(ptr: NonNull<Header<H>>, here: bool) {
    // SAFETY: the caller has just given up the last reference, so the cell is ours.
    let vtable = unsafe { ptr.as_ref() }.vtable;
    // SAFETY: a task gives up its last owner only when future and output are gone (see `Owner` and `Join`).
    unsafe { (vtable.free)(ptr, here) };
}

/// A counted reference at home: it may use the home's fields.
pub(crate) struct Task<H: Home>(TaskRef<H>, PhantomData<*const ()>);

impl<H: Home> Task<H> {
    /// `task` as a reference at home; the caller has checked `is_here`, or made the task here.
    fn new(task: TaskRef<H>) -> Self {
        Self(task, PhantomData)
    }

    /// The task's header.
    fn header(&self) -> &Header<H> {
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
        let data = self.0.clone().into_raw();
        // SAFETY: the data is a counted reference, as the functions of the table expect.
        unsafe { Waker::new(data, waker_vtable::<H>()) }
    }

    /// Wakes the task and gives the reference up.
    pub(crate) fn wake(self) {
        let duty = self.header().step(State::wake);
        if duty == OnWake::Enqueue {
            H::schedule(self);
        }
    }

    /// Wakes the task.
    #[inline]
    fn wake_by_ref(&self) {
        let duty = self.header().step(State::wake);
        if duty == OnWake::Enqueue {
            H::schedule(self.clone());
        }
    }

    /// A wake from another thread has come home.
    pub(crate) fn wake_collected(self) {
        self.header().away.collect();
        self.wake();
    }

    /// Asks for a cancellation; `false` when the task has ended.
    pub(crate) fn cancel(&self, cancelled: Cancelled) -> bool {
        let duty = self.header().step(State::request_cancel);
        match duty {
            OnCancel::Refuse => false,
            OnCancel::Merge => true,
            OnCancel::Record => {
                self.with_extra(|extra| extra.cancel.set(Some(cancelled)));
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
        self.header().step(|state| (state.take_cancel(), ()));
        self.with_extra(|extra| extra.cancel.take())
    }

    /// The root of the task's catch points, if it has had one.
    #[inline]
    pub(crate) fn scope(&self) -> Option<Key> {
        let extra = self.header().extra.take()?;
        let scope = extra.scope.get();
        self.header().extra.set(Some(extra));
        scope
    }

    /// Keeps the root of the task's catch points.
    pub(crate) fn set_scope(&self, root: Key) {
        self.header().step(|state| (state.scoped(), ()));
        self.with_extra(|extra| extra.scope.set(Some(root)));
    }

    /// Lets `look` see what few tasks have, making room for it if need be. `look` must not use the task.
    fn with_extra<R>(&self, look: impl FnOnce(&Extra) -> R) -> R {
        let extra = self.header().extra.take().unwrap_or_default();
        let result = look(&extra);
        self.header().extra.set(Some(extra));
        result
    }

    /// Marks the task as running: the loop took it out of the queue.
    #[inline]
    pub(crate) fn start(&self) {
        self.header().advance(|state| (state.start(), ()));
    }

    /// Polls the started task once; `true` when it ended. [`settle`](Task::settle) is due in either case.
    pub(crate) fn poll(&self) -> bool {
        debug_assert!(self.state().is_running() && !self.state().is_main());
        let ptr = self.0.0;
        let data = ptr.as_ptr().cast_const().cast();
        // SAFETY: the data is the counted reference `self`, which outlives this waker; it is never dropped.
        let waker = ManuallyDrop::new(unsafe { Waker::new(data, waker_vtable::<H>()) });
        let mut cx = Context::from_waker(&waker);
        // SAFETY: rule 3; here, started, and started only once at a time.
        unsafe { (self.header().vtable.poll)(ptr, &mut cx) }
    }

    /// Draws the consequence of a poll: the task gives its output, or rests. Returned if it must go back into the
    /// queue.
    #[inline]
    pub(crate) fn settle(self, ended: bool) -> Option<Self> {
        match ended {
            true => {
                self.conclude();
                None
            }
            false => self.suspend(),
        }
    }

    /// Ends a poll that was pending; also that of a main future, which is polled where it lies. Returned if it must
    /// go back into the queue.
    #[inline]
    pub(crate) fn suspend(self) -> Option<Self> {
        match self.header().advance(State::suspend) {
            OnSuspend::Rest => None,
            OnSuspend::Requeue => Some(self),
        }
    }

    /// Drops the future of a task that is not running, and ends the task with `error`.
    pub(crate) fn abort(self, error: JoinError) {
        assert!(!self.state().is_done() && !self.state().is_main());
        if !self.state().is_running() {
            self.start();
        }
        // SAFETY: rule 3; here, not done, and marked as running by ourselves: nobody polls it.
        unsafe { (self.header().vtable.abort)(self.0.0, error) };
        self.conclude();
    }

    /// The output is written: gives it to the handle, or drops it and the task.
    fn conclude(self) {
        let header = self.header();
        let duty = header.advance(State::finish);
        let joiner = header.joiner.take();
        drop(header.extra.take());
        if duty == OnFinish::Discard {
            // SAFETY: rule 3; done and no handle, so the output is ours, at home.
            unsafe { (header.vtable.drop_output)(self.0.0) };
            self.give_up();
        }
        if let Some(joiner) = joiner {
            wake_quietly(joiner);
        }
    }

    /// Takes the task out of the table and gives both references up, this one first: the owner then finds itself
    /// alone, if no waker is left, and no atomic is paid.
    #[inline]
    fn give_up(self) {
        let owner = H::retire(self.header().slot.get());
        drop(self);
        drop(owner);
    }

    /// Ends the cell of a main future; its value goes straight to the caller of `block_on`.
    pub(crate) fn end_main(self) {
        debug_assert!(self.state().is_main());
        let duty = self.header().advance(State::finish);
        debug_assert_eq!(duty, OnFinish::Discard, "a main future has no handle");
        drop(self.header().extra.take());
        self.give_up();
    }
}

impl<H: Home> Clone for Task<H> {
    fn clone(&self) -> Self {
        Self::new(self.0.clone())
    }
}

impl<H: Home> fmt::Debug for Task<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The reference that the runtime's table holds. Dropping it gives the task up: the cell is freed, or its
/// references are merged so that whoever drops the last one frees it.
pub(crate) struct Owner<H: Home>(ManuallyDrop<Task<H>>);

impl<H: Home> Owner<H> {
    /// The task.
    pub(crate) fn task(&self) -> &Task<H> {
        &self.0
    }

    /// Tells the task where the table keeps it.
    pub(crate) fn set_slot(&self, slot: u32) {
        self.0.header().slot.set(slot);
    }

    /// The number of references counted at home, the table's own included; for a report.
    #[cfg(test)]
    pub(crate) fn home_refs(&self) -> u32 {
        self.0.header().refs.get()
    }
}

impl<H: Home> Drop for Owner<H> {
    fn drop(&mut self) {
        let (header, ptr) = (self.0.header(), self.0.0.0);
        debug_assert!(header.state().is_done(), "a task that runs is given up");
        let handle = i64::from(header.state().has_handle());
        let others = i64::from(header.refs.get()) - 1 + handle;
        if others == 0 && header.away.is_idle() {
            return free(ptr, header.home().is_here());
        }
        // SAFETY: rule 4, the home is alive and this count becomes the cell's; `free_merged` gives it back.
        unsafe { Arc::increment_strong_count(header.home.as_ptr()) };
        header.refs.set(MERGED);
        if header.away.merge(others) == Release::Last {
            free_merged(ptr);
        }
    }
}

impl<H: Home> fmt::Debug for Owner<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// A task that was just made: for the table, for the run queue, for the caller.
pub(crate) struct Spawned<T, H: Home> {
    /// For the table.
    pub(crate) owner: Owner<H>,
    /// For the run queue: the state word says that it stands there.
    pub(crate) queued: Task<H>,
    /// For the caller; dropped here at once for the cell of a main future.
    pub(crate) join: Join<T, H>,
}

/// Makes a task. Called at home.
pub(crate) fn spawn<F: Future, H: Home>(
    home: &Arc<H>,
    number: u64,
    label: Label,
    future: F,
) -> Spawned<F::Output, H> {
    let seed = Seed {
        state: State::spawned(true),
        refs: 2,
        number,
        label,
    };
    let ptr = allocate(home, seed, future);
    Spawned {
        owner: Owner(ManuallyDrop::new(Task::new(TaskRef(ptr)))),
        queued: Task::new(TaskRef(ptr)),
        // SAFETY: the word says HANDLE, and this is the one handle; the output is the future's.
        join: unsafe { Join::new(ptr) },
    }
}

/// Makes the cell of a main future, which lies on its caller's stack: the cell holds none.
pub(crate) fn spawn_main<H: Home>(home: &Arc<H>, number: u64, label: Label) -> (Owner<H>, Task<H>) {
    let seed = Seed {
        state: State::main(),
        refs: 2,
        number,
        label,
    };
    let ptr = allocate(home, seed, std::future::pending::<()>());
    (
        Owner(ManuallyDrop::new(Task::new(TaskRef(ptr)))),
        Task::new(TaskRef(ptr)),
    )
}

/// Which task is being polled.
pub(crate) struct Current<H: Home>(Cell<Option<NonNull<Header<H>>>>);

impl<H: Home> Current<H> {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self(Cell::new(None))
    }

    /// Runs `f` with `task` as the current one; `task` cannot go away meanwhile.
    pub(crate) fn during<R>(&self, task: &Task<H>, f: impl FnOnce() -> R) -> R {
        /// Puts the outer task back, also when `f` panics.
        struct Restore<'a, H: Home>(&'a Current<H>, Option<NonNull<Header<H>>>);
        impl<H: Home> Drop for Restore<'_, H> {
            fn drop(&mut self) {
                self.0.0.set(self.1);
            }
        }
        let _restore = Restore(self, self.0.replace(Some(task.0.0)));
        f()
    }

    /// The current task.
    pub(crate) fn get(&self) -> Option<Task<H>> {
        let ptr = self.0.get()?;
        // SAFETY: rule 1, `during` keeps a counted reference to it; the clone below counts for itself.
        let borrowed = ManuallyDrop::new(Task::new(TaskRef(ptr)));
        Some(Task::clone(&borrowed))
    }

    /// The current task's number.
    pub(crate) fn number(&self) -> Option<u64> {
        self.get().map(|task| task.0.number())
    }
}

impl<H: Home> fmt::Debug for Current<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Current")
            .field(&self.0.get().is_some())
            .finish()
    }
}

/// The functions behind a task's wakers.
fn waker_vtable<H: Home>() -> &'static RawWakerVTable {
    &const {
        RawWakerVTable::new(
            waker_clone::<H>,
            waker_wake::<H>,
            waker_wake_by_ref::<H>,
            waker_drop::<H>,
        )
    }
}

/// The counted reference that a waker's data stands for.
///
/// # Safety
/// `data` came from [`TaskRef::into_raw`], and its count passes to the result.
unsafe fn from_raw<H: Home>(data: *const ()) -> TaskRef<H> {
    let ptr = data.cast_mut().cast::<Header<H>>();
    // SAFETY: it came from a NonNull.
    TaskRef(unsafe { NonNull::new_unchecked(ptr) })
}

/// The reference of a waker that keeps it.
///
/// # Safety
/// As for [`from_raw`], but the count stays with the waker.
unsafe fn borrow_raw<H: Home>(data: *const ()) -> ManuallyDrop<TaskRef<H>> {
    // SAFETY: the caller's duty; ManuallyDrop leaves the count where it is.
    ManuallyDrop::new(unsafe { from_raw(data) })
}

/// `Waker::clone`.
///
/// # Safety
/// `data` is a waker's.
unsafe fn waker_clone<H: Home>(data: *const ()) -> RawWaker {
    // SAFETY: the caller's duty; the waker keeps its count.
    let task = unsafe { borrow_raw::<H>(data) };
    RawWaker::new(TaskRef::clone(&task).into_raw(), waker_vtable::<H>())
}

/// `Waker::wake`.
///
/// # Safety
/// `data` is a waker's, which ends here.
unsafe fn waker_wake<H: Home>(data: *const ()) {
    // SAFETY: the caller's duty; the waker's count passes to us.
    unsafe { from_raw::<H>(data) }.wake();
}

/// `Waker::wake_by_ref`.
///
/// # Safety
/// `data` is a waker's.
unsafe fn waker_wake_by_ref<H: Home>(data: *const ()) {
    // SAFETY: the caller's duty; the waker keeps its count.
    let task = unsafe { borrow_raw::<H>(data) };
    match task.is_here() {
        true => ManuallyDrop::new(Task::new(TaskRef(task.0))).wake_by_ref(),
        false => TaskRef::clone(&task).wake_from_away(),
    }
}

/// Dropping a waker.
///
/// # Safety
/// `data` is a waker's, which ends here.
unsafe fn waker_drop<H: Home>(data: *const ()) {
    // SAFETY: the caller's duty; the waker's count passes to us and is given up.
    drop(unsafe { from_raw::<H>(data) });
}
