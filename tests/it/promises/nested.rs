//! C7 and C8: catch points inside one another, with and without third-party combinators in between.

#![allow(
    clippy::map_identity,
    reason = "the map gives `!` a type that has Debug and Eq"
)]

use std::future::{Future, pending};
use std::pin::pin;
use std::time::Duration;

use crate::common::{Plan, Probe, turns};
use futures::future::{self, Either};
use futures::stream::{FuturesUnordered, StreamExt};
use wheelhouse::testing::Trace;
use wheelhouse::{Cancelled, JoinError, catch_cancel, sleep, spawn, testing, yield_now};

/// Waits for ever, notes its cancellation, cleans up for a turn, notes that, and gives the
/// cancellation.
async fn cleans_up(trace: Trace, name: &'static str) -> Cancelled {
    let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
    trace.note(format!("{name} caught"));
    yield_now().await;
    trace.note(format!("{name} clean"));
    cancelled
}

/// Runs `inner`; a cancellation that comes out of it is noted and passed on.
async fn passes_on<T>(trace: Trace, name: &'static str, inner: impl Future<Output = T>) -> T {
    match catch_cancel(inner).await {
        Ok(value) => value,
        Err(cancelled) => {
            trace.note(format!("{name} caught"));
            yield_now().await;
            trace.note(format!("{name} clean"));
            cancelled.resume().await
        }
    }
}

#[test]
fn c8_nested_catch_points_get_the_cancellation_from_the_inside_out_with_each_resume() {
    testing::run(async {
        let trace = Trace::new();
        let inner = passes_on(trace.clone(), "inner", pending::<()>());
        let middle = passes_on(trace.clone(), "middle", inner);
        let task = spawn(passes_on(trace.clone(), "outer", middle));
        turns(1).await;
        task.cancel_with("all");
        let error = task.await.unwrap_err();
        assert_eq!(error.to_string(), "the task was cancelled: all");
        trace.expect([
            "inner caught",
            "inner clean",
            "middle caught",
            "middle clean",
            "outer caught",
            "outer clean",
        ]);
    });
}

#[test]
fn c8_a_cancellation_that_an_inner_catch_point_swallows_reaches_no_outer_one() {
    testing::run(async {
        let trace = Trace::new();
        let inner = cleans_up(trace.clone(), "inner");
        let task = spawn(passes_on(trace.clone(), "outer", inner));
        turns(1).await;
        task.cancel();
        task.await.unwrap();
        trace.expect(["inner caught", "inner clean"]);
    });
}

#[test]
fn c8_a_catch_point_that_is_done_is_none() {
    testing::run(async {
        let task = spawn(async {
            catch_cancel(async {
                catch_cancel(yield_now()).await.unwrap();
                catch_cancel(async {}).await.unwrap();
                pending::<()>().await
            })
            .await
            .is_err()
        });
        turns(3).await;
        task.cancel();
        assert!(task.await.unwrap());
    });
}

#[test]
fn c8_in_a_join_both_branches_get_the_cancellation_and_clean_up() {
    testing::run(async {
        let trace = Trace::new();
        let (a, b) = (cleans_up(trace.clone(), "a"), cleans_up(trace.clone(), "b"));
        let task = spawn(passes_on(trace.clone(), "outer", async move {
            futures::join!(a, b)
        }));
        turns(1).await;
        task.cancel_with("both");
        let (a, b) = task.await.unwrap();
        assert_eq!(a.reason(), b.reason());
        trace.expect(["a caught", "b caught", "a clean", "b clean"]);
    });
}

#[test]
fn c8_a_resume_in_a_join_goes_to_the_catch_point_around_it() {
    testing::run(async {
        let trace = Trace::new();
        let (a, b) = (
            passes_on(trace.clone(), "a", pending::<()>()),
            pending::<()>(),
        );
        let b_dropped = trace.note_on_drop("b dropped");
        let task = spawn(passes_on(trace.clone(), "outer", async move {
            let b = async move {
                let _dropped = b_dropped;
                b.await
            };
            futures::join!(a, b)
        }));
        turns(1).await;
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
        trace.expect([
            "a caught",
            "a clean",
            "b dropped",
            "outer caught",
            "outer clean",
        ]);
    });
}

#[test]
fn c8_in_a_select_the_branch_that_catches_wins_and_the_other_is_dropped() {
    testing::run(async {
        let trace = Trace::new();
        let catches = cleans_up(trace.clone(), "branch");
        let dropped = trace.note_on_drop("other dropped");
        let notes = trace.clone();
        let task = spawn(passes_on(trace.clone(), "outer", async move {
            let other = async move {
                let _dropped = dropped;
                pending::<()>().await
            };
            let won = match future::select(pin!(catches), Box::pin(other)).await {
                Either::Left((cancelled, _other)) => cancelled.reason().to_string(),
                Either::Right(_) => "the other".to_owned(),
            };
            notes.note("select done");
            yield_now().await;
            won
        }));
        turns(1).await;
        task.cancel_with("one of two");
        assert_eq!(task.await.unwrap(), "one of two");
        trace.expect([
            "branch caught",
            "branch clean",
            "other dropped",
            "select done",
        ]);
    });
}

#[test]
fn c8_a_catch_point_that_a_select_drops_unpolled_passes_the_cancellation_on() {
    testing::run(async {
        let trace = Trace::new();
        let (probe, counts) = Probe::new(Plan::ends_at(2));
        let unheard = cleans_up(trace.clone(), "unheard");
        let task = spawn(passes_on(trace.clone(), "outer", async move {
            // The probe ends in the turn in which the cancellation comes, and is asked first.
            drop(future::select(probe, pin!(unheard)).await);
            pending::<()>().await
        }));
        turns(1).await;
        counts.waker().unwrap().wake();
        task.cancel();
        let error = task.await.unwrap_err();
        assert!(error.is_cancelled());
        trace.expect(["outer caught", "outer clean"]);
    });
}

#[test]
fn c8_a_select_over_two_catch_points_lets_the_cancellation_of_the_loser_go_outwards() {
    testing::run(async {
        let trace = Trace::new();
        let notes = trace.clone();
        let task = spawn(passes_on(trace.clone(), "outer", async move {
            let (one, two) = (catch_cancel(pending::<()>()), catch_cancel(pending::<()>()));
            drop(future::select(one, two).await);
            notes.note("one of them caught");
            yield_now().await;
            notes.note("never");
        }));
        turns(1).await;
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
        trace.expect(["one of them caught", "outer caught", "outer clean"]);
    });
}

#[test]
fn c8_in_futures_unordered_every_member_is_woken_by_its_own_waker() {
    testing::run(async {
        let trace = Trace::new();
        let task = {
            let trace = trace.clone();
            spawn(async move {
                let mut members: FuturesUnordered<_> = ["a", "b", "c"]
                    .into_iter()
                    .map(|name| cleans_up(trace.clone(), name))
                    .collect();
                let mut last = None;
                while let Some(cancelled) = members.next().await {
                    last = Some(cancelled);
                }
                last.expect("three members").resume().await
            })
        };
        turns(1).await;
        task.cancel_with("the lot");
        let error = task.await.map(|never| -> () { never }).unwrap_err();
        assert_eq!(error.to_string(), "the task was cancelled: the lot");
        let mut names = trace.take();
        assert!(
            names[..3].iter().all(|name| name.ends_with("caught")),
            "{names:?}"
        );
        names.sort();
        assert_eq!(
            names,
            [
                "a caught", "a clean", "b caught", "b clean", "c caught", "c clean"
            ]
        );
    });
}

#[test]
fn c8_a_member_of_futures_unordered_is_polled_only_when_it_is_concerned() {
    testing::run(async {
        let (probe, counts) = Probe::new(Plan::ends_at(3));
        let task = spawn(async move {
            let mut members = FuturesUnordered::new();
            members.push(Either::Left(async {
                drop(probe.await);
            }));
            members.push(Either::Right(async {
                catch_cancel(pending::<()>()).await.unwrap_err();
            }));
            members.next().await;
            counts.all().0
        });
        turns(1).await;
        task.cancel();
        assert_eq!(
            task.await.unwrap(),
            1,
            "polls of the member without a catch point"
        );
    });
}

#[test]
fn c7_a_cancellation_of_another_task_may_be_resumed_and_ends_this_one() {
    testing::run(async {
        let trace = Trace::new();
        let other = spawn(pending::<()>());
        other.cancel_with("theirs");
        let task = spawn(passes_on(trace.clone(), "outer", async {
            match other.await {
                Err(JoinError::Cancelled(theirs)) => theirs.resume().await,
                _ => panic!("the other was cancelled"),
            }
        }));
        let error = task.await.map(|never: ()| never).unwrap_err();
        assert_eq!(error.to_string(), "the task was cancelled: theirs");
        trace.expect(["outer caught", "outer clean"]);
    });
}

#[test]
fn c7_resume_inside_a_join_without_an_outer_catch_point_ends_the_task() {
    testing::run(async {
        let trace = Trace::new();
        let dropped = trace.note_on_drop("neighbour dropped");
        let task = spawn(async move {
            let neighbour = async move {
                let _dropped = dropped;
                sleep(Duration::from_secs(100)).await;
            };
            let resumes = async {
                let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
                cancelled.resume().await
            };
            futures::join!(resumes, neighbour)
        });
        turns(1).await;
        task.cancel();
        assert!(task.await.map(drop).unwrap_err().is_cancelled());
        trace.expect(["neighbour dropped"]);
    });
}

#[test]
fn c4_a_resume_in_a_branch_that_loses_its_race_does_not_take_the_result_away() {
    testing::run(async {
        let task = spawn(async {
            let resumes = async {
                let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
                cancelled.resume().await
            };
            let wins = async {
                catch_cancel(pending::<()>()).await.unwrap_err();
                5
            };
            match future::select(pin!(resumes), pin!(wins)).await {
                Either::Left((never, _)) => never,
                Either::Right((value, _)) => value,
            }
        });
        turns(1).await;
        task.cancel();
        assert_eq!(task.await.unwrap(), 5);
    });
}

#[test]
fn a_catch_point_may_be_carried_from_one_task_to_another() {
    testing::run(async {
        let carried = {
            let first = spawn(async {
                let mut carried = Box::pin(catch_cancel(pending::<()>()));
                assert!(futures::poll!(&mut carried).is_pending());
                carried
            });
            first.await.unwrap()
        };
        let second = spawn(async move { carried.await.unwrap_err().reason().to_string() });
        turns(1).await;
        second.cancel_with("the second");
        assert_eq!(second.await.unwrap(), "the second");
    });
}
