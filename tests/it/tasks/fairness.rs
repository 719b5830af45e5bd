//! Nobody starves: tasks run first come, first served, and timers, other threads and main are seen
//! within 64 polls.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, mpsc};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use crate::common::{CountingWaker, poll_with, turns};
use wheelhouse::testing::Trace;
use wheelhouse::{Remote, Runtime, run, sleep, spawn, testing, time, timeout, yield_now};

/// Polls of tasks between two looks at what is not a task.
const BOUND: u32 = 64;

/// A task that counts its polls, without end.
fn spins() -> Rc<Cell<u32>> {
    let polls = Rc::new(Cell::new(0));
    let counter = Rc::clone(&polls);
    drop(spawn(async move {
        loop {
            counter.set(counter.get() + 1);
            yield_now().await;
        }
    }));
    polls
}

#[test]
fn ready_tasks_run_first_come_first_served() {
    testing::run(async {
        let trace = Trace::new();
        for name in ["a", "b", "c"] {
            let trace = trace.clone();
            drop(spawn(async move {
                trace.note(name);
                let child = trace.clone();
                drop(spawn(async move { child.note(format!("{name}'s child")) }));
            }));
        }
        turns(2).await;
        trace.expect(["a", "b", "c", "a's child", "b's child", "c's child"]);
    });
}

#[test]
fn woken_tasks_run_in_the_order_of_their_wakes() {
    testing::run(async {
        let trace = Trace::new();
        let mut sends = Vec::new();
        for name in ["a", "b", "c", "d"] {
            let (send, receive) = futures::channel::oneshot::channel::<()>();
            let trace = trace.clone();
            sends.push(send);
            drop(spawn(async move {
                receive.await.unwrap();
                trace.note(name);
            }));
        }
        turns(1).await;
        let [a, b, c, d] = <[_; 4]>::try_from(sends).unwrap();
        for send in [c, a, d, b] {
            send.send(()).unwrap();
        }
        turns(1).await;
        trace.expect(["c", "a", "d", "b"]);
    });
}

#[test]
fn a_task_that_wakes_itself_goes_behind_those_that_are_ready() {
    testing::run(async {
        let trace = Trace::new();
        for name in ["a", "b"] {
            let trace = trace.clone();
            drop(spawn(async move {
                for round in 1..=3 {
                    trace.note(format!("{name}{round}"));
                    yield_now().await;
                }
            }));
        }
        turns(3).await;
        trace.expect(["a1", "b1", "a2", "b2", "a3", "b3"]);
    });
}

#[test]
fn a_thousand_tasks_that_yield_take_turns() {
    const TASKS: usize = 1000;
    testing::run(async {
        let order = Rc::new(std::cell::RefCell::new(Vec::new()));
        let tasks: Vec<_> = (0..TASKS)
            .map(|number| {
                let order = Rc::clone(&order);
                spawn(async move {
                    for _ in 0..5 {
                        order.borrow_mut().push(number);
                        yield_now().await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let order = order.take();
        assert_eq!(order.len(), 5 * TASKS);
        for round in order.chunks(TASKS) {
            assert!(round.iter().copied().eq(0..TASKS));
        }
    });
}

#[test]
fn main_gets_its_turn_among_tasks_that_yield_for_ever() {
    run(async {
        let polls = [spins(), spins(), spins()];
        turns(100).await;
        for count in polls {
            assert_eq!(count.get(), 100);
        }
    });
}

#[test]
fn a_task_that_yields_for_ever_leaves_the_others_their_turns() {
    run(async {
        let polls = spins();
        let other = spawn(turns(10));
        other.await.unwrap();
        assert!(polls.get() <= 12, "{} polls", polls.get());
    });
}

#[test]
fn a_due_timer_is_seen_within_the_bound_though_a_task_yields_for_ever() {
    run(async {
        for _ in 0..20 {
            let polls = spins();
            let mut sleep = sleep(Duration::from_nanos(1));
            let (counter, waker) = CountingWaker::new();
            assert!(poll_with(&mut sleep, &waker).is_pending());
            // The deadline passes here, before the next poll of any task.
            thread::yield_now();
            let before = polls.get();
            while counter.wakes() == 0 {
                yield_now().await;
            }
            assert!(polls.get() - before <= BOUND, "{}", polls.get() - before);
        }
    });
}

#[test]
fn a_wake_from_another_thread_is_seen_within_the_bound_though_a_task_yields_for_ever() {
    run(async {
        for _ in 0..20 {
            let polls = spins();
            let mut woken = false;
            let mut before = 0;
            poll_fn(|cx| {
                if std::mem::replace(&mut woken, true) {
                    return Poll::Ready(());
                }
                let waker = cx.waker().clone();
                thread::spawn(move || waker.wake()).join().unwrap();
                before = polls.get();
                Poll::Pending
            })
            .await;
            assert!(polls.get() - before <= BOUND, "{}", polls.get() - before);
        }
    });
}

#[test]
fn a_remote_call_is_served_within_the_bound_though_a_task_yields_for_ever() {
    let runtime = Runtime::new().unwrap();
    let remote = runtime.remote();
    runtime.block_on(async {
        let polls = spins();
        for _ in 0..20 {
            yield_now().await;
            let before = polls.get();
            remote.call(|| ()).await.unwrap();
            assert!(polls.get() - before <= BOUND, "{}", polls.get() - before);
        }
    });
}

/// How many messages of other threads one turn of the loop takes.
const TAKEN: u32 = 64;

/// Has another thread call a function here so many times, and counts the calls that were made.
///
/// The thread has sent them all when this returns, and this thread has taken none.
fn flood(count: u32) -> Arc<AtomicU32> {
    let (calls, remote) = (Arc::new(AtomicU32::new(0)), Remote::current());
    let counter = Arc::clone(&calls);
    let sender = thread::spawn(move || {
        for _ in 0..count {
            let counter = Arc::clone(&counter);
            drop(remote.call(move || counter.fetch_add(1, Relaxed)));
        }
    });
    sender.join().unwrap();
    calls
}

/// All of them were taken in one turn: a timer of a millisecond came 300 ms late.
#[test]
fn a_flood_of_calls_from_another_thread_is_taken_some_a_turn() {
    run(async {
        let calls = flood(5_000);
        let mut before = 0;
        while before < 5_000 {
            yield_now().await;
            let now = calls.load(Relaxed);
            assert!(now - before <= TAKEN, "{} at once", now - before);
            before = now;
        }
    });
}

#[test]
fn a_due_timer_does_not_wait_for_a_flood_of_calls() {
    run(async {
        let mut sleep = sleep(Duration::from_nanos(1));
        let (counter, waker) = CountingWaker::new();
        assert!(poll_with(&mut sleep, &waker).is_pending());
        // The deadline passes here.
        let calls = flood(5_000);
        while counter.wakes() == 0 {
            yield_now().await;
        }
        assert!(calls.load(Relaxed) <= TAKEN, "{calls:?}");
    });
}

#[test]
fn a_flood_of_tasks_from_another_thread_is_taken_some_a_turn() {
    run(async {
        let (made, remote) = (Arc::new(AtomicU32::new(0)), Remote::current());
        let counter = Arc::clone(&made);
        let sender = thread::spawn(move || {
            for _ in 0..1_000 {
                let counter = Arc::clone(&counter);
                drop(remote.spawn(move || {
                    counter.fetch_add(1, Relaxed);
                    yield_now()
                }));
            }
        });
        sender.join().unwrap();
        let mut sleep = sleep(Duration::from_nanos(1));
        let (counter, waker) = CountingWaker::new();
        assert!(poll_with(&mut sleep, &waker).is_pending());
        while counter.wakes() == 0 {
            yield_now().await;
        }
        assert!(made.load(Relaxed) <= TAKEN, "{made:?}");
    });
}

#[test]
fn a_wake_behind_a_flood_of_calls_is_seen_when_those_before_it_were() {
    run(async {
        let polls = spins();
        let mut before = None;
        poll_fn(|cx| {
            if before.is_some() {
                return Poll::Ready(());
            }
            flood(10 * TAKEN);
            let waker = cx.waker().clone();
            thread::spawn(move || waker.wake()).join().unwrap();
            before = Some(polls.get());
            Poll::Pending
        })
        .await;
        let polls = polls.get() - before.expect("it was polled");
        assert!(polls <= 11 * BOUND, "{polls}");
    });
}

#[test]
fn messages_of_the_home_thread_are_taken_completely() {
    let runtime = Runtime::new().unwrap();
    let remote = runtime.remote();
    let count = Arc::new(AtomicU32::new(0));
    for _ in 0..1_000 {
        let count = Arc::clone(&count);
        drop(remote.call(move || count.fetch_add(1, Relaxed)));
    }
    runtime.block_on(async {
        assert_eq!(count.load(Relaxed), 1_000, "before the first poll");
        for _ in 0..1_000 {
            let count = Arc::clone(&count);
            drop(remote.call(move || count.fetch_add(1, Relaxed)));
        }
        turns(BOUND as usize + 1).await;
        assert_eq!(count.load(Relaxed), 2_000, "in the next turn");
    });
}

#[test]
fn messages_of_other_threads_before_block_on_are_processed_before_the_first_poll() {
    let runtime = Runtime::new().unwrap();
    let calls = runtime.block_on(async { flood(1_000) });
    runtime.block_on(async { assert_eq!(calls.load(Relaxed), 1_000) });
}

/// The clock would jump over the calls that a turn left for the next one.
#[test]
fn a_virtual_clock_stands_still_until_a_flood_of_calls_is_over() {
    testing::run(async {
        let (start, moments) = (time::now(), Arc::new(Mutex::new(Vec::new())));
        let (remote, theirs) = (Remote::current(), Arc::clone(&moments));
        let sender = thread::spawn(move || {
            for _ in 0..1_000 {
                let theirs = Arc::clone(&theirs);
                drop(remote.call(move || theirs.lock().unwrap().push(time::now())));
            }
        });
        sender.join().unwrap();
        sleep(Duration::from_secs(3600)).await;
        let moments = moments.lock().unwrap();
        assert_eq!(*moments, vec![start; 1_000]);
    });
}

#[test]
fn a_cancel_from_another_thread_reaches_a_task_that_yields_for_ever() {
    run(async {
        let polls = Rc::new(Cell::new(0));
        let counter = Rc::clone(&polls);
        let task = spawn(async move {
            loop {
                counter.set(counter.get() + 1);
                yield_now().await;
            }
        });
        yield_now().await;
        let stop = task.cancel_handle();
        let before = polls.get();
        thread::spawn(move || stop.cancel()).join().unwrap();
        assert!(
            task.await
                .map(|never: ()| never)
                .unwrap_err()
                .is_cancelled()
        );
        assert!(polls.get() - before <= BOUND, "{}", polls.get() - before);
    });
}

/// Wall time: virtual time stands still while a task is ready, and here one always is.
#[test]
fn a_task_that_always_sleeps_zero_starves_no_other() {
    run(async {
        let spinner = spawn(async {
            loop {
                sleep(Duration::ZERO).await;
            }
        });
        let (sender, receiver) = mpsc::channel();
        let other = spawn(async move {
            sleep(Duration::from_micros(10)).await;
            sender.send(()).unwrap();
        });
        assert!(
            timeout(Duration::from_micros(50), std::future::pending::<()>())
                .await
                .is_err()
        );
        other.await.unwrap();
        assert_eq!(receiver.try_iter().count(), 1);
        spinner
            .cancel_and_wait()
            .await
            .map(|never: ()| never)
            .unwrap_err();
    });
}

/// Wall time: virtual time stands still while a task is ready, and here one always is.
#[test]
fn timers_that_are_set_for_ever_starve_no_task() {
    run(async {
        drop(spawn(async {
            loop {
                sleep(Duration::from_nanos(1)).await;
            }
        }));
        turns(1000).await;
    });
}

/// Wall time: virtual time stands still while a task is ready, and here one always is.
#[test]
fn tasks_that_spawn_without_end_starve_no_other() {
    fn spawns_its_successor(born: Rc<Cell<u32>>) {
        born.set(born.get() + 1);
        drop(spawn(async move { spawns_its_successor(born) }));
    }
    run(async {
        let born = Rc::new(Cell::new(0));
        spawns_its_successor(Rc::clone(&born));
        sleep(Duration::from_micros(100)).await;
        turns(10).await;
        assert!(born.get() > 10);
    });
}
