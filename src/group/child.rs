//! The future of a child, as its task polls it. Unsafe module: a future that borrows becomes a
//! task here.
//!
//! ```text
//!   poll ─┬─ value ─▶ the output of the task
//!         ├─ error ─▶ TaskGroup::failed; end_child_with(JoinError::Failed)
//!         └─ panic ─▶ TaskGroup::panicked; end_child_with(JoinError::Panicked),
//!                     with a copy of the message
//!   drop ─── panic ─▶ TaskGroup::panicked; a copy of the message unwinds
//! ```

use std::future::Future;
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::TaskGroup;
use super::output::ChildOutput;
use crate::cell::{Label, Spawned, spawn_scoped};
use crate::error::{JoinError, Panic};
use crate::runtime::{Core, Shared};
use crate::task::JoinHandle;
use crate::util::caught;

pin_project! {
    /// The future of a child.
    pub(super) struct Child<'scope, 'env, F: Future, E> {
        // `None` once it has ended.
        #[pin]
        future: Option<F>,
        group: &'scope TaskGroup<'scope, 'env, E>,
    }

    impl<F: Future, E> PinnedDrop for Child<'_, '_, F, E> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Err(payload) = caught(|| this.future.set(None)) {
                let panic = Panic::new(payload);
                let copy = message_or_default(&panic);
                this.group.panicked(panic);
                resume_unwind(Box::new(copy));
            }
        }
    }
}

impl<F, E> Future for Child<'_, '_, F, E>
where
    F: Future<Output: ChildOutput<E>>,
{
    type Output = <F::Output as ChildOutput<E>>::Value;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            return Poll::Pending;
        };
        let failure = match caught(|| future.poll(cx)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => match output.into_result() {
                Ok(value) => return Poll::Ready(value),
                Err(error) => {
                    this.group.failed(error);
                    JoinError::Failed
                }
            },
            Err(payload) => {
                let panic = Panic::new(payload);
                let copy = Panic::new(Box::new(message_or_default(&panic)));
                this.group.panicked(panic);
                JoinError::Panicked(copy)
            }
        };
        if let Err(payload) = caught(|| this.future.set(None)) {
            this.group.panicked(Panic::new(payload));
        }
        // The future stays pending. `Core::poll_child` takes the failure and ends the task with it.
        this.group.end_child_with(failure);
        Poll::Pending
    }
}

/// Returns the message of a panic, for the handle of the child: the group keeps the panic itself.
fn message_or_default(panic: &Panic) -> String {
    panic
        .message()
        .unwrap_or_else(|| "a panic with a value that is not text".to_owned())
}

/// Spawns `future` as a child of `group`.
pub(super) fn spawn_child<'scope, 'env, F, E>(
    core: &Core,
    label: (&'static Location<'static>, Option<Box<str>>),
    group: &'scope TaskGroup<'scope, 'env, E>,
    future: F,
) -> JoinHandle<<F::Output as ChildOutput<E>>::Value>
where
    F: Future<Output: ChildOutput<E>> + 'scope,
{
    let child = Child {
        future: Some(future),
        group,
    };
    let label = Label::new(label.0, label.1);
    let number = core.scheduler.next_number();
    // SAFETY: `admit_child` gives the task to the group's `ChildSet` before the task enters a run
    // queue, and only `Driver` polls the tasks of a `ChildSet`. `Driver` borrows the group for
    // `'scope`, is pinned, and drops the future of each child before it is gone itself; if it is
    // leaked, the children are neither polled nor dropped again. So the future of a child is not
    // touched after `'scope`.
    let spawned = unsafe { spawn_scoped(core.shared(), number, label, child) };
    add_to_group(core, group, spawned)
}

/// Adds a new task to the group and to the runtime.
fn add_to_group<T, E>(
    core: &Core,
    group: &TaskGroup<'_, '_, E>,
    spawned: Spawned<T, Shared>,
) -> JoinHandle<T> {
    let Spawned {
        owner,
        queued,
        join,
    } = spawned;
    let task = queued.clone();
    group.children.add(task.clone());
    core.admit_child(owner, queued, Rc::clone(&group.children) as _);
    if let Some(cancelled) = group.cancelled() {
        task.cancel(cancelled);
    }
    if task.state().is_done() {
        // The runtime is closed, and dropped the task at once.
        group.children.remove(&task);
    }
    JoinHandle::new(join)
}
