//! The one typed reference to a task: the join handle's, through which the output leaves the cell.
//!
//! It is not counted: the state word's `HANDLE` bit keeps the cell, and whoever ends last, task or
//! handle, gives it up.

use std::fmt;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker, ready};

use super::refs::{free_merged, reference};
use super::waker::number_of;
use super::{Header, Label, Schedule, Task, TaskMessage, TaskRef};
use crate::cell::shared_refs::Release;
use crate::cell::state::{OnHandleGone, State};
use crate::error::{Cancelled, JoinError};
use crate::util::{Id, budget, drop_quietly, wait_graph};

/// What a handle says when its result is asked for a second time.
#[cold]
#[inline(never)]
#[track_caller]
fn already_taken(number: u64, label: &Label) -> ! {
    let name = label.name().map(|name| format!(" \"{name}\""));
    panic!(
        "the result of the JoinHandle of task {number}{}, spawned at {}, was already taken: a task gives \
         its result once, to the first `.await` or `try_join()`; keep the value, or share it with an `Rc`",
        name.unwrap_or_default(),
        label.location(),
    );
}

/// What a handle says when it is awaited on a foreign thread.
const AWAY: &str = "a JoinHandle was awaited away from its runtime: await it on the thread, and inside the runtime, \
                    that runs its task; from other threads use `Remote::spawn`";

/// The handle's reference.
pub(crate) struct Join<T, H: Schedule> {
    /// The cell.
    header: NonNull<Header<H>>,
    /// True once somebody awaited the task through this handle: then dropping it cancels the task.
    awaited: bool,
    /// The output is the handle's to take.
    output: PhantomData<T>,
}

// SAFETY: rules 2 and 3; away from home the handle looks at the state word, posts letters, and
// takes the output of a finished task, which `T: Send` allows. `'static`, since a posted removal
// may run after anything borrowed has gone.
unsafe impl<T: Send + 'static, H: Schedule> Send for Join<T, H> {}
// SAFETY: as above; through a shared reference there is no way to the output.
unsafe impl<T: Send + 'static, H: Schedule> Sync for Join<T, H> {}

impl<T, H: Schedule> Unpin for Join<T, H> {}

impl<T, H: Schedule> Join<T, H> {
    /// The handle of a new task.
    ///
    /// # Safety
    /// The cell's word says `HANDLE`, this is its only handle, and `T` is the output of its future.
    pub(super) unsafe fn new(header: NonNull<Header<H>>) -> Self {
        Self {
            header,
            awaited: false,
            output: PhantomData,
        }
    }

    /// The task's header.
    fn header(&self) -> &Header<H> {
        // SAFETY: rule 1, the HANDLE bit keeps the cell.
        unsafe { self.header.as_ref() }
    }

    /// A counted reference to the task.
    pub(crate) fn task(&self) -> TaskRef<H> {
        // SAFETY: rule 1, the HANDLE bit keeps the cell.
        unsafe { reference(self.header) }
    }

    /// True when the task has ended.
    pub(crate) fn is_done(&self) -> bool {
        self.header().state().is_done()
    }

    /// True when the task ended without a value. The output must still be there.
    pub(crate) fn has_failed(&self) -> bool {
        if !self.header().state().has_output() {
            already_taken(self.number(), self.label());
        }
        // SAFETY: rule 3; done, and the output is the handle's.
        unsafe { (self.header().vtable.has_failed)(self.header) }
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

    /// Cancels the task; `false` when it has ended.
    pub(crate) fn cancel(&self, cancelled: Cancelled) -> bool {
        !self.is_done() && self.task().cancel(cancelled)
    }

    /// Dropping the handle will leave the task alone.
    pub(crate) fn disown(&mut self) {
        self.awaited = false;
    }

    /// The output, as a future gives it; awaiting owns.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, JoinError>> {
        let state = self.header().state();
        if state.is_done() {
            ready!(budget::poll_spend(cx.waker()));
            return Poll::Ready(self.take_from(state));
        }
        self.wait(cx, true).map(|()| self.take())
    }

    /// Whether the task has ended; if not, the context's waker is woken when it does. Does not own.
    pub(crate) fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_done() {
            return Poll::Ready(());
        }
        self.wait(cx, false)
    }

    /// The output of a finished task. Panics when it was taken before.
    pub(crate) fn take(&mut self) -> Result<T, JoinError> {
        self.take_from(self.header().state())
    }

    /// The same, with the state word of the finished task, which nobody else changes any more.
    #[inline]
    fn take_from(&mut self, state: State) -> Result<T, JoinError> {
        if !state.has_output() {
            already_taken(self.number(), self.label());
        }
        self.header().state.set(state.take_output());
        let mut output = MaybeUninit::<Result<T, JoinError>>::uninit();
        let target = NonNull::from(&mut output).cast();
        // SAFETY: rule 3; done, the output was there and is ours; T is its type by the promise to
        // `new`.
        unsafe { (self.header().vtable.take_output)(self.header, target) };
        // SAFETY: the call above filled it.
        unsafe { output.assume_init() }
    }

    /// Drops the output now, if this is the home thread while it does not drive the runtime: what
    /// the output of a group's child borrows may be gone when the letter is read. A handle on
    /// another thread is of an output that borrows nothing.
    #[cold]
    fn drop_output_at_home(&mut self) {
        let header = self.header();
        if !header.home().has_ended()
            && header.home().is_home_thread()
            && header.state().has_output()
        {
            header.state.step(|state| (state.take_output(), ()));
            // SAFETY: rule 3; done, and the output was the handle's; here any type may be dropped.
            unsafe { (header.vtable.drop_output)(self.header) };
        }
    }

    /// Makes the context's waker the joiner of a task that has not ended; ready if that ended
    /// meanwhile. With `owns`, dropping the handle cancels the task from now on. Not inlined, so
    /// that asking for a result that is there needs no frame.
    ///
    /// The clone and the destructor of a waker are foreign code, which may poll by hand the group
    /// that the task is a child of, and so end the task. So the clone comes first, and the old
    /// waker is dropped last.
    #[inline(never)]
    fn wait(&mut self, cx: &mut Context<'_>, owns: bool) -> Poll<()> {
        assert!(self.header().home().is_here(), "{AWAY}");
        let mut old = None;
        if !self.is_joiner(cx.waker()) {
            let fresh = cx.waker().clone();
            if self.is_done() {
                return Poll::Ready(());
            }
            old = self.header().joiner.replace(Some(fresh));
            self.begin_await(cx.waker());
        }
        self.awaited |= owns;
        drop(old);
        if wait_graph::is_enabled() && !self.is_done() {
            self.note();
        }
        Poll::Pending
    }

    /// Returns `true` if `waker` is the joiner already.
    #[inline(always)]
    fn is_joiner(&self, waker: &Waker) -> bool {
        let joiner = self.header().joiner.take();
        let known = joiner.as_ref().is_some_and(|it| it.will_wake(waker));
        self.header().joiner.set(joiner);
        known
    }

    /// Has circles of awaits looked for. A combinator's waker does not say which task awaits: that
    /// is noted, where only that could tell of a circle.
    #[inline]
    fn begin_await(&self, waker: &Waker) {
        if let Some(awaiter) = H::await_begins()
            && number_of(waker, self.header().home()).is_none()
        {
            self.note_awaiter(Some(awaiter));
            // What is known now may close a circle.
            H::await_begins();
        }
    }

    /// Notes which task awaits this one, for the report of a deadlock.
    #[cold]
    #[inline(never)]
    fn note(&self) {
        self.note_awaiter(wait_graph::who());
    }

    /// Notes which task awaits this one, if that is known.
    fn note_awaiter(&self, awaiter: Option<Id>) {
        if awaiter.is_some()
            && let Ok(task) = self.task().at_home()
        {
            task.note_awaiter(awaiter);
        }
    }
}

impl<T, H: Schedule> Drop for Join<T, H> {
    fn drop(&mut self) {
        let gone = GoneHandle {
            header: self.header,
            awaited: self.awaited,
        };
        match self.header().home().is_here() {
            true => gone.settle_here(),
            false => {
                self.drop_output_at_home();
                gone.send_home();
            }
        }
    }
}

impl<T, H: Schedule> fmt::Debug for Join<T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.header(), f)
    }
}

/// Gives up the task at a slot of the table.
#[inline]
fn give_up<H: Schedule>(slot: u32) {
    if let Some(owner) = H::remove(slot) {
        owner.end_here();
    }
}

/// A handle that was dropped, on its way home. It keeps the cell as the handle did, so it must be
/// settled, once.
#[must_use]
pub(crate) struct GoneHandle<H: Schedule> {
    /// The cell.
    header: NonNull<Header<H>>,
    /// Whether dropping it cancels the task.
    awaited: bool,
}

// SAFETY: a handle that other threads may not have is dropped on the home thread, whose letters
// only the home thread reads (see `runtime::shared`); any other handle was itself `Send`.
unsafe impl<H: Schedule> Send for GoneHandle<H> {}

impl<H: Schedule> GoneHandle<H> {
    /// The task, on the home thread, if it has ended: dropping its output is all that is left to
    /// do.
    pub(crate) fn ended(&self) -> Option<Task<H>> {
        // SAFETY: rule 1, the HANDLE bit, which this value stands for, keeps the cell.
        let task = unsafe { reference(self.header) };
        task.at_home().ok().filter(|task| task.state().is_done())
    }

    /// Settles it on the home thread.
    #[inline]
    pub(crate) fn settle_here(self) {
        // SAFETY: rule 1, the HANDLE bit, which this value stands for, keeps the cell.
        let header = unsafe { self.header.as_ref() };
        let state = header.state();
        if state.is_spent() {
            header.state.set(state.drop_handle().0);
            return give_up::<H>(header.slot.get());
        }
        self.settle_unspent();
    }

    /// Settles a handle that did not give the task's result. Apart, so that the usual case needs no
    /// frame.
    #[inline(never)]
    fn settle_unspent(self) {
        // SAFETY: rule 1, as above.
        let header = unsafe { self.header.as_ref() };
        match header.state.advance(State::drop_handle) {
            OnHandleGone::Detach => self.detach(),
            OnHandleGone::DropOutputAndGiveUp => self.discard(),
            OnHandleGone::GiveUp => give_up::<H>(header.slot.get()),
        }
    }

    /// Sends it home from another thread; after the runtime's end, settles it here.
    #[cold]
    fn send_home(self) {
        // SAFETY: rule 1, the HANDLE bit, which this value stands for, keeps the cell.
        let home = unsafe { self.header.as_ref() }.home();
        if home.has_ended() {
            return self.settle_after_the_end();
        }
        // SAFETY: rule 1, as above. The home thread may settle it, and free the cell, before `send`
        // returns.
        let keep = unsafe { reference(self.header) };
        keep.home().send(TaskMessage::HandleGone(self));
    }

    /// The task has ended and its output was never taken.
    fn discard(self) {
        // SAFETY: rule 1, the task is given up only below.
        let header = unsafe { self.header.as_ref() };
        // SAFETY: rule 3; done, and the output was the handle's; here any type may be dropped.
        unsafe { (header.vtable.drop_output)(self.header) };
        give_up::<H>(header.slot.get());
    }

    /// The task lives and has no handle any more: it runs on, or is cancelled if its awaiter has
    /// gone.
    fn detach(self) {
        // SAFETY: rule 1, the task has not ended, so its runtime owns it.
        let header = unsafe { self.header.as_ref() };
        let joiner = header.joiner.take();
        if self.awaited {
            // SAFETY: rule 1, as above.
            let task = unsafe { reference(self.header) };
            // Settled at home only, so there is no error.
            task.at_home().map(H::awaiter_gone).ok();
        }
        // Foreign code, which may end the task and with it the cell: the last.
        drop_quietly(joiner);
    }

    /// Settles it, on whatever thread, after the runtime's end: the handle is a counted reference
    /// now.
    pub(crate) fn settle_after_the_end(self) {
        // SAFETY: rule 1, the end counted the handle.
        let header = unsafe { self.header.as_ref() };
        if header.state.step(State::drop_handle) == OnHandleGone::DropOutputAndGiveUp {
            // SAFETY: rule 3; the output was the handle's. This thread may drop it: the handle was
            // here, or was `Send`, or was sent by the home thread, whose letters only that thread
            // reads.
            unsafe { (header.vtable.drop_output)(self.header) };
        }
        if header.shared_refs.release() == Release::Last {
            // SAFETY: rules 1 and 4; the end merged the counts, and the handle's was the last.
            unsafe { free_merged(self.header) };
        }
    }
}

impl<H: Schedule> fmt::Debug for GoneHandle<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GoneHandle")
            .field("awaited", &self.awaited)
            .finish_non_exhaustive()
    }
}
