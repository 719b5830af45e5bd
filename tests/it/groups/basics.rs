//! Task groups: children that borrow, failures, panics, cancellation from inside and outside.

use std::cell::{Cell, RefCell};
use std::future::{pending, ready};
use std::time::Duration;

use crate::common::handles::cancellation_of;
use crate::common::{panic_text, silent_panic, turns};
use wheelhouse::testing::Trace;
use wheelhouse::{
    GroupError, JoinError, Reason, catch_cancel, shield, sleep, spawn, task, task_group, testing,
    time, timeout, yield_now,
};

/// So many milliseconds.
const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Never ends. When cancelled, cleans up for `takes`, notes the reason, and resumes.
async fn cleans_up(trace: &Trace, name: &'static str, takes: Duration) {
    let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
    sleep(takes).await;
    trace.note(format!("{name}: {}", cancelled.reason()));
    cancelled.resume().await
}

#[test]
fn a_group_ends_when_body_and_children_have() {
    let done = Cell::new(0);
    testing::run(async {
        let start = time::now();
        let outcome = task_group(async |g| {
            for n in 1..=3_u64 {
                let done = &done;
                g.spawn(async move {
                    sleep(ms(10 * n)).await;
                    done.set(done.get() + n);
                });
            }
            assert_eq!(g.len(), 3);
        })
        .await;
        assert!(outcome.is_ok());
        assert_eq!(time::now() - start, ms(30));
    });
    assert_eq!(done.get(), 6);
}

#[test]
fn children_are_tasks_and_give_their_values_to_handles() {
    testing::run(async {
        let words = [String::from("a"), String::from("bc")];
        let parent = task::current().id();
        let lengths = task_group(async |g| {
            let handles: Vec<_> = words
                .iter()
                .map(|word| {
                    g.builder().name(word.as_str()).spawn(async move {
                        yield_now().await;
                        assert_eq!(task::current().name(), Some(word.as_str()));
                        assert_ne!(task::current().id(), parent);
                        Ok::<_, JoinError>(word.len())
                    })
                })
                .collect();
            assert_eq!(task::current().id(), parent, "the body is the parent's");
            let mut lengths = Vec::new();
            for handle in handles {
                lengths.push(handle.await?);
            }
            Ok(lengths)
        })
        .await;
        assert_eq!(lengths.unwrap(), [1, 2]);
    });
}

#[test]
fn a_failing_child_cancels_the_others_and_the_body_and_all_errors_come_out() {
    let trace = Trace::new();
    testing::run(async {
        let start = time::now();
        let trace = &trace;
        let outcome = task_group(async |g| {
            let failing = g.spawn(async {
                sleep(ms(5)).await;
                Err::<(), _>("first")
            });
            g.spawn(async {
                cleans_up(trace, "child", ms(10)).await;
                Ok::<(), &str>(())
            });
            g.spawn(async {
                drop(catch_cancel(pending::<()>()).await);
                Err::<(), _>("second")
            });
            g.spawn(pending::<Result<(), &str>>());
            drop(failing);
            cleans_up(trace, "body", ms(20)).await;
            Ok(())
        })
        .await;
        let error = outcome.unwrap_err();
        assert_eq!(
            error.errors().copied().collect::<Vec<_>>(),
            ["first", "second"]
        );
        assert_eq!(
            error.to_string(),
            "2 members of the group failed, the first: first"
        );
        assert_eq!(time::now() - start, ms(25));
    });
    trace.expect(["child: a sibling failed", "body: a sibling failed"]);
}

#[test]
fn the_handle_of_a_failed_child_returns_that_its_error_went_to_the_group() {
    testing::run(async {
        let slot = RefCell::new(None);
        let outcome = task_group(async |g| {
            let handle = g.spawn(async { Err::<(), _>("mine") });
            *slot.borrow_mut() = Some(handle);
            Ok::<_, &str>(())
        })
        .await;
        assert!(matches!(
            outcome,
            Err(GroupError::Failed { first: "mine", .. })
        ));
        let mut handle = slot.take().unwrap();
        assert!(matches!(handle.try_join(), Some(Err(JoinError::Failed))));
    });
}

#[test]
fn a_panic_of_a_child_goes_on_in_the_parent_when_the_others_have_cleaned_up() {
    let trace = Trace::new();
    let text = panic_text(|| {
        testing::run(async {
            let trace = &trace;
            task_group(async |g| {
                g.spawn(cleans_up(trace, "other", ms(10)));
                yield_now().await;
                g.spawn(async { silent_panic("a child") });
            })
            .await
        })
    });
    assert_eq!(text, "a child");
    trace.expect(["other: a sibling failed"]);
}

#[test]
fn a_cancelled_parent_cancels_its_children_and_then_the_cancellation_propagates() {
    let trace = Trace::new();
    testing::run(async {
        let notes = trace.clone();
        let parent = spawn(async move {
            let outcome = task_group(async |g| {
                g.spawn(async {
                    cleans_up(&notes, "child", ms(10)).await;
                    Ok(())
                });
                g.spawn(async {
                    drop(catch_cancel(pending::<()>()).await);
                    Err::<(), _>("too late")
                });
                Ok(())
            })
            .await;
            notes.note(format!("never: {outcome:?}"));
        });
        turns(3).await;
        parent.cancel_with("enough");
        assert_eq!(
            cancellation_of(parent).await.to_string(),
            "cancelled: enough"
        );
    });
    trace.expect(["child: enough"]);
}

#[test]
fn cancel_ends_children_and_body_and_a_body_that_had_ended_keeps_its_value() {
    let trace = Trace::new();
    testing::run(async {
        let trace = &trace;
        let outcome = task_group(async |g| {
            g.spawn(cleans_up(trace, "child", ms(1)));
            g.spawn(async {
                sleep(ms(5)).await;
                g.cancel();
                g.spawn(async { trace.note("never polled") });
            });
            pending::<()>().await
        })
        .await;
        let error = outcome.unwrap_err();
        assert!(error.is_cancelled());
        let GroupError::Cancelled(cancelled) = error else {
            panic!("not cancelled")
        };
        assert_eq!(cancelled.reason(), &Reason::GroupCancelled);

        let outcome = task_group(async |g| {
            g.spawn(async {
                sleep(ms(5)).await;
                g.cancel();
            });
            g.spawn(pending::<()>());
        })
        .await;
        assert!(outcome.is_ok());
    });
    trace.expect(["child: the group was cancelled"]);
}

#[test]
fn a_child_that_is_cancelled_through_its_handle_is_no_failure() {
    testing::run(async {
        let outcome = task_group(async |g| {
            let child = g.spawn(pending::<()>());
            yield_now().await;
            assert!(child.cancel());
            assert!(child.await.unwrap_err().is_cancelled());
        })
        .await;
        assert!(outcome.is_ok());
    });
}

#[test]
fn a_timeout_around_a_group_cancels_its_children_and_returns_elapsed() {
    let trace = Trace::new();
    testing::run(async {
        let start = time::now();
        let group = task_group(async |g| {
            g.spawn(cleans_up(&trace, "child", ms(10)));
            g.spawn(async {
                shield(sleep(ms(30))).await;
                trace.note("shielded");
                yield_now().await;
                trace.note("never");
            });
        });
        assert!(timeout(ms(5), group).await.is_err());
        assert_eq!(time::now() - start, ms(30));
    });
    trace.expect(["child: the time was up", "shielded"]);
}

#[test]
fn a_limit_bounds_how_many_run_at_once() {
    testing::run(async {
        let (now, most) = (Cell::new(0), Cell::new(0));
        let start = time::now();
        task_group(async |g| {
            g.limit(3);
            for _ in 0..10 {
                g.spawn(async {
                    now.set(now.get() + 1);
                    most.set(most.get().max(now.get()));
                    sleep(ms(10)).await;
                    now.set(now.get() - 1);
                });
            }
            let waits = g.spawn(pending::<()>());
            yield_now().await;
            waits.cancel();
            assert!(
                waits.await.unwrap_err().is_cancelled(),
                "though it was not its turn"
            );
            assert_eq!(time::now() - start, Duration::ZERO);
        })
        .await
        .unwrap();
        assert_eq!(most.get(), 3);
        assert_eq!(time::now() - start, ms(40));
    });
}

#[test]
fn children_may_spawn_siblings_that_the_group_waits_for() {
    testing::run(async {
        let count = Cell::new(0);
        task_group(async |g| {
            let count = &count;
            g.spawn(async move {
                for _ in 0..3 {
                    g.spawn(async move {
                        g.spawn(async move {
                            sleep(ms(5)).await;
                            count.set(count.get() + 1);
                        });
                    });
                }
            });
        })
        .await
        .unwrap();
        assert_eq!(count.get(), 3);
    });
}

#[test]
fn a_thousand_children_and_a_group_of_nothing() {
    testing::run(async {
        task_group(async |_| {}).await.unwrap();
        assert_eq!(task_group(async |_| Ok::<_, ()>(5)).await.unwrap(), 5);
        let sum = Cell::new(0_u32);
        task_group(async |g| {
            let sum = &sum;
            for n in 0..1000 {
                g.spawn(async move {
                    for _ in 0..n % 5 {
                        yield_now().await;
                    }
                    sum.set(sum.get() + n);
                });
            }
            ready(()).await;
        })
        .await
        .unwrap();
        assert_eq!(sum.get(), 499_500);
    });
}
