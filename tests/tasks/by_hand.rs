//! Futures that foreign code polls by hand, at moments and in places that no combinator would choose.

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use wheelhouse::{catch_cancel, gather, run, shield, task_group, timeout, yield_now};

use crate::common::OnDrop;

/// A place for a future that foreign code polls.
type Place = Rc<RefCell<Option<Pin<Box<dyn Future<Output = ()>>>>>>;

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

/// A destructor inside of a future polls by hand the future around that. In the tree of scopes each was then inside of the
/// other, and release builds followed that circle for ever; debug builds panicked.
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
