//! Tasks that can be cancelled under any executor.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::Poll;

use futures::FutureExt;
use futures::executor::LocalPool;
use futures::future::{AbortHandle, LocalBoxFuture, abortable};
use futures::task::LocalSpawnExt;
use wheelhouse::{spawn, testing};

/// Spawns tasks.
pub(crate) struct Team<'s>(&'s dyn Fn(LocalBoxFuture<'static, ()>));

/// Runs a test under this runtime and under the executor of the `futures` crate.
pub(crate) fn everywhere(scene: impl AsyncFn(&Team<'_>)) {
    testing::run(scene(&Team(&|task| spawn(task).detach())));
    let mut pool = LocalPool::new();
    let spawner = pool.spawner();
    let start = |task| spawner.spawn_local(task).expect("the pool was not dropped");
    pool.run_until(scene(&Team(&start)));
}

impl Team<'_> {
    /// Spawns a task.
    pub(crate) fn spawn<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> Mate<T> {
        let value = Rc::new(RefCell::new(None));
        let ended = Rc::new(Cell::new(false));
        let (future, handle) = abortable(future);
        let (slot, flag) = (Rc::clone(&value), Rc::clone(&ended));
        let task = async move {
            let outcome = future.await;
            *slot.borrow_mut() = outcome.ok();
            flag.set(true);
        };
        (self.0)(task.boxed_local());
        Mate {
            value,
            ended,
            handle,
        }
    }
}

/// A task of a [`Team`].
pub(crate) struct Mate<T> {
    /// Its output.
    value: Rc<RefCell<Option<T>>>,
    /// Whether it has ended.
    ended: Rc<Cell<bool>>,
    /// Cancels it.
    handle: AbortHandle,
}

impl<T> Mate<T> {
    /// Cancels it: its future is dropped on the next turn.
    pub(crate) fn cancel(&self) {
        self.handle.abort();
    }

    /// Whether it has ended.
    pub(crate) fn is_done(&self) -> bool {
        self.ended.get()
    }

    /// Returns its output; `None` if it was cancelled or has not ended.
    pub(crate) fn value(&self) -> Option<T> {
        self.value.borrow_mut().take()
    }
}

/// Yields once, under any executor.
async fn turn() {
    let mut waited = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Yields often enough for the other tasks to do all that they can do without this one.
pub(crate) async fn settle() {
    for _ in 0..20 {
        turn().await;
    }
}
