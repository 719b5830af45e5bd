//! The executor of `floor`, for one thread, with nothing that a task can do without.
//!
//! A task is an `Rc` with its future or output, a flag and the joiner's waker; the run queue is a
//! `VecDeque`. It cannot cancel, has no join errors, lets panics through, and its wakers **must
//! not** leave the thread (their type cannot say so): the benches that wake from another thread
//! leave it out.
//!
//! # Rules that the unsafe blocks rest on
//! 1. A task's waker holds one strong count of the `Rc<Task<F>>` that its pointer came from.
//! 2. A `Task` never leaves its `Rc`, and its future is dropped where it lies: it is pinned.
//! 3. No waker leaves the thread, and no reference into an `UnsafeCell` here is alive while user
//!    code runs, but for the future while it is polled; a task that awaits itself is nobody's
//!    workload.
#![allow(unsafe_code)]

use std::cell::{Cell, UnsafeCell};
use std::collections::VecDeque;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};

/// The number of tasks that run between two checks of timers and sockets.
const BATCH: usize = 64;

/// The tasks that are ready, first in first out.
#[derive(Default)]
pub(super) struct Queue(UnsafeCell<VecDeque<Rc<dyn Run>>>);

/// A task that can be run once.
trait Run {
    /// Polls the future.
    fn run(self: Rc<Self>);
}

/// A task that can be awaited.
trait Await<T> {
    /// Takes the output, or leaves the joiner's waker.
    fn poll_output(&self, cx: &mut Context<'_>) -> Poll<T>;
}

/// One spawned future.
struct Task<F: Future> {
    /// The run queue.
    queue: Rc<Queue>,
    /// Whether the task is in the queue.
    queued: Cell<bool>,
    /// The waker of the code that awaits the output.
    joiner: Cell<Option<Waker>>,
    /// The future, its output, or neither.
    stage: UnsafeCell<Stage<F>>,
}

/// The state of a task.
enum Stage<F: Future> {
    /// Not done.
    Running(F),
    /// Done, and not awaited.
    Done(F::Output),
    /// Awaited.
    Taken,
}

/// The join handle.
pub(crate) struct Handle<T>(Rc<dyn Await<T>>);

impl<T> Future for Handle<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        self.0.poll_output(cx)
    }
}

impl Queue {
    /// Starts a task.
    pub(super) fn spawn<F: Future + 'static>(self: &Rc<Self>, future: F) -> Handle<F::Output> {
        let task = self.start(future);
        Handle(task)
    }

    /// Spawns a task that is not awaited.
    pub(super) fn detach<F: Future + 'static>(self: &Rc<Self>, future: F) {
        drop(self.start(future));
    }

    /// Creates a task and queues it.
    fn start<F: Future + 'static>(self: &Rc<Self>, future: F) -> Rc<Task<F>> {
        let task = Rc::new(Task {
            queue: Rc::clone(self),
            queued: Cell::new(true),
            joiner: Cell::new(None),
            stage: UnsafeCell::new(Stage::Running(future)),
        });
        self.push(task.clone());
        task
    }

    /// Appends a ready task.
    fn push(&self, task: Rc<dyn Run>) {
        // SAFETY: rule 3: pushing runs no user code.
        let queue = unsafe { &mut *self.0.get() };
        queue.push_back(task);
    }

    /// Takes the first ready task.
    fn pop(&self) -> Option<Rc<dyn Run>> {
        // SAFETY: rule 3: popping runs no user code.
        let queue = unsafe { &mut *self.0.get() };
        queue.pop_front()
    }

    /// Whether no task is ready.
    fn is_empty(&self) -> bool {
        // SAFETY: rule 3.
        let queue = unsafe { &*self.0.get() };
        queue.is_empty()
    }

    /// Runs `main` and the tasks. `turn(idle)` checks timers and sockets, and waits if `idle`.
    pub(super) fn block_on<F: Future>(&self, main: F, mut turn: impl FnMut(bool)) -> F::Output {
        let mut main = pin!(main);
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&flag));
        let mut cx = Context::from_waker(&waker);
        loop {
            if flag.take()
                && let Poll::Ready(output) = main.as_mut().poll(&mut cx)
            {
                return output;
            }
            for _ in 0..BATCH {
                let Some(task) = self.pop() else { break };
                task.run();
            }
            turn(self.is_empty() && !flag.is_set());
        }
    }
}

/// Whether the main future was woken.
struct Flag(AtomicBool);

impl Flag {
    /// Reads and clears the flag. (Plain load and store: all happens on one thread.)
    fn take(&self) -> bool {
        let set = self.is_set();
        self.0.store(false, Ordering::Relaxed);
        set
    }

    /// Reads the flag.
    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl<F: Future + 'static> Run for Task<F> {
    fn run(self: Rc<Self>) {
        self.queued.set(false);
        let raw = RawWaker::new(Rc::as_ptr(&self).cast(), Self::VTABLE);
        // SAFETY: the vtable is the one of this `Task<F>`. Rule 1: the count is the one that `self`
        // holds for as long as this waker lives, and `ManuallyDrop` keeps it from being given back.
        let waker = ManuallyDrop::new(unsafe { Waker::from_raw(raw) });
        // SAFETY: rule 3: only the future's own poll runs while this reference lives.
        let stage = unsafe { &mut *self.stage.get() };
        let Stage::Running(future) = stage else {
            return;
        };
        // SAFETY: rule 2.
        let future = unsafe { Pin::new_unchecked(future) };
        let Poll::Ready(output) = future.poll(&mut Context::from_waker(&waker)) else {
            return;
        };
        *stage = Stage::Done(output);
        self.joiner.take().into_iter().for_each(Waker::wake);
    }
}

impl<F: Future> Await<F::Output> for Task<F> {
    fn poll_output(&self, cx: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: rule 3: this task is not being polled, since another one polls its handle.
        let stage = unsafe { &mut *self.stage.get() };
        if let Stage::Running(_) = *stage {
            self.joiner.set(Some(cx.waker().clone()));
            return Poll::Pending;
        }
        let Stage::Done(output) = std::mem::replace(stage, Stage::Taken) else {
            panic!("a task is awaited once");
        };
        Poll::Ready(output)
    }
}

impl<F: Future + 'static> Task<F> {
    /// The four functions of this task's wakers.
    const VTABLE: &'static RawWakerVTable =
        &RawWakerVTable::new(Self::clone, Self::wake, Self::wake_by_ref, Self::drop);

    /// Makes a second waker.
    ///
    /// # Safety
    /// `data` belongs to a living waker of a `Task<F>`.
    unsafe fn clone(data: *const ()) -> RawWaker {
        // SAFETY: rule 1: the pointer came from an `Rc<Task<F>>` that is alive.
        unsafe { Rc::increment_strong_count(data.cast::<Self>()) };
        RawWaker::new(data, Self::VTABLE)
    }

    /// Queues the task and gives the waker's count back.
    ///
    /// # Safety
    /// As for [`Self::clone`]; the waker is not used again.
    unsafe fn wake(data: *const ()) {
        // SAFETY: rule 1: the waker's own count becomes this `Rc`'s.
        let task = unsafe { Rc::from_raw(data.cast::<Self>()) };
        task.submit();
    }

    /// Queues the task.
    ///
    /// # Safety
    /// As for [`Self::clone`].
    unsafe fn wake_by_ref(data: *const ()) {
        // SAFETY: rule 1; `ManuallyDrop` leaves the waker its count.
        let task = ManuallyDrop::new(unsafe { Rc::from_raw(data.cast::<Self>()) });
        Rc::clone(&task).submit();
    }

    /// Gives the waker's count back.
    ///
    /// # Safety
    /// As for [`Self::wake`].
    unsafe fn drop(data: *const ()) {
        // SAFETY: rule 1: the waker's own count.
        unsafe { Rc::decrement_strong_count(data.cast::<Self>()) };
    }

    /// Puts the task into the queue unless it is there.
    fn submit(self: Rc<Self>) {
        if !self.queued.replace(true) {
            let queue = Rc::as_ptr(&self.queue);
            // SAFETY: the task holds a count of its queue, and is moved into that very queue, which
            // is alive and held by whoever drives it or by the task itself.
            let queue = unsafe { &*queue };
            queue.push(self);
        }
    }
}
