//! C16 to C20, C24 and C25: panics, waiting, threads, reasons, main.

#![allow(
    clippy::map_identity,
    reason = "the map gives `!` a type that has Debug and Eq"
)]

use std::future::{pending, ready};
use std::time::Duration;

use crate::common::handles::{cancellation_of, explicit};
use crate::common::{Bomb, DROP_PANIC, Plan, Probe, off_thread, panics_saying, turns};
use wheelhouse::testing::{NoteOnDrop, Trace};
use wheelhouse::{
    Cancelled, JoinError, Reason, Runtime, catch_cancel, run, sleep, spawn, task, task_group,
    testing, timeout, try_gather, try_run, yield_now,
};

#[test]
fn c16_a_destructor_that_panics_while_its_task_is_cancelled_makes_the_result_a_panic() {
    testing::run(async {
        let bystander = spawn(turns(5));
        let plain = spawn(async {
            let _bomb = Bomb(DROP_PANIC);
            pending::<()>().await
        });
        let caught = spawn(catch_cancel(async {
            let _bomb = Bomb(DROP_PANIC);
            pending::<()>().await
        }));
        let resumed = spawn(async {
            let _bomb = Bomb(DROP_PANIC);
            catch_cancel(pending::<()>())
                .await
                .unwrap_err()
                .resume()
                .await
        });
        turns(1).await;
        assert!(plain.cancel() && caught.cancel() && resumed.cancel());
        let texts = [
            plain.await.unwrap_err(),
            caught.await.unwrap_err(),
            resumed.await.map(|never| -> () { never }).unwrap_err(),
        ];
        for error in texts {
            assert_eq!(
                error.to_string(),
                format!("the task panicked: {DROP_PANIC}")
            );
        }
        bystander.await.unwrap();
    });
}

#[test]
fn c17_cancel_and_wait_returns_when_the_future_and_its_clean_up_are_gone() {
    testing::run(async {
        let trace = Trace::new();
        let (last, notes) = (trace.note_on_drop("future gone"), trace.clone());
        let task = spawn(async move {
            let _last = last;
            let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
            sleep(Duration::from_secs(3)).await;
            notes.note("cleaned up");
            cancelled.resume().await
        });
        turns(1).await;
        assert!(task.cancel_and_wait().await.unwrap_err().is_cancelled());
        trace.expect(["cleaned up", "future gone"]);

        let swallows = spawn(async {
            catch_cancel(pending::<()>()).await.unwrap_err();
            3
        });
        turns(1).await;
        assert_eq!(swallows.cancel_and_wait().await.unwrap(), 3);
        assert_eq!(spawn(ready(4)).cancel_and_wait().await.ok(), None);
        let finished = spawn(ready(5));
        turns(1).await;
        assert_eq!(finished.cancel_and_wait().await.unwrap(), 5);
    });
}

#[test]
fn c17_cancel_and_wait_that_is_dropped_unpolled_has_not_cancelled() {
    testing::run(async {
        let task = spawn(turns(3));
        let watch = task.cancel_handle();
        drop(task.cancel_and_wait());
        turns(2).await;
        assert!(!watch.is_finished(), "it runs on");
        turns(3).await;
        assert!(watch.is_finished());
    });
}

#[test]
fn c18_a_task_that_swallows_its_cancellation_is_not_polled_again_and_again() {
    testing::run(async {
        let (probe, counts) = Probe::new(Plan::ends_at(2));
        let task = spawn(async move {
            catch_cancel(pending::<()>()).await.unwrap_err();
            probe.await
        });
        turns(1).await;
        task.cancel();
        turns(200).await;
        assert_eq!(counts.all().0, 1, "polls after the catch");
        counts.waker().unwrap().wake();
        drop(task.await.unwrap());
    });
}

#[test]
fn c19_a_cancel_from_another_thread_behaves_the_same() {
    let runtime = Runtime::new().unwrap();
    let remote = runtime.remote();
    runtime.block_on(async move {
        let trace = Trace::new();
        let notes = trace.clone();
        let cleans_up = spawn(async move {
            let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
            yield_now().await;
            notes.note("cleaned up");
            cancelled.resume().await
        });
        turns(1).await;
        let stop = cleans_up.cancel_handle();
        off_thread(move || assert!(stop.cancel_with("from afar"))).await;
        let cancelled = cancellation_of(cleans_up).await;
        assert_eq!(cancelled.reason(), &explicit(Some("from afar")));
        assert_eq!(cancelled.by(), None);
        trace.expect(["cleaned up"]);
        let outcome = off_thread(move || {
            let handle = remote.spawn(|| catch_cancel(pending::<()>()));
            assert!(handle.cancel());
            handle.join()
        })
        .await;
        assert!(
            matches!(&outcome, Ok(Err(_)) | Err(JoinError::Cancelled(_))),
            "caught by the task, or cancelled before its first poll: {outcome:?}"
        );
    });
}

#[test]
fn c19_a_cancel_while_the_runtime_is_not_driven_arrives_before_the_next_poll() {
    let runtime = Runtime::new().unwrap();
    let (here, here_counts) = Probe::new(Plan::ends_at(1));
    let (afar, afar_counts) = Probe::new(Plan::ends_at(1));
    let (here, afar) = runtime.block_on(async { (spawn(here), spawn(afar)) });
    assert!(here.cancel_with("on the same thread"));
    std::thread::scope(|scope| scope.spawn(|| assert!(afar.cancel())).join()).unwrap();
    runtime.block_on(async {
        let cancelled = cancellation_of(here).await;
        assert_eq!(cancelled.reason(), &explicit(Some("on the same thread")));
        assert_eq!(cancellation_of(afar).await.reason(), &explicit(None));
    });
    assert_eq!(
        (here_counts.all(), afar_counts.all()),
        ((0, 1, 0), (0, 1, 0))
    );
}

#[test]
fn c20_the_reason_says_why_and_which_task_asked() {
    testing::run(async {
        let here = task::current().id();
        let task = spawn(pending::<()>());
        task.cancel_with("words");
        let cancelled = cancellation_of(task).await;
        assert_eq!(
            (cancelled.reason(), cancelled.by()),
            (&explicit(Some("words")), Some(here))
        );
        let twin = cancelled.clone();
        assert_eq!(
            (twin.reason(), twin.by()),
            (cancelled.reason(), cancelled.by())
        );
    });
}

#[test]
fn c20_the_awaiter_that_has_gone_and_the_shutdown_are_named() {
    let reasons = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    run(async {
        for awaited in [true, false] {
            let seen = std::sync::Arc::clone(&reasons);
            let task = spawn(async move {
                let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
                seen.lock().unwrap().push(cancelled.reason().clone());
            });
            turns(1).await;
            if awaited {
                assert_eq!(timeout(Duration::ZERO, task).await.ok().map(drop), None);
                turns(1).await;
            }
        }
    });
    assert_eq!(
        *reasons.lock().unwrap(),
        [Reason::AwaiterGone, Reason::Shutdown]
    );
}

#[test]
fn c20_deadlines_groups_and_failing_siblings_are_reasons_with_the_task_that_cancelled() {
    /// Waits, and notes why it was cancelled and by whom.
    async fn notes_reason(trace: &Trace) {
        let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
        let by = cancelled.by().map(|id| id == task::current().id());
        trace.note(format!("{:?} {by:?}", cancelled.reason()));
        cancelled.resume().await
    }
    let trace = Trace::new();
    testing::run(async {
        let brief = timeout(Duration::from_secs(1), notes_reason(&trace));
        brief.await.unwrap_err();
        let fails = async {
            yield_now().await;
            Err::<(), _>("on purpose")
        };
        let waits = async {
            notes_reason(&trace).await;
            Ok(())
        };
        try_gather((waits, fails)).await.unwrap_err();
        let cancels = task_group(async |g| {
            g.spawn(notes_reason(&trace));
            turns(3).await;
            g.cancel();
        });
        cancels.await.unwrap();
        let fails = task_group(async |g| {
            g.spawn(async {
                notes_reason(&trace).await;
                Ok(())
            });
            turns(3).await;
            Err::<(), _>("on purpose")
        });
        fails.await.unwrap_err();
    });
    trace.expect([
        "Timeout None",
        "SiblingFailed Some(true)",
        "GroupCancelled Some(false)",
        "SiblingFailed Some(false)",
    ]);
}

#[test]
fn c24_a_future_that_is_ready_at_once_is_not_hit_by_a_pending_cancel_or_an_expired_timeout() {
    testing::run(async {
        let task = spawn(async {
            task::current().cancel_handle().cancel();
            let inner = catch_cancel(ready(1)).await.unwrap();
            let late = catch_cancel(yield_now()).await;
            (inner, late.is_err())
        });
        assert_eq!(task.await.unwrap(), (1, true));
        assert_eq!(timeout(Duration::ZERO, ready(2)).await, Ok(2));
        assert_eq!(
            wheelhouse::timeout_at(wheelhouse::time::now(), ready(3)).await,
            Ok(3)
        );
    });
}

#[test]
fn c25_the_cancellation_of_main_is_a_value_or_a_panic() {
    async fn cancels_itself(note: NoteOnDrop) {
        let _note = note;
        task::current().cancel_handle().cancel_with("main goes");
        pending::<()>().await;
    }
    let trace = Trace::new();
    let notes = trace.clone();
    let outcome = try_run(async {
        spawn(async move {
            catch_cancel(pending::<()>()).await.unwrap_err();
            yield_now().await;
            notes.note("the others clean up");
        });
        yield_now().await;
        cancels_itself(trace.note_on_drop("main dropped")).await
    });
    assert_eq!(outcome.unwrap_err().reason(), &explicit(Some("main goes")));
    trace.expect(["main dropped", "the others clean up"]);

    panics_saying(&["main", "main goes", "try_run"], || {
        run(cancels_itself(trace.note_on_drop("main dropped")));
    });
    let runtime = Runtime::new().unwrap();
    let outcome = runtime.try_block_on(cancels_itself(trace.note_on_drop("main dropped")));
    assert!(outcome.is_err());
    assert_eq!(
        runtime.block_on(ready(9)),
        9,
        "the runtime is as good as new"
    );
}

#[test]
fn c25_main_has_catch_points_like_any_task() {
    let outcome = try_run(async {
        let stop = task::current().cancel_handle();
        spawn(async move { stop.cancel() });
        let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
        yield_now().await;
        cancelled
    });
    let caught = outcome.unwrap();
    assert_eq!(caught.reason(), &explicit(None));
    let outcome: Result<(), Cancelled> = try_run(async move { caught.resume().await });
    assert_eq!(outcome.unwrap_err().reason(), &explicit(None));
}
