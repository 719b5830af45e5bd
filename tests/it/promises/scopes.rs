//! Scopes inside of a task: timeouts, shields, gathers and what they do to a cancellation that
//! passes.

use std::future::pending;
use std::time::Duration;

use crate::common::handles::cancellation_of;
use crate::common::turns;
use wheelhouse::testing::Trace;
use wheelhouse::{
    Cancelled, JoinHandle, Reason, catch_cancel, finally, gather, shield, sleep, spawn, testing,
    time, timeout, try_gather, yield_now,
};

/// Milliseconds.
const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Waits for ever; when cancelled, cleans up with an await of `takes`, notes it, and resumes.
async fn cleans_up(trace: Trace, name: &'static str, takes: Duration) {
    let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
    sleep(takes).await;
    trace.note(format!("{name}: {}", cancelled.reason()));
    cancelled.resume().await
}

/// Waits for ever; when cancelled, gives `value`.
async fn swallows<T>(value: T) -> T {
    drop(catch_cancel(pending::<()>()).await);
    value
}

#[test]
fn c12_a_timeout_that_fires_lets_the_inside_clean_up_first() {
    let trace = Trace::new();
    testing::run(async {
        let start = time::now();
        let body = cleans_up(trace.clone(), "inside", ms(5));
        assert!(timeout(ms(10), body).await.is_err());
        assert_eq!(time::now() - start, ms(15));
    });
    trace.expect(["inside: the time was up"]);
}

#[test]
fn c12_a_value_given_after_the_timeout_was_swallowed_is_the_result() {
    testing::run(async {
        assert_eq!(timeout(ms(10), swallows(5)).await, Ok(5));
    });
}

#[test]
fn c14_a_timeout_does_not_absorb_the_cancellation_of_its_task() {
    let trace = Trace::new();
    testing::run(async {
        let notes = trace.clone();
        let task = spawn(async move {
            let outcome = timeout(ms(100), cleans_up(notes.clone(), "inside", ms(5))).await;
            notes.note(format!("never: {outcome:?}"));
        });
        sleep(ms(10)).await;
        assert!(task.cancel());
        assert_eq!(
            cancellation_of(task).await.reason(),
            &Reason::Explicit(None)
        );
    });
    trace.expect(["inside: cancel was called"]);
}

#[test]
fn c13_a_timeout_that_fires_during_the_clean_up_of_an_outer_cancel_is_not_elapsed() {
    testing::run(async {
        let task = spawn(async {
            timeout(ms(10), async {
                let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
                sleep(ms(50)).await; // the timeout fires in here
                cancelled.resume().await
            })
            .await
        });
        sleep(ms(5)).await;
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn c11_a_shield_returns_its_value_and_the_cancellation_arrives_at_the_next_suspension() {
    let trace = Trace::new();
    testing::run(async {
        let notes = trace.clone();
        let task = spawn(async move {
            let value = shield(async {
                sleep(ms(10)).await;
                7
            })
            .await;
            notes.note(format!("{value}"));
            yield_now().await;
            notes.note("never");
        });
        sleep(ms(5)).await;
        task.cancel();
        let start = time::now();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(time::now() - start, ms(5));
    });
    trace.expect(["7"]);
}

#[test]
fn c23_a_shield_holds_off_the_timeout_around_it() {
    testing::run(async {
        let start = time::now();
        let outcome = timeout(ms(10), async {
            shield(sleep(ms(30))).await;
            pending::<()>().await
        })
        .await;
        assert!(outcome.is_err());
        assert_eq!(time::now() - start, ms(30), "Elapsed comes late");
        assert!(shield(timeout(ms(10), pending::<()>())).await.is_err());
        assert_eq!(
            timeout(ms(10), shield(async { sleep(ms(20)).await })).await,
            Ok(())
        );
    });
}

#[test]
fn c15_a_cancelled_gather_waits_for_every_branch_and_the_cancellation_propagates() {
    let trace = Trace::new();
    testing::run(async {
        let notes = trace.clone();
        let task = spawn(async move {
            let outcome = catch_cancel(gather((
                cleans_up(notes.clone(), "slow", ms(20)),
                cleans_up(notes.clone(), "fast", ms(10)),
                pending::<()>(),
                swallows(()),
            )))
            .await;
            notes.note(format!("{}", outcome.unwrap_err()));
        });
        sleep(ms(5)).await;
        task.cancel_with("enough");
        task.await.unwrap();
    });
    trace.expect(["fast: enough", "slow: enough", "cancelled: enough"]);
}

#[test]
fn a_failing_branch_lets_the_others_clean_up_before_the_error_comes() {
    let trace = Trace::new();
    testing::run(async {
        let start = time::now();
        let failing = async {
            sleep(ms(5)).await;
            Err::<(), _>("broken")
        };
        let cleaning = async {
            cleans_up(trace.clone(), "other", ms(10)).await;
            Ok(())
        };
        let outcome = try_gather((cleaning, failing, pending::<Result<(), _>>())).await;
        assert_eq!(outcome, Err("broken"));
        assert_eq!(time::now() - start, ms(15));
    });
    trace.expect(["other: a sibling failed"]);
}

/// A task that, when it is cancelled, cleans up for 10 ms and resumes.
fn slow_to_stop(trace: &Trace) -> JoinHandle<()> {
    spawn(cleans_up(trace.clone(), "task", ms(10)))
}

#[test]
fn c21_the_task_that_a_cancelled_task_was_awaiting_is_cancelled_and_waited_for() {
    let trace = Trace::new();
    testing::run(async {
        let inner = slow_to_stop(&trace);
        let outer = spawn(inner);
        sleep(ms(5)).await;
        let start = time::now();
        outer.cancel();
        assert!(outer.await.unwrap_err().is_cancelled());
        assert_eq!(time::now() - start, ms(10));
        trace.expect(["task: the awaiter has gone"]);
    });
}

#[test]
fn c21_a_catch_point_a_timeout_and_a_gather_wait_for_it_too() {
    let trace = Trace::new();
    testing::run(async {
        let start = time::now();
        assert!(timeout(ms(5), slow_to_stop(&trace)).await.is_err());
        assert_eq!(time::now() - start, ms(15));
        trace.expect(["task: the awaiter has gone"]);

        let task = {
            let trace = trace.clone();
            spawn(async move {
                let outcome = catch_cancel(slow_to_stop(&trace)).await;
                trace.note(outcome.unwrap_err().to_string());
                let failing = async { Err::<(), ()>(()) };
                let awaiting = async {
                    yield_now().await;
                    slow_to_stop(&trace).await.map_err(drop)
                };
                let late = async {
                    sleep(ms(1)).await;
                    failing.await
                };
                assert_eq!(try_gather((awaiting, late)).await, Err(()));
                trace.note("gathered");
            })
        };
        sleep(ms(5)).await;
        task.cancel();
        task.await.unwrap();
        trace.expect([
            "task: the awaiter has gone",
            "cancelled: cancel was called",
            "task: the awaiter has gone",
            "gathered",
        ]);
    });
}

#[test]
fn c21_tasks_that_await_each_other_end_when_one_is_cancelled() {
    use std::cell::RefCell;
    use std::rc::Rc;
    testing::run(async {
        let slot: Rc<RefCell<Option<JoinHandle<()>>>> = Rc::default();
        let theirs = Rc::clone(&slot);
        let first = spawn(async move {
            let other = theirs.take().expect("both have been spawned");
            drop(other.await);
        });
        let stop = first.cancel_handle();
        let second = spawn(async move {
            let outcome = catch_cancel(first).await;
            outcome.unwrap_err().resume().await
        });
        let watch = second.cancel_handle();
        *slot.borrow_mut() = Some(second);
        turns(3).await;
        stop.cancel();
        turns(10).await;
        assert!(stop.is_finished() && watch.is_finished());
    });
}

#[test]
fn c22_a_cancellation_from_elsewhere_passes_timeouts_and_gathers() {
    let trace = Trace::new();
    testing::run(async {
        let received = spawn(pending::<()>());
        received.cancel_with("elsewhere");
        let received: Cancelled = cancellation_of(received).await;
        let notes = trace.clone();
        let task = spawn(async move {
            let branch = async {
                sleep(ms(5)).await;
                received.resume().await
            };
            let cleaning = cleans_up(notes.clone(), "neighbour", ms(10));
            timeout(ms(100), gather((branch, cleaning))).await
        });
        let cancelled = cancellation_of(task).await;
        assert_eq!(cancelled.to_string(), "cancelled: elsewhere");
    });
    trace.expect(["neighbour: elsewhere"]);
}

#[test]
fn finally_cleans_up_after_a_value_a_cancellation_and_a_panic() {
    let trace = Trace::new();
    testing::run(async {
        let clean = |name: &'static str| {
            let trace = trace.clone();
            async move {
                sleep(ms(5)).await;
                trace.note(name);
            }
        };
        assert_eq!(finally(async { 1 }, clean("value")).await, 1);
        let task = spawn(finally(pending::<()>(), clean("cancelled")));
        turns(2).await;
        task.cancel();
        turns(2).await;
        task.cancel(); // held off by the shield
        assert!(task.await.unwrap_err().is_cancelled());
        let task = spawn(finally(
            async { crate::common::silent_panic("body") },
            clean("panic"),
        ));
        assert!(task.await.unwrap_err().is_panic());
    });
    trace.expect(["value", "cancelled", "panic"]);
}
