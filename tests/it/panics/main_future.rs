//! Panics of the main future, and what a main future leaves behind: the tasks and the runtime are
//! unharmed.

use std::future::{pending, poll_fn, ready};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crate::common::{
    Bomb, DROP_PANIC, OnDrop, POLL_PANIC, Plan, Probe, panic_text, silent_panic, turns,
};
use futures::future::{self, Either, FutureExt};
use wheelhouse::testing::Trace;
use wheelhouse::{
    Cancelled, JoinError, Runtime, catch_cancel, run, sleep, spawn, task, testing, try_run,
    yield_now,
};

/// Spawns a task that notes its clean-up, which awaits. Wall time: it is the end of `run` and of
/// `block_on` that is tested.
async fn spawn_one_that_cleans_up(trace: &Trace) {
    let trace = trace.clone();
    drop(spawn(async move {
        let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
        sleep(Duration::from_micros(10)).await;
        trace.note(format!("clean-up: {}", cancelled.reason()));
    }));
    yield_now().await;
}

/// What the trace shows of that task when the runtime has ended in order.
const CLEAN: &str = "clean-up: the runtime is shutting down";

/// A cancellation, from the handle of a task.
async fn a_cancellation() -> Cancelled {
    match spawn(pending::<()>()).cancel_and_wait().await {
        Err(JoinError::Cancelled(cancelled)) => cancelled,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_panic_of_main_comes_out_of_run_when_the_others_have_cleaned_up() {
    let trace = Trace::new();
    let text = panic_text(|| {
        run(async {
            spawn_one_that_cleans_up(&trace).await;
            let _dropped = trace.note_on_drop("main dropped");
            silent_panic("main")
        })
    });
    assert_eq!(text, "main");
    trace.expect(["main dropped", CLEAN]);
    assert_eq!(run(ready(1)), 1, "this thread may run another runtime");
}

#[test]
fn a_panic_of_main_comes_out_of_try_run_and_of_virtual_time_likewise() {
    let trace = Trace::new();
    let main = async || {
        spawn_one_that_cleans_up(&trace).await;
        silent_panic("main")
    };
    assert_eq!(panic_text(|| try_run(main())), "main");
    assert_eq!(trace.take(), [CLEAN]);
    assert_eq!(panic_text(|| testing::run(main())), "main");
    assert_eq!(trace.take(), [CLEAN]);
}

#[test]
fn a_main_that_was_cancelled_lets_the_others_clean_up_in_virtual_time_too() {
    let trace = Trace::new();
    let main = async || {
        spawn_one_that_cleans_up(&trace).await;
        task::current().cancel_handle().cancel();
        pending::<()>().await
    };
    assert!(panic_text(|| run(main())).contains("main future was cancelled"));
    assert_eq!(trace.take(), [CLEAN]);
    assert!(panic_text(|| testing::run(main())).contains("main future was cancelled"));
    assert_eq!(trace.take(), [CLEAN]);
}

#[test]
fn after_a_panic_of_block_on_the_runtime_and_its_tasks_go_on() {
    let runtime = Runtime::new().unwrap();
    let trace = Trace::new();
    let mut bystander = runtime.block_on(async { spawn(async { turns(5).await }) });
    for round in 0..3 {
        let text = panic_text(|| {
            runtime.block_on(async {
                if round == 1 {
                    yield_now().await;
                }
                let _dropped = trace.note_on_drop("main dropped");
                silent_panic("again")
            })
        });
        assert_eq!(text, "again");
        trace.expect(["main dropped"]);
        assert!(wheelhouse::try_spawn(async {}).is_err(), "outside again");
    }
    runtime.block_on(&mut bystander).unwrap();
}

#[test]
fn a_main_that_panics_when_polled_and_when_dropped_raises_the_first_panic() {
    let runtime = Runtime::new().unwrap();
    let (probe, counts) = Probe::new(Plan {
        panics: true,
        drop_panics: true,
        ..Plan::ends_at(1)
    });
    assert_eq!(panic_text(|| runtime.block_on(probe)), POLL_PANIC);
    assert_eq!(counts.all(), (1, 1, 0));
    assert_eq!(runtime.block_on(ready(5)), 5);
}

#[test]
fn a_main_whose_destructor_panics_while_it_is_cancelled_panics_once() {
    let runtime = Runtime::new().unwrap();
    let bystander = runtime.block_on(async { spawn(turns(5)) });
    let text = panic_text(|| {
        runtime.try_block_on(async {
            let _bomb = Bomb(DROP_PANIC);
            task::current().cancel_handle().cancel();
            pending::<()>().await
        })
    });
    assert_eq!(text, DROP_PANIC);
    runtime.block_on(bystander).unwrap();
}

#[test]
fn a_main_whose_destructor_panics_after_it_was_done_returns_its_value() {
    let runtime = Runtime::new().unwrap();
    let bystander = runtime.block_on(async { spawn(turns(5)) });
    let (probe, counts) = Probe::new(Plan {
        drop_panics: true,
        wakes_itself: true,
        ..Plan::ends_at(2)
    });
    let token = runtime.block_on(probe);
    assert_eq!(counts.all(), (2, 1, 0));
    drop(token);
    runtime.block_on(bystander).unwrap();
}

#[test]
fn a_resume_in_a_main_that_finishes_all_the_same_ends_no_other_task() {
    let runtime = Runtime::new().unwrap();
    let value = runtime.block_on(async {
        let cancelled = a_cancellation().await;
        match future::select(pin!(cancelled.resume()), ready(5)).await {
            Either::Left((never, _)) => never,
            Either::Right((value, _)) => value,
        }
    });
    assert_eq!(value, 5);
    assert_another_task_is_unharmed(&runtime);
}

#[test]
fn a_resume_in_a_main_that_panics_in_the_same_poll_ends_no_other_task() {
    let runtime = Runtime::new().unwrap();
    let text = panic_text(|| {
        runtime.block_on(async {
            let cancelled = a_cancellation().await;
            let panics = future::lazy(|_| silent_panic("main"));
            future::join(cancelled.resume(), panics).await
        })
    });
    assert_eq!(text, "main");
    assert_another_task_is_unharmed(&runtime);
}

#[test]
fn a_resume_that_is_polled_in_a_destructor_ends_no_other_task() {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let cancelled = a_cancellation().await;
        let bystander = spawn(turns(5));
        let task = spawn(async move {
            let _resumes = OnDrop::new(move || {
                assert!(cancelled.resume().now_or_never().is_none());
            });
            pending::<()>().await
        });
        yield_now().await;
        assert!(task.cancel_and_wait().await.unwrap_err().is_cancelled());
        bystander.await.unwrap();
    });
    assert_another_task_is_unharmed(&runtime);
}

/// A task that suspends runs to its end.
fn assert_another_task_is_unharmed(runtime: &Runtime) {
    let task = runtime.block_on(async { spawn(turns(5)) });
    runtime.block_on(task).unwrap();
}

/// A main that was cancelled while it awaited a task that cleans up, and whose destructor woke it,
/// was started a second time.
#[test]
fn a_main_that_is_woken_by_its_own_destructor_waits_for_the_task_that_it_was_awaiting() {
    let trace = Trace::new();
    let said = trace.clone();
    let ended = try_run(async move {
        let task = spawn(async move {
            catch_cancel(pending::<()>()).await.unwrap_err();
            turns(3).await;
            said.note("cleaned up");
        });
        let main = task::current().cancel_handle();
        let mut wakes = None;
        drop(spawn(async move { assert!(main.cancel()) }));
        poll_fn(|cx| {
            let waker = cx.waker().clone();
            wakes.get_or_insert_with(|| OnDrop::new(move || waker.wake()));
            Poll::Ready(())
        })
        .await;
        drop(task.await);
        drop(wakes);
    });
    assert!(ended.is_err());
    trace.expect(["cleaned up"]);
}
