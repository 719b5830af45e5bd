//! C14, C15 and C22 where a cancellation meets branches: gathers, `try_gather`, `as_completed` and
//! groups.

use std::future::pending;
use std::time::Duration;

use crate::common::handles::cancellation_of;
use crate::common::{silent_panic, turns};
use wheelhouse::testing::Trace;
use wheelhouse::{
    Cancelled, JoinHandle, as_completed, catch_cancel, gather, shield, sleep, spawn, task_group,
    testing, time, timeout, try_gather, yield_now,
};

/// Milliseconds.
const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Waits for ever; when cancelled, cleans up with an await, notes it, and resumes.
async fn cleans_up(trace: Trace, name: &'static str) {
    let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
    sleep(ms(5)).await;
    trace.note(format!("{name}: {}", cancelled.reason()));
    cancelled.resume().await
}

/// A task that goes through a stream of two clean-ups, and notes if it gets past them.
fn streams(trace: &Trace) -> JoinHandle<()> {
    let notes = trace.clone();
    spawn(async move {
        let names = ["a", "b"].into_iter();
        let mut stream = as_completed(names.map(|name| cleans_up(notes.clone(), name)));
        let next = stream.next().await;
        notes.note(format!("never: {next:?}"));
    })
}

/// `next` gave `None` once the branches had cleaned up, and the code around it went on (in debug
/// builds an assertion failed).
#[test]
fn c15_a_cancelled_as_completed_waits_for_its_branches_and_the_cancellation_propagates() {
    let trace = Trace::new();
    testing::run(async {
        let task = streams(&trace);
        turns(2).await;
        task.cancel_with("enough");
        let cancelled = cancellation_of(task).await;
        assert_eq!(cancelled.to_string(), "cancelled: enough");
    });
    trace.expect(["a: enough", "b: enough"]);
}

/// An output that had come in the same poll was noted, but dropped: taking it panicked.
#[test]
fn c22_a_branch_of_as_completed_that_resumes_drops_the_outputs_that_were_not_returned() {
    testing::run(async {
        let received = spawn(pending::<()>());
        received.cancel_with("elsewhere");
        let received: Cancelled = cancellation_of(received).await;
        let task = spawn(async move {
            let branch = |resumes: bool| {
                let received = received.clone();
                async move {
                    if resumes {
                        received.resume().await
                    } else {
                        catch_cancel(async {}).await.is_ok()
                    }
                }
            };
            let mut stream = as_completed([branch(false), branch(true)]);
            let first = stream.next().await;
            let second = stream.next().await;
            (first, second)
        });
        let cancelled = cancellation_of(task).await;
        assert_eq!(cancelled.to_string(), "cancelled: elsewhere");
    });
}

#[test]
fn a_stream_that_a_cancellation_ended_returns_none_after_a_catch() {
    let trace = Trace::new();
    testing::run(async {
        let notes = trace.clone();
        let task = spawn(async move {
            let mut stream = as_completed([cleans_up(notes.clone(), "a")]);
            catch_cancel(stream.next()).await.unwrap_err();
            yield_now().await;
            (stream.next().await, stream.len())
        });
        turns(2).await;
        task.cancel();
        assert_eq!(task.await.unwrap(), (None, 0));
    });
    trace.expect(["a: cancel was called"]);
}

/// A cancellation that came out of a task that is not related to anything.
async fn from_elsewhere() -> Cancelled {
    let elsewhere = spawn(pending::<()>());
    elsewhere.cancel_with("elsewhere");
    cancellation_of(elsewhere).await
}

/// Waits for ever; when cancelled, gives `value`.
async fn swallows<T>(value: T) -> T {
    drop(catch_cancel(pending::<()>()).await);
    value
}

#[test]
fn c14_a_try_gather_and_a_group_that_fail_absorb_only_their_own_cancellation() {
    let trace = Trace::new();
    testing::run(async {
        let notes = trace.clone();
        let task = spawn(async move {
            let cleans = async || {
                cleans_up(notes.clone(), "branch").await;
                Ok(())
            };
            let fails = async || {
                sleep(ms(1)).await;
                Err::<(), _>("on purpose")
            };
            assert!(try_gather((cleans(), fails())).await.is_err());
            let group = task_group(async |g| {
                g.spawn(cleans());
                fails().await
            });
            assert!(group.await.is_err());
            notes.note("both absorbed their own");
            let outcome = try_gather((cleans(), fails())).await;
            notes.note(format!("never: {outcome:?}"));
        });
        // Inside the clean-up of the last one, which fails at 13 ms and cleans up until 18.
        sleep(ms(15)).await;
        task.cancel_with("outer");
        let cancelled = cancellation_of(task).await;
        assert_eq!(cancelled.to_string(), "cancelled: outer");
    });
    let names = trace.take();
    assert_eq!(
        names[..3],
        [
            "branch: a sibling failed",
            "branch: a sibling failed",
            "both absorbed their own"
        ]
    );
    assert!(
        names.iter().all(|name| !name.contains("never")),
        "{names:?}"
    );
}

#[test]
fn c14_an_outer_cancellation_during_the_end_of_a_failed_group_propagates() {
    let trace = Trace::new();
    testing::run(async {
        let notes = trace.clone();
        let task = spawn(async move {
            let outcome = task_group(async |g| {
                g.spawn(async {
                    drop(catch_cancel(pending::<()>()).await);
                    shield(sleep(ms(10))).await;
                    notes.note("child is done");
                    Ok(())
                });
                sleep(ms(1)).await;
                Err::<(), _>("on purpose")
            });
            let outcome = outcome.await;
            notes.note(format!("never: {outcome:?}"));
        });
        sleep(ms(5)).await;
        task.cancel_with("outer");
        let cancelled = cancellation_of(task).await;
        assert_eq!(cancelled.to_string(), "cancelled: outer");
    });
    trace.expect(["child is done"]);
}

#[test]
fn c15_a_gather_whose_branches_all_swallow_lets_the_cancellation_go_on_all_the_same() {
    testing::run(async {
        let task = spawn(gather((swallows(1), swallows(2))));
        turns(2).await;
        task.cancel_with("enough");
        let cancelled = cancellation_of(task).await;
        assert_eq!(cancelled.to_string(), "cancelled: enough");
        let expires = timeout(ms(10), gather([swallows(1), swallows(2)]));
        assert!(expires.await.is_err(), "likewise");
        let task = spawn(async {
            task_group(async |g| {
                g.spawn(swallows(()));
                swallows(()).await
            })
            .await
        });
        turns(2).await;
        task.cancel_with("group");
        let cancelled = cancellation_of(task).await;
        assert_eq!(cancelled.to_string(), "cancelled: group");
    });
}

#[test]
fn c15_a_branch_that_awaits_a_task_is_waited_for_with_that_task() {
    let trace = Trace::new();
    testing::run(async {
        let notes = trace.clone();
        let task = spawn(async move {
            let awaits = |name| {
                let task = spawn(cleans_up(notes.clone(), name));
                async move { drop(task.await) }
            };
            gather((awaits("first"), awaits("second"), pending::<()>())).await
        });
        sleep(ms(5)).await;
        let start = time::now();
        task.cancel();
        cancellation_of(task).await;
        assert_eq!(time::now() - start, ms(5));
    });
    trace.expect([
        "first: the awaiter has gone",
        "second: the awaiter has gone",
    ]);
}

#[test]
fn c22_a_body_or_a_child_of_a_group_may_resume_a_cancellation_from_elsewhere() {
    let trace = Trace::new();
    testing::run(async {
        let received = from_elsewhere().await;
        let notes = trace.clone();
        let task = spawn(async move {
            let children = task_group(async |g| {
                let received = received.clone();
                let child = g.spawn(async { received.resume().await });
                notes.note(child.await.unwrap_err().to_string());
            });
            assert!(children.await.is_ok(), "a cancelled child is no failure");
            let outcome = task_group(async |g| {
                g.spawn(cleans_up(notes.clone(), "child"));
                turns(2).await;
                received.resume().await
            });
            let outcome = outcome.await;
            notes.note(format!("never: {outcome:?}"));
        });
        let cancelled = cancellation_of(task).await;
        assert_eq!(cancelled.to_string(), "cancelled: elsewhere");
    });
    trace.expect(["the task was cancelled: elsewhere", "child: elsewhere"]);
}

/// Waits for ever; when cancelled, panics while it cleans up.
async fn panics_in_its_clean_up() {
    drop(catch_cancel(pending::<()>()).await);
    sleep(ms(1)).await;
    silent_panic("in a clean-up");
}

/// The second panic delivered the cancellation again, which cut off the clean-ups that the first one had begun.
#[test]
fn a_panic_in_the_clean_up_of_a_branch_does_not_cut_off_the_clean_ups_of_others() {
    let trace = Trace::new();
    testing::run(async {
        let branches = (
            async {
                sleep(ms(1)).await;
                silent_panic("first");
            },
            panics_in_its_clean_up(),
            cleans_up(trace.clone(), "third"),
        );
        let failure = spawn(async move { gather(branches).await })
            .await
            .unwrap_err();
        assert!(failure.is_panic());
    });
    trace.expect(["third: a sibling failed"]);
}

/// It was the same when the cancellation had come from outside.
#[test]
fn a_panic_in_a_clean_up_does_not_cut_off_others_of_a_gather_that_was_cancelled() {
    let trace = Trace::new();
    testing::run(async {
        let branches = (panics_in_its_clean_up(), cleans_up(trace.clone(), "second"));
        let task = spawn(async move { gather(branches).await });
        turns(2).await;
        task.cancel_with("enough");
        assert!(task.await.unwrap_err().is_panic());
    });
    trace.expect(["second: enough"]);
}
