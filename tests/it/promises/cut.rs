//! C29: a future that was cut, its cancellation given out, and that is polled again panics with a
//! message.
//!
//! What went wrong: something outside had only a reference to it (`timeout(limit, &mut job)`), so
//! it was not dropped. Polled again, it was pending for ever, and the task hung in silence.

use std::future::{Future, pending};
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::time::Duration;

use crate::common::combinator::Combinator;
use crate::common::{text_of, turns};
use futures::FutureExt;
use futures::future::{self, Either};
use wheelhouse::testing::Trace;
use wheelhouse::{
    as_completed, catch_cancel, finally, finally_with, gather, shield, sleep, spawn, task_group,
    testing, timeout, try_gather, yield_now,
};

const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A future of unit.
type Job = Pin<Box<dyn Future<Output = ()>>>;

/// Waits for ever, and passes a cancellation on when it has cleaned up.
async fn cleans_up() {
    finally(pending::<()>(), yield_now()).await;
}

/// Every kind of future that passes a cancellation on.
fn all_kinds() -> Vec<(&'static str, Job)> {
    let resumes = async {
        let caught = catch_cancel(pending::<()>()).await;
        caught.unwrap_err().resume().await;
    };
    vec![
        ("finally", Box::pin(cleans_up())),
        ("resume", Box::pin(resumes)),
        (
            "finally_with",
            Box::pin(finally_with((), async |()| pending().await, async |()| {})),
        ),
        (
            "shield",
            Box::pin(async { finally(pending::<()>(), shield(yield_now())).await }),
        ),
        (
            "timeout",
            Box::pin(async {
                timeout(ms(3_600_000), cleans_up()).await.ok();
            }),
        ),
        (
            "gather",
            Box::pin(async {
                gather((cleans_up(), pending::<()>())).await;
            }),
        ),
        (
            "try_gather",
            Box::pin(async {
                let cleans_up = async {
                    cleans_up().await;
                    Ok::<_, ()>(())
                };
                try_gather([cleans_up]).await.ok();
            }),
        ),
        (
            "group, body",
            Box::pin(async { drop(task_group(async |_| cleans_up().await).await) }),
        ),
        (
            "group, child",
            Box::pin(async {
                drop(task_group(async |g| drop(g.spawn(cleans_up()))).await);
            }),
        ),
    ]
}

/// Returns `true` if a message says what to do.
fn advises(text: &str) -> bool {
    text.contains("polled again after a cancellation had ended it")
        && text.contains("make a new one")
}

/// Polls a future that was cut once more; returns the panic's text.
async fn text_of_next_poll(job: Job) -> String {
    let again = AssertUnwindSafe(job).catch_unwind();
    let payload = timeout(ms(1000), again)
        .await
        .expect("it hangs")
        .unwrap_err();
    text_of(&*payload).to_owned()
}

#[test]
fn c29_a_future_that_a_timeout_has_cut_by_reference_panics_when_polled_again() {
    for at in 0..all_kinds().len() {
        testing::run(async move {
            let (name, mut job) = all_kinds().swap_remove(at);
            assert!(timeout(ms(10), &mut job).await.is_err(), "{name}");
            let text = text_of_next_poll(job).await;
            assert!(advises(&text), "{name}: {text}");
        });
    }
}

#[test]
fn c29_a_future_that_a_catch_point_has_cut_by_reference_panics_when_polled_again() {
    for at in 0..all_kinds().len() {
        testing::run(async move {
            let task = spawn(async move {
                let (name, mut job) = all_kinds().swap_remove(at);
                assert!(catch_cancel(&mut job).await.is_err(), "{name}");
                (name, text_of_next_poll(job).await)
            });
            turns(3).await;
            task.cancel();
            let (name, text) = task.await.unwrap();
            assert!(advises(&text), "{name}: {text}");
        });
    }
}

#[test]
fn c29_a_future_that_a_failed_sibling_has_cut_by_reference_panics_when_polled_again() {
    for at in 0..all_kinds().len() {
        testing::run(async move {
            let (name, mut job) = all_kinds().swap_remove(at);
            let fails = async {
                turns(3).await;
                Err::<(), _>("failed")
            };
            let by_reference = (&mut job).map(Ok);
            assert_eq!(
                try_gather((fails, by_reference)).await,
                Err("failed"),
                "{name}"
            );
            let text = text_of_next_poll(job).await;
            assert!(advises(&text), "{name}: {text}");
        });
    }
}

#[test]
fn c29_a_future_that_was_cut_inside_third_party_combinators_panics_when_polled_again() {
    for combinator in Combinator::ALL {
        testing::run(async move {
            let mut job: Job = Box::pin(combinator.around(cleans_up()));
            assert!(timeout(ms(10), &mut job).await.is_err());
            let text = text_of_next_poll(job).await;
            assert!(advises(&text), "{combinator:?}: {text}");
        });
    }
}

#[test]
fn c29_a_future_that_another_task_has_cut_panics_in_this_one() {
    testing::run(async {
        let slot = std::rc::Rc::new(std::cell::RefCell::new(Some(Box::pin(cleans_up()) as Job)));
        let kept = std::rc::Rc::clone(&slot);
        let task = spawn(future::poll_fn(move |cx| {
            let mut job = kept.borrow_mut();
            job.as_mut().unwrap().as_mut().poll(cx)
        }));
        turns(3).await;
        assert!(task.cancel());
        assert!(task.await.unwrap_err().is_cancelled());
        let text = text_of_next_poll(slot.take().unwrap()).await;
        assert!(advises(&text), "{text}");
    });
}

#[test]
fn c29_until_the_cancellation_is_returned_a_third_party_loop_may_poll_again() {
    for at in 0..all_kinds().len() {
        testing::run(async move {
            let trace = Trace::new();
            let notes = trace.clone();
            let task = spawn(async move {
                let (_, mut job) = all_kinds().swap_remove(at);
                for _ in 0..1_000 {
                    // The other arm is ready, time and again, in the very poll in which the job
                    // passes the cancellation on.
                    let other = pin!(future::poll_fn(|cx| {
                        cx.waker().wake_by_ref();
                        std::task::Poll::Ready(())
                    }));
                    match future::select(&mut job, other).await {
                        Either::Left(_) => notes.note("the job ended"),
                        Either::Right(_) => {}
                    }
                }
                sleep(ms(3_600_000)).await;
            });
            turns(3).await;
            task.cancel_with("stop");
            assert_eq!(
                task.await.unwrap_err().to_string(),
                "the task was cancelled: stop"
            );
            trace.expect([""; 0]);
        });
    }
}

#[test]
fn c29_a_stream_that_was_cut_is_over() {
    testing::run(async {
        let mut all = as_completed([cleans_up()]);
        assert!(timeout(ms(10), all.next()).await.is_err());
        assert!(all.next().await.is_none());
    });
}

#[test]
fn c29_a_future_that_was_not_cut_continues_after_a_timeout() {
    testing::run(async {
        let mut job = pin!(async {
            sleep(ms(50)).await;
            gather((sleep(ms(1)), sleep(ms(2)))).await;
            7
        });
        assert!(timeout(ms(10), &mut job).await.is_err());
        assert_eq!(job.await, 7);
    });
}
