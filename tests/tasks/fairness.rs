//! Nobody starves: tasks run first come, first served, and timers, other threads and main are seen within 64 polls.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use crate::common::{CountingWaker, poll_with, turns};
use wheelhouse::testing::Trace;
use wheelhouse::{Runtime, run, sleep, spawn, testing, timeout, yield_now};

/// Polls of tasks between two looks at what is not a task.
const BOUND: u32 = 64;

/// Polls of one task, which it counts and goes on for ever.
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

/// Wall time: a virtual clock stands still while somebody is ready, and here somebody always is.
#[test]
fn a_task_that_sleeps_zero_for_ever_starves_nobody() {
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

/// Wall time: a virtual clock stands still while somebody is ready, and here somebody always is.
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

/// Wall time: a virtual clock stands still while somebody is ready, and here somebody always is.
#[test]
fn tasks_that_spawn_for_ever_starve_nobody() {
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
