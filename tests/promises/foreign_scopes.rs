//! The promises about scopes, C11 to C15 and C21 to C23, once more with the combinators of others in between: `join!`,
//! `select!`, `FuturesUnordered`.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use crate::common::foreign::Foreign;
use crate::common::handles::cancellation_of;
use crate::common::turns;
use futures::future;
use wheelhouse::testing::Trace;
use wheelhouse::{
    JoinHandle, as_completed, catch_cancel, gather, shield, sleep, spawn, task_group, testing,
    time, timeout,
};

/// So many milliseconds.
const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Runs a scene for each combinator.
fn for_each(scene: impl AsyncFn(Foreign)) {
    for foreign in Foreign::ALL {
        testing::run(scene(foreign));
    }
}

/// Waits for ever in a combinator; when cancelled, cleans up for a time in another, notes why, and resumes.
async fn cleans_up(foreign: Foreign, trace: Trace, name: &'static str, takes: Duration) {
    let caught = catch_cancel(foreign.around(pending::<()>())).await;
    let cancelled = caught.unwrap_err();
    foreign.around(sleep(takes)).await;
    trace.note(format!("{name}: {}", cancelled.reason()));
    cancelled.resume().await
}

/// Waits for ever in a combinator; when cancelled, gives a value.
async fn swallows<T>(foreign: Foreign, value: T) -> T {
    drop(catch_cancel(foreign.around(pending::<()>())).await);
    value
}

#[test]
fn c11_a_shield_among_foreign_combinators_gives_its_value_and_then_the_cancellation_arrives() {
    for_each(async |foreign| {
        let trace = Trace::new();
        let notes = trace.clone();
        let task = spawn(foreign.around(async move {
            let commit = foreign.around(async {
                foreign.around(sleep(ms(10))).await;
                7
            });
            let value = foreign.around(shield(commit)).await;
            notes.note(format!("{value}"));
            // No `yield_now`: `FuturesUnordered` polls that twice in one poll, so that the task is not suspended.
            foreign.around(sleep(ms(1))).await;
            notes.note("never");
        }));
        sleep(ms(5)).await;
        task.cancel();
        let start = time::now();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(time::now() - start, ms(5));
        trace.expect(["7"]);
    });
}

#[test]
fn c12_a_timeout_around_foreign_combinators_lets_the_inside_clean_up_first() {
    for_each(async |foreign| {
        let (trace, start) = (Trace::new(), time::now());
        let body = foreign.around(cleans_up(foreign, trace.clone(), "inside", ms(5)));
        assert!(foreign.around(timeout(ms(10), body)).await.is_err());
        assert_eq!(time::now() - start, ms(15));
        trace.expect(["inside: the time was up"]);
        let body = foreign.around(swallows(foreign, 5));
        assert_eq!(foreign.around(timeout(ms(10), body)).await, Ok(5));
    });
}

/// A task whose timeout, at 10 ms, has a clean-up inside foreign combinators.
fn times_out(foreign: Foreign, trace: &Trace) -> JoinHandle<()> {
    let notes = trace.clone();
    spawn(foreign.around(async move {
        let body = foreign.around(cleans_up(foreign, notes.clone(), "inside", ms(5)));
        let outcome = timeout(ms(10), body).await;
        notes.note(format!("never: {outcome:?}"));
    }))
}

#[test]
fn c13_an_outer_cancel_in_the_turn_of_the_timeout_wins_through_foreign_combinators() {
    for_each(async |foreign| {
        for cancel_is_first in [true, false] {
            let trace = Trace::new();
            let mut at_ten = Box::pin(sleep(ms(10)));
            if cancel_is_first {
                // Timers of one deadline fire in the order in which they were set.
                assert!(futures::poll!(&mut at_ten).is_pending());
            }
            let task = times_out(foreign, &trace);
            turns(1).await;
            at_ten.await;
            assert!(task.cancel_with("outer"));
            let cancelled = cancellation_of(task).await;
            assert_eq!(cancelled.to_string(), "cancelled: outer");
            let names = trace.take();
            assert!(
                names.iter().all(|name| !name.contains("never")),
                "{names:?}"
            );
        }
    });
}

#[test]
fn c14_with_foreign_combinators_in_between_no_scope_absorbs_a_cancellation_from_outside() {
    for_each(async |foreign| {
        let trace = Trace::new();
        let notes = trace.clone();
        let task = spawn(foreign.around(async move {
            let inner = async |name| cleans_up(foreign, notes.clone(), name, ms(5)).await;
            let group = task_group(async |g| {
                g.spawn(foreign.around(inner("child")));
            });
            let branch = foreign.around(async { drop(foreign.around(group).await) });
            let body = gather((branch, foreign.around(inner("branch"))));
            let outcome = timeout(ms(100), foreign.around(body)).await;
            notes.note(format!("never: {outcome:?}"));
        }));
        sleep(ms(10)).await;
        task.cancel_with("outer");
        let cancelled = cancellation_of(task).await;
        assert_eq!(cancelled.to_string(), "cancelled: outer");
        let mut names = trace.take();
        names.sort();
        assert_eq!(names, ["branch: outer", "child: outer"]);
    });
}

#[test]
fn c15_a_gather_among_foreign_combinators_waits_for_every_branch_and_the_cancellation_goes_on() {
    for_each(async |foreign| {
        let trace = Trace::new();
        let notes = trace.clone();
        let task = spawn(foreign.around(async move {
            let inner =
                |name, takes| foreign.around(cleans_up(foreign, notes.clone(), name, takes));
            let gathered = gather((
                inner("slow", ms(20)),
                inner("fast", ms(10)),
                foreign.around(pending::<()>()),
                foreign.around(swallows(foreign, ())),
            ));
            let outcome = catch_cancel(foreign.around(gathered)).await;
            notes.note(outcome.unwrap_err().to_string());
            let names = [("third", ms(1))].into_iter();
            let mut stream = as_completed(names.map(|(name, takes)| inner(name, takes)));
            let next = foreign.around(stream.next()).await;
            notes.note(format!("never: {next:?}"));
        }));
        sleep(ms(5)).await;
        task.cancel_with("enough");
        sleep(ms(50)).await;
        task.cancel_with("again");
        let cancelled = cancellation_of(task).await;
        assert_eq!(cancelled.to_string(), "cancelled: again");
        let expected = [
            "fast: enough",
            "slow: enough",
            "cancelled: enough",
            "third: again",
        ];
        assert_eq!(trace.take(), expected);
    });
}

/// A task that, when it is cancelled, cleans up for 10 ms and resumes.
fn slow_to_stop(foreign: Foreign, trace: &Trace) -> JoinHandle<()> {
    spawn(cleans_up(foreign, trace.clone(), "task", ms(10)))
}

#[test]
fn c21_what_was_awaited_in_a_foreign_combinator_is_cancelled_and_waited_for() {
    for_each(async |foreign| {
        let trace = Trace::new();
        let outer = spawn(foreign.around(slow_to_stop(foreign, &trace)));
        sleep(ms(5)).await;
        let start = time::now();
        outer.cancel();
        assert!(outer.await.unwrap_err().is_cancelled());
        assert_eq!(time::now() - start, ms(10));
        trace.expect(["task: the awaiter has gone"]);

        let awaits = foreign.around(slow_to_stop(foreign, &trace));
        let start = time::now();
        assert!(timeout(ms(5), awaits).await.is_err());
        assert_eq!(time::now() - start, ms(15));
        trace.expect(["task: the awaiter has gone"]);

        let notes = trace.clone();
        let task = spawn(foreign.around(async move {
            let awaits = foreign.around(slow_to_stop(foreign, &notes));
            catch_cancel(awaits).await.unwrap_err();
            notes.note("caught");
        }));
        sleep(ms(5)).await;
        task.cancel();
        task.await.unwrap();
        trace.expect(["task: the awaiter has gone", "caught"]);
    });
}

#[test]
fn c21_a_select_that_drops_a_handle_cancels_its_task_and_does_not_wait() {
    testing::run(async {
        let trace = Trace::new();
        let task = slow_to_stop(Foreign::Select, &trace);
        let watch = task.cancel_handle();
        turns(1).await;
        let start = time::now();
        drop(future::select(task, pin!(sleep(ms(5)))).await);
        assert_eq!(time::now() - start, ms(5));
        assert!(!watch.is_finished());
        sleep(ms(11)).await;
        assert!(watch.is_finished());
        trace.expect(["task: the awaiter has gone"]);
    });
}

#[test]
fn c21_a_timeout_around_a_borrowed_handle_in_a_foreign_combinator_leaves_the_task_alone() {
    for_each(async |foreign| {
        let mut task = spawn(async {
            sleep(ms(20)).await;
            5
        });
        let start = time::now();
        let brief = timeout(ms(5), foreign.around(&mut task)).await;
        assert!(brief.is_err());
        assert_eq!(time::now() - start, ms(5));
        assert_eq!(foreign.around(task).await.unwrap(), 5);
    });
}

#[test]
fn c22_a_cancellation_from_elsewhere_passes_scopes_among_foreign_combinators() {
    for_each(async |foreign| {
        let elsewhere = spawn(pending::<()>());
        elsewhere.cancel_with("foreign");
        let elsewhere = cancellation_of(elsewhere).await;
        let trace = Trace::new();
        let notes = trace.clone();
        let task = spawn(foreign.around(async move {
            let resumes = async {
                foreign.around(sleep(ms(5))).await;
                elsewhere.resume().await
            };
            let cleans = cleans_up(foreign, notes.clone(), "neighbour", ms(10));
            let child = cleans_up(foreign, notes.clone(), "child", ms(1));
            let group = task_group(async |g| {
                g.spawn(child);
                let both = gather((foreign.around(resumes), foreign.around(cleans)));
                foreign.around(both).await;
            });
            let outcome = timeout(ms(100), foreign.around(group)).await;
            notes.note(format!("never: {outcome:?}"));
        }));
        let cancelled = cancellation_of(task).await;
        assert_eq!(cancelled.to_string(), "cancelled: foreign");
        let names = trace.take();
        assert_eq!(names.len(), 2, "{names:?}");
        assert_eq!(names[0], "neighbour: foreign");
        assert!(names[1].starts_with("child: "), "{names:?}");
    });
}

#[test]
fn c23_a_shield_in_a_foreign_combinator_holds_off_the_timeout_around_it() {
    for_each(async |foreign| {
        let start = time::now();
        let body = foreign.around(async move {
            foreign.around(shield(foreign.around(sleep(ms(30))))).await;
            pending::<()>().await
        });
        assert!(timeout(ms(10), body).await.is_err());
        assert_eq!(time::now() - start, ms(30), "Elapsed comes late");
        let bounded = shield(foreign.around(timeout(ms(10), foreign.around(pending::<()>()))));
        assert!(foreign.around(bounded).await.is_err());
    });
}
