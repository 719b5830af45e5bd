//! The orderly end of a runtime: with tasks, timers, wakers and handles alive, with clean-ups that await, bounded or not.
//! The other ends are in `shutdown_hard`.

use std::cell::RefCell;
use std::future::{pending, ready};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::common::handles::{assert_shut_down, spawn_probe};
use crate::common::{CountingWaker, OnDrop, Plan, Probe, panic_text, poll_with, turns};
use wheelhouse::testing::Trace;
use wheelhouse::{
    Reason, Runtime, catch_cancel, run, sleep, spawn, task, testing, timeout, yield_now,
};

#[test]
fn tasks_that_are_alive_when_the_runtime_ends_are_dropped_once_and_their_handles_say_so() {
    let runtime = Runtime::new().unwrap();
    let (handles, counts, wakers, sleeps) = runtime.block_on(async {
        let (mut handles, mut counts, mut wakers) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..100 {
            let (handle, count) = spawn_probe();
            counts.push(count);
            match number % 3 {
                0 => handle.detach(),
                _ => handles.push(handle),
            }
        }
        turns(1).await;
        wakers.extend(counts.iter().step_by(2).filter_map(|count| count.waker()));
        drop(spawn(sleep(Duration::from_secs(3600))));
        let (_, waker) = CountingWaker::new();
        let mut sleeps = [Duration::from_secs(1), Duration::MAX].map(sleep);
        for sleep in &mut sleeps {
            assert!(poll_with(sleep, &waker).is_pending());
        }
        let (unpolled, count) = spawn_probe();
        handles.push(unpolled);
        counts.push(count);
        (handles, counts, wakers, sleeps)
    });
    drop(runtime);
    for count in &counts[..100] {
        assert_eq!(count.all(), (1, 1, 0));
    }
    assert_eq!(counts[100].all(), (0, 1, 0), "it had not been polled");
    handles.into_iter().for_each(assert_shut_down);
    wakers.iter().for_each(std::task::Waker::wake_by_ref);
    drop((wakers, sleeps));
}

#[test]
fn a_result_that_was_produced_can_be_had_after_the_end() {
    let runtime = Runtime::new().unwrap();
    let (mut finished, dropped, counts) = runtime.block_on(async {
        let (probe, counts) = Probe::new(Plan::ends_at(1));
        let handles = (spawn(ready("value")), spawn(probe));
        turns(1).await;
        (handles.0, handles.1, counts)
    });
    drop(runtime);
    assert_eq!(finished.try_join().unwrap().unwrap(), "value");
    drop(dropped);
    assert_eq!(counts.all(), (1, 1, 1));
}

#[test]
fn clean_ups_that_await_run_in_the_shutdown() {
    let trace = Trace::new();
    testing::run(async {
        let (notes, started) = (trace.clone(), wheelhouse::time::now());
        drop(spawn(async move {
            let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
            sleep(Duration::from_secs(5)).await;
            turns(3).await;
            let late = timeout(Duration::from_secs(1), pending::<()>()).await;
            assert!(late.is_err());
            let passed = wheelhouse::time::now() - started;
            notes.note(format!("clean after {} s", passed.as_secs()));
            cancelled.resume().await
        }));
        let notes = trace.clone();
        drop(spawn(async move {
            catch_cancel(pending::<()>()).await.unwrap_err();
            notes.note("swallowed");
        }));
        turns(1).await;
        trace.note("main is done");
    });
    trace.expect(["main is done", "swallowed", "clean after 6 s"]);
}

#[test]
fn tasks_are_cancelled_in_the_order_of_their_spawning() {
    let trace = Trace::new();
    run(async {
        for name in ["a", "b", "c"] {
            let guard = trace.note_on_drop(name);
            drop(spawn(async move {
                let _guard = guard;
                pending::<()>().await
            }));
        }
        turns(1).await;
    });
    trace.expect(["a", "b", "c"]);
}

#[test]
fn a_cancellation_from_before_the_shutdown_keeps_its_reason() {
    let runtime = Runtime::new().unwrap();
    let mut task = runtime.block_on(async {
        let task = spawn(catch_cancel(pending::<()>()));
        turns(1).await;
        task
    });
    // Not inside the runtime, so this goes by way of the inbox.
    task.cancel_with("first");
    drop(runtime);
    let caught = task.try_join().unwrap().unwrap().unwrap_err();
    assert_eq!(caught.reason(), &Reason::Explicit(Some("first".into())));
}

#[test]
fn a_task_that_is_spawned_during_the_shutdown_is_born_cancelled() {
    let trace = Trace::new();
    let (probe, counts) = Probe::new(Plan::ends_at(1));
    let inherited = Rc::new(RefCell::new(None));
    run(async {
        let (notes, slot) = (trace.clone(), Rc::clone(&inherited));
        let cleaner = spawn(async move {
            catch_cancel(pending::<()>()).await.unwrap_err();
            let unpolled = spawn(probe).await;
            notes.note(format!("{}", unpolled.unwrap_err()));
            *slot.borrow_mut() = Some(spawn(ready(())));
        });
        turns(1).await;
        cleaner.detach();
    });
    trace.expect(["the task was cancelled: the runtime is shutting down"]);
    assert_eq!(counts.all(), (0, 1, 0), "never polled");
    assert_shut_down(inherited.take().unwrap());
}

#[test]
fn a_shutdown_without_tasks_returns_at_once_however_often() {
    for _ in 0..100 {
        drop(Runtime::new().unwrap());
        run(ready(()));
    }
}

/// Wall time: it is `run` whose end is tested; the hour is never waited for.
#[test]
fn a_shutdown_of_very_many_tasks_is_not_quadratic() {
    const TASKS: usize = 50_000;
    let dropped = Rc::new(std::cell::Cell::new(0));
    run(async {
        for _ in 0..TASKS {
            let dropped = Rc::clone(&dropped);
            let guard = OnDrop::new(move || dropped.set(dropped.get() + 1));
            drop(spawn(async move {
                let _guard = guard;
                sleep(Duration::from_secs(3600)).await;
            }));
        }
        turns(1).await;
    });
    assert_eq!(dropped.get(), TASKS);
}

/// Wall time: the patience of a shutdown is by the machine's clock, and a runtime on virtual time has none.
#[test]
fn a_bounded_shutdown_drops_tasks_that_do_not_stop() {
    let trace = Trace::new();
    let bound = Duration::from_millis(5);
    for patience in [Duration::ZERO, bound] {
        let runtime = Runtime::builder()
            .shutdown_timeout(patience)
            .build()
            .unwrap();
        runtime.block_on(async {
            let (notes, guard) = (trace.clone(), trace.note_on_drop("stubborn dropped"));
            let builder = task::Builder::new().name("stubborn");
            drop(builder.spawn(async move {
                let _guard = guard;
                loop {
                    catch_cancel(pending::<()>()).await.unwrap_err();
                    notes.note("stubborn swallowed");
                }
            }));
            let notes = trace.clone();
            drop(spawn(async move {
                catch_cancel(pending::<()>()).await.unwrap_err();
                yield_now().await;
                notes.note("quick clean-up");
            }));
            turns(1).await;
        });
        let start = Instant::now();
        drop(runtime);
        assert!(
            start.elapsed() >= patience,
            "it waited for as long as it may"
        );
        trace.expect(["stubborn swallowed", "quick clean-up", "stubborn dropped"]);
    }
}

/// Wall time: the patience of a shutdown is by the machine's clock, and a runtime on virtual time has none.
#[test]
fn a_bounded_shutdown_in_which_all_stop_does_not_wait() {
    let patience = Duration::from_secs(3600);
    let runtime = Runtime::builder()
        .shutdown_timeout(patience)
        .build()
        .unwrap();
    let task = runtime.block_on(async { spawn(catch_cancel(turns(1000))) });
    let task = runtime.block_on(async move {
        turns(1).await;
        task
    });
    drop(runtime);
    assert!(task.is_finished());
}

/// Wall time: the patience of a shutdown is by the machine's clock, and a runtime on virtual time has none.
#[test]
fn a_bounded_shutdown_ends_a_task_that_yields_for_ever() {
    let patience = Duration::from_millis(1);
    let runtime = Runtime::builder()
        .shutdown_timeout(patience)
        .build()
        .unwrap();
    let task = runtime.block_on(async {
        spawn(async {
            loop {
                drop(catch_cancel(turns(usize::MAX)).await);
            }
        })
    });
    runtime.block_on(async { turns(1).await });
    drop(runtime);
    assert_shut_down::<()>(task);
}

#[test]
fn in_virtual_time_a_shutdown_that_can_never_end_is_a_deadlock_report() {
    let trace = Trace::new();
    let text = panic_text(|| {
        testing::run(async {
            let guard = trace.note_on_drop("stubborn dropped");
            drop(task::Builder::new().name("stubborn").spawn(async move {
                let _guard = guard;
                catch_cancel(pending::<()>()).await.unwrap_err();
                pending::<()>().await
            }));
            turns(1).await;
        })
    });
    assert!(
        text.contains("deadlock") && text.contains("stubborn"),
        "{text}"
    );
    trace.expect(["stubborn dropped"]);
}
