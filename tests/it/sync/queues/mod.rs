//! The queues: the cases of CPython's tests, a model, cancellation at every step, and third-party
//! code that panics or uses the queue.

mod cpython;
mod foreign_code;
mod model;
mod steps;

use std::future::Future;
use std::task::Poll;

use futures::executor::LocalPool;
use futures::stream::FusedStream;
use futures::{FutureExt, StreamExt, join};
use wheelhouse::sync::{Closed, GetError, LifoQueue, PriorityQueue, PutError, Queue};
use wheelhouse::{run, spawn, testing};

/// Runs the futures of `make` under this runtime and under another executor.
fn everywhere<F: Future>(make: impl Fn() -> F) {
    testing::run(make());
    LocalPool::new().run_until(make());
}

/// Yields `count` times, under any executor.
async fn pause(count: usize) {
    for _ in 0..count {
        let mut waited = false;
        std::future::poll_fn(|cx| {
            if std::mem::replace(&mut waited, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

#[test]
fn items_come_in_order_through_a_full_queue() {
    everywhere(async || {
        let queue = Queue::bounded(2);
        let produce = async {
            for number in 0..100 {
                queue.put(number).await.unwrap();
            }
            queue.close();
        };
        let (_, items) = join!(produce, queue.items().collect::<Vec<_>>());
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    });
}

#[test]
fn the_smallest_comes_first_and_the_oldest_of_equals() {
    #[derive(Debug, Eq, PartialEq)]
    struct Job(u8, &'static str);
    impl Ord for Job {
        fn cmp(&self, other: &Self) -> std::cmp::Ordering {
            self.0.cmp(&other.0)
        }
    }
    impl PartialOrd for Job {
        fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
            Some(self.cmp(other))
        }
    }
    let queue = PriorityQueue::unbounded();
    for job in [
        Job(2, "a"),
        Job(1, "b"),
        Job(2, "c"),
        Job(1, "d"),
        Job(2, "e"),
    ] {
        queue.put_nowait(job).unwrap();
    }
    let names: Vec<_> = std::iter::from_fn(|| queue.get_nowait().ok()).collect();
    assert_eq!(names.iter().map(|job| job.1).collect::<String>(), "bdace");
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        queue.put_nowait(Job(0, name)).unwrap();
    }
    let names: Vec<_> = std::iter::from_fn(|| queue.get_nowait().ok()).collect();
    assert_eq!(
        names.iter().map(|job| job.1).collect::<String>(),
        "abcdefgh"
    );
}

#[test]
fn a_waiting_get_of_a_priority_queue_takes_what_is_smallest_when_it_runs() {
    everywhere(async || {
        let queue = PriorityQueue::unbounded();
        let put = async {
            pause(1).await;
            queue.put_nowait(5).unwrap();
            queue.put_nowait(1).unwrap();
        };
        assert_eq!(join!(queue.get(), put).0, Ok(1));
    });
}

#[test]
fn no_get_overtakes_one_that_waits_for_an_item() {
    everywhere(async || {
        let queue = Queue::unbounded();
        let mut first = Box::pin(queue.get());
        assert!(first.as_mut().now_or_never().is_none());
        queue.put_nowait("promised").unwrap();
        assert!(queue.is_empty() && queue.len() == 1);
        assert_eq!(queue.get_nowait(), Err(GetError::Empty));
        let mut second = Box::pin(queue.get());
        assert!(second.as_mut().now_or_never().is_none());
        assert_eq!(first.await, Ok("promised"));
        queue.put_nowait("next").unwrap();
        assert_eq!(second.await, Ok("next"));
    });
}

#[test]
fn no_put_overtakes_one_that_waits_for_capacity() {
    everywhere(async || {
        let queue = Queue::bounded(1);
        queue.put_nowait(1).unwrap();
        let mut first = Box::pin(queue.put(2));
        assert!(first.as_mut().now_or_never().is_none());
        assert_eq!(queue.get_nowait(), Ok(1));
        assert!(queue.is_full());
        assert_eq!(queue.put_nowait(3), Err(PutError::Full(3)));
        assert_eq!(first.await, Ok(()));
        assert_eq!(queue.get_nowait(), Ok(2));
    });
}

#[test]
fn a_get_that_is_dropped_with_a_promise_leaves_the_order_as_it_was() {
    let queue = Queue::unbounded();
    let mut gets: Vec<_> = (0..3).map(|_| queue.get()).collect();
    assert!(gets.iter_mut().all(|get| get.now_or_never().is_none()));
    queue.put_nowait(1).unwrap();
    queue.put_nowait(2).unwrap();
    drop(gets.remove(0));
    // The third get has the promise of the first one, and comes before the second.
    assert_eq!(gets.remove(1).now_or_never(), Some(Ok(1)));
    drop(gets);
    assert_eq!(queue.get_nowait(), Ok(2));
}

#[test]
fn a_put_that_is_given_up_gives_its_item_back_and_its_room_on() {
    let queue = Queue::bounded(1);
    queue.put_nowait(1).unwrap();
    let (mut second, mut third) = (queue.put(2), queue.put(3));
    assert!((&mut second).now_or_never().is_none());
    assert!((&mut third).now_or_never().is_none());
    assert_eq!(queue.get_nowait(), Ok(1));
    assert_eq!(second.into_item(), Some(2));
    assert_eq!((&mut third).now_or_never(), Some(Ok(())));
    assert_eq!(third.into_item(), None);
    assert_eq!(queue.get_nowait(), Ok(3));
}

#[test]
fn closing_gives_waiting_puts_their_items_back() {
    everywhere(async || {
        let queue = Queue::bounded(1);
        queue.put_nowait(1).unwrap();
        let close = async {
            pause(1).await;
            queue.close();
        };
        let (second, third, ()) = join!(queue.put(2), queue.put(3), close);
        assert_eq!((second.unwrap_err().0, third.unwrap_err().0), (2, 3));
        assert_eq!(queue.get().await, Ok(1));
        assert!(queue.get().await.is_err());
    });
}

#[test]
fn a_put_with_a_reservation_does_not_put_into_a_closed_queue() {
    let queue = Queue::bounded(1);
    queue.put_nowait(1).unwrap();
    let mut second = queue.put(2);
    assert!((&mut second).now_or_never().is_none());
    assert_eq!(queue.get_nowait(), Ok(1));
    queue.close();
    assert_eq!(second.now_or_never().unwrap().unwrap_err().0, 2);
    assert_eq!(queue.get_nowait(), Err(GetError::Closed));
}

#[test]
fn after_a_close_a_get_waits_while_the_last_items_are_promised() {
    let queue = Queue::unbounded();
    let (mut first, mut second) = (queue.get(), queue.get());
    assert!((&mut first).now_or_never().is_none());
    queue.put_nowait(1).unwrap();
    queue.close();
    // The second get may still get the item, since the first one may be cancelled.
    assert!((&mut second).now_or_never().is_none());
    drop(first);
    assert_eq!(second.now_or_never(), Some(Ok(1)));
}

#[test]
fn after_a_close_the_last_item_taken_ends_all_waiting_gets() {
    everywhere(async || {
        let queue = Queue::unbounded();
        let close = async {
            pause(1).await;
            queue.put_nowait(1).unwrap();
            queue.close();
        };
        let (first, second, third, ()) = join!(queue.get(), queue.get(), queue.get(), close);
        assert_eq!(first, Ok(1));
        assert_eq!(second.unwrap_err().to_string(), "closed");
        assert!(third.is_err());
    });
}

#[test]
fn close_now_breaks_promises_and_counts_what_it_drops_as_done() {
    everywhere(async || {
        let queue = LifoQueue::unbounded();
        let close = async {
            pause(1).await;
            queue.put_nowait(1).unwrap();
            queue.put_nowait(2).unwrap();
            queue.close_now();
        };
        let (got, (), ()) = join!(queue.get(), queue.join(), close);
        assert!(got.is_err());
        assert_eq!(queue.len(), 0);
    });
}

#[test]
fn a_stream_of_items_ends_for_good() {
    everywhere(async || {
        let queue = Queue::unbounded();
        queue.put_nowait(1).unwrap();
        queue.close();
        let mut items = queue.items();
        assert_eq!(items.next().await, Some(1));
        assert!(!items.is_terminated());
        assert_eq!(items.next().await, None);
        assert_eq!(items.next().await, None);
        assert!(items.is_terminated());
    });
}

#[test]
fn workers_that_share_a_queue_get_items_in_turn() {
    run(async {
        let queue = std::rc::Rc::new(Queue::bounded(4));
        let workers: Vec<_> = (0..4)
            .map(|_| {
                let queue = queue.clone();
                spawn(async move {
                    let mut taken = Vec::new();
                    while let Ok(item) = queue.get().await {
                        taken.push(item);
                        queue.task_done();
                        pause(1).await;
                    }
                    taken
                })
            })
            .collect();
        for item in 0..40 {
            queue.put(item).await.unwrap();
        }
        queue.join().await;
        queue.close();
        let mut all = Vec::new();
        for worker in workers {
            let taken = worker.await.unwrap();
            assert!(taken.is_sorted() && !taken.is_empty(), "{taken:?}");
            all.extend(taken);
        }
        all.sort_unstable();
        assert_eq!(all, (0..40).collect::<Vec<_>>());
    });
}

#[test]
fn a_queue_for_nothing_is_refused() {
    crate::common::panics_saying(&["bounded to 0", "unbounded()"], || Queue::<u8>::bounded(0));
}

#[test]
fn a_put_polled_after_its_end_says_so() {
    let queue = Queue::unbounded();
    let mut put = queue.put(1);
    assert_eq!((&mut put).now_or_never(), Some(Ok(())));
    crate::common::panics_saying(&["polled after it was done"], || (&mut put).now_or_never());
    queue.close();
    crate::common::panics_saying(&["polled after it was done"], || (&mut put).now_or_never());
    assert_eq!(queue.len(), 1);
}

#[test]
fn debug_shows_numbers_and_no_items() {
    let queue = Queue::bounded(3);
    queue.put_nowait(String::from("secret")).unwrap();
    let text = format!("{queue:?}");
    assert!(text.contains("Queue { len: 1, capacity: 3"), "{text}");
    let refused: Result<_, Closed> = {
        queue.close_now();
        queue.get().now_or_never().unwrap()
    };
    assert_eq!(format!("{refused:?}"), "Err(Closed(()))");
    let text = format!("{:?}", queue.put_nowait(String::from("secret")));
    assert_eq!(text, "Err(Closed(..))");
}
