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

/// Starts tasks.
pub(crate) struct Team<'s>(&'s dyn Fn(LocalBoxFuture<'static, ()>));

/// Plays a scene under this runtime and under the `futures` crate's executor.
pub(crate) fn everywhere(scene: impl AsyncFn(&Team<'_>)) {
    testing::run(scene(&Team(&|task| spawn(task).detach())));
    let mut pool = LocalPool::new();
    let spawner = pool.spawner();
    let start = |task| spawner.spawn_local(task).expect("the pool lives");
    pool.run_until(scene(&Team(&start)));
}

impl Team<'_> {
    /// Starts a task.
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
    /// What it gave.
    value: Rc<RefCell<Option<T>>>,
    /// Whether it has ended.
    ended: Rc<Cell<bool>>,
    /// Cancels it.
    handle: AbortHandle,
}

impl<T> Mate<T> {
    /// Has its future dropped on the next turn.
    pub(crate) fn cancel(&self) {
        self.handle.abort();
    }

    /// Whether it has ended.
    pub(crate) fn is_done(&self) -> bool {
        self.ended.get()
    }

    /// What it gave; nothing if it was cancelled or has not ended.
    pub(crate) fn value(&self) -> Option<T> {
        self.value.borrow_mut().take()
    }
}

/// Gives the others one turn, under any executor.
async fn turn() {
    let mut waited = false;
    poll_fn(|cx| match std::mem::replace(&mut waited, true) {
        true => Poll::Ready(()),
        false => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

/// Gives the others some turns, enough for all that they can do without this one.
pub(crate) async fn settle() {
    for _ in 0..20 {
        turn().await;
    }
}
