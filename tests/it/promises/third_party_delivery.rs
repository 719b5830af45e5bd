//! C1 to C10 with third-party combinators in between: `join!`, `select!`, `FuturesUnordered`.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use crate::common::combinator::Combinator;
use crate::common::handles::{cancellation_of, explicit};
use crate::common::{Plan, Probe, turns};
use wheelhouse::testing::Trace;
use wheelhouse::{catch_cancel, shield, sleep, spawn, task, testing, timeout, try_run, yield_now};

/// Runs a test for each combinator.
fn for_each(scene: impl AsyncFn(Combinator)) {
    for combinator in Combinator::ALL {
        testing::run(scene(combinator));
    }
}

#[test]
fn c1_with_third_party_combinators_inside_nothing_is_polled_when_the_cancel_comes_first() {
    for_each(async |combinator| {
        let (probe, counts) = Probe::new(Plan::ends_at(1));
        let task = spawn(catch_cancel(combinator.around(catch_cancel(probe))));
        assert!(task.cancel_with("early"));
        let cancelled = cancellation_of(task).await;
        assert_eq!(cancelled.reason(), &explicit(Some("early")));
        assert_eq!(counts.all(), (0, 1, 0));
    });
}

#[test]
fn c2_with_third_party_combinators_inside_the_drop_comes_on_the_next_turn() {
    for_each(async |combinator| {
        let trace = Trace::new();
        let dropped = trace.note_on_drop("dropped");
        let suspended = spawn(combinator.around(async move {
            let _dropped = dropped;
            pending::<()>().await
        }));
        turns(1).await;
        suspended.cancel();
        trace.note("cancel has returned");
        assert!(suspended.await.unwrap_err().is_cancelled());
        trace.expect(["cancel has returned", "dropped"]);
    });
}

#[test]
fn c3_a_finished_task_awaited_in_a_third_party_combinator_keeps_its_result() {
    for_each(async |combinator| {
        let task = spawn(combinator.around(async { 5 }));
        let stop = task.cancel_handle();
        turns(1).await;
        assert!(!task.cancel() && !stop.cancel());
        assert_eq!(combinator.around(task).await.unwrap(), 5);
    });
}

#[test]
fn c4_a_result_passes_third_party_combinators_although_a_cancel_is_pending() {
    for_each(async |combinator| {
        let task = spawn(combinator.around(async move {
            task::current().cancel_handle().cancel();
            combinator.around(async { 8 }).await
        }));
        assert_eq!(task.await.unwrap(), 8);

        let (probe, counts) = Probe::new(Plan::ends_at(2));
        let uncaught = spawn(combinator.around(probe));
        turns(1).await;
        counts.waker().unwrap().wake();
        uncaught.cancel();
        assert!(uncaught.await.unwrap_err().is_cancelled());
        assert_eq!(counts.all(), (1, 1, 0), "not polled once more");
    });
}

#[test]
fn c5_a_future_in_a_third_party_combinator_is_dropped_when_the_catch_point_returns() {
    for_each(async |combinator| {
        let trace = Trace::new();
        let (inner, outer) = (trace.note_on_drop("inner dropped"), trace.clone());
        let task = spawn(combinator.around(async move {
            let inner = combinator.around(async move {
                let _inner = inner;
                pending::<()>().await
            });
            catch_cancel(inner).await.unwrap_err();
            outer.note("caught");
        }));
        turns(1).await;
        task.cancel();
        task.await.unwrap();
        trace.expect(["inner dropped", "caught"]);
    });
}

#[test]
fn c6_after_a_catch_in_a_third_party_combinator_the_task_is_an_ordinary_task() {
    for_each(async |combinator| {
        let task = spawn(combinator.around(async move {
            catch_cancel(pending::<()>()).await.unwrap_err();
            sleep(Duration::from_secs(5)).await;
            let child = spawn(combinator.around(async {
                yield_now().await;
                20
            }));
            let late = timeout(Duration::from_secs(1), combinator.around(pending::<()>()));
            late.await.unwrap_err();
            combinator.around(child).await.unwrap()
        }));
        turns(1).await;
        task.cancel();
        assert_eq!(task.await.unwrap(), 20);
    });
}

#[test]
fn c7_a_resume_inside_third_party_combinators_ends_the_task_with_the_same_reason() {
    for_each(async |combinator| {
        let trace = Trace::new();
        let (around, notes) = (trace.note_on_drop("code around dropped"), trace.clone());
        let task = spawn(combinator.around(async move {
            let _around = around;
            let caught = catch_cancel(combinator.around(pending::<()>())).await;
            let cancelled = caught.unwrap_err();
            combinator.around(yield_now()).await;
            notes.note("cleaned up");
            let () = combinator.around(async { cancelled.resume().await }).await;
            notes.note("never");
        }));
        turns(1).await;
        task.cancel_with("enough");
        let cancelled = cancellation_of(task).await;
        assert_eq!(cancelled.reason(), &explicit(Some("enough")));
        trace.expect(["cleaned up", "code around dropped"]);
    });
}

#[test]
fn c8_through_third_party_combinators_catch_points_get_it_from_the_inside_out() {
    /// A catch point in a combinator, which passes the cancellation on.
    async fn level(
        combinator: Combinator,
        trace: Trace,
        name: &str,
        inner: impl Future<Output = ()>,
    ) {
        let caught = catch_cancel(combinator.around(inner)).await;
        trace.note(name);
        combinator.around(turns(2)).await;
        caught.unwrap_err().resume().await
    }
    for_each(async |combinator| {
        let trace = Trace::new();
        let inner = level(combinator, trace.clone(), "inner", pending());
        let middle = level(combinator, trace.clone(), "middle", inner);
        let task = spawn(combinator.around(level(combinator, trace.clone(), "outer", middle)));
        turns(1).await;
        task.cancel_with("all");
        let cancelled = cancellation_of(task).await;
        assert_eq!(cancelled.reason(), &explicit(Some("all")));
        trace.expect(["inner", "middle", "outer"]);
    });
}

#[test]
fn c9_a_second_cancel_reaches_a_clean_up_in_a_third_party_combinator_but_not_a_shielded_one() {
    for_each(async |combinator| {
        let trace = Trace::new();
        let notes = trace.clone();
        let task = spawn(combinator.around(async move {
            catch_cancel(combinator.around(pending::<()>()))
                .await
                .unwrap_err();
            let long = combinator.around(sleep(Duration::from_secs(60)));
            let second = catch_cancel(long).await.unwrap_err();
            notes.note(second.reason().to_string());
            let clean_up = combinator.around(shield(combinator.around(async {
                sleep(Duration::from_secs(1)).await;
                notes.note("clean");
            })));
            catch_cancel(clean_up).await.unwrap();
            let third = catch_cancel(yield_now()).await.unwrap_err();
            notes.note(third.reason().to_string());
        }));
        for message in ["one", "two", "three"] {
            turns(2).await;
            assert!(task.cancel_with(message));
        }
        task.await.unwrap();
        trace.expect(["two", "clean", "three"]);
    });
}

#[test]
fn c10_several_cancels_reach_a_catch_point_in_a_third_party_combinator_as_one() {
    for_each(async |combinator| {
        let task = spawn(combinator.around(async move {
            let first = catch_cancel(combinator.around(pending::<()>())).await;
            let more = catch_cancel(combinator.around(turns(5))).await;
            (first.unwrap_err().reason().clone(), more.is_ok())
        }));
        turns(1).await;
        let stop = task.cancel_handle();
        assert!(task.cancel_with("first") && stop.cancel_with("second") && task.cancel());
        assert_eq!(task.await.unwrap(), (explicit(Some("first")), true));
    });
}

/// Main was polled once more before it ended; a task was not.
#[test]
fn c4_main_whose_shield_was_dropped_between_two_polls_is_not_polled_again() {
    let held = Rc::new(RefCell::new(Some(Box::pin(shield(pending::<()>())))));
    let polls = Cell::new(0);
    let outcome = try_run(async {
        let main = task::current().cancel_handle();
        let other = Rc::clone(&held);
        let _detached = spawn(async move {
            main.cancel();
            turns(2).await;
            drop(other.take());
        });
        poll_fn(|cx| {
            polls.set(polls.get() + 1);
            if let Some(shield) = held.borrow_mut().as_mut() {
                assert!(shield.as_mut().poll(cx).is_pending());
            }
            Poll::<()>::Pending
        })
        .await;
    });
    assert!(outcome.is_err());
    assert_eq!(polls.get(), 2, "at the beginning, and for the cancellation");
}
