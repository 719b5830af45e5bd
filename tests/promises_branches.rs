//! C14, C15 and C22 where a cancellation meets branches: gathers, `try_gather`, `as_completed` and groups.

mod common;

use std::future::pending;
use std::time::Duration;

use common::handles::cancellation_of;
use common::{Trace, turns};
use wheelhouse::{
    Cancelled, JoinHandle, as_completed, catch_cancel, sleep, spawn, testing, yield_now,
};

/// So many milliseconds.
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

/// `next` gave `None` once the branches had cleaned up, and the code around it went on (in debug builds an assertion failed).
#[test]
fn c15_a_cancelled_as_completed_waits_for_its_branches_and_the_cancellation_goes_on() {
    let trace = Trace::new();
    testing::run(async {
        let task = streams(&trace);
        turns(2).await;
        task.cancel_with("enough");
        let cancelled = cancellation_of(task).await;
        assert_eq!(cancelled.to_string(), "cancelled: enough");
    });
    assert_eq!(trace.take(), ["a: enough", "b: enough"]);
}

/// An output that had come in the same poll was noted, but dropped: taking it panicked.
#[test]
fn c22_a_branch_of_as_completed_that_resumes_drops_what_has_come_and_was_not_fetched() {
    testing::run(async {
        let foreign = spawn(pending::<()>());
        foreign.cancel_with("foreign");
        let foreign: Cancelled = cancellation_of(foreign).await;
        let task = spawn(async move {
            let branch = |resumes: bool| {
                let foreign = foreign.clone();
                async move {
                    match resumes {
                        true => foreign.resume().await,
                        false => catch_cancel(async {}).await.is_ok(),
                    }
                }
            };
            let mut stream = as_completed([branch(false), branch(true)]);
            let first = stream.next().await;
            let second = stream.next().await;
            (first, second)
        });
        let cancelled = cancellation_of(task).await;
        assert_eq!(cancelled.to_string(), "cancelled: foreign");
    });
}

#[test]
fn a_stream_that_a_cancellation_ended_is_over_for_whoever_caught_that() {
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
    assert_eq!(trace.take(), ["a: cancel was called"]);
}
