//! `Remote`: work that other threads ask a runtime for, while it runs, while it ends, and when it
//! has ended.

use std::future::{pending, ready};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use crate::common::{
    DROP_PANIC, OnDrop, Plan, Probe, off_thread, panics_saying, poll_with, silent_panic, turns,
};
use wheelhouse::{
    JoinError, Reason, Remote, RemoteHandle, Runtime, catch_cancel, run, spawn, task, yield_now,
};

/// How many polls may come between two looks at what other threads sent.
const BATCH: usize = 64;

/// Runs `main` with a remote of its runtime.
fn with_remote<T>(main: impl AsyncFnOnce(Remote) -> T) -> T {
    let runtime = Runtime::new().unwrap();
    let remote = runtime.remote();
    runtime.block_on(async move { main(remote).await })
}

/// Checks that a result is a cancellation for this reason.
#[track_caller]
fn assert_cancelled<T: std::fmt::Debug>(result: Result<T, JoinError>, reason: &Reason) {
    match result {
        Err(JoinError::Cancelled(cancelled)) => assert_eq!(cancelled.reason(), reason),
        other => panic!("not cancelled: {other:?}"),
    }
}

#[test]
fn a_remote_spawns_futures_that_need_not_be_send_and_returns_their_output() {
    with_remote(async |remote| {
        let sum = off_thread(move || {
            let handles: Vec<_> = (0..100_u32)
                .map(|number| {
                    remote.spawn(move || {
                        let shared = Rc::new(number);
                        async move {
                            yield_now().await;
                            *shared
                        }
                    })
                })
                .collect();
            handles
                .into_iter()
                .map(|handle| handle.join().unwrap())
                .sum::<u32>()
        })
        .await;
        assert_eq!(sum, 4950);
    });
}

#[test]
fn a_remote_calls_functions_inside_the_runtime() {
    with_remote(async |remote| {
        let home = thread::current().id();
        let inside = off_thread(move || {
            let call = remote.call(|| {
                (
                    thread::current().id(),
                    spawn(ready(8)),
                    task::try_current().is_none(),
                )
            });
            let (id, mut spawned, outside_of_tasks) = call.join().unwrap();
            assert!(outside_of_tasks);
            let spawned = remote.spawn(move || async move { (&mut spawned).await.unwrap() });
            (id, spawned.join().unwrap())
        })
        .await;
        assert_eq!(inside, (home, 8));
    });
}

#[test]
fn remote_tasks_run_in_the_order_in_which_they_were_asked_for() {
    with_remote(async |remote| {
        let (sender, receiver) = mpsc::channel();
        off_thread(move || {
            for number in 0..200 {
                let sender = sender.clone();
                drop(remote.spawn(move || async move { sender.send(number).unwrap() }));
            }
            remote.spawn(|| ready(())).join().unwrap();
        })
        .await;
        assert_eq!(
            receiver.iter().collect::<Vec<_>>(),
            (0..200).collect::<Vec<_>>()
        );
    });
}

#[test]
fn dropping_a_remote_handle_detaches_its_task() {
    with_remote(async |remote| {
        let (probe, counts) = Probe::new(Plan::ends_at(2));
        off_thread(move || drop(remote.spawn(move || probe))).await;
        while counts.all().0 == 0 {
            yield_now().await;
        }
        counts.waker().unwrap().wake();
        turns(1).await;
        assert_eq!(counts.all(), (2, 1, 1));
    });
}

#[test]
fn a_remote_handle_is_a_future_under_any_executor() {
    with_remote(async |remote| {
        let here = remote.spawn(|| async { 1 }).await.unwrap();
        let afar = off_thread(move || {
            let theirs = remote.clone();
            let second = run(async move { theirs.spawn(|| async { 2 }).await.unwrap() });
            second + futures::executor::block_on(remote.call(|| 3)).unwrap()
        })
        .await;
        assert_eq!(here + afar, 6);
    });
}

#[test]
fn a_remote_handle_cancels_its_task_before_and_after_it_was_spawned() {
    with_remote(async |remote| {
        let (early, counts) = Probe::new(Plan::ends_at(1));
        let early = remote.spawn(move || early);
        assert!(early.cancel() && early.cancel());
        assert_cancelled(early.await, &Reason::Explicit(None));
        assert_eq!(counts.all(), (0, 1, 0), "never polled");

        let late = remote.spawn(|| async { catch_cancel(pending::<()>()).await.is_err() });
        turns(70).await;
        let late = off_thread(move || {
            assert!(late.cancel());
            late.join().unwrap()
        })
        .await;
        assert!(late, "it caught the cancellation");

        let finished = remote.spawn(|| ready(5));
        turns(70).await;
        assert!(finished.is_finished() && !finished.cancel());
        assert_eq!(finished.await.unwrap(), 5);
    });
}

#[test]
fn a_join_with_a_time_limit_returns_the_handle() {
    with_remote(async |remote| {
        off_thread(move || {
            let handle = remote.spawn(pending::<()>);
            let handle = handle
                .join_timeout(Duration::ZERO)
                .expect_err("it never ends");
            let handle = handle
                .join_timeout(Duration::from_millis(1))
                .expect_err("it never ends");
            handle.cancel();
            let result = handle
                .join_timeout(Duration::MAX)
                .expect("it was cancelled");
            assert_cancelled(result, &Reason::Explicit(None));
        })
        .await;
    });
}

#[test]
fn panics_of_a_closure_of_its_future_and_of_its_destructor_come_out_of_the_handle() {
    with_remote(async |remote| {
        let texts = off_thread(move || {
            let made: RemoteHandle<()> =
                remote.spawn(|| -> std::future::Ready<()> { silent_panic("making") });
            let polled: RemoteHandle<()> = remote.spawn(|| async { silent_panic("polling") });
            let called: RemoteHandle<()> = remote.call(|| silent_panic("calling"));
            let (probe, counts) = Probe::new(Plan {
                drop_panics: true,
                ..Plan::ends_at(0)
            });
            let dropped = remote.spawn(move || probe);
            while counts.all().0 == 0 {
                remote.call(|| ()).join().unwrap();
            }
            assert!(dropped.cancel());
            let dropped = dropped.join().map(drop);
            [made.join(), polled.join(), called.join(), dropped]
                .map(|result| result.unwrap_err().to_string())
        })
        .await;
        let expected = ["making", "polling", "calling", DROP_PANIC];
        assert_eq!(
            texts,
            expected.map(|text| format!("the task panicked: {text}"))
        );
    });
}

#[test]
fn joining_on_the_home_thread_panics_instead_of_waiting_for_itself() {
    with_remote(async |remote| {
        panics_saying(&["RemoteHandle", "thread that drives", ".await"], || {
            remote.spawn(|| ready(())).join()
        });
        panics_saying(&["RemoteHandle", "thread that drives"], || {
            remote.call(|| ()).join_timeout(Duration::from_secs(1))
        });
    });
}

#[test]
fn calls_after_the_end_are_cancelled_at_once() {
    let runtime = Runtime::new().unwrap();
    let remote = runtime.remote();
    assert!(!remote.is_closed());
    drop(runtime);
    assert!(remote.is_closed());
    let dropped = Arc::new(AtomicU32::new(0));
    let guard = OnDrop::new({
        let dropped = Arc::clone(&dropped);
        move || {
            dropped.fetch_add(1, Ordering::SeqCst);
        }
    });
    let late = remote.spawn(move || {
        drop(guard);
        ready(1)
    });
    assert_eq!(
        dropped.load(Ordering::SeqCst),
        1,
        "the closure is dropped unrun"
    );
    assert!(late.is_finished() && !late.cancel());
    assert_cancelled(late.join(), &Reason::Shutdown);
    assert_cancelled(
        futures::executor::block_on(remote.call(|| 2)),
        &Reason::Shutdown,
    );
    let thread = thread::spawn(move || remote.clone().spawn(|| ready(3)).join());
    assert_cancelled(thread.join().unwrap(), &Reason::Shutdown);
}

#[test]
fn a_task_that_is_unfinished_at_the_end_is_cancelled_and_its_joiner_is_woken() {
    let runtime = Runtime::new().unwrap();
    let remote = runtime.remote();
    let (sender, receiver) = mpsc::channel();
    let thread = thread::spawn(move || {
        let waits = remote.spawn(move || async move {
            sender.send(()).unwrap();
            pending::<()>().await;
        });
        waits.join()
    });
    // The runtime is driven until the task has begun.
    while receiver.try_recv().is_err() {
        runtime.block_on(turns(70));
    }
    let never_begun = runtime.remote().spawn(pending::<()>);
    drop(runtime);
    assert_cancelled(thread.join().unwrap(), &Reason::Shutdown);
    assert_cancelled(never_begun.join(), &Reason::Shutdown);
}

#[test]
fn every_handle_resolves_while_threads_ask_and_the_runtime_ends() {
    for _ in 0..30 {
        let runtime = Runtime::new().unwrap();
        let threads: Vec<_> = (0..3)
            .map(|number| {
                let remote = runtime.remote();
                thread::spawn(move || {
                    loop {
                        let spawned = remote.spawn(|| async { yield_now().await });
                        let called = remote.call(|| ());
                        if number == 1 {
                            spawned.cancel();
                        }
                        drop(spawned.join());
                        if called.join().is_err() {
                            return;
                        }
                    }
                })
            })
            .collect();
        runtime.block_on(turns(500));
        drop(runtime);
        for thread in threads {
            thread.join().unwrap();
        }
    }
}

/// The handle asked whether this thread drives the runtime at this moment, and waited for itself
/// when it did not.
#[test]
fn joining_at_home_panics_also_between_two_calls_of_block_on() {
    let runtime = Runtime::new().unwrap();
    let remote = runtime.remote();
    let handle = remote.spawn(|| ready(1));
    panics_saying(&["would wait for itself", ".await"], || handle.join());
    let handle = remote.spawn(|| ready(2));
    panics_saying(&["would wait for itself"], || {
        handle.join_timeout(Duration::ZERO)
    });
}

#[test]
fn a_finished_task_may_be_joined_on_the_home_thread() {
    let runtime = Runtime::new().unwrap();
    let remote = runtime.remote();
    let handle = remote.spawn(|| ready(3));
    runtime.block_on(turns(2));
    assert_eq!(handle.join().unwrap(), 3);
    let handle = remote.call(|| 4);
    runtime.block_on(async {
        turns(BATCH + 1).await;
        assert_eq!(handle.join().unwrap(), 4, "inside, too");
    });
    let handle = remote.spawn(pending::<()>);
    drop(runtime);
    assert_cancelled(handle.join(), &Reason::Shutdown);
}

#[test]
fn a_remote_handle_whose_result_was_taken_names_the_task() {
    run(async {
        let remote = Remote::current();
        let mut spawned = remote.spawn(|| async { 1 });
        assert_eq!((&mut spawned).await.unwrap(), 1);
        let words = [
            "RemoteHandle of task 2, spawned at",
            file!(),
            "already taken",
            "once",
        ];
        panics_saying(&words, || poll_with(&mut spawned, std::task::Waker::noop()));
        let mut called = remote.call(|| 2);
        assert_eq!((&mut called).await.unwrap(), 2);
        let words = [
            "RemoteHandle of a call, asked for at",
            "already taken",
            "once",
        ];
        panics_saying(&words, || poll_with(&mut called, std::task::Waker::noop()));
        panics_saying(&words, || called.join());
    });
}

/// Calls `itself` again and again, and counts the calls.
fn calls_itself(remote: Remote, calls: Arc<AtomicU32>) {
    assert!(calls.fetch_add(1, Ordering::SeqCst) < 1_000_000, "for ever");
    let again = remote.clone();
    drop(remote.call(move || calls_itself(again, calls)));
}

/// The end ran what each call sent, and that again: `run` never returned.
#[test]
fn a_call_that_sends_itself_again_holds_up_neither_the_loop_nor_the_end() {
    let calls = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&calls);
    wheelhouse::run(async move {
        let remote = Remote::current();
        let first = remote.clone();
        drop(remote.call(move || calls_itself(first, counter)));
        turns(20 * BATCH).await;
    });
    let calls = calls.load(Ordering::SeqCst);
    assert!((10..100).contains(&calls), "one a turn: {calls}");
}

#[test]
fn a_call_that_sends_itself_again_lets_a_clean_up_finish_and_is_dropped_uncalled_in_the_end() {
    let (done, remote) = (Arc::new(AtomicU32::new(0)), Arc::new(Mutex::new(None)));
    let (cleaned_up, last) = (Arc::clone(&done), Arc::clone(&remote));
    wheelhouse::run(async move {
        let remote = Remote::current();
        let first = remote.clone();
        drop(remote.call(move || calls_itself(first, Arc::default())));
        // A task that takes its time to clean up, and asks for a call that is sent when nothing
        // runs any more.
        let guard = OnDrop::new(move || {
            let handle = remote.call(|| 1);
            *last.lock().unwrap() = Some(handle);
        });
        drop(wheelhouse::spawn(async move {
            let _guard = guard;
            loop {
                if wheelhouse::catch_cancel(pending::<()>()).await.is_err() {
                    turns(5 * BATCH).await;
                    cleaned_up.fetch_add(1, Ordering::SeqCst);
                    return;
                }
            }
        }));
        turns(2).await;
    });
    assert_eq!(done.load(Ordering::SeqCst), 1);
    let handle = remote.lock().unwrap().take().unwrap();
    drop(handle.join());
}

#[test]
fn a_call_that_is_sent_while_the_runtime_drops_its_tasks_is_not_made() {
    let called = Arc::new(AtomicU32::new(0));
    let (counter, slot) = (Arc::clone(&called), Arc::new(Mutex::new(None)));
    let handle = Arc::clone(&slot);
    let runtime = Runtime::builder()
        .shutdown_timeout(Duration::ZERO)
        .build()
        .unwrap();
    let remote = runtime.remote();
    runtime.block_on(async move {
        let guard = OnDrop::new(move || {
            let asked = remote.call(move || counter.fetch_add(1, Ordering::SeqCst));
            *handle.lock().unwrap() = Some(asked);
        });
        drop(wheelhouse::spawn(async move {
            let _guard = guard;
            loop {
                wheelhouse::catch_cancel(pending::<()>()).await.unwrap_err();
            }
        }));
        turns(2).await;
    });
    drop(runtime);
    assert_eq!(called.load(Ordering::SeqCst), 0);
    let handle = slot.lock().unwrap().take().unwrap();
    assert_cancelled(handle.join(), &Reason::Shutdown);
}

/// Threads that send without end occupied the thread that processes late messages: the runtime did
/// not end.
#[test]
fn threads_that_send_without_end_do_not_hold_up_the_end() {
    let stop = Arc::new(AtomicU32::new(0));
    let runtime = Runtime::new().unwrap();
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let (stop, remote) = (Arc::clone(&stop), runtime.remote());
            thread::spawn(move || {
                while stop.load(Ordering::SeqCst) == 0 {
                    drop(remote.call(|| ()));
                }
            })
        })
        .collect();
    runtime.block_on(turns(500));
    drop(runtime);
    stop.store(1, Ordering::SeqCst);
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn the_waits_for_remote_handles_survive_each_others_wakers() {
    use crate::common::attack::{Boxed, attack};
    with_remote(async |remote| {
        attack(async || {
            let event = Rc::new(wheelhouse::sync::Event::new());
            EVENT.set(Some(Rc::clone(&event)));
            let spawned = remote.clone();
            // Asked for on another thread, so that the handles are filled in by a message.
            let handles = off_thread(move || {
                [(); 3].map(|()| {
                    spawned.spawn(|| async {
                        let event = EVENT.with_borrow(Clone::clone);
                        event.expect("it was set").wait().await;
                    })
                })
            });
            let futures = handles
                .await
                .map(|handle| -> Boxed { Box::pin(async move { handle.await.unwrap() }) });
            turns(2).await;
            (futures.into(), async move { event.set() })
        })
        .await;
    });
}

thread_local! {
    /// What the tasks of that test wait for.
    static EVENT: std::cell::RefCell<Option<Rc<wheelhouse::sync::Event>>> =
        const { std::cell::RefCell::new(None) };
}

/// Drops the handle that it wakes, on whatever thread that is, or panics.
struct DropsHandle(Mutex<Option<RemoteHandle<u32>>>, bool);

impl std::task::Wake for DropsHandle {
    fn wake(self: Arc<Self>) {
        let handle = self.0.lock().unwrap().take();
        drop(handle);
        if self.1 {
            silent_panic("a waker's panic");
        }
    }
}

#[test]
fn a_waker_of_another_thread_may_drop_the_handle_that_wakes_it_and_panic() {
    for panics in [false, true] {
        with_remote(async |remote| {
            let waker = off_thread(move || {
                let mut handle = remote.spawn(|| async {
                    turns(200).await;
                    7
                });
                let dropper = Arc::new(DropsHandle(Mutex::default(), panics));
                let waker = std::task::Waker::from(Arc::clone(&dropper));
                if poll_with(&mut handle, &waker).is_pending() {
                    *dropper.0.lock().unwrap() = Some(handle);
                }
                dropper
            })
            .await;
            for _ in 0..100_000 {
                if waker.0.lock().unwrap().is_none() {
                    break;
                }
                yield_now().await;
            }
            assert!(waker.0.lock().unwrap().is_none(), "it was woken");
            assert_eq!(spawn(ready(1)).await.unwrap(), 1);
        });
    }
}
