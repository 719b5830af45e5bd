//! C11 to C15 and C21 to C23, the promises about scopes, with third-party combinators in between:
//! `join!`, `select!`, `FuturesUnordered`.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use crate::common::combinator::Combinator;
use crate::common::handles::cancellation_of;
use crate::common::turns;
use futures::future;
use wheelhouse::testing::Trace;
use wheelhouse::{
    JoinHandle, as_completed, catch_cancel, gather, shield, sleep, spawn, task_group, testing,
    time, timeout,
};

/// Milliseconds.
const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Runs a test for each combinator.
fn for_each(scene: impl AsyncFn(Combinator)) {
    for combinator in Combinator::ALL {
        testing::run(scene(combinator));
    }
}

/// Waits in a combinator. When cancelled, cleans up in another one, notes the reason, and resumes.
async fn cleans_up(combinator: Combinator, trace: Trace, name: &'static str, takes: Duration) {
    let caught = catch_cancel(combinator.around(pending::<()>())).await;
    let cancelled = caught.unwrap_err();
    combinator.around(sleep(takes)).await;
    trace.note(format!("{name}: {}", cancelled.reason()));
    cancelled.resume().await
}

/// Waits in a combinator. When cancelled, returns a value.
async fn swallows<T>(combinator: Combinator, value: T) -> T {
    drop(catch_cancel(combinator.around(pending::<()>())).await);
    value
}

#[test]
fn c11_a_shield_in_third_party_combinators_returns_its_value_and_then_the_cancellation_arrives() {
    for_each(async |combinator| {
        let trace = Trace::new();
        let notes = trace.clone();
        let task = spawn(combinator.around(async move {
            let commit = combinator.around(async {
                combinator.around(sleep(ms(10))).await;
                7
            });
            let value = combinator.around(shield(commit)).await;
            notes.note(format!("{value}"));
            // No `yield_now`: `FuturesUnordered` polls that twice in one poll, so that the task is
            // not suspended.
            combinator.around(sleep(ms(1))).await;
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
fn c12_a_timeout_around_third_party_combinators_lets_the_inside_clean_up_first() {
    for_each(async |combinator| {
        let (trace, start) = (Trace::new(), time::now());
        let body = combinator.around(cleans_up(combinator, trace.clone(), "inside", ms(5)));
        assert!(combinator.around(timeout(ms(10), body)).await.is_err());
        assert_eq!(time::now() - start, ms(15));
        trace.expect(["inside: the time was up"]);
        let body = combinator.around(swallows(combinator, 5));
        assert_eq!(combinator.around(timeout(ms(10), body)).await, Ok(5));
    });
}

/// A task with a timeout of 10 ms and a clean-up inside third-party combinators.
fn times_out(combinator: Combinator, trace: &Trace) -> JoinHandle<()> {
    let notes = trace.clone();
    spawn(combinator.around(async move {
        let body = combinator.around(cleans_up(combinator, notes.clone(), "inside", ms(5)));
        let outcome = timeout(ms(10), body).await;
        notes.note(format!("never: {outcome:?}"));
    }))
}

#[test]
fn c13_an_outer_cancel_in_the_turn_of_the_timeout_wins_through_third_party_combinators() {
    for_each(async |combinator| {
        for cancel_is_first in [true, false] {
            let trace = Trace::new();
            let mut at_ten = Box::pin(sleep(ms(10)));
            if cancel_is_first {
                // Timers of one deadline fire in the order in which they were set.
                assert!(futures::poll!(&mut at_ten).is_pending());
            }
            let task = times_out(combinator, &trace);
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
fn c14_with_third_party_combinators_in_between_no_scope_absorbs_a_cancellation_from_outside() {
    for_each(async |combinator| {
        let trace = Trace::new();
        let notes = trace.clone();
        let task = spawn(combinator.around(async move {
            let inner = async |name| cleans_up(combinator, notes.clone(), name, ms(5)).await;
            let group = task_group(async |g| {
                g.spawn(combinator.around(inner("child")));
            });
            let branch = combinator.around(async { drop(combinator.around(group).await) });
            let body = gather((branch, combinator.around(inner("branch"))));
            let outcome = timeout(ms(100), combinator.around(body)).await;
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
fn c15_a_gather_in_third_party_combinators_waits_for_every_branch_and_then_passes_it_on() {
    for_each(async |combinator| {
        let trace = Trace::new();
        let notes = trace.clone();
        let task = spawn(combinator.around(async move {
            let inner =
                |name, takes| combinator.around(cleans_up(combinator, notes.clone(), name, takes));
            let gathered = gather((
                inner("slow", ms(20)),
                inner("fast", ms(10)),
                combinator.around(pending::<()>()),
                combinator.around(swallows(combinator, ())),
            ));
            let outcome = catch_cancel(combinator.around(gathered)).await;
            notes.note(outcome.unwrap_err().to_string());
            let names = [("third", ms(1))].into_iter();
            let mut stream = as_completed(names.map(|(name, takes)| inner(name, takes)));
            let next = combinator.around(stream.next()).await;
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
fn slow_to_stop(combinator: Combinator, trace: &Trace) -> JoinHandle<()> {
    spawn(cleans_up(combinator, trace.clone(), "task", ms(10)))
}

#[test]
fn c21_a_task_that_is_awaited_in_a_third_party_combinator_is_cancelled_and_waited_for() {
    for_each(async |combinator| {
        let trace = Trace::new();
        let outer = spawn(combinator.around(slow_to_stop(combinator, &trace)));
        sleep(ms(5)).await;
        let start = time::now();
        outer.cancel();
        assert!(outer.await.unwrap_err().is_cancelled());
        assert_eq!(time::now() - start, ms(10));
        trace.expect(["task: the awaiter has gone"]);

        let awaits = combinator.around(slow_to_stop(combinator, &trace));
        let start = time::now();
        assert!(timeout(ms(5), awaits).await.is_err());
        assert_eq!(time::now() - start, ms(15));
        trace.expect(["task: the awaiter has gone"]);

        let notes = trace.clone();
        let task = spawn(combinator.around(async move {
            let awaits = combinator.around(slow_to_stop(combinator, &notes));
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
        let task = slow_to_stop(Combinator::Select, &trace);
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
fn c21_a_timeout_around_a_borrowed_handle_in_a_third_party_combinator_does_not_cancel() {
    for_each(async |combinator| {
        let mut task = spawn(async {
            sleep(ms(20)).await;
            5
        });
        let start = time::now();
        let brief = timeout(ms(5), combinator.around(&mut task)).await;
        assert!(brief.is_err());
        assert_eq!(time::now() - start, ms(5));
        assert_eq!(combinator.around(task).await.unwrap(), 5);
    });
}

#[test]
fn c22_a_cancellation_from_elsewhere_passes_scopes_among_third_party_combinators() {
    for_each(async |combinator| {
        let elsewhere = spawn(pending::<()>());
        elsewhere.cancel_with("combinator");
        let elsewhere = cancellation_of(elsewhere).await;
        let trace = Trace::new();
        let notes = trace.clone();
        let task = spawn(combinator.around(async move {
            let resumes = async {
                combinator.around(sleep(ms(5))).await;
                elsewhere.resume().await
            };
            let cleans = cleans_up(combinator, notes.clone(), "neighbour", ms(10));
            let child = cleans_up(combinator, notes.clone(), "child", ms(1));
            let group = task_group(async |g| {
                g.spawn(child);
                let both = gather((combinator.around(resumes), combinator.around(cleans)));
                combinator.around(both).await;
            });
            let outcome = timeout(ms(100), combinator.around(group)).await;
            notes.note(format!("never: {outcome:?}"));
        }));
        let cancelled = cancellation_of(task).await;
        assert_eq!(cancelled.to_string(), "cancelled: combinator");
        let names = trace.take();
        assert_eq!(names.len(), 2, "{names:?}");
        assert_eq!(names[0], "neighbour: combinator");
        assert!(names[1].starts_with("child: "), "{names:?}");
    });
}

#[test]
fn c23_a_shield_in_a_third_party_combinator_delays_the_timeout_around_it() {
    for_each(async |combinator| {
        let start = time::now();
        let body = combinator.around(async move {
            combinator
                .around(shield(combinator.around(sleep(ms(30)))))
                .await;
            pending::<()>().await
        });
        assert!(timeout(ms(10), body).await.is_err());
        assert_eq!(time::now() - start, ms(30), "Elapsed comes late");
        let bounded =
            shield(combinator.around(timeout(ms(10), combinator.around(pending::<()>()))));
        assert!(combinator.around(bounded).await.is_err());
    });
}
