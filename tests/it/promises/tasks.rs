//! C1 to C10, for one task and its catch points. Nested catch points are in `nested`.

use std::future::{pending, ready};
use std::time::Duration;

use crate::common::handles::{cancellation_of, explicit};
use crate::common::{Plan, Probe, turns};
use wheelhouse::testing::Trace;
use wheelhouse::{catch_cancel, sleep, spawn, task, testing, timeout, yield_now};

#[test]
fn c1_cancelled_before_the_first_poll_a_task_is_never_polled() {
    testing::run(async {
        let (probe, counts) = Probe::new(Plan::ends_at(1));
        let task = spawn(catch_cancel(probe));
        assert!(task.cancel_with("early"));
        assert_eq!(counts.all(), (0, 0, 0), "not inside `cancel`");
        assert_eq!(
            cancellation_of(task).await.reason(),
            &explicit(Some("early"))
        );
        assert_eq!(counts.all(), (0, 1, 0));
    });
}

#[test]
fn c2_cancelled_while_suspended_a_task_is_dropped_on_its_next_turn() {
    testing::run(async {
        let trace = Trace::new();
        let suspended = {
            let dropped = trace.note_on_drop("dropped");
            spawn(async move {
                let _dropped = dropped;
                pending::<()>().await
            })
        };
        turns(1).await;
        let before = trace.clone();
        let ahead = spawn(async move { before.note("a task that was ready before") });
        suspended.cancel();
        trace.note("cancel has returned");
        assert!(suspended.await.unwrap_err().is_cancelled());
        assert!(ahead.is_finished());
        trace.expect([
            "cancel has returned",
            "a task that was ready before",
            "dropped",
        ]);
    });
}

#[test]
fn c3_cancelling_a_finished_task_says_false_and_leaves_its_result() {
    testing::run(async {
        let task = spawn(async { 5 });
        let stop = task.cancel_handle();
        turns(1).await;
        assert!(!task.cancel());
        assert!(!task.cancel_with("late"));
        assert!(!stop.cancel());
        assert_eq!(task.await.unwrap(), 5);
        assert!(!stop.cancel());
    });
}

#[test]
fn c4_a_task_that_finishes_although_a_cancel_is_pending_returns_its_value() {
    testing::run(async {
        let task = spawn(async {
            task::current().cancel_handle().cancel();
            task::current().cancel_handle().cancel_with("again");
            8
        });
        assert_eq!(task.await.unwrap(), 8);
    });
}

#[test]
fn c4_a_cancelled_task_with_no_catch_point_is_not_polled_once_more() {
    testing::run(async {
        let (probe, counts) = Probe::new(Plan::ends_at(2));
        let task = spawn(probe);
        turns(1).await;
        counts.waker().unwrap().wake();
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(counts.all(), (1, 1, 0));
    });
}

#[test]
fn c5_when_catch_cancel_returns_the_cancellation_the_inner_future_is_dropped() {
    testing::run(async {
        let trace = Trace::new();
        let (inner, outer) = (trace.note_on_drop("inner dropped"), trace.clone());
        let task = spawn(async move {
            let caught = catch_cancel(async move {
                let _inner = inner;
                pending::<()>().await
            })
            .await;
            outer.note(if caught.is_err() {
                "caught"
            } else {
                "not caught"
            });
        });
        turns(1).await;
        task.cancel();
        task.await.unwrap();
        trace.expect(["inner dropped", "caught"]);
    });
}

#[test]
fn c6_after_a_catch_the_task_is_an_ordinary_task() {
    testing::run(async {
        let task = spawn(async {
            catch_cancel(pending::<()>()).await.unwrap_err();
            sleep(Duration::from_secs(5)).await;
            let child = spawn(async {
                yield_now().await;
                20
            });
            let caught_nothing = catch_cancel(ready(1)).await.unwrap();
            timeout(Duration::from_secs(1), pending::<()>())
                .await
                .unwrap_err();
            caught_nothing + child.await.unwrap()
        });
        turns(1).await;
        task.cancel();
        assert_eq!(task.await.unwrap(), 21);
    });
}

#[test]
fn c6_a_second_life_after_a_catch_can_be_cancelled_like_any_other() {
    testing::run(async {
        let task = spawn(async {
            let first = catch_cancel(pending::<()>()).await.unwrap_err();
            let second = catch_cancel(pending::<()>()).await.unwrap_err();
            pending::<()>().await;
            (first, second)
        });
        for message in ["first", "second", "third"] {
            turns(2).await;
            assert!(task.cancel_with(message));
        }
        assert_eq!(
            cancellation_of(task).await.reason(),
            &explicit(Some("third"))
        );
    });
}

#[test]
fn c7_resume_ends_the_task_as_cancelled_with_the_same_reason() {
    testing::run(async {
        let trace = Trace::new();
        let (around, notes) = (trace.note_on_drop("code around dropped"), trace.clone());
        let task = spawn(async move {
            let _around = around;
            if let Err(cancelled) = catch_cancel(pending::<()>()).await {
                yield_now().await;
                notes.note("cleaned up");
                cancelled.resume().await;
            }
            notes.note("never");
        });
        turns(1).await;
        task.cancel_with("enough");
        let cancelled = cancellation_of(task).await;
        assert_eq!(cancelled.reason(), &explicit(Some("enough")));
        trace.expect(["cleaned up", "code around dropped"]);
    });
}

#[test]
fn c9_a_second_cancel_during_the_clean_up_is_delivered_again() {
    testing::run(async {
        let task = spawn(async {
            let first = catch_cancel(pending::<()>()).await.unwrap_err();
            let second = catch_cancel(sleep(Duration::from_secs(60)))
                .await
                .unwrap_err();
            (first.reason().clone(), second.reason().clone())
        });
        turns(1).await;
        task.cancel_with("one");
        turns(1).await;
        task.cancel_with("two");
        let both = task.await.unwrap();
        assert_eq!(both, (explicit(Some("one")), explicit(Some("two"))));
    });
}

#[test]
fn c10_several_cancels_before_delivery_arrive_as_one_and_the_first_reason_wins() {
    testing::run(async {
        let task = spawn(async {
            let first = catch_cancel(pending::<()>()).await.unwrap_err();
            let more = catch_cancel(turns(5)).await;
            (first.reason().clone(), more.is_ok())
        });
        turns(1).await;
        let stop = task.cancel_handle();
        assert!(task.cancel_with("first") && stop.cancel_with("second") && task.cancel());
        assert_eq!(task.await.unwrap(), (explicit(Some("first")), true));
    });
}
