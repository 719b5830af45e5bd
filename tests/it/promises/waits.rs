//! C9, C13, C21 and C23 where something waits: for awaited tasks, for a shield, for a clean-up that
//! is cancelled again.

use std::future::pending;
use std::time::Duration;

use crate::common::handles::cancellation_of;
use crate::common::turns;
use wheelhouse::testing::Trace;
use wheelhouse::{
    JoinHandle, catch_cancel, finally, gather, shield, sleep, spawn, task_group, testing, time,
    timeout, wait,
};

/// Milliseconds.
const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A task that, when it is cancelled, cleans up for 10 ms in a shield, notes that, and resumes.
fn slow_to_stop(trace: &Trace) -> JoinHandle<()> {
    let trace = trace.clone();
    spawn(async move {
        let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
        shield(sleep(ms(10))).await;
        trace.note("task has cleaned up");
        cancelled.resume().await
    })
}

#[test]
fn c9_a_shield_holds_a_second_cancel_off_until_the_clean_up_is_done() {
    let trace = Trace::new();
    testing::run(async {
        let notes = trace.clone();
        let task = spawn(async move {
            let first = catch_cancel(pending::<()>()).await.unwrap_err();
            shield(sleep(ms(10))).await;
            notes.note(format!("clean after {}", first.reason()));
            let second = catch_cancel(pending::<()>()).await.unwrap_err();
            notes.note(format!("then {}", second.reason()));
            second.resume().await
        });
        turns(1).await;
        task.cancel_with("one");
        sleep(ms(5)).await;
        task.cancel_with("two");
        let start = time::now();
        let cancelled = cancellation_of(task).await;
        assert_eq!(cancelled.to_string(), "cancelled: two");
        assert_eq!(time::now() - start, ms(5));
    });
    trace.expect(["clean after one", "then two"]);
}

#[test]
fn c9_a_second_cancel_reaches_the_clean_ups_in_a_gather_and_in_a_group() {
    let trace = Trace::new();
    testing::run(async {
        let notes = trace.clone();
        let long = async |name: &str| {
            let first = catch_cancel(pending::<()>()).await.unwrap_err();
            let second = catch_cancel(sleep(ms(1000))).await.unwrap_err();
            notes.note(format!("{name}: {}, {}", first.reason(), second.reason()));
        };
        let group = async {
            let spawns = task_group(async |g| {
                g.spawn(long("child"));
            });
            drop(spawns.await);
        };
        let start = time::now();
        let both = timeout(ms(10), timeout(ms(5), gather((long("branch"), group))));
        assert!(both.await.is_err());
        assert_eq!(time::now() - start, ms(10));
    });
    let mut names = trace.take();
    names.sort();
    assert_eq!(
        names,
        [
            "branch: the time was up, the time was up",
            "child: the time was up, the time was up"
        ]
    );
}

#[test]
fn c13_an_outer_cancel_in_the_turn_of_the_timeout_wins() {
    for cancel_is_first in [true, false] {
        let trace = Trace::new();
        testing::run(async {
            let mut at_ten = Box::pin(sleep(ms(10)));
            if cancel_is_first {
                // Timers of one deadline fire in the order in which they were set.
                assert!(futures::poll!(&mut at_ten).is_pending());
            }
            let notes = trace.clone();
            let task = spawn(async move {
                let cleans_up = finally(pending::<()>(), sleep(ms(5)));
                let outcome = timeout(ms(10), cleans_up).await;
                notes.note(format!("never: {outcome:?}"));
            });
            turns(1).await;
            at_ten.await;
            assert!(task.cancel_with("outer"));
            let cancelled = cancellation_of(task).await;
            assert_eq!(cancelled.to_string(), "cancelled: outer");
        });
        assert_eq!(trace.take(), [""; 0], "cancel is first: {cancel_is_first}");
    }
}

#[test]
fn c21_a_wait_that_has_begun_is_not_cut_short_by_a_second_cancel() {
    let trace = Trace::new();
    testing::run(async {
        let awaited = slow_to_stop(&trace);
        let notes = trace.clone();
        let task = spawn(async move {
            let caught = catch_cancel(awaited).await.unwrap_err();
            notes.note(caught.to_string());
        });
        turns(2).await;
        task.cancel_with("first");
        sleep(ms(5)).await;
        task.cancel_with("second");
        let start = time::now();
        task.await.unwrap();
        assert_eq!(time::now() - start, ms(5));
    });
    trace.expect(["task has cleaned up", "cancelled: first"]);
}

#[test]
fn c21_a_scope_around_takes_a_wait_over_and_ends_after_it() {
    let trace = Trace::new();
    testing::run(async {
        let start = time::now();
        let inner = timeout(ms(5), slow_to_stop(&trace));
        let outcome = timeout(ms(8), async {
            drop(inner.await);
            pending::<()>().await
        });
        assert!(outcome.await.is_err());
        assert_eq!(time::now() - start, ms(15));
    });
    trace.expect(["task has cleaned up"]);
}

#[test]
fn c21_a_chain_of_awaited_tasks_ends_from_its_far_end() {
    let trace = Trace::new();
    testing::run(async {
        let mut last = slow_to_stop(&trace);
        for name in ["third", "second", "first"] {
            let ended = trace.note_on_drop(name);
            let awaited = last;
            last = spawn(async move {
                let _ended = ended;
                drop(awaited.await);
            });
        }
        turns(5).await;
        let start = time::now();
        last.cancel();
        cancellation_of(last).await;
        assert_eq!(time::now() - start, ms(10));
    });
    let names = trace.take();
    assert!(
        names.contains(&"task has cleaned up".to_owned()),
        "{names:?}"
    );
    assert_eq!(names.len(), 4);
}

#[test]
fn c21_a_child_that_awaits_a_task_is_waited_for_with_it_by_its_group() {
    let trace = Trace::new();
    testing::run(async {
        let start = time::now();
        let outcome = task_group(async |g| {
            g.spawn(async {
                drop(slow_to_stop(&trace).await);
                Ok(())
            });
            sleep(ms(5)).await;
            Err::<(), _>("on purpose")
        });
        assert!(outcome.await.is_err());
        assert_eq!(time::now() - start, ms(15));
    });
    trace.expect(["task has cleaned up"]);
}

#[test]
fn c21_tasks_in_a_wait_run_on_and_are_not_waited_for() {
    testing::run(async {
        let task = spawn(async {
            sleep(ms(20)).await;
            5
        });
        let watch = task.cancel_handle();
        let waiting = spawn(wait([task]));
        sleep(ms(5)).await;
        let start = time::now();
        waiting.cancel();
        assert!(waiting.await.map(drop).unwrap_err().is_cancelled());
        assert_eq!(time::now(), start);
        sleep(ms(14)).await;
        assert!(!watch.is_finished(), "it runs on");
        sleep(ms(2)).await;
        assert!(watch.is_finished());
    });
}

#[test]
fn c21_a_task_awaited_inside_a_shield_runs_on_and_its_awaiter_waits() {
    let trace = Trace::new();
    testing::run(async {
        let notes = trace.clone();
        let task = spawn(async move {
            let awaited = spawn(async {
                sleep(ms(20)).await;
                5
            });
            let value = shield(awaited).await.unwrap();
            notes.note(format!("{value}"));
            pending::<()>().await
        });
        sleep(ms(5)).await;
        task.cancel();
        let start = time::now();
        cancellation_of(task).await;
        assert_eq!(time::now() - start, ms(15));
    });
    trace.expect(["5"]);
}

#[test]
fn c23_a_shield_in_a_branch_holds_the_gather_and_the_timeout_around_it() {
    let trace = Trace::new();
    testing::run(async {
        let start = time::now();
        let held = async {
            shield(sleep(ms(30))).await;
            trace.note("held");
            pending::<()>().await
        };
        let cleans = finally(pending::<()>(), async { trace.note("cleaned up") });
        let both = timeout(ms(10), gather((held, cleans)));
        assert!(both.await.is_err());
        assert_eq!(time::now() - start, ms(30));
        let bounded = timeout(ms(5), shield(timeout(ms(10), pending::<()>())));
        assert!(bounded.await.is_ok_and(|inner| inner.is_err()));
        assert_eq!(time::now() - start, ms(40));
    });
    trace.expect(["cleaned up", "held"]);
}
