//! The promises from C16 to C20, C24 and C25, once more with the combinators of others in between: `join!`, `select!`,
//! `FuturesUnordered`.

use std::future::{pending, ready};
use std::time::Duration;

use crate::common::foreign::Foreign;
use crate::common::handles::{cancellation_of, explicit};
use crate::common::{Bomb, DROP_PANIC, Plan, Probe, off_thread, turns};
use wheelhouse::testing::Trace;
use wheelhouse::{
    JoinError, Reason, catch_cancel, run, sleep, spawn, task, task_group, testing, timeout,
    try_gather, try_run, yield_now,
};

/// Runs a scene for each combinator.
fn for_each(scene: impl AsyncFn(Foreign)) {
    for foreign in Foreign::ALL {
        testing::run(scene(foreign));
    }
}

#[test]
fn c16_a_destructor_that_panics_in_a_foreign_combinator_makes_the_result_a_panic() {
    for_each(async |foreign| {
        if foreign == Foreign::Unordered {
            // It leaks memory of its own when the destructor of a member panics, wherever it is dropped.
            return;
        }
        let bystander = spawn(turns(5));
        let bombed = async || {
            let _bomb = Bomb(DROP_PANIC);
            pending::<()>().await
        };
        let plain = spawn(foreign.around(bombed()));
        let caught = spawn(foreign.around(catch_cancel(foreign.around(bombed()))));
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
fn c17_cancel_and_wait_in_a_foreign_combinator_returns_when_all_is_gone() {
    for_each(async |foreign| {
        let trace = Trace::new();
        let (last, notes) = (trace.note_on_drop("future gone"), trace.clone());
        let task = spawn(foreign.around(async move {
            let _last = last;
            let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
            foreign.around(sleep(Duration::from_secs(3))).await;
            notes.note("cleaned up");
            cancelled.resume().await
        }));
        turns(1).await;
        let outcome = foreign.around(task.cancel_and_wait()).await;
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
fn c18_a_task_that_swallows_inside_a_foreign_combinator_is_not_polled_again_and_again() {
    for_each(async |foreign| {
        let (probe, counts) = Probe::new(Plan::ends_at(2));
        let task = spawn(foreign.around(async move {
            catch_cancel(foreign.around(pending::<()>()))
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

/// The machine's clock: the cancel comes from a thread.
#[test]
fn c19_a_cancel_from_another_thread_reaches_a_catch_point_in_a_foreign_combinator() {
    run(async {
        for foreign in Foreign::ALL {
            let trace = Trace::new();
            let notes = trace.clone();
            let task = spawn(foreign.around(async move {
                let caught = catch_cancel(foreign.around(pending::<()>())).await;
                foreign.around(yield_now()).await;
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

/// Waits in a combinator, and notes why it was cancelled.
async fn notes_reason(foreign: Foreign, trace: Trace) {
    let caught = catch_cancel(foreign.around(pending::<()>())).await;
    let cancelled = caught.unwrap_err();
    let by = cancelled.by().map(|id| id == task::current().id());
    trace.note(format!("{:?} {by:?}", cancelled.reason()));
    cancelled.resume().await
}

#[test]
fn c20_every_reason_comes_through_foreign_combinators() {
    for_each(async |foreign| {
        let trace = Trace::new();
        let notes = || foreign.around(notes_reason(foreign, trace.clone()));
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
        foreign.around(cancels).await.unwrap();
        let awaited = spawn(notes_reason(foreign, trace.clone()));
        let awaits = foreign.around(awaited);
        timeout(Duration::from_secs(1), awaits).await.unwrap_err();
        let explicit = spawn(notes_reason(foreign, trace.clone()));
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
fn c20_the_shutdown_is_named_to_a_catch_point_in_a_foreign_combinator() {
    for foreign in Foreign::ALL {
        let (sender, receiver) = std::sync::mpsc::channel();
        run(async {
            spawn(foreign.around(async move {
                let caught = catch_cancel(foreign.around(pending::<()>())).await;
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
fn c24_what_is_ready_at_once_in_a_foreign_combinator_is_not_hit() {
    for_each(async |foreign| {
        let task = spawn(foreign.around(async move {
            task::current().cancel_handle().cancel();
            let inner = catch_cancel(foreign.around(ready(1))).await.unwrap();
            let late = catch_cancel(foreign.around(yield_now())).await;
            (inner, late.is_err())
        }));
        assert_eq!(task.await.unwrap(), (1, true));
        assert_eq!(
            timeout(Duration::ZERO, foreign.around(ready(2))).await,
            Ok(2)
        );
    });
}

#[test]
fn c25_main_that_is_cancelled_in_a_foreign_combinator_gives_that_as_a_value() {
    for foreign in Foreign::ALL {
        let outcome = try_run(foreign.around(async {
            task::current().cancel_handle().cancel_with("main goes");
            foreign.around(pending::<()>()).await
        }));
        assert_eq!(outcome.unwrap_err().reason(), &explicit(Some("main goes")));
        let caught = try_run(foreign.around(async {
            task::current().cancel_handle().cancel();
            catch_cancel(foreign.around(pending::<()>())).await
        }));
        let error = JoinError::Cancelled(caught.unwrap().unwrap_err());
        assert!(error.is_cancelled());
    }
}
