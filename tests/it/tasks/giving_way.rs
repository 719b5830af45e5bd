//! An operation that is always ready yields: a loop over it ends the poll of its task after a
//! bounded number of steps, and continues in the next poll.
//!
//! Sockets did so (`tests/net/fairness.rs`), and nothing else: a loop over a free lock, a set
//! event, a late tick of an interval or a finished task kept every other task from running, without
//! end.

use std::cell::Cell;
use std::future::{Future, pending, ready};
use std::io::SeekFrom;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::Duration;

use futures::StreamExt;
use futures::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use wheelhouse::sync::{
    Barrier, Condition, Event, LifoQueue, Lock, PriorityQueue, Queue, RwLock, Semaphore, broadcast,
    inbox, oneshot, watch,
};
use wheelhouse::time::interval;
use wheelhouse::{
    Remote, as_completed, fs, gather, process, run, sleep, spawn, stdio, task_group, testing,
    timeout, try_gather, wait, yield_now,
};

use crate::common::turns;

/// More steps in one poll than this are too many.
const MOST: usize = 1000;

/// Loops over `step`, which is always ready. The loop must end its poll, and continue in the next
/// one.
async fn gives_way<R>(what: &str, mut step: impl AsyncFnMut() -> R) {
    let steps = Cell::new(0);
    let mut endless = pin!(async {
        while steps.get() < 3 * MOST {
            step().await;
            steps.set(steps.get() + 1);
        }
    });
    for _ in 0..3 {
        yield_now().await;
        let before = steps.get();
        assert!(
            futures::poll!(&mut endless).is_pending(),
            "{what} never gives way"
        );
        let taken = steps.get() - before;
        assert!(
            (1..=MOST).contains(&taken),
            "{what}: {taken} steps in a poll"
        );
    }
}

#[test]
fn locks_events_and_permits() {
    testing::run(async {
        let lock = Lock::new(0);
        gives_way("a free lock", async || *lock.lock().await += 1).await;
        let shared = RwLock::new(0);
        gives_way("reading", async || drop(shared.read().await)).await;
        gives_way("writing", async || *shared.write().await += 1).await;
        let permits = Rc::new(Semaphore::new(4));
        gives_way("a free permit", async || drop(permits.acquire().await)).await;
        gives_way("free permits", async || drop(permits.acquire_many(3).await)).await;
        gives_way("an owned permit", async || {
            drop(Rc::clone(&permits).acquire_owned().await);
        })
        .await;
        let event = Event::new();
        event.set();
        gives_way("a set event", async || event.wait().await).await;
        let barrier = Barrier::new(1);
        gives_way("a barrier for one", async || barrier.wait().await).await;
        let (flag, condition) = (Lock::new(()), Condition::new());
        let mut guard = Some(flag.lock().await);
        gives_way("what a condition waits for holds", async || {
            guard = Some(condition.wait_for(guard.take().unwrap(), |()| true).await);
        })
        .await;
    });
}

#[test]
fn queues() {
    testing::run(async {
        let queue = Queue::unbounded();
        gives_way("an item is put", async || queue.put(1).await.unwrap()).await;
        let full = Queue::unbounded();
        (0..4 * MOST).for_each(|n| full.put_nowait(n).unwrap());
        gives_way("an item is got", async || full.get().await).await;
        let mut items = pin!(full.items());
        gives_way("a stream of items", async || items.next().await).await;
        let (lifo, heap) = (LifoQueue::bounded(1), PriorityQueue::bounded(1));
        gives_way("in and out of a stack", async || {
            lifo.put(1).await.unwrap();
            lifo.get().await.unwrap();
        })
        .await;
        gives_way("in and out of a heap", async || {
            heap.put(1).await.unwrap();
            heap.get().await.unwrap();
        })
        .await;
        let done = Queue::<()>::unbounded();
        gives_way("all items are done", async || done.join().await).await;
        done.close();
        gives_way("a closed queue, get", async || done.get().await).await;
        gives_way("a closed queue, put", async || drop(done.put(()).await)).await;
    });
}

#[test]
fn channels() {
    testing::run(async {
        gives_way("a value that was sent", async || {
            let (sender, receiver) = oneshot();
            sender.send(1).unwrap();
            assert_eq!(receiver.await, Ok(1));
        })
        .await;
        let (mut sender, mut closed) = oneshot::<()>();
        drop(oneshot::<()>());
        gives_way("the sender has gone", async || {
            let (sender, receiver) = oneshot::<()>();
            drop(sender);
            receiver.await.unwrap_err();
        })
        .await;
        assert!(futures::poll!(&mut closed).is_pending());
        drop(closed);
        gives_way("the receiver has gone", async || sender.closed().await).await;
        let (mut sender, mut receiver) = watch(0);
        gives_way("a value that was watched", async || {
            sender.send(1).unwrap();
            receiver.changed().await.unwrap();
        })
        .await;
        drop(receiver);
        gives_way("no receiver watches", async || sender.closed().await).await;
        let mut receiver = sender.subscribe();
        drop(sender);
        gives_way("nothing to watch", async || receiver.changed().await).await;
        let (sender, mut receiver) = broadcast(1);
        gives_way("an item for all", async || {
            sender.send(1).unwrap();
            receiver.recv().await.unwrap();
        })
        .await;
        drop(sender);
        gives_way("no sender is left", async || receiver.recv().await).await;
    });
}

#[test]
fn inboxes() {
    testing::run(async {
        let (sender, mut receiver) = inbox::unbounded();
        gives_way("an item in the inbox", async || {
            sender.send(1).unwrap();
            receiver.recv().await.unwrap();
        })
        .await;
        gives_way("an inbox as a stream", async || {
            sender.send(1).unwrap();
            receiver.next().await.unwrap();
        })
        .await;
        drop(sender);
        gives_way("a closed inbox", async || receiver.recv().await).await;
    });
}

#[test]
fn tasks_that_have_ended() {
    testing::run(async {
        let mut tasks: Vec<_> = (0..4 * MOST).map(|n| spawn(ready(n))).collect();
        yield_now().await;
        gives_way("a finished task", async || drop(tasks.pop().unwrap().await)).await;
        let mut one = spawn(ready(()));
        yield_now().await;
        gives_way("a wait for a finished task", async || {
            let waited = wait([&mut one]).await;
            assert_eq!(waited.done.len(), 1);
        })
        .await;
        let mut completed = as_completed((0..4 * MOST).map(ready));
        gives_way("what has completed", async || completed.next().await).await;
        let remote = Remote::current();
        let mut calls: Vec<_> = (0..4 * MOST).map(|_| remote.call(|| ())).collect();
        sleep(Duration::from_millis(1)).await;
        gives_way("a finished call", async || {
            calls.pop().unwrap().await.unwrap()
        })
        .await;
    });
}

#[test]
fn timers_that_are_late() {
    testing::run(async {
        let mut ticks = interval(Duration::from_nanos(1));
        testing::advance(Duration::from_secs(1)).await;
        gives_way("a late tick", async || ticks.tick().await).await;
        let mut ticks = pin!(interval(Duration::from_nanos(1)));
        testing::advance(Duration::from_secs(1)).await;
        gives_way("late ticks as a stream", async || ticks.next().await).await;
        let mut over = sleep(Duration::from_millis(1));
        (&mut over).await;
        gives_way("a sleep that is over", async || (&mut over).await).await;
    });
}

#[test]
fn files_and_programs() {
    run(async {
        let mut file = fs::File::open("/dev/null").await.unwrap();
        gives_way("a flush", async || file.flush().await.unwrap()).await;
        let name = format!("wheelhouse-giving-way-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, vec![7; 8 * MOST]).await.unwrap();
        let mut file = fs::File::open(&path).await.unwrap();
        fs::remove_file(&path).await.unwrap();
        // A read that is cancelled fills the buffer, from which small reads are ready at once.
        let mut large = vec![0; 8 * MOST];
        // A thread that is quick ends it before it can be cancelled. Each try is in a poll of its
        // own, so that pending means that the thread reads, and not that the task yields.
        yield_now().await;
        while futures::poll!(file.read(&mut large)).is_ready() {
            file.seek(SeekFrom::Start(0)).await.unwrap();
            yield_now().await;
        }
        file.read_exact(&mut [0]).await.unwrap();
        gives_way("a buffered read", async || {
            file.read_exact(&mut [0]).await.unwrap()
        })
        .await;
        let mut out = stdio::stdout();
        gives_way("a flush of the output", async || out.flush().await.unwrap()).await;
        let mut child = process::Command::new(std::env::current_exe().unwrap())
            .arg("--help")
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        child.wait().await.unwrap();
        gives_way("a child that has ended", async || child.wait().await).await;
    });
}

/// A child of a group has steps of its own: it takes none from the body, nor the body from it.
#[test]
fn members_of_a_group_do_not_take_each_others_steps() {
    testing::run(async {
        let (lock, steps) = (Lock::new(()), Cell::new([0; 3]));
        let member = async |which: usize| {
            for _ in 0..3 * MOST {
                drop(lock.lock().await);
                let mut now = steps.get();
                now[which] += 1;
                steps.set(now);
            }
        };
        task_group(async |g| {
            g.spawn(member(0));
            g.spawn(member(1));
            while steps.get()[0] < MOST {
                yield_now().await;
            }
            let [one, other, _] = steps.get();
            assert!(one.abs_diff(other) <= 300, "{one} and {other}");
            member(2).await;
        })
        .await
        .unwrap();
    });
}

/// C24: a future that is ready wins over a deadline that has passed. It must not lose because
/// others in its task have used up the steps of the poll.
#[test]
fn a_timeout_does_not_take_a_refused_step_for_a_future_that_is_not_ready() {
    testing::run(async {
        let (lock, won) = (Lock::new(()), Cell::new(0));
        for _ in 0..MOST {
            let locked = timeout(Duration::ZERO, lock.lock()).await;
            assert!(locked.is_ok(), "after {} times", won.get());
            won.set(won.get() + 1);
        }
        let mut over = spawn(ready(()));
        yield_now().await;
        for _ in 0..MOST {
            let waited = wait([&mut over]).timeout(Duration::ZERO).await;
            assert_eq!(waited.done.len(), 1);
        }
    });
}

/// Wall time: a timeout must end what never suspends but for giving way.
#[test]
fn a_timeout_ends_a_loop_that_is_always_ready() {
    run(async {
        let lock = Lock::new(());
        let endless = async {
            loop {
                drop(lock.lock().await);
            }
        };
        timeout(Duration::from_millis(5), endless)
            .await
            .unwrap_err();
    });
}

/// An executor inside a task polls again and again and never yields. It must not do so without end.
#[test]
fn an_executor_inside_of_a_task_comes_to_its_end() {
    run(async {
        let (lock, count) = (Lock::new(()), Cell::new(0));
        futures::executor::block_on(async {
            for _ in 0..MOST {
                drop(lock.lock().await);
                count.set(count.get() + 1);
            }
        });
        assert_eq!(count.get(), MOST);
    });
    let lock = Lock::new(());
    futures::executor::block_on(async {
        for _ in 0..MOST {
            drop(lock.lock().await);
        }
    });
}

/// A destructor is not part of a poll's steps: what is ready is ready.
#[test]
fn destructors_are_not_refused() {
    use futures::FutureExt;
    struct Flush(Rc<Lock<u32>>);
    impl Drop for Flush {
        fn drop(&mut self) {
            *self.0.lock().now_or_never().expect("the lock is free") += 1;
        }
    }
    testing::run(async {
        let lock = Rc::new(Lock::new(0));
        let (flush, theirs) = (Flush(Rc::clone(&lock)), Rc::clone(&lock));
        let task = spawn(async move {
            let _flush = flush;
            loop {
                drop(theirs.lock().await);
            }
        });
        yield_now().await;
        task.cancel_and_wait()
            .await
            .map(|never: ()| never)
            .unwrap_err();
        assert_eq!(*lock.lock().await, 1);
    });
}

/// A branch that is always ready, and counts its steps.
async fn busy(steps: Rc<Cell<usize>>) -> Result<(), ()> {
    let lock = Lock::new(());
    loop {
        drop(lock.lock().await);
        steps.set(steps.get() + 1);
    }
}

/// Three branches that are always ready, around `combine`: whether each got its share.
async fn starves_none<F>(what: &str, combine: impl FnOnce([Branch; 3]) -> F)
where
    F: Future + 'static,
{
    let steps: [Rc<Cell<usize>>; 3] = Default::default();
    let branches = steps
        .each_ref()
        .map(|steps| Box::pin(busy(Rc::clone(steps))) as Branch);
    let task = spawn(combine(branches));
    turns(60).await;
    let counts = steps.map(|steps| steps.get());
    let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
    // In a gather inside of another, two share what the third has alone.
    assert!(*least > MOST && *most <= 3 * least, "{what}: {counts:?}");
    task.cancel();
}

/// A branch of a test.
type Branch = Pin<Box<dyn Future<Output = Result<(), ()>>>>;

// The steps are the task's: the branch that was polled first used them up in each poll, and the
// others were refused each time.
#[test]
fn a_branch_that_is_always_ready_starves_no_other() {
    testing::run(async {
        starves_none("gather of a tuple", |[a, b, c]| gather((a, b, c))).await;
        starves_none("gather of an array", gather).await;
        starves_none("gather with a limit", |branches| gather(branches).limit(3)).await;
        starves_none("try_gather", try_gather).await;
        starves_none("as_completed", async |branches| {
            as_completed(branches).next().await
        })
        .await;
        starves_none("gather in gather", |[a, b, c]| gather((a, gather((b, c))))).await;
        starves_none("groups", async |branches| {
            task_group(async |g| -> Result<(), ()> {
                for branch in branches {
                    g.spawn(branch);
                }
                Ok(())
            })
            .await
        })
        .await;
        starves_none("a group's body", async |[a, b, c]| {
            task_group(async |g| {
                g.spawn(a);
                g.spawn(b);
                c.await
            })
            .await
        })
        .await;
        starves_none("a group in a branch", async |[a, b, c]| {
            let group = task_group(async |g| -> Result<(), ()> {
                g.spawn(a);
                b.await
            });
            gather((c, group)).await
        })
        .await;
    });
}

#[test]
fn branches_that_have_not_begun_begin_beside_one_that_is_always_ready() {
    testing::run(async {
        let begun = Rc::new(Cell::new(0));
        let count = Rc::clone(&begun);
        let late = (0..200).map(move |_| {
            let begun = Rc::clone(&count);
            Box::pin(async move {
                begun.set(begun.get() + 1);
                yield_now().await;
                begun.set(begun.get() + 1);
                pending().await
            }) as Branch
        });
        let first = Box::pin(busy(Rc::default())) as Branch;
        let task = spawn(gather([first].into_iter().chain(late).collect::<Vec<_>>()));
        turns(10).await;
        assert_eq!(begun.get(), 400);
        task.cancel();
    });
}

/// A branch that waits is polled when it is woken, soon: in the poll after next at the latest.
#[test]
fn a_branch_that_is_woken_has_its_turn_beside_one_that_is_always_ready() {
    testing::run(async {
        let (sender, receiver) = oneshot();
        let heard = Rc::new(Cell::new(false));
        let told = Rc::clone(&heard);
        let waits = async move {
            receiver.await.unwrap();
            told.set(true);
        };
        let task = spawn(gather((busy(Rc::default()), waits)));
        turns(10).await;
        sender.send(()).unwrap();
        turns(3).await;
        assert!(heard.get());
        task.cancel();
    });
}

/// A batch of 64 polls, each of 128 steps, once came between two looks at the timers: an interval
/// that was late, with 30 µs of work at each tick, kept a sleep of 10 ms waiting for 250 ms.
///
/// Wall time: the timer is due in a microsecond; what is counted is the steps of the other task.
#[test]
fn timers_are_looked_at_after_each_poll_that_used_up_its_steps() {
    run(async {
        let steps = Rc::new(Cell::new(0_u32));
        let counted = Rc::clone(&steps);
        let greedy = spawn(async move {
            let lock = Lock::new(());
            loop {
                drop(lock.lock().await);
                counted.set(counted.get() + 1);
            }
        });
        sleep(Duration::from_micros(1)).await;
        assert!(steps.get() < 16 * 128, "{} steps", steps.get());
        greedy.cancel();
    });
}
