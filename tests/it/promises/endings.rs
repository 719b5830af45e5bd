//! C27: of scopes that end at one moment the outermost wins, and a deadline that is zero or past
//! cancels at the first suspension.
//!
//! What went wrong: the inner one won. A retry loop began one attempt after the total deadline, and
//! the code after an inner timeout ran though its task had been cancelled. A deadline of zero was
//! noticed after 64 yields.

use std::cell::Cell;
use std::future::{Future, pending};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use crate::common::combinator::Combinator;
use wheelhouse::testing::{Trace, explore};
use wheelhouse::{
    catch_cancel, finally, gather, run, shield, sleep, spawn, task, task_group, testing, time,
    timeout, timeout_at, try_gather, yield_now,
};

const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// What is between the outer scope and the inner one.
#[derive(Clone, Copy, Debug)]
enum Between {
    Nothing,
    Catch,
    Timeout,
    Branch,
    Body,
    Child,
}

impl Between {
    const ALL: [Self; 6] = [
        Self::Nothing,
        Self::Catch,
        Self::Timeout,
        Self::Branch,
        Self::Body,
        Self::Child,
    ];

    /// Runs `inner` inside; what a cancellation leaves of it is passed on.
    async fn around(self, inner: Pin<Box<dyn Future<Output = ()>>>) {
        match self {
            Self::Nothing => inner.await,
            Self::Catch => match catch_cancel(inner).await {
                Ok(()) => {}
                Err(cancelled) => cancelled.resume().await,
            },
            Self::Timeout => drop(timeout(ms(3_600_000), inner).await.is_ok()),
            Self::Branch => drop(gather((inner, async {})).await),
            Self::Body => drop(task_group(async |_| inner.await).await.is_ok()),
            Self::Child => drop(task_group(async |g| drop(g.spawn(inner))).await.is_ok()),
        }
    }
}

/// A timeout of `limit` around nothing that ends; then code that must not run, told by the flag,
/// for however long.
fn inner(limit: Duration, ran: &Rc<Cell<bool>>) -> Pin<Box<dyn Future<Output = ()>>> {
    let ran = Rc::clone(ran);
    Box::pin(async move {
        timeout(limit, pending::<()>()).await.ok();
        ran.set(true);
        pending().await
    })
}

#[test]
fn c27_of_two_timeouts_with_one_deadline_the_outer_one_ends() {
    for between in Between::ALL {
        for limit in [ms(0), ms(10)] {
            testing::run(async move {
                let ran = Rc::new(Cell::new(false));
                let start = time::now();
                let ended = timeout(limit, between.around(inner(limit, &ran))).await;
                assert!(ended.is_err(), "{between:?}");
                assert!(!ran.get(), "{between:?}, {limit:?}: the inner one won");
                assert_eq!(time::now() - start, limit, "{between:?}");
            });
        }
    }
}

#[test]
fn c27_the_order_of_the_tasks_does_not_matter() {
    explore(0..32, || async {
        for between in Between::ALL {
            let ran = Rc::new(Cell::new(false));
            let busy = spawn(async { sleep(ms(10)).await });
            let ended = timeout(ms(10), between.around(inner(ms(10), &ran))).await;
            assert!(ended.is_err() && !ran.get(), "{between:?}");
            busy.await.unwrap();
        }
    });
}

#[test]
fn c27_of_many_timeouts_with_one_deadline_the_outermost_ends() {
    fn nested(
        deadline: std::time::Instant,
        depth: u32,
        trace: Trace,
    ) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(async move {
            if depth == 0 {
                return pending().await;
            }
            let inside = nested(deadline, depth - 1, trace.clone());
            timeout_at(deadline, inside).await.ok();
            trace.note(format!("{depth} ended"));
            sleep(ms(1)).await;
        })
    }
    testing::run(async {
        let trace = Trace::new();
        let start = time::now();
        nested(start + ms(10), 20, trace.clone()).await;
        trace.expect(["20 ended"]);
        assert_eq!(time::now() - start, ms(11));
    });
}

#[test]
fn c27_a_retry_loop_begins_no_attempt_after_the_total_deadline() {
    testing::run(async {
        let attempts = Cell::new(0);
        let total = timeout(ms(30), async {
            loop {
                attempts.set(attempts.get() + 1);
                if timeout(ms(10), pending::<()>()).await.is_ok() {
                    break;
                }
            }
        });
        assert!(total.await.is_err());
        assert_eq!(attempts.get(), 3);
    });
}

#[test]
fn c27_third_party_combinators_in_between_change_nothing() {
    for combinator in Combinator::ALL {
        for limit in [ms(0), ms(10)] {
            testing::run(async move {
                let ran = Rc::new(Cell::new(false));
                let inside = combinator.around(inner(limit, &ran));
                assert!(timeout(limit, inside).await.is_err());
                assert!(!ran.get(), "{combinator:?}, {limit:?}");
            });
        }
    }
}

#[test]
fn c27_a_task_that_was_cancelled_goes_before_a_timeout_or_a_group_inside() {
    for between in Between::ALL {
        testing::run(async move {
            let ran = Rc::new(Cell::new(false));
            let flag = Rc::clone(&ran);
            let task = spawn(async move {
                task::current().cancel_handle().cancel_with("outer");
                between.around(inner(ms(0), &flag)).await;
            });
            let error = task.await.unwrap_err();
            assert_eq!(
                error.to_string(),
                "the task was cancelled: outer",
                "{between:?}"
            );
            assert!(!ran.get(), "{between:?}");
        });
    }
    testing::run(async {
        let ran = Rc::new(Cell::new(false));
        let flag = Rc::clone(&ran);
        let task = spawn(async move {
            task::current().cancel_handle().cancel();
            task_group(async |g| {
                g.cancel();
                pending::<()>().await;
            })
            .await
            .ok();
            flag.set(true);
        });
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(!ran.get());
    });
}

#[test]
fn c27_a_group_that_was_cancelled_goes_before_a_timeout_or_a_group_inside() {
    testing::run(async {
        let trace = Trace::new();
        let outer = task_group(async |outer| {
            let inner = task_group(async |inner| {
                outer.cancel();
                inner.cancel();
                pending::<()>().await;
            });
            inner.await.ok();
            trace.note("after the group");
        });
        assert!(outer.await.unwrap_err().is_cancelled());
        let outer = task_group(async |outer| {
            outer.cancel();
            timeout(ms(0), pending::<()>()).await.ok();
            trace.note("after the timeout");
        });
        assert!(outer.await.unwrap_err().is_cancelled());
        let outer = task_group(async |outer| {
            outer.spawn(async {
                sleep(ms(10)).await;
                outer.cancel();
                timeout(ms(0), pending::<()>()).await.ok();
                trace.note("after the child's timeout");
            });
        });
        outer.await.ok();
        trace.expect([""; 0]);
    });
}

#[test]
fn c27_the_deadline_of_a_group_goes_before_the_group_inside() {
    testing::run(async {
        let trace = Trace::new();
        let limited = timeout(ms(10), async {
            let group = task_group(async |g| {
                sleep(ms(10)).await;
                g.cancel();
                pending::<()>().await;
            });
            group.await.ok();
            trace.note("after the group");
        });
        assert!(limited.await.is_err());
        trace.expect([""; 0]);
    });
}

#[test]
fn c27_a_catch_point_in_the_inner_scope_gets_the_cancellation_of_the_outer_one() {
    testing::run(async {
        let trace = Trace::new();
        let limited = timeout(ms(10), async {
            let inside = finally(pending::<()>(), async { trace.note("cleaned up") });
            timeout(ms(10), inside).await.ok();
            trace.note("after the inner one");
        });
        assert!(limited.await.is_err());
        trace.expect(["cleaned up"]);
    });
}

#[test]
fn c27_an_inner_timeout_in_a_shield_or_a_clean_up_ends_by_itself() {
    testing::run(async {
        let trace = Trace::new();
        let start = time::now();
        let limited = timeout(ms(10), async {
            let clean_up = async {
                let ended = timeout(ms(5), pending::<()>()).await;
                trace.note(format!("clean-up ended in time: {}", ended.is_ok()));
            };
            let body = shield(async {
                let ended = timeout(ms(10), pending::<()>()).await;
                trace.note(format!("shielded ended in time: {}", ended.is_ok()));
            });
            finally(body, clean_up).await;
            sleep(ms(1)).await;
        });
        assert!(limited.await.is_err());
        assert_eq!(time::now() - start, ms(15));
        trace.expect([
            "shielded ended in time: false",
            "clean-up ended in time: false",
        ]);
    });
}

#[test]
fn c27_an_inner_timeout_whose_inside_swallows_the_outer_cancellation_sends_it_on() {
    testing::run(async {
        let trace = Trace::new();
        let limited = timeout(ms(10), async {
            let swallows = async {
                catch_cancel(pending::<()>()).await.ok();
                trace.note("swallowed");
                pending::<()>().await;
            };
            timeout(ms(10), swallows).await.ok();
            trace.note("after the inner one");
        });
        // The inner timeout is due, too, and cannot know that no code cleans up any more (C13).
        assert!(limited.await.is_err());
        trace.expect(["swallowed"]);
    });
}

#[test]
fn c27_a_failure_at_the_deadline_of_a_timeout_around_is_the_older() {
    testing::run(async {
        let limited = timeout(ms(10), async {
            let fails = async {
                sleep(ms(9)).await;
                Err::<(), _>("failed")
            };
            let slow = async {
                finally(pending::<()>(), sleep(ms(1))).await;
                Ok(())
            };
            try_gather((fails, slow)).await
        });
        // The clean-up ends at the deadline: what was produced is not thrown away (C4).
        assert_eq!(limited.await, Ok(Err("failed")));
    });
}

/// Yields until it is cancelled; counts.
async fn yields(count: &Cell<u32>) {
    loop {
        yield_now().await;
        count.set(count.get() + 1);
    }
}

#[test]
fn c27_a_deadline_that_is_zero_or_past_cancels_at_the_first_suspension() {
    let scene = async || {
        let count = Cell::new(0);
        assert!(timeout(Duration::ZERO, yields(&count)).await.is_err());
        let past = time::now() - ms(5);
        assert!(timeout_at(past, yields(&count)).await.is_err());
        assert!(timeout(Duration::ZERO, yield_now()).await.is_err());
        let nested = timeout(ms(3_600_000), timeout(Duration::ZERO, yields(&count)));
        assert!(nested.await.unwrap().is_err());
        for _ in 0..100 {
            spawn(yield_now()).detach();
        }
        assert!(timeout(Duration::ZERO, yields(&count)).await.is_err());
        assert_eq!(timeout(Duration::ZERO, async { 7 }).await, Ok(7), "C24");
        count.get()
    };
    assert_eq!(testing::run(scene()), 0);
    assert_eq!(run(scene()), 0);
}

/// Wall time: the thread is kept busy past a deadline of a millisecond, which only the machine's
/// clock shows.
#[test]
fn c27_a_deadline_that_passes_while_the_thread_is_busy_cancels_at_the_next_suspension() {
    let keep_busy = || {
        let start = std::time::Instant::now();
        while start.elapsed() < ms(3) {
            std::hint::spin_loop();
        }
    };
    run(async {
        let first = timeout(ms(1), async {
            keep_busy();
            yield_now().await;
        });
        assert!(first.await.is_err());
        let later = timeout(ms(1), async {
            yield_now().await;
            keep_busy();
            yield_now().await;
        });
        assert!(later.await.is_err());
    });
}
