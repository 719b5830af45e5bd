//! C16 to C20, C24 and C25 with third-party combinators in between: `join!`, `select!`,
//! `FuturesUnordered`.

use std::future::{pending, ready};
use std::time::Duration;

use crate::common::combinator::Combinator;
use crate::common::handles::{cancellation_of, explicit};
use crate::common::{Bomb, DROP_PANIC, Plan, Probe, off_thread, turns};
use wheelhouse::testing::Trace;
use wheelhouse::{
    JoinError, Reason, catch_cancel, run, sleep, spawn, task, task_group, testing, timeout,
    try_gather, try_run, yield_now,
};

/// Runs a test for each combinator.
fn for_each(scene: impl AsyncFn(Combinator)) {
    for combinator in Combinator::ALL {
        testing::run(scene(combinator));
    }
}

#[test]
fn c16_a_destructor_that_panics_in_a_third_party_combinator_makes_the_result_a_panic() {
    for_each(async |combinator| {
        if combinator == Combinator::Unordered {
            // It leaks memory if the destructor of a member panics.
            return;
        }
        let bystander = spawn(turns(5));
        let bombed = async || {
            let _bomb = Bomb(DROP_PANIC);
            pending::<()>().await
        };
        let plain = spawn(combinator.around(bombed()));
        let caught = spawn(combinator.around(catch_cancel(combinator.around(bombed()))));
        turns(1).await;
        assert!(plain.cancel() && caught.cancel());
        let errors = [plain.await.unwrap_err(), caught.await.unwrap_err()];
        for error in errors {
            assert_eq!(
                error.to_string(),
                format!("the task panicked: {DROP_PANIC}")
            );
        }
        bystander.await.unwrap();
    });
}

#[test]
fn c17_cancel_and_wait_in_a_third_party_combinator_returns_when_all_is_dropped() {
    for_each(async |combinator| {
        let trace = Trace::new();
        let (last, notes) = (trace.note_on_drop("future gone"), trace.clone());
        let task = spawn(combinator.around(async move {
            let _last = last;
            let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
            combinator.around(sleep(Duration::from_secs(3))).await;
            notes.note("cleaned up");
            cancelled.resume().await
        }));
        turns(1).await;
        let outcome = combinator.around(task.cancel_and_wait()).await;
        assert!(
            outcome
                .map(|never| -> () { never })
                .unwrap_err()
                .is_cancelled()
        );
        trace.expect(["cleaned up", "future gone"]);
    });
}

#[test]
fn c18_a_task_that_swallows_inside_a_third_party_combinator_is_not_polled_again_and_again() {
    for_each(async |combinator| {
        let (probe, counts) = Probe::new(Plan::ends_at(2));
        let task = spawn(combinator.around(async move {
            catch_cancel(combinator.around(pending::<()>()))
                .await
                .unwrap_err();
            probe.await
        }));
        turns(1).await;
        task.cancel();
        turns(200).await;
        assert_eq!(counts.all().0, 1, "polls after the catch");
        counts.waker().unwrap().wake();
        drop(task.await.unwrap());
    });
}

/// Real time: the cancel comes from another thread.
#[test]
fn c19_a_cancel_from_another_thread_reaches_a_catch_point_in_a_third_party_combinator() {
    run(async {
        for combinator in Combinator::ALL {
            let trace = Trace::new();
            let notes = trace.clone();
            let task = spawn(combinator.around(async move {
                let caught = catch_cancel(combinator.around(pending::<()>())).await;
                combinator.around(yield_now()).await;
                notes.note("cleaned up");
                caught.unwrap_err().resume().await
            }));
            turns(1).await;
            let stop = task.cancel_handle();
            off_thread(move || assert!(stop.cancel_with("from afar"))).await;
            let cancelled = cancellation_of(task).await;
            assert_eq!(cancelled.reason(), &explicit(Some("from afar")));
            assert_eq!((cancelled.by(), trace.take().len()), (None, 1));
        }
    });
}

/// Waits in a combinator, and notes the reason of its cancellation.
async fn notes_reason(combinator: Combinator, trace: Trace) {
    let caught = catch_cancel(combinator.around(pending::<()>())).await;
    let cancelled = caught.unwrap_err();
    let by = cancelled.by().map(|id| id == task::current().id());
    trace.note(format!("{:?} {by:?}", cancelled.reason()));
    cancelled.resume().await
}

#[test]
fn c20_every_reason_arrives_through_third_party_combinators() {
    for_each(async |combinator| {
        let trace = Trace::new();
        let notes = || combinator.around(notes_reason(combinator, trace.clone()));
        timeout(Duration::from_secs(1), notes()).await.unwrap_err();
        let fails = async {
            yield_now().await;
            Err::<(), _>("on purpose")
        };
        let waits = async {
            notes().await;
            Ok(())
        };
        try_gather((waits, fails)).await.unwrap_err();
        let cancels = task_group(async |g| {
            g.spawn(notes());
            turns(3).await;
            g.cancel();
        });
        combinator.around(cancels).await.unwrap();
        let awaited = spawn(notes_reason(combinator, trace.clone()));
        let awaits = combinator.around(awaited);
        timeout(Duration::from_secs(1), awaits).await.unwrap_err();
        let explicit = spawn(notes_reason(combinator, trace.clone()));
        turns(1).await;
        explicit.cancel_and_wait().await.unwrap_err();
        trace.expect([
            "Timeout None",
            "SiblingFailed Some(true)",
            "GroupCancelled Some(false)",
            "AwaiterGone Some(false)",
            "Explicit(None) Some(false)",
        ]);
    });
}

#[test]
fn c20_a_catch_point_in_a_third_party_combinator_gets_the_reason_shutdown() {
    for combinator in Combinator::ALL {
        let (sender, receiver) = std::sync::mpsc::channel();
        run(async {
            spawn(combinator.around(async move {
                let caught = catch_cancel(combinator.around(pending::<()>())).await;
                sender.send(caught.unwrap_err()).unwrap();
            }));
            yield_now().await;
        });
        let cancelled = receiver.recv().unwrap();
        assert_eq!(
            (cancelled.reason(), cancelled.by()),
            (&Reason::Shutdown, None)
        );
    }
}

#[test]
fn c24_a_future_that_is_ready_at_once_in_a_third_party_combinator_is_not_hit() {
    for_each(async |combinator| {
        let task = spawn(combinator.around(async move {
            task::current().cancel_handle().cancel();
            let inner = catch_cancel(combinator.around(ready(1))).await.unwrap();
            let late = catch_cancel(combinator.around(yield_now())).await;
            (inner, late.is_err())
        }));
        assert_eq!(task.await.unwrap(), (1, true));
        assert_eq!(
            timeout(Duration::ZERO, combinator.around(ready(2))).await,
            Ok(2)
        );
    });
}

#[test]
fn c25_the_cancellation_of_main_in_a_third_party_combinator_is_a_value() {
    for combinator in Combinator::ALL {
        let outcome = try_run(combinator.around(async {
            task::current().cancel_handle().cancel_with("main goes");
            combinator.around(pending::<()>()).await
        }));
        assert_eq!(outcome.unwrap_err().reason(), &explicit(Some("main goes")));
        let caught = try_run(combinator.around(async {
            task::current().cancel_handle().cancel();
            catch_cancel(combinator.around(pending::<()>())).await
        }));
        let error = JoinError::Cancelled(caught.unwrap().unwrap_err());
        assert!(error.is_cancelled());
    }
}
