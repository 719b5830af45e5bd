//! Every misuse leads to a message that says what to do instead, and breaks nothing.

use std::future::{pending, ready};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{CountingWaker, off_thread, panics_saying, poll_with, turns};
use wheelhouse::time::{self, interval, interval_at};
use wheelhouse::{
    JoinError, NoRuntime, Remote, Runtime, catch_cancel, run, sleep, sleep_until, spawn, task,
    testing, timeout, timeout_at, try_run, try_spawn, yield_now,
};

/// A second.
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_handle_returns_its_result_once() {
    testing::run(async {
        let words = [
            "JoinHandle of task 2 \"one\", spawned at",
            file!(),
            "already taken",
            "once",
        ];
        let mut awaited = task::Builder::new().name("one").spawn(ready(1));
        assert_eq!((&mut awaited).await.unwrap(), 1);
        let (_, waker) = CountingWaker::new();
        panics_saying(&words, || poll_with(&mut awaited, &waker));
        panics_saying(&words, || awaited.try_join());
        assert!(awaited.is_finished());

        let words = ["JoinHandle of task 3, spawned at", "already taken", "once"];
        let mut asked = spawn(pending::<()>());
        asked.cancel();
        turns(1).await;
        assert!(asked.try_join().unwrap().unwrap_err().is_cancelled());
        panics_saying(&words, || asked.try_join());
        panics_saying(&words, || poll_with(&mut asked, &waker));
        drop((awaited, asked));
    });
}

#[test]
fn a_handle_that_outlived_its_runtime_returns_its_result_once_too() {
    let (_, waker) = CountingWaker::new();
    let mut handle = run(async { spawn(ready(1)) });
    assert!(poll_with(&mut handle, &waker).is_ready());
    panics_saying(&["already taken"], || poll_with(&mut handle, &waker));
}

#[test]
fn functions_that_need_a_runtime_panic_outside_one_with_a_message() {
    let words = |call| [call, "outside of a", "wheelhouse::run", "block_on"];
    panics_saying(&words("`spawn`"), || spawn(ready(())));
    panics_saying(&words("`spawn`"), || {
        task::Builder::new().name("x").spawn(ready(()))
    });
    panics_saying(&words("`sleep`"), || sleep(SECOND));
    panics_saying(&words("`sleep_until`"), || sleep_until(Instant::now()));
    panics_saying(&words("`timeout`"), || timeout(SECOND, ready(())));
    panics_saying(&["outside of a runtime"], || {
        timeout_at(Instant::now(), ready(()))
    });
    panics_saying(&["outside of a runtime"], || interval(SECOND));
    panics_saying(
        &["Remote::current", "outside of a runtime"],
        Remote::current,
    );
    panics_saying(&["outside of a runtime"], || {
        interval_at(Instant::now(), SECOND)
    });
    panics_saying(&words("`task::current`"), task::current);
    panics_saying(&words("`task::all`"), task::all);
    run(ready(()));
    panics_saying(&words("`spawn`"), || spawn(ready(())));
}

#[test]
fn the_panic_of_a_call_outside_of_a_runtime_names_the_callers_line() {
    let hook = std::panic::take_hook();
    let place = std::sync::Arc::new(std::sync::Mutex::new(None));
    let seen = std::sync::Arc::clone(&place);
    let here = thread::current().id();
    std::panic::set_hook(Box::new(move |info| {
        if thread::current().id() == here {
            *seen.lock().unwrap() = info
                .location()
                .map(|place| (place.file().to_owned(), place.line()));
        } else {
            hook(info);
        }
    }));
    panics_saying(&["`spawn`"], || spawn(ready(())));
    let line = line!() - 1;
    assert_eq!(
        place.lock().unwrap().take(),
        Some((file!().to_owned(), line))
    );
}

#[test]
fn the_forms_with_try_give_an_error_outside_of_a_runtime() {
    let error: NoRuntime = try_spawn(ready(())).unwrap_err();
    assert!(error.to_string().contains("wheelhouse::run"));
    assert!(task::Builder::new().name("x").try_spawn(ready(())).is_err());
    assert!(task::try_current().is_none());
    assert!(time::now() <= Instant::now(), "the machine's clock");
    run(async {
        assert_eq!(try_spawn(ready(5)).unwrap().await.unwrap(), 5);
        assert!(task::Builder::new().try_spawn(ready(())).is_ok());
        assert!(task::try_current().is_some());
    });
}

#[test]
fn a_runtime_inside_a_running_one_is_refused_and_the_outer_one_continues() {
    let runtime = Runtime::new().unwrap();
    let words = |call| [call, "inside a running runtime", "await", "spawn"];
    let outer = async {
        panics_saying(&words("`run`"), || run(ready(())));
        panics_saying(&words("`run`"), || try_run(ready(())));
        panics_saying(&words("`testing::run`"), || testing::run(ready(())));
        panics_saying(&words("`block_on`"), || runtime.block_on(ready(())));
        panics_saying(&words("`block_on`"), || runtime.try_block_on(ready(())));
        turns(1).await;
        let nested = spawn(async { run(ready(())) }).await;
        assert!(matches!(nested, Err(JoinError::Panicked(_))));
        "unharmed"
    };
    assert_eq!(run(outer), "unharmed");
    assert_eq!(runtime.block_on(ready(1)), 1);
}

#[test]
fn block_on_inside_its_own_runtime_is_refused() {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        panics_saying(&["`block_on`", "inside a running runtime"], || {
            runtime.block_on(ready(()))
        });
        turns(1).await;
    });
}

#[test]
fn an_interval_of_zero_is_refused() {
    testing::run(async {
        panics_saying(&["period", "zero"], || interval(Duration::ZERO));
        panics_saying(&["period", "zero"], || {
            interval_at(time::now(), Duration::ZERO)
        });
    });
}

#[test]
fn a_handle_that_is_awaited_on_another_thread_says_where_to_await_it() {
    let words = ["JoinHandle", "away from its runtime", "Remote"];
    run(async {
        let mut handle = spawn(pending::<()>());
        handle = off_thread(move || {
            panics_saying(&words, || futures::executor::block_on(&mut handle));
            // Inside of another runtime it is away from its own just as much.
            panics_saying(&words, || run(async { (&mut handle).await }));
            handle
        })
        .await;
        handle.cancel_and_wait().await.unwrap_err();
    });
}

#[test]
fn a_handle_that_is_awaited_between_two_calls_of_block_on_panics_with_a_message() {
    let runtime = Runtime::new().unwrap();
    let mut handle = runtime.block_on(async { spawn(turns(3)) });
    let (_, waker) = CountingWaker::new();
    panics_saying(&["away from its runtime"], || {
        poll_with(&mut handle, &waker)
    });
    runtime.block_on(handle).unwrap();
}

#[test]
fn a_sleep_that_moves_to_another_runtime_panics_with_a_message() {
    let (_, waker) = CountingWaker::new();
    let mut carried = run(async {
        let mut sleep = sleep(SECOND);
        assert!(poll_with(&mut sleep, &waker).is_pending());
        sleep
    });
    panics_saying(&["Sleep", "outside of a runtime"], || {
        poll_with(&mut carried, &waker)
    });
    run(async {
        panics_saying(&["Sleep", "another runtime"], || {
            poll_with(&mut carried, &waker)
        });
        // As if it were new, it may.
        carried.reset(time::now());
        carried.await;
    });
}

#[test]
fn a_sleep_that_was_not_polled_may_move() {
    let unpolled = run(async { sleep(Duration::from_nanos(1)) });
    run(unpolled);
}

#[test]
fn a_sleep_may_be_dropped_anywhere() {
    let runtime = Runtime::new().unwrap();
    let (_, waker) = CountingWaker::new();
    let sleeps = runtime.block_on(async {
        let mut sleeps = [(); 3].map(|()| sleep(Duration::from_secs(3600)));
        for sleep in &mut sleeps {
            assert!(poll_with(sleep, &waker).is_pending());
        }
        sleeps
    });
    let [afar, elsewhere, late] = sleeps;
    thread::spawn(move || drop(afar)).join().unwrap();
    run(async move { drop(elsewhere) });
    runtime.block_on(turns(70));
    drop(runtime);
    drop(late);
}

#[test]
fn finished_futures_panic_with_a_message_when_polled_again() {
    testing::run(async {
        let (_, waker) = CountingWaker::new();
        let mut timed = Box::pin(timeout(SECOND, ready(())));
        assert!(poll_with(&mut timed, &waker).is_ready());
        panics_saying(&["timeout", "polled after"], || {
            poll_with(&mut timed, &waker)
        });
        let mut point = Box::pin(catch_cancel(ready(())));
        assert!(poll_with(&mut point, &waker).is_ready());
        panics_saying(&["catch_cancel", "polled after"], || {
            poll_with(&mut point, &waker)
        });
        let mut slept = sleep(Duration::ZERO);
        assert!(poll_with(&mut slept, &waker).is_pending());
        assert!(poll_with(&mut slept, &waker).is_ready());
        assert!(
            poll_with(&mut slept, &waker).is_ready(),
            "a sleep that is over stays over"
        );
    });
}

/// It returned its `Err` again and again.
#[test]
fn a_catch_point_that_has_caught_panics_with_a_message_when_polled_again() {
    run(async {
        let task = spawn(async {
            let mut point = Box::pin(catch_cancel(pending::<()>()));
            assert!((&mut point).await.is_err());
            let (_, waker) = CountingWaker::new();
            panics_saying(&["catch_cancel", "polled after"], || {
                poll_with(&mut point, &waker)
            });
        });
        yield_now().await;
        task.cancel();
        task.await.expect("the task has caught its cancellation");
    });
}

#[test]
fn resume_outside_a_task_panics_with_a_message() {
    let cancelled = try_run(async {
        task::current().cancel_handle().cancel();
        pending::<()>().await
    })
    .unwrap_err();
    let twin = cancelled.clone();
    panics_saying(&["Cancelled::resume", "outside of a"], || {
        futures::executor::block_on(twin.resume())
    });
    let runtime = Runtime::new().unwrap();
    let remote = runtime.remote();
    let call = remote.call(move || futures::executor::block_on(cancelled.resume()));
    let error = runtime.block_on(call).map(|never: ()| never).unwrap_err();
    assert!(error.to_string().contains("outside of a task"), "{error}");
}

#[test]
fn outside_of_a_task_a_catch_point_passes_its_future_through() {
    assert!(futures::executor::block_on(catch_cancel(ready(5))).is_ok_and(|value| value == 5));
}

#[test]
fn a_main_that_waits_for_an_impossible_event_gets_a_report_on_virtual_time() {
    let words = [
        "deadlock",
        "main task is not done",
        "\"stuck\"",
        "misuse.rs",
    ];
    panics_saying(&words, || {
        testing::run(async {
            let stuck = task::Builder::new().name("stuck").spawn(pending::<()>());
            drop(stuck.await);
        });
    });
}
