//! Operations cancelled or dropped at every step: each item is in exactly one place. The harness is
//! described at `testing::Steps`.

use std::cell::RefCell;
use std::rc::Rc;

use wheelhouse::sync::{LifoQueue, PriorityQueue, Queue};
use wheelhouse::testing::{Step, Steps};
use wheelhouse::{spawn, yield_now};

use crate::steps::counting::bytes;

/// Returns the bound for the size of the future with this name, in bytes. It must not grow.
fn steps_of(name: &'static str) -> Steps {
    Steps::of(name).meter("bytes", bytes)
}

macro_rules! scenes {
    ($get:ident, $put:ident, $queue:ident) => {
        #[test]
        fn $get() {
            let most = steps_of(stringify!($get)).run(async |step: &Step| {
                let queue = Rc::new($queue::bounded(1));
                let taken = Rc::new(RefCell::new(Vec::new()));
                let (theirs, list) = (Rc::clone(&queue), Rc::clone(&taken));
                let producer = Rc::clone(&queue);
                let producer = spawn(async move {
                    for item in 1..=4 {
                        yield_now().await;
                        producer.put(item).await.unwrap();
                    }
                    producer.close();
                });
                let cut = step.cut(async move {
                    for _ in 0..3 {
                        if let Ok(item) = theirs.get().await {
                            list.borrow_mut().push(item);
                        }
                    }
                });
                // Another one waits behind the one that is cancelled.
                let (theirs, list) = (Rc::clone(&queue), Rc::clone(&taken));
                let other = spawn(async move {
                    while let Ok(item) = theirs.get().await {
                        list.borrow_mut().push(item);
                    }
                });
                drop(cut.await);
                producer.await.unwrap();
                other.await.unwrap();
                let mut all = taken.take();
                all.sort_unstable();
                assert_eq!(all, [1, 2, 3, 4]);
            });
            assert!(most >= 2, "{most}");
        }

        #[test]
        fn $put() {
            let most = steps_of(stringify!($put)).run(async |step: &Step| {
                let queue = Rc::new($queue::bounded(1));
                let put = Rc::new(RefCell::new(Vec::new()));
                let (theirs, list) = (Rc::clone(&queue), Rc::clone(&put));
                let consumer = Rc::clone(&queue);
                let consumer = spawn(async move {
                    let mut taken = Vec::new();
                    while let Ok(item) = consumer.get().await {
                        taken.push(item);
                        yield_now().await;
                    }
                    taken
                });
                let cut = step.cut(async move {
                    for item in 1..=3 {
                        theirs.put(item).await.unwrap();
                        list.borrow_mut().push(item);
                    }
                });
                let (theirs, list) = (Rc::clone(&queue), Rc::clone(&put));
                let other = spawn(async move {
                    for item in 4..=6 {
                        theirs.put(item).await.unwrap();
                        list.borrow_mut().push(item);
                    }
                });
                drop(cut.await);
                other.await.unwrap();
                queue.close();
                let mut taken = consumer.await.unwrap();
                taken.sort_unstable();
                let mut put = put.take();
                put.sort_unstable();
                assert_eq!(taken, put, "what was put is what comes out");
            });
            assert!(most >= 2, "{most}");
        }
    };
}

scenes!(queue_get, queue_put, Queue);
scenes!(priority_queue_get, priority_queue_put, PriorityQueue);
scenes!(lifo_queue_get, lifo_queue_put, LifoQueue);

#[test]
fn join_leaves_nothing_behind() {
    let most = steps_of("join").run(async |step: &Step| {
        let queue = Rc::new(Queue::unbounded());
        queue.put_nowait(1).unwrap();
        let theirs = Rc::clone(&queue);
        let worker = Rc::clone(&queue);
        let worker = spawn(async move {
            yield_now().await;
            worker.get().await.unwrap();
            worker.task_done();
        });
        drop(step.cut(async move { theirs.join().await }).await);
        worker.await.unwrap();
        queue.join().await;
    });
    assert_eq!(most, 1);
}
