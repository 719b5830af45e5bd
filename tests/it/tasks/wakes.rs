//! Wakes, wakers and handles on other threads: none is lost, none outstays its welcome, all survive
//! the runtime.

#![allow(
    clippy::waker_clone_wake,
    reason = "cloned and consumed wakers are what is tested"
)]

use std::collections::VecDeque;
use std::future::{Future, pending, poll_fn};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Poll, Waker};
use std::thread;

use crate::common::{CountingWaker, Counts, Plan, Probe, Token, off_thread, poll_with, turns};
use futures::task::AtomicWaker;
use wheelhouse::{JoinError, JoinHandle, Reason, Runtime, catch_cancel, run, spawn, yield_now};

/// Something that threads add to and a task waits for.
#[derive(Default)]
struct Tally {
    count: AtomicU32,
    waker: AtomicWaker,
}

impl Tally {
    /// Adds one and wakes.
    fn add(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
        self.waker.wake();
    }

    /// Waits until `goal` have been added.
    fn reaches(self: Arc<Self>, goal: u32) -> impl Future<Output = ()> {
        poll_fn(move |cx| {
            self.waker.register(cx.waker());
            if self.count.load(Ordering::SeqCst) >= goal {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
    }
}

/// Spawns a task that never ends, and returns its waker.
async fn waker_of_a_waiting_task() -> (JoinHandle<Token>, Arc<Counts>, Waker) {
    let (probe, counts) = Probe::new(Plan::ends_at(0));
    let handle = spawn(probe);
    turns(1).await;
    let waker = counts.waker.lock().unwrap().take().expect("it was polled");
    (handle, counts, waker)
}

#[test]
fn no_wake_from_another_thread_is_lost() {
    const TASKS: usize = 16;
    const THREADS: usize = 4;
    const ROUNDS: u32 = 1000;
    run(async {
        let tallies: Vec<Arc<Tally>> = (0..TASKS).map(|_| Arc::default()).collect();
        let goal = ROUNDS * THREADS as u32;
        let tasks: Vec<_> = tallies
            .iter()
            .map(|tally| spawn(Arc::clone(tally).reaches(goal)))
            .collect();
        let threads: Vec<_> = (0..THREADS)
            .map(|first| {
                let tallies = tallies.clone();
                thread::spawn(move || {
                    for round in 0..ROUNDS as usize {
                        for step in 0..TASKS {
                            tallies[(first + round + step) % TASKS].add();
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn a_ping_pong_of_two_runtimes_on_two_threads_never_stalls() {
    const ROUNDS: u32 = 2000;
    let (ping, pong) = (Arc::new(Tally::default()), Arc::new(Tally::default()));
    let theirs = (Arc::clone(&ping), Arc::clone(&pong));
    let other = thread::spawn(move || {
        run(async move {
            for round in 1..=ROUNDS {
                Arc::clone(&theirs.0).reaches(round).await;
                theirs.1.add();
            }
        });
    });
    run(async move {
        for round in 1..=ROUNDS {
            ping.add();
            Arc::clone(&pong).reaches(round).await;
        }
    });
    other.join().unwrap();
}

#[test]
fn wakers_may_be_cloned_dropped_and_forgotten_on_any_thread() {
    static FORGOTTEN: Mutex<Vec<Waker>> = Mutex::new(Vec::new());
    let counts = run(async {
        let (handle, counts, waker) = waker_of_a_waiting_task().await;
        off_thread(move || {
            let threads: Vec<_> = (0..4)
                .map(|seed: usize| {
                    let mine = waker.clone();
                    thread::spawn(move || juggle(mine, seed))
                })
                .collect();
            let kept = threads.into_iter().map(|thread| thread.join().unwrap());
            FORGOTTEN.lock().unwrap().extend(kept.flatten());
        })
        .await;
        handle.cancel_and_wait().await.unwrap_err();
        counts
    });
    assert_eq!(
        counts.all().1,
        1,
        "the future is dropped though wakers remain"
    );
    let forgotten = std::mem::take(&mut *FORGOTTEN.lock().unwrap());
    forgotten.iter().for_each(Waker::wake_by_ref);
    FORGOTTEN.lock().unwrap().extend(forgotten);
}

/// Clones, wakes and drops. Returns two wakers.
fn juggle(waker: Waker, seed: usize) -> Vec<Waker> {
    let mut held = VecDeque::from([waker]);
    for step in 0..500 {
        match (step * 7 + seed) % 4 {
            0 | 1 => held.push_back(held[held.len() / 2].clone()),
            2 => held[0].wake_by_ref(),
            _ if held.len() > 2 => held.pop_front().unwrap().wake(),
            _ => {}
        }
    }
    held.truncate(2);
    held.into()
}

#[test]
fn wakers_outlive_their_task_and_their_runtime() {
    let (ended, waiting) = run(async {
        let (probe, counts) = Probe::new(Plan::ends_at(1));
        drop(spawn(probe).await.unwrap());
        let ended = counts.waker.lock().unwrap().take().unwrap();
        ended.wake_by_ref();
        off_thread({
            let ended = ended.clone();
            move || ended.wake()
        })
        .await;
        let (handle, _, waiting) = waker_of_a_waiting_task().await;
        drop(handle);
        (ended, waiting)
    });
    for waker in [ended, waiting] {
        waker.wake_by_ref();
        let twin = waker.clone();
        thread::spawn(move || twin.clone().wake()).join().unwrap();
        waker.wake();
    }
}

#[test]
fn wakes_hail_down_while_the_runtime_is_dropped() {
    for _ in 0..50 {
        let runtime = Runtime::new().unwrap();
        let wakers = runtime.block_on(async {
            let mut wakers = Vec::new();
            for _ in 0..8 {
                let (handle, _, waker) = waker_of_a_waiting_task().await;
                handle.detach();
                wakers.push(waker);
            }
            wakers
        });
        hail(
            3,
            || wakers.clone(),
            move || drop(runtime),
            |wakers| {
                for waker in wakers.iter() {
                    waker.wake_by_ref();
                    waker.clone().wake();
                }
            },
        );
    }
}

/// Runs `ends` here while `count` threads do `work` over and over with tools of their own; the
/// tools are dropped in the middle of it by some, and after it by others.
fn hail<T: Send>(
    count: usize,
    tools: impl Fn() -> T,
    ends: impl FnOnce(),
    work: impl Fn(&mut T) + Sync,
) {
    let (start, over) = (Barrier::new(count + 1), AtomicBool::new(false));
    thread::scope(|scope| {
        for number in 0..count {
            let (mut tools, start, over, work) = (tools(), &start, &over, &work);
            scope.spawn(move || {
                start.wait();
                for round in 0.. {
                    work(&mut tools);
                    if over.load(Ordering::SeqCst) || (number == 0 && round == 3) {
                        break;
                    }
                }
            });
        }
        start.wait();
        ends();
        over.store(true, Ordering::SeqCst);
    });
}

#[test]
fn handles_are_dropped_and_asked_on_threads_while_the_runtime_is_dropped() {
    for round in 0..50 {
        let runtime = Runtime::new().unwrap();
        let mut handles = runtime.block_on(async {
            let (_, waker) = CountingWaker::new();
            let mut handles: Vec<_> = (0..24)
                .map(|number| spawn(async move { turns(number % 5).await }))
                .collect();
            for handle in handles.iter_mut().step_by(3) {
                assert!(poll_with(handle, &waker).is_pending());
            }
            turns(2).await;
            handles
        });
        thread::scope(|scope| {
            for _ in 0..3 {
                let mine: Vec<_> = handles.drain(..8).collect();
                scope.spawn(move || {
                    for mut handle in mine {
                        handle.cancel();
                        let stop = handle.cancel_handle();
                        if handle.is_finished() {
                            drop(handle.try_join());
                        }
                        drop(handle);
                        stop.cancel();
                    }
                });
            }
            if round % 2 == 0 {
                runtime.block_on(turns(3));
            }
            drop(runtime);
        });
    }
}

#[test]
fn the_handle_of_a_finished_task_may_be_consumed_on_another_thread() {
    run(async {
        let (probe, counts) = Probe::new(Plan::ends_at(1));
        let (mut asked, awaited) = (spawn(probe), spawn(async { "text".to_owned() }));
        let panicked = spawn(async { crate::common::silent_panic("there") });
        turns(1).await;
        let token = off_thread(move || {
            assert_eq!(futures::executor::block_on(awaited).unwrap(), "text");
            let error = futures::executor::block_on(panicked)
                .map(|never: ()| never)
                .unwrap_err();
            assert_eq!(error.to_string(), "the task panicked: there");
            asked.try_join().unwrap().unwrap()
        })
        .await;
        assert_eq!(counts.all(), (1, 1, 0));
        drop(token);
        assert_eq!(counts.all(), (1, 1, 1));
    });
}

#[test]
fn the_handle_of_a_finished_task_that_is_dropped_afar_takes_its_output_along() {
    run(async {
        let (probe, counts) = Probe::new(Plan::ends_at(1));
        let handle = spawn(probe);
        turns(1).await;
        off_thread(move || drop(handle)).await;
        turns(70).await;
        assert_eq!(counts.all(), (1, 1, 1));
    });
}

#[test]
fn a_handle_that_is_dropped_afar_detaches_or_cancels_as_it_would_at_home() {
    run(async {
        let (unpolled_probe, unpolled_counts) = Probe::new(Plan::ends_at(2));
        let unpolled = spawn(unpolled_probe);
        let mut polled = spawn(catch_cancel(pending::<()>()));
        let polled_stop = polled.cancel_handle();
        let (_, waker) = CountingWaker::new();
        assert!(poll_with(&mut polled, &waker).is_pending());
        turns(1).await;
        off_thread(move || drop((unpolled, polled))).await;
        turns(70).await;
        assert!(polled_stop.is_finished(), "its awaiter has gone");
        assert_eq!(unpolled_counts.all(), (1, 0, 0), "it runs on");
        unpolled_counts.waker().unwrap().wake();
        turns(1).await;
        assert_eq!(unpolled_counts.all(), (2, 1, 1));
    });
}

#[test]
fn many_threads_cancel_one_task_and_it_ends_once() {
    run(async {
        for _ in 0..50 {
            let task = spawn(async {
                let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
                cancelled.resume().await
            });
            yield_now().await;
            let stop = task.cancel_handle();
            off_thread(move || {
                thread::scope(|scope| {
                    for _ in 0..4 {
                        scope.spawn(|| {
                            for _ in 0..20 {
                                stop.clone().cancel();
                            }
                        });
                    }
                });
            })
            .await;
            match task.await.map(|never: ()| never) {
                Err(JoinError::Cancelled(cancelled)) => {
                    assert_eq!(cancelled.reason(), &Reason::Explicit(None));
                }
                other => panic!("{other:?}"),
            }
        }
    });
}

#[test]
fn a_wake_of_a_runtime_that_is_not_driven_waits_until_it_is() {
    let first = Runtime::new().unwrap();
    let (probe, counts) = Probe::new(Plan::ends_at(2));
    let task = first.block_on(async {
        let task = spawn(probe);
        turns(1).await;
        task
    });
    // At home and not inside; inside another runtime; on another thread.
    counts.waker().unwrap().wake();
    run(async { counts.waker().unwrap().wake() });
    thread::scope(|scope| scope.spawn(|| counts.waker().unwrap().wake()).join()).unwrap();
    assert_eq!(counts.all().0, 1);
    drop(first.block_on(task).unwrap());
    assert_eq!(counts.all(), (2, 1, 1));
}
