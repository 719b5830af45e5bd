//! The reference of the join handle, typed with the output, which leaves the cell through it.
//!
//! This
//! reference is not counted: the `HANDLE` bit of the state word keeps the cell, and the later end,
//! of task or handle, gives the cell up.

use std::fmt;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker, ready};

use super::refs::{free_merged, reference};
use super::{Header, Label, Schedule, Task, TaskMessage, TaskRef};
use crate::cell::shared_refs::Release;
use crate::cell::state::{OnHandleGone, State};
use crate::error::{Cancelled, JoinError};
use crate::util::{Id, budget, drop_quietly, wait_graph};

/// Panics: the result was requested a second time.
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

/// The message of the panic when a handle is awaited on another thread, or outside its runtime.
const AWAY: &str = "a JoinHandle was awaited away from its runtime: await it on the thread, and inside the runtime, \
                    that runs its task; from other threads use `Remote::spawn`";

/// The reference of the join handle.
pub(crate) struct Join<T, H: Schedule> {
    header: NonNull<Header<H>>,
    /// Whether the task was awaited through this handle: then dropping it cancels the task.
    awaited: bool,
    /// The handle may take the output.
    output: PhantomData<T>,
}

// SAFETY: rules 2 and 3; on other threads the handle reads the state word, sends messages, and
// takes the output of a finished task, which `T: Send` allows. `'static`, since a message may be
// processed after the end of anything borrowed.
unsafe impl<T: Send + 'static, H: Schedule> Send for Join<T, H> {}
// SAFETY: as above; a shared reference does not reach the output.
unsafe impl<T: Send + 'static, H: Schedule> Sync for Join<T, H> {}

impl<T, H: Schedule> Unpin for Join<T, H> {}

impl<T, H: Schedule> Join<T, H> {
    /// Creates the handle of a new task.
    ///
    /// # Safety
    /// The state word has `HANDLE`, this is the only handle, and `T` is the output of its future.
    pub(super) unsafe fn new(header: NonNull<Header<H>>) -> Self {
        Self {
            header,
            awaited: false,
            output: PhantomData,
        }
    }

    fn header(&self) -> &Header<H> {
        // SAFETY: rule 1, the HANDLE bit keeps the cell.
        unsafe { self.header.as_ref() }
    }

    /// Returns a counted reference to the task.
    pub(crate) fn task(&self) -> TaskRef<H> {
        // SAFETY: rule 1, the HANDLE bit keeps the cell.
        unsafe { reference(self.header) }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.header().state().is_done()
    }

    /// Returns `true` if the task ended with an error. Panics if the output was taken.
    pub(crate) fn has_failed(&self) -> bool {
        if !self.header().state().has_output() {
            already_taken(self.number(), self.label());
        }
        // SAFETY: rule 3; done, and the output belongs to the handle.
        unsafe { (self.header().vtable.has_failed)(self.header) }
    }

    pub(crate) fn number(&self) -> u64 {
        self.header().number
    }

    pub(crate) fn label(&self) -> &Label {
        &self.header().label
    }

    pub(crate) fn home(&self) -> &H {
        self.header().home()
    }

    /// Cancels the task. Returns `false` if it has ended.
    pub(crate) fn cancel(&self, cancelled: Cancelled) -> bool {
        !self.is_done() && self.task().cancel(cancelled)
    }

    /// Ends the ownership of the task: dropping the handle does not cancel it.
    pub(crate) fn disown(&mut self) {
        self.awaited = false;
    }

    /// Polls for the output. Makes the handle own the task.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, JoinError>> {
        let state = self.header().state();
        if state.is_done() {
            ready!(budget::poll_spend(cx.waker()));
            return Poll::Ready(self.take_from(state));
        }
        self.wait(cx.waker(), true).map(|()| self.take())
    }

    /// Returns `Ready` if the task has ended; otherwise its end wakes the context's waker. Does not
    /// make the handle own the task.
    pub(crate) fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_done() {
            return Poll::Ready(());
        }
        self.wait(cx.waker(), false)
    }

    /// Takes the output of a finished task. Panics if it was taken before.
    pub(crate) fn take(&mut self) -> Result<T, JoinError> {
        self.take_from(self.header().state())
    }

    /// Takes the output, given the state word of the finished task, of which the handle is the only
    /// writer.
    #[inline]
    fn take_from(&mut self, state: State) -> Result<T, JoinError> {
        if !state.has_output() {
            already_taken(self.number(), self.label());
        }
        self.header().state.set(state.take_output());
        let mut output = MaybeUninit::<Result<T, JoinError>>::uninit();
        let target = NonNull::from(&mut output).cast();
        // SAFETY: rule 3; done, and the output belongs to the handle; `new` requires that `T` is
        // its type.
        unsafe { (self.header().vtable.take_output)(self.header, target) };
        // SAFETY: the call above initialized it.
        unsafe { output.assume_init() }
    }

    /// Drops the output at once if this is the home thread while it does not drive the runtime: the
    /// output of a child may borrow what has ended when the message is processed. The output of a
    /// handle on another thread borrows nothing.
    #[cold]
    fn drop_output_at_home(&mut self) {
        let header = self.header();
        if !header.home().has_ended()
            && header.home().is_home_thread()
            && header.state().has_output()
        {
            header.state.step(|state| (state.take_output(), ()));
            // SAFETY: rule 3; done, and the output belonged to the handle; the home thread may drop
            // any type.
            unsafe { (header.vtable.drop_output)(self.header) };
        }
    }

    /// Makes `waker` the joiner of a task that has not ended. Ready if the task ended meanwhile.
    /// With `owns`, the handle owns the task from now on. Not inlined, so that a poll of a finished
    /// task (bench `spawn_join_1`) needs no further register.
    ///
    /// The clone and the destructor of a waker are third-party code, which may poll the group of
    /// the task and so end the task. So the clone comes first, and the old waker is dropped last.
    #[inline(never)]
    fn wait(&mut self, waker: &Waker, owns: bool) -> Poll<()> {
        assert!(self.header().home().is_here(), "{AWAY}");
        if self.is_joiner(waker) {
            self.awaited |= owns;
            self.note_if_enabled();
            return Poll::Pending;
        }
        let fresh = waker.clone();
        if self.is_done() {
            drop(fresh);
            return Poll::Ready(());
        }
        let old = self.header().joiner.replace(Some(fresh));
        self.awaited |= owns;
        if old.is_some() || H::are_awaits_watched() {
            self.finish_wait(old);
        }
        Poll::Pending
    }

    /// Returns `true` if `waker` is the joiner already.
    #[inline(always)]
    fn is_joiner(&self, waker: &Waker) -> bool {
        let Some(joiner) = self.header().joiner.take() else {
            return false;
        };
        let is_it = joiner.will_wake(waker);
        self.header().joiner.set(Some(joiner));
        is_it
    }

    /// Starts the search for cycles of awaits, and drops the joiner before. A separate call, so
    /// that the first await in a task without scopes (bench `spawn_join_1`) needs one register.
    #[inline(never)]
    fn finish_wait(&self, old: Option<Waker>) {
        self.begin_await();
        drop(old);
        self.note_if_enabled();
    }

    /// Starts the search for cycles of awaits. The waker of a combinator does not identify the
    /// awaiting task, so that task is recorded if a cycle is possible.
    fn begin_await(&self) {
        if let Some(awaiter) = H::await_begins()
            && self.header().joiner_number().is_none()
        {
            self.note_awaiter(Some(awaiter));
            // The recorded task may close a cycle.
            H::await_begins();
        }
    }

    /// Records which task awaits this one, for the report of a deadlock.
    #[inline]
    fn note_if_enabled(&self) {
        if wait_graph::is_enabled() && !self.is_done() {
            self.note_awaiter(wait_graph::who());
        }
    }

    /// Records which task awaits this one, if that is known.
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
        if self.header().home().is_here() {
            gone.settle_here();
        } else {
            self.drop_output_at_home();
            gone.send_home();
        }
    }
}

impl<T, H: Schedule> fmt::Debug for Join<T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.header(), f)
    }
}

/// Gives up the task at a slot of `OwnedTasks`.
#[inline]
fn give_up<H: Schedule>(slot: u32) {
    if let Some(owner) = H::remove(slot) {
        owner.end_here();
    }
}

/// A dropped handle on its way to the home thread. It keeps the cell as the handle did, so it must
/// be settled once.
#[must_use]
pub(crate) struct GoneHandle<H: Schedule> {
    header: NonNull<Header<H>>,
    /// Whether the task was awaited through the handle.
    awaited: bool,
}

// SAFETY: a handle that is not `Send` is dropped on the home thread, whose messages only the home
// thread processes (see `runtime::shared`); any other handle was itself `Send`.
unsafe impl<H: Schedule> Send for GoneHandle<H> {}

impl<H: Schedule> GoneHandle<H> {
    /// Returns the task if this is the home thread and the task has ended: only its output is left
    /// to drop.
    pub(crate) fn ended(&self) -> Option<Task<H>> {
        // SAFETY: rule 1, the HANDLE bit, which this value represents, keeps the cell.
        let task = unsafe { reference(self.header) };
        task.at_home().ok().filter(|task| task.state().is_done())
    }

    /// Settles the handle on the home thread.
    #[inline]
    pub(crate) fn settle_here(self) {
        // SAFETY: rule 1, the HANDLE bit, which this value represents, keeps the cell.
        let header = unsafe { self.header.as_ref() };
        let state = header.state();
        if state.is_spent() {
            header.state.set(state.drop_handle().0);
            return give_up::<H>(header.slot.get());
        }
        self.settle_unspent();
    }

    /// Settles a handle whose result was not taken. Not inlined, so that the common case (bench
    /// `spawn_join`) needs no stack frame.
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

    /// Sends the handle to the home thread; after the end of the runtime, settles it here.
    #[cold]
    fn send_home(self) {
        // SAFETY: rule 1, the HANDLE bit, which this value represents, keeps the cell.
        let home = unsafe { self.header.as_ref() }.home();
        if home.has_ended() {
            return self.settle_after_the_end();
        }
        // SAFETY: rule 1, as above. The home thread may settle it, and free the cell, before `send`
        // returns.
        let keep = unsafe { reference(self.header) };
        keep.home().send(TaskMessage::HandleGone(self));
    }

    /// Drops the output, which was never taken, and gives the task up.
    fn discard(self) {
        // SAFETY: rule 1, the task is given up only below.
        let header = unsafe { self.header.as_ref() };
        // SAFETY: rule 3; done, and the output belonged to the handle; the home thread may drop any
        // type.
        unsafe { (header.vtable.drop_output)(self.header) };
        give_up::<H>(header.slot.get());
    }

    /// Detaches a task that has not ended; cancels it if it was awaited.
    fn detach(self) {
        // SAFETY: rule 1, the task has not ended, so its runtime owns it.
        let header = unsafe { self.header.as_ref() };
        let joiner = header.joiner.take();
        if self.awaited {
            // SAFETY: rule 1, as above.
            let task = unsafe { reference(self.header) };
            // Called on the home thread only, so there is no error.
            task.at_home().map(H::awaiter_gone).ok();
        }
        // Third-party code, which may end the task and free the cell, so it runs last.
        drop_quietly(joiner);
    }

    /// Settles the handle, on any thread, after the end of the runtime, which has counted it as a
    /// reference.
    pub(crate) fn settle_after_the_end(self) {
        // SAFETY: rule 1, the end counted the handle.
        let header = unsafe { self.header.as_ref() };
        if header.state.step(State::drop_handle) == OnHandleGone::DropOutputAndGiveUp {
            // SAFETY: rule 3; the output belonged to the handle. This thread may drop it: the
            // handle was here, or was `Send`, or was sent by the home thread, whose messages only
            // that thread processes.
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
