//! Futures that third-party code polls by hand, at times and in places that no combinator would
//! choose.

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::StreamExt;
use wheelhouse::{
    JoinHandle, as_completed, catch_cancel, gather, run, shield, spawn, task_group, timeout,
    try_gather, wait, yield_now,
};

use crate::common::acting_waker::{Call, acting_waker};
use crate::common::bomb_waker::{CLONE, WAKE, bomb_waker};
use crate::common::{CountingWaker, OnDrop, panic_text, poll_with, turns};

/// A future of any type.
type BoxFuture<T> = Pin<Box<dyn Future<Output = T>>>;

/// Holds a future that third-party code polls.
type Place = Rc<RefCell<Option<BoxFuture<()>>>>;

/// Polls once what is in a place, which is empty meanwhile.
fn poll_in(place: &Place) {
    let future = place.borrow_mut().take();
    if let Some(mut future) = future
        && let Poll::Pending = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
    {
        *place.borrow_mut() = Some(future);
    }
}

/// Puts a future into a place.
fn put<F: Future<Output = ()> + 'static>(place: &Place, future: F) {
    *place.borrow_mut() = Some(Box::pin(future));
}

/// Each kind of future that has a place in the tree of scopes, around one that never ends.
#[derive(Clone, Copy, Debug)]
enum Around {
    Group,
    Catch,
    Shield,
    Timeout,
    Gather,
}

impl Around {
    async fn run(self, inside: impl Future<Output = ()> + 'static) {
        match self {
            Self::Group => {
                let grouped = task_group(async |group| drop(group.spawn(inside)));
                grouped.await.unwrap();
            }
            Self::Catch => drop(catch_cancel(inside).await),
            Self::Shield => shield(inside).await,
            Self::Timeout => drop(timeout(Duration::from_secs(3600), inside).await),
            Self::Gather => drop(gather((inside, pending::<()>())).await),
        }
    }
}

/// A destructor inside of a future polls by hand the future around that. In the tree of scopes each
/// was then inside of the other, and release builds followed that circle without end; debug builds
/// panicked.
#[test]
fn a_destructor_may_poll_the_future_that_its_own_was_polled_in() {
    use Around::{Catch, Gather, Group, Shield, Timeout};
    for inner in [Group, Catch, Shield, Timeout, Gather] {
        for outer in [Timeout, Catch, Shield, Gather] {
            run(async move {
                let (inside, around, other) = <(Place, Place, Place)>::default();
                let polled = around.clone();
                let guard = OnDrop::new(move || poll_in(&polled));
                put(
                    &inside,
                    inner.run(async move {
                        let _guard = guard;
                        // A node of its own, so that the lazy ones around it open too.
                        drop(catch_cancel(pending::<()>()).await);
                    }),
                );
                put(&other, async { drop(catch_cancel(pending::<()>()).await) });
                let (first, second) = (inside.clone(), other.clone());
                put(
                    &around,
                    outer.run(poll_fn(move |_| {
                        poll_in(&first);
                        poll_in(&second);
                        Poll::Pending
                    })),
                );
                poll_in(&around);
                yield_now().await;
                for place in [inside, around, other] {
                    let future = place.borrow_mut().take();
                    drop(future);
                }
            });
        }
    }
}

/// A group that third-party code polls, and the handle of its only child, which ends in its next
/// poll.
fn polled_group() -> (Place, Rc<RefCell<Option<JoinHandle<()>>>>) {
    let (group, handle) = <(Place, Rc<RefCell<Option<_>>>)>::default();
    let slot = handle.clone();
    put(&group, async move {
        let grouped = task_group(async |group| {
            *slot.borrow_mut() = Some(group.spawn(async {}));
        });
        grouped.await.unwrap();
    });
    poll_in(&group);
    (group, handle)
}

/// The clone of a joiner's waker ended the task. The handle then stored the waker in a task that
/// never wakes it: the joiner waited without end, and the cell was freed with the waker in it.
#[test]
fn a_waker_whose_clone_ends_the_task_that_is_awaited_is_no_reason_to_wait() {
    run(async {
        let (group, handle) = polled_group();
        turns(1).await;
        let mut handle = handle.take().unwrap();
        let kept = Rc::new(());
        let in_waker = kept.clone();
        let waker = acting_waker(Call::Clone, move || {
            let _in_waker = &in_waker;
            (0..3).for_each(|_| poll_in(&group));
        });
        let Poll::Ready(Ok(())) = poll_with(&mut handle, &waker) else {
            panic!("the task has ended");
        };
        drop((waker, handle));
        assert_eq!(Rc::strong_count(&kept), 1, "no waker is left in the cell");
    });
}

/// The same, when the old waker's destructor ends the task: the new one is woken.
#[test]
fn a_waker_that_replaces_one_whose_drop_ends_the_task_is_woken() {
    run(async {
        let (group, handle) = polled_group();
        turns(1).await;
        let mut handle = handle.take().unwrap();
        let ends = acting_waker(Call::Drop, move || (0..3).for_each(|_| poll_in(&group)));
        assert!(poll_with(&mut handle, &ends).is_pending());
        drop(ends);
        let (count, waker) = CountingWaker::new();
        let polled = poll_with(&mut handle, &waker);
        assert!(polled.is_ready() || count.wakes() == 1);
    });
}

/// The destructor of the joiner's waker ended the task while its handle was being dropped, which
/// then went on with the cell.
#[test]
fn a_waker_whose_drop_ends_the_task_may_go_with_its_handle() {
    for awaited in [false, true] {
        run(async move {
            let (group, handle) = polled_group();
            turns(1).await;
            let mut handle = handle.take().unwrap();
            let ends = acting_waker(Call::Drop, move || (0..3).for_each(|_| poll_in(&group)));
            if awaited {
                assert!(poll_with(&mut handle, &ends).is_pending());
            } else {
                let mut wait = std::pin::pin!(wait([&mut handle]));
                assert!(
                    wait.as_mut()
                        .poll(&mut Context::from_waker(&ends))
                        .is_pending()
                );
            }
            drop(ends);
            drop(handle);
            turns(2).await;
        });
    }
}

/// A group cloned its owner's waker while its own state was borrowed: a clone that dropped the
/// group was caught as a panic, and the wake was lost; one that polled it aborted.
#[test]
fn the_waker_of_a_group_may_drop_the_group_and_spawn_and_cancel() {
    for call in Call::ALL {
        for drops in [false, true] {
            run(async move {
                let group = Place::default();
                let handle = Rc::new(RefCell::new(None));
                let slot = handle.clone();
                put(&group, async move {
                    let grouped = task_group(async |group| {
                        *slot.borrow_mut() = Some(group.spawn(pending::<()>()));
                    });
                    grouped.await.unwrap();
                });
                let future = group.borrow_mut().take();
                let mut future = future.unwrap();
                let (inside, child) = (group.clone(), handle.clone());
                let waker = acting_waker(call, move || {
                    drop(spawn(async {}));
                    if let Some(child) = &*child.borrow() {
                        child.cancel();
                    }
                    if drops {
                        drop(inside.take())
                    } else {
                        poll_in(&inside)
                    }
                });
                let mut cx = Context::from_waker(&waker);
                assert!(future.as_mut().poll(&mut cx).is_pending());
                *group.borrow_mut() = Some(future);
                turns(1).await;
                let mut child = handle.take().unwrap();
                child.cancel();
                for _ in 0..3 {
                    turns(1).await;
                    poll_in(&group);
                }
                assert!(
                    child.try_join().unwrap().unwrap_err().is_cancelled(),
                    "{call:?}"
                );
            });
        }
    }
}

/// A future that leaves its waker, then wakes itself, then is ready.
struct Third(u8, Rc<RefCell<Option<Waker>>>);

impl Future for Third {
    type Output = Result<u8, ()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0 += 1;
        match self.0 {
            1 => *self.1.borrow_mut() = Some(cx.waker().clone()),
            2 => cx.waker().wake_by_ref(),
            _ => return Poll::Ready(Ok(3)),
        }
        Poll::Pending
    }
}

/// A combinator took the panic of its parent's waker for one of the child that it had polled last:
/// it dropped an innocent one, or counted one that had ended a second time, and then waited without
/// end.
#[test]
fn a_parents_waker_that_panics_takes_no_child_with_it() {
    fn check<F: Future + Unpin>(of: impl FnOnce([BoxFuture<Result<u8, ()>>; 2]) -> F, at: usize) {
        let slot = Rc::new(RefCell::new(None));
        let mut children: [BoxFuture<_>; 2] =
            [Box::pin(async { Ok(1) }), Box::pin(async { Ok(2) })];
        children[at] = Box::pin(Third(0, slot.clone()));
        let mut future = of(children);
        for calls in [CLONE, WAKE] {
            let text = panic_text(|| poll_with(&mut future, &bomb_waker(calls)));
            assert!(text.contains("on purpose"), "{text}");
            let child = slot.borrow().clone();
            child.unwrap().wake();
        }
        assert!(poll_with(&mut future, Waker::noop()).is_ready());
    }
    for at in [0, 1] {
        check(gather, at);
        check(try_gather, at);
        check(|children| as_completed(children).collect::<Vec<_>>(), at);
    }
}

/// The same for `wait`, whose handles stay whatever happens.
#[test]
fn a_parents_waker_that_panics_takes_no_handle_with_it() {
    run(async {
        let mut handles = [spawn(yield_now()), spawn(pending())];
        turns(3).await;
        let mut both = Box::pin(wait(&mut handles));
        let text = panic_text(|| poll_with(&mut both, &bomb_waker(CLONE)));
        assert!(text.contains("on purpose"), "{text}");
        assert!(poll_with(&mut both, Waker::noop()).is_pending());
        drop(both);
        assert!(handles[0].is_finished() && !handles[1].is_finished());
    });
}
