//! Memory: what a task costs, what is left while a runtime lives, and what is left when it has
//! gone.
//!
//! The allocator of this binary counts by thread, and the scenes run one after the other in one test.

use std::future::{pending, poll_fn};
use std::hint::black_box;
use std::task::Poll;
use std::time::Duration;

use crate::common::bomb_waker::{CLONE, bomb_waker};
use crate::common::{
    CountingWaker, KeepingWaker, Plan, Probe, panic_text, poll_with, silent_panic, turns,
};
use crate::steps::counting::{allocations, bytes};
use wheelhouse::{Runtime, catch_cancel, run, sleep, spawn, task, task_group, timeout, yield_now};

/// How many bytes more are in use after `scene` than before, when what is made once and kept has
/// been made.
fn left_by(scene: impl Fn()) -> isize {
    scene();
    scene();
    let before = bytes();
    scene();
    bytes() - before
}

/// How many bytes more a runtime uses when `round` has been run four hundred times than after two
/// hundred.
fn grown_by(round: impl AsyncFn()) -> isize {
    run(async {
        for _ in 0..200 {
            round().await;
        }
        turns(3).await;
        let before = bytes();
        for _ in 0..200 {
            round().await;
        }
        turns(3).await;
        bytes() - before
    })
}

/// Tasks that end in every way that there is.
async fn tasks_of_all_kinds() {
    for _ in 0..30 {
        spawn(async { 5 }).await.unwrap();
        drop(spawn(turns(2)));
        let cancelled = spawn(pending::<()>());
        let caught = spawn(catch_cancel(pending::<()>()));
        let resumed = spawn(async {
            let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
            yield_now().await;
            cancelled.resume().await
        });
        let panicked = spawn(async { silent_panic("on purpose") });
        let named = task::Builder::new().name("named").spawn(turns(1));
        let large = spawn(async {
            let block = black_box([7_u8; 4096]);
            yield_now().await;
            block.len()
        });
        yield_now().await;
        cancelled.cancel_with("words");
        drop(cancelled.await);
        drop(caught.cancel_and_wait().await);
        drop(resumed.cancel_and_wait().await.map(|never| -> () { never }));
        drop(panicked.await.map(|never| -> () { never }));
        named.await.unwrap();
        assert_eq!(large.await.unwrap(), 4096);
        drop(timeout(Duration::from_nanos(1), spawn(pending::<()>())).await);
    }
}

/// Timers and wakers that come and go.
async fn timers_and_wakers() {
    let (_, waker) = CountingWaker::new();
    let mut sleeps: Vec<_> = (1..300)
        .map(|number| sleep(Duration::from_secs(number)))
        .collect();
    for sleep in &mut sleeps {
        assert!(poll_with(sleep, &waker).is_pending());
    }
    while sleeps.len() > 1 {
        drop(sleeps.swap_remove(sleeps.len() / 2));
    }
    let (probe, counts) = Probe::new(Plan::ends_at(2));
    let mut handle = spawn(probe);
    assert!(poll_with(&mut handle, &waker).is_pending());
    turns(1).await;
    let wakers = [(); 20].map(|()| counts.waker().unwrap());
    wakers.iter().for_each(std::task::Waker::wake_by_ref);
    drop(handle.await.unwrap());
    *counts.waker.lock().unwrap() = None;
    drop(wakers);
    let mut handle = spawn(pending::<()>());
    let refused = panic_text(|| poll_with(&mut handle, &bomb_waker(CLONE)));
    assert!(refused.contains("clone"));
    handle.cancel();
}

/// A runtime that ends with everything alive, and survivors that go after it.
fn survivors() {
    let runtime = Runtime::new().unwrap();
    let remote = runtime.remote();
    let kept = runtime.block_on(async {
        let (probe, counts) = Probe::new(Plan::ends_at(0));
        let handle = spawn(probe);
        let unpolled = spawn(async { vec![1, 2, 3] });
        let finished = spawn(async { vec![1, 2, 3] });
        drop(spawn(catch_cancel(pending::<()>())));
        let mut sleep = sleep(Duration::from_secs(9));
        let (_, waker) = CountingWaker::new();
        assert!(poll_with(&mut sleep, &waker).is_pending());
        turns(1).await;
        let late = spawn(pending::<()>());
        (handle, unpolled, finished, sleep, counts, late)
    });
    let stop = kept.0.cancel_handle();
    let waker = kept.4.waker();
    let call = remote.call(|| vec![4, 5, 6]);
    let task = remote.spawn(|| async { vec![4, 5, 6] });
    drop(runtime);
    drop(remote.spawn(|| async { vec![7] }));
    drop((call, task, remote));
    waker.unwrap().wake();
    *kept.4.waker.lock().unwrap() = None;
    drop((kept, stop));
}

/// A third-party waker in a timer holds the handle of a task. Both are dropped with the runtime,
/// the handle during its end.
fn a_handle_that_goes_with_the_timers() {
    let runtime = Runtime::new().unwrap();
    let sleep = runtime.block_on(async {
        let handle = spawn(async { vec![1, 2, 3] });
        turns(1).await;
        let waker = KeepingWaker::keeping(handle);
        let mut sleep = sleep(Duration::from_secs(9));
        assert!(poll_with(&mut sleep, &waker).is_pending());
        sleep
    });
    drop(runtime);
    drop(sleep);
}

/// The same with a catch point, and a task that never ends by itself.
fn a_handle_that_goes_with_the_catch_points() {
    let runtime = Runtime::new().unwrap();
    let point = runtime.block_on(async {
        let waker = KeepingWaker::keeping(spawn(pending::<()>()));
        let mut point = Box::pin(catch_cancel(pending::<()>()));
        assert!(poll_with(&mut point, &waker).is_pending());
        point
    });
    drop(runtime);
    drop(point);
}

/// Handles that are dropped while another runtime, or none, is driven here.
fn handles_that_are_dropped_elsewhere() {
    let first = Runtime::new().unwrap();
    let handles = first.block_on(async {
        let (_, waker) = CountingWaker::new();
        let mut polled = spawn(pending::<()>());
        assert!(poll_with(&mut polled, &waker).is_pending());
        let finished = spawn(async { vec![1] });
        turns(1).await;
        (polled, finished, spawn(turns(2)))
    });
    run(async move { drop((handles.0, handles.2)) });
    drop(handles.1);
    first.block_on(turns(1));
    drop(first);
}

/// Panics of main, cancelled mains, mains with catch points.
fn mains_of_all_kinds() {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async { drop(spawn(pending::<()>())) });
    let text = panic_text(|| runtime.block_on(async { silent_panic("main") }));
    assert_eq!(text, "main");
    let outcome = runtime.try_block_on(async {
        task::current().cancel_handle().cancel();
        let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
        cancelled.resume().await
    });
    assert!(outcome.map(|never| -> () { never }).is_err());
}

/// A large child, which yields once.
async fn large_child() {
    let block = black_box([7_u8; 4096]);
    yield_now().await;
    black_box(block);
}

/// Bytes that large children, ended in every way, leave in a group that lives on and spawns no
/// further one.
fn left_by_ended_children() -> isize {
    run(async {
        let mut left = 0;
        // The first rounds are for what is made once and kept.
        for _ in 0..3 {
            let group = task_group(async |g| {
                let before = bytes();
                g.limit(1);
                drop(g.spawn(large_child()));
                let held: Vec<_> = (0..100).map(|_| g.spawn(large_child())).collect();
                yield_now().await;
                for child in held {
                    child.cancel();
                }
                turns(4).await;
                let by_held = bytes() - before;
                g.limit(1000);
                for number in 0..500 {
                    let child = g.spawn(large_child());
                    match number % 3 {
                        0 => drop(child),
                        1 => assert!(child.cancel()),
                        _ => child.detach(),
                    }
                }
                turns(4).await;
                assert!(g.is_empty());
                Ok::<_, ()>(by_held.max(bytes() - before))
            });
            left = group.await.unwrap();
        }
        left
    })
}

/// Bytes and allocations of each of `count` more tasks, all alive.
fn cost_of_a_task(runtime: &Runtime, count: usize) -> (f64, f64) {
    runtime.block_on(async {
        let before = (bytes(), allocations());
        for _ in 0..count {
            spawn(poll_fn(|_| Poll::<()>::Pending)).detach();
        }
        turns(1).await;
        let (bytes, allocations) = (bytes() - before.0, allocations() - before.1);
        (
            bytes as f64 / count as f64,
            allocations as f64 / count as f64,
        )
    })
}

#[test]
fn memory_comes_back_and_a_task_is_one_allocation() {
    let _alone = crate::alone();
    let scenes: [(&str, fn()); 7] = [
        ("tasks of all kinds", || run(tasks_of_all_kinds())),
        ("timers and wakers", || run(timers_and_wakers())),
        ("survivors", survivors),
        ("a handle in a timer", a_handle_that_goes_with_the_timers),
        (
            "a handle in a catch point",
            a_handle_that_goes_with_the_catch_points,
        ),
        (
            "handles dropped elsewhere",
            handles_that_are_dropped_elsewhere,
        ),
        ("mains of all kinds", mains_of_all_kinds),
    ];
    for (name, scene) in scenes {
        assert_eq!(left_by(scene), 0, "bytes left by: {name}");
    }
    assert_eq!(
        grown_by(tasks_of_all_kinds),
        0,
        "bytes that tasks leave in a runtime"
    );
    assert_eq!(
        grown_by(timers_and_wakers),
        0,
        "bytes that timers leave in a runtime"
    );

    // A group once kept the memory of children that had ended until it spawned another one.
    let left = left_by_ended_children();
    assert!(left < 10_000, "{left} bytes left by ended children");

    let runtime = Runtime::new().unwrap();
    let (bytes, allocations) = cost_of_a_task(&runtime, 100_000);
    // The table and the queue grow by doubling: a handful of allocations, and up to twice the room
    // they need.
    assert!(allocations < 1.001, "{allocations} allocations a task");
    assert!(bytes < 180.0, "{bytes} bytes a task");
}
