//! The cases of CPython's `Lib/test/test_asyncio/test_queues.py` (3.13) that apply here. Each test
//! names its case.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use futures::{FutureExt, join};
use wheelhouse::sync::{GetError, LifoQueue, PriorityQueue, PutError, Queue};
use wheelhouse::{JoinError, sleep, spawn, testing, timeout};

use super::{everywhere, pause};
use crate::common::panics_saying;

const MS: Duration = Duration::from_millis(1);

/// `QueueBasicTests.test_empty`
#[test]
fn empty() {
    let queue = Queue::unbounded();
    assert!(queue.is_empty());
    queue.put_nowait(1).unwrap();
    assert!(!queue.is_empty());
    assert_eq!(queue.get_nowait(), Ok(1));
    assert!(queue.is_empty());
}

/// `QueueBasicTests.test_full`
#[test]
fn full() {
    assert!(!Queue::<u8>::unbounded().is_full());
    let queue = Queue::bounded(1);
    assert!(!queue.is_full());
    queue.put_nowait(1).unwrap();
    assert!(queue.is_full());
}

/// `QueueBasicTests.test_order`, `LifoQueueTests.test_order`, `PriorityQueueTests.test_order`
#[test]
fn order() {
    let (fifo, lifo, priority) = (
        Queue::unbounded(),
        LifoQueue::unbounded(),
        PriorityQueue::unbounded(),
    );
    for item in [1, 3, 2] {
        fifo.put_nowait(item).unwrap();
        lifo.put_nowait(item).unwrap();
        priority.put_nowait(item).unwrap();
    }
    let take = |get: &dyn Fn() -> Result<i32, GetError>| [get(), get(), get()].map(Result::unwrap);
    assert_eq!(take(&|| fifo.get_nowait()), [1, 3, 2]);
    assert_eq!(take(&|| lifo.get_nowait()), [2, 3, 1]);
    assert_eq!(take(&|| priority.get_nowait()), [1, 2, 3]);
}

/// `QueueBasicTests.test_maxsize`
#[test]
fn maxsize() {
    testing::run(async {
        let queue = Queue::bounded(2);
        assert_eq!(queue.capacity(), Some(2));
        let have_been_put = Cell::new(0);
        let putter = async {
            for item in 1..=3 {
                queue.put(item).await.unwrap();
                have_been_put.set(item);
            }
        };
        let test = async {
            sleep(10 * MS).await;
            assert_eq!(have_been_put.get(), 2);
            assert_eq!(queue.len(), 2);
            assert_eq!(queue.get().await, Ok(1));
            sleep(10 * MS).await;
            assert_eq!(have_been_put.get(), 3);
            assert_eq!(queue.get_nowait(), Ok(2));
            assert_eq!(queue.get_nowait(), Ok(3));
        };
        join!(putter, test);
    });
}

/// `QueueGetTests.test_blocking_get`, `test_nonblocking_get`, `test_nonblocking_get_exception`
#[test]
fn get_of_what_is_there() {
    everywhere(async || {
        let queue = Queue::unbounded();
        queue.put_nowait(1).unwrap();
        assert_eq!(queue.get().await, Ok(1));
        queue.put_nowait(1).unwrap();
        assert_eq!(queue.get_nowait(), Ok(1));
        assert_eq!(queue.get_nowait(), Err(GetError::Empty));
    });
}

/// `QueueGetTests.test_get_with_putters`, `test_get_with_waiting_putters`
#[test]
fn get_with_waiting_putters() {
    everywhere(async || {
        let queue = Queue::bounded(1);
        let gets = async {
            pause(2).await;
            (queue.get().await, queue.get().await)
        };
        let (a, b, got) = join!(queue.put('a'), queue.put('b'), gets);
        assert_eq!((a, b), (Ok(()), Ok(())));
        assert_eq!(got, (Ok('a'), Ok('b')));
    });
}

/// `QueueGetTests.test_blocking_get_wait`
#[test]
fn a_get_waits_for_a_put() {
    testing::run(async {
        let queue = Queue::unbounded();
        let put = async {
            sleep(10 * MS).await;
            queue.put_nowait(1).unwrap();
        };
        assert_eq!(join!(queue.get(), put).0, Ok(1));
    });
}

/// `QueueGetTests.test_get_cancelled`
#[test]
fn a_get_that_is_cut_off_takes_nothing() {
    testing::run(async {
        let queue = Queue::unbounded();
        let get = async {
            assert!(timeout(51 * MS, queue.get()).await.is_err());
            timeout(51 * MS, queue.get()).await
        };
        let put = async {
            sleep(10 * MS).await;
            sleep(50 * MS).await;
            queue.put_nowait(1).unwrap();
        };
        assert_eq!(join!(get, put).0, Ok(Ok(1)));
    });
}

/// `QueueGetTests.test_get_cancelled_race`: cancelled in the turn in which it is woken.
#[test]
fn a_get_that_is_cancelled_when_it_was_woken_leaves_the_item_to_the_next() {
    testing::run(async {
        let queue = Rc::new(Queue::unbounded());
        let get = || {
            let queue = Rc::clone(&queue);
            spawn(async move { queue.get().await })
        };
        let (first, second) = (get(), get());
        pause(2).await;
        queue.put_nowait('a').unwrap();
        assert!(first.cancel());
        assert!(matches!(first.await, Err(JoinError::Cancelled(_))));
        assert_eq!(second.await.unwrap(), Ok('a'));
    });
}

/// `QueueGetTests.test_why_are_getters_waiting`
#[test]
fn a_get_is_not_left_waiting_beside_an_item() {
    everywhere(async || {
        let queue = Queue::bounded(2);
        let consumer = async |count: usize| {
            for _ in 0..count {
                queue.get().await.unwrap();
            }
        };
        let producer = async |count: usize| {
            for item in 0..count {
                queue.put(item).await.unwrap();
                pause(1).await;
            }
        };
        join!(producer(5), consumer(2), producer(4), consumer(7));
        assert_eq!(queue.len(), 0);
    });
}

/// `QueueGetTests.test_cancelled_getters_not_being_held_in_self_getters`,
/// `QueuePutTests.test_get_cancel_drop_one_pending_reader`,
/// `test_get_cancel_drop_many_pending_readers`
#[test]
fn gets_that_are_cut_off_lose_nothing_and_leave_nothing_behind() {
    testing::run(async {
        let queue = Rc::new(Queue::unbounded());
        let taken = Rc::new(Cell::new(Vec::new()));
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let (queue, taken) = (Rc::clone(&queue), Rc::clone(&taken));
                spawn(async move {
                    let item = queue.get().await.unwrap();
                    let mut list = taken.take();
                    list.push(item);
                    taken.set(list);
                })
            })
            .collect();
        pause(1).await;
        for item in 1..=4 {
            queue.put_nowait(item).unwrap();
        }
        readers[0].cancel();
        readers[2].cancel();
        for reader in readers {
            drop(reader.await);
        }
        let mut all = taken.take();
        all.extend(std::iter::from_fn(|| queue.get_nowait().ok()));
        assert_eq!(all, [1, 2, 3, 4]);
    });
}

/// `QueuePutTests.test_blocking_put`, `test_nonblocking_put`, `test_nonblocking_put_exception`
#[test]
fn put_where_there_is_room() {
    everywhere(async || {
        let queue = Queue::bounded(1);
        queue.put(1).await.unwrap();
        assert_eq!(queue.put_nowait(2), Err(PutError::Full(2)));
        assert_eq!(queue.get_nowait(), Ok(1));
        assert_eq!(queue.put_nowait(2), Ok(()));
    });
}

/// `QueuePutTests.test_blocking_put_wait`
#[test]
fn a_put_waits_for_a_get() {
    testing::run(async {
        let queue = Queue::bounded(1);
        let puts = async {
            queue.put(1).await.unwrap();
            queue.put(2).await.unwrap();
        };
        let get = async {
            sleep(10 * MS).await;
            queue.get_nowait()
        };
        assert_eq!(join!(puts, get).1, Ok(1));
        assert_eq!(queue.len(), 1);
    });
}

/// `QueuePutTests.test_put_cancel_drop`
#[test]
fn a_put_that_is_cancelled_when_it_was_woken_does_not_put() {
    testing::run(async {
        let queue = Rc::new(Queue::bounded(1));
        queue.put_nowait(1).unwrap();
        let theirs = Rc::clone(&queue);
        let putter = spawn(async move { theirs.put(2).await });
        pause(1).await;
        assert_eq!(queue.get_nowait(), Ok(1));
        assert!(putter.cancel());
        assert!(putter.await.is_err());
        assert!(queue.is_empty() && !queue.is_full());
    });
}

/// `QueuePutTests.test_put_cancelled`
#[test]
fn a_put_after_one_that_was_cut_off_puts_once() {
    testing::run(async {
        let queue = Queue::bounded(1);
        queue.put_nowait(1).unwrap();
        assert!(timeout(10 * MS, queue.put(2)).await.is_err());
        assert_eq!(queue.get_nowait(), Ok(1));
        assert_eq!(queue.get_nowait(), Err(GetError::Empty));
        queue.put(2).await.unwrap();
        assert_eq!(queue.get_nowait(), Ok(2));
    });
}

/// `QueuePutTests.test_put_cancelled_race`, `test_cancelled_puts_not_being_held_in_self_putters`
#[test]
fn a_put_behind_one_that_was_cancelled_has_its_turn() {
    testing::run(async {
        let queue = Rc::new(Queue::bounded(1));
        let put = |item| {
            let queue = Rc::clone(&queue);
            spawn(async move { queue.put(item).await.unwrap() })
        };
        let (a, b, c) = (put('a'), put('b'), put('c'));
        a.await.unwrap();
        pause(1).await;
        b.cancel();
        assert_eq!(queue.get().await, Ok('a'));
        assert_eq!(queue.get().await, Ok('c'));
        c.await.unwrap();
        assert!(b.await.is_err());
    });
}

/// `QueuePutTests.test_why_are_putters_waiting`
#[test]
fn a_put_is_not_left_waiting_beside_room() {
    everywhere(async || {
        let queue = Queue::bounded(2);
        let consumer = async {
            for _ in 0..7 {
                queue.get().await.unwrap();
                pause(1).await;
            }
        };
        let (a, b, c) = (queue.put(1), queue.put(2), queue.put(3));
        let puts = async {
            let (a, b, c) = join!(a, b, c);
            a.and(b).and(c).unwrap();
        };
        let more = async {
            for item in 0..4 {
                queue.put(item).await.unwrap();
            }
        };
        join!(puts, consumer, more);
    });
}

/// `_QueueJoinTestMixin.test_task_done_underflow`
#[test]
fn task_done_once_too_often_says_so() {
    let queue = Queue::<u8>::unbounded();
    panics_saying(&["`task_done`", "more often"], || queue.task_done());
}

/// `_QueueJoinTestMixin.test_task_done`
#[test]
fn join_waits_for_every_task_done() {
    testing::run(async {
        let queue = Rc::new(LifoQueue::unbounded());
        for item in 0..100 {
            queue.put_nowait(item).unwrap();
        }
        let accumulator = Rc::new(Cell::new(0));
        let workers: Vec<_> = (0..2)
            .map(|_| {
                let (queue, sum) = (Rc::clone(&queue), Rc::clone(&accumulator));
                spawn(async move {
                    while let Ok(item) = queue.get().await {
                        sum.set(sum.get() + item);
                        pause(item % 3).await;
                        queue.task_done();
                    }
                })
            })
            .collect();
        queue.join().await;
        assert_eq!(accumulator.get(), 99 * 100 / 2);
        for worker in workers {
            worker.cancel();
        }
    });
}

/// `_QueueJoinTestMixin.test_join_empty_queue`
#[test]
fn join_of_an_empty_queue_returns_at_once() {
    let queue = Queue::<u8>::unbounded();
    assert!(queue.join().now_or_never().is_some());
    assert!(queue.join().now_or_never().is_some());
}

/// `_QueueShutdownTestMixin.test_shutdown_empty`
#[test]
fn closing_an_empty_queue_ends_gets_and_puts() {
    everywhere(async || {
        let queue = Queue::bounded(1);
        let close = async {
            pause(1).await;
            queue.close();
        };
        let (first, second, ()) = join!(queue.get(), queue.get(), close);
        assert!(first.is_err() && second.is_err());
        assert!(queue.put(1).await.is_err());
        assert_eq!(queue.put_nowait(1), Err(PutError::Closed(1)));
        assert_eq!(queue.get_nowait(), Err(GetError::Closed));
    });
}

/// `_QueueShutdownTestMixin.test_shutdown_nonempty`
#[test]
fn closing_a_full_queue_lets_gets_drain_it_and_join_wait() {
    everywhere(async || {
        let queue = Queue::bounded(1);
        queue.put_nowait("data").unwrap();
        let test = async {
            pause(1).await;
            queue.close();
            let mut join = Box::pin(queue.join());
            assert!(join.as_mut().now_or_never().is_none());
            assert_eq!(queue.get().await, Ok("data"));
            assert!(join.as_mut().now_or_never().is_none());
            queue.task_done();
            join.await;
            panics_saying(&["`task_done`"], || queue.task_done());
        };
        let (put, ()) = join!(queue.put("data"), test);
        assert!(put.is_err());
    });
}

/// `_QueueShutdownTestMixin.test_shutdown_immediate`
#[test]
fn close_now_drains_the_queue_and_lets_join_return() {
    everywhere(async || {
        let queue = Queue::unbounded();
        queue.put_nowait("data").unwrap();
        let close = async {
            pause(1).await;
            queue.close_now();
        };
        join!(queue.join(), close);
        assert_eq!(queue.len(), 0);
        assert_eq!(queue.get_nowait(), Err(GetError::Closed));
        panics_saying(&["`task_done`"], || queue.task_done());
    });
}

/// `_QueueShutdownTestMixin.test_shutdown_immediate_with_unfinished`
#[test]
fn close_now_lets_join_wait_for_what_was_taken() {
    everywhere(async || {
        let queue = Queue::unbounded();
        queue.put_nowait(1).unwrap();
        queue.put_nowait(2).unwrap();
        assert_eq!(queue.get().await, Ok(1));
        let mut join = Box::pin(queue.join());
        assert!(join.as_mut().now_or_never().is_none());
        queue.close_now();
        assert!(join.as_mut().now_or_never().is_none());
        queue.task_done();
        join.await;
    });
}

/// `_QueueShutdownTestMixin.test_shutdown_allowed_transitions`
#[test]
fn a_queue_may_be_closed_again_and_harder() {
    let queue = Queue::unbounded();
    queue.put_nowait(1).unwrap();
    queue.close();
    queue.close();
    assert_eq!(queue.len(), 1);
    queue.close_now();
    assert_eq!(queue.len(), 0);
    queue.close();
    queue.close_now();
    assert!(queue.is_closed());
}
