//! A child of a group: its future, as the task's cell sees it. The group's door to unsafe code: here a future that borrows
//! becomes a task.
//!
//! ```text
//!   polled ─┬─ value ──▶ the task gives it
//!           ├─ error ──▶ to the group; the task is ended as failed by whoever polls it
//!           └─ panic ──▶ to the group; likewise, with a copy of its message
//!   dropped ─ a panic of its destructor goes to the group, and to the task
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
use crate::util::{Payload, caught};

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
                let copy = message_of(&payload);
                this.group.panicked(payload);
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
        let (error, failure) = match caught(|| future.poll(cx)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => match output.into_result() {
                Ok(value) => return Poll::Ready(value),
                Err(error) => (Ok(error), JoinError::Failed),
            },
            Err(payload) => {
                let copy = Panic::new(Box::new(message_of(&payload)));
                (Err(payload), JoinError::Panicked(copy))
            }
        };
        match error {
            Ok(error) => this.group.failed(error),
            Err(payload) => this.group.panicked(payload),
        }
        if let Err(payload) = caught(|| this.future.set(None)) {
            this.group.panicked(payload);
        }
        // Pending for ever; whoever polls the child ends it with this.
        this.group.end_child_with(failure);
        Poll::Pending
    }
}

/// What a panic said, for the child's handle: the panic itself goes on in the group.
fn message_of(payload: &Payload) -> String {
    let text = payload.downcast_ref::<&'static str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic with a value that is not text")
        .to_owned()
}

/// Makes `future` a child of `group`, and takes it in.
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
    let number = core.next_number();
    // SAFETY: the task is given to the yard by `admit_child`, before it is put into a queue, and only `Driver` polls what
    // is in the yard. `Driver` borrows the group for `'scope`, is pinned, and drops every child's future before it is gone
    // itself; if it is leaked, nobody polls or drops them any more. So no child's future is touched after `'scope`.
    let spawned = unsafe { spawn_scoped(core.shared(), number, label, child) };
    take_in(core, group, spawned)
}

/// Takes a new child in.
fn take_in<T, E>(
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
        // The runtime is closed: it was dropped at once.
        group.children.one_less(&task);
    }
    JoinHandle::new(join)
}
