//! Futures that wait for one thing, polled with wakers that attack each other's futures.

use std::cell::RefCell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::acting_waker::{Call, acting_waker};
use super::{silent_panic, text_of, turns};

/// A future of which only its end matters.
pub(crate) type Boxed = Pin<Box<dyn Future<Output = ()>>>;

/// What a waker does in one of its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    /// Polls all futures that are not being polled.
    Poll,
    /// Drops one of them.
    Drop,
    /// Panics.
    Panic,
}

const ATTACK: &str = "an attack, on purpose";

/// The futures, each away while it is polled.
type Targets = Rc<RefCell<Vec<Option<Boxed>>>>;

/// Takes a future out, polls it, and puts it back if it is pending. One that a panic of its waker
/// unwound is dropped: an `async` block cannot be polled again after that.
fn poll_one(targets: &Targets, index: usize, waker: &Waker) {
    let future = targets.borrow_mut()[index].take();
    let Some(mut future) = future else {
        return;
    };
    let polled = catch_unwind(AssertUnwindSafe(|| {
        future.as_mut().poll(&mut Context::from_waker(waker))
    }));
    match polled {
        Ok(Poll::Ready(())) => {}
        Ok(Poll::Pending) => targets.borrow_mut()[index] = Some(future),
        Err(payload) => assert_eq!(text_of(&*payload), ATTACK),
    }
}

impl Deed {
    const ALL: [Self; 3] = [Self::Poll, Self::Drop, Self::Panic];

    fn act(self, targets: &Targets) {
        match self {
            Self::Poll => {
                let count = targets.borrow().len();
                (0..count).for_each(|index| poll_one(targets, index, Waker::noop()));
            }
            Self::Drop => {
                let mut all = targets.borrow_mut();
                let first = all.iter_mut().find(|future| future.is_some());
                let first = first.and_then(Option::take);
                drop(all);
                drop(first);
            }
            Self::Panic if !std::thread::panicking() => silent_panic(ATTACK),
            Self::Panic => {}
        }
    }
}

/// Begins some futures, in every way of attack, and brings about what they wait for. Those that are
/// left then end.
pub(crate) async fn attack<E: Future<Output = ()>>(
    mut begin: impl AsyncFnMut() -> (Vec<Boxed>, E),
) {
    for call in Call::ALL {
        for deed in Deed::ALL {
            let (futures, event) = begin().await;
            let count = futures.len();
            let targets: Targets = Rc::new(RefCell::new(futures.into_iter().map(Some).collect()));
            // Two rounds, so that the second one replaces wakers.
            for index in (0..count).chain(0..count) {
                let theirs = Rc::clone(&targets);
                let waker = acting_waker(call, move || deed.act(&theirs));
                poll_one(&targets, index, &waker);
                let dropped = catch_unwind(AssertUnwindSafe(|| drop(waker)));
                dropped.unwrap_or_else(|payload| assert_eq!(text_of(&*payload), ATTACK));
            }
            event.await;
            turns(3).await;
            for index in 0..count {
                let future = targets.borrow_mut()[index].take();
                if let Some(future) = future {
                    future.await;
                }
            }
        }
    }
}
