//! C26: a catch point or shield that its holder does not poll holds nothing up. It is passed by, as
//! if it had been dropped.
//!
//! What went wrong: a cancellation that was delivered to a started future that was not polled
//! waited there until it was. A `buffer_unordered` with a `finally` inside and an await in its loop
//! made a timeout an hour late, and a begun future that was only kept made its task uncancellable.

use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::common::combinator::Combinator;
use crate::common::turns;
use futures::FutureExt;
use futures::future::{self, Either, LocalBoxFuture};
use futures::stream::{self, FuturesUnordered, StreamExt};
use wheelhouse::testing::Trace;
use wheelhouse::{
    Cancelled, JoinHandle, Reason, Runtime, catch_cancel, finally, gather, shield, sleep, spawn,
    task, task_group, testing, time, timeout, try_gather, yield_now,
};

const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Longer than any test waits.
const HOUR: Duration = Duration::from_secs(3_600);

/// The three things that stop a cancellation.
#[derive(Clone, Copy, Debug)]
enum Stop {
    Catch,
    Finally,
    Shield,
}

impl Stop {
    const ALL: [Self; 3] = [Self::Catch, Self::Finally, Self::Shield];

    /// Runs a future inside; notes if something is caught there.
    async fn around<F: Future<Output = ()>>(self, trace: Trace, inner: F) {
        match self {
            Self::Catch => match catch_cancel(inner).await {
                Ok(()) => {}
                Err(cancelled) => {
                    trace.note("caught where nobody polls");
                    cancelled.resume().await
                }
            },
            Self::Finally => {
                finally(inner, async move { trace.note("cleaned up") }).await;
            }
            Self::Shield => shield(inner).await,
        }
    }
}

/// Runs a scene with each of them.
fn for_each_stop(scene: impl AsyncFn(Stop, Trace)) {
    for stop in Stop::ALL {
        testing::run(scene(stop, Trace::new()));
    }
}

/// A future that waits for ever inside of `stop`, polled once.
async fn begun(stop: Stop, trace: &Trace) -> Pin<Box<dyn Future<Output = ()>>> {
    let mut job: Pin<Box<dyn Future<Output = ()>>> =
        Box::pin(stop.around(trace.clone(), pending()));
    assert!(futures::poll!(&mut job).is_pending());
    job
}

/// Waits for ever with a begun future in hand.
async fn keeps(stop: Stop, trace: Trace) {
    let _kept = begun(stop, &trace).await;
    pending().await
}

/// Cancels a task that waits, and checks that it ends as cancelled at that very moment.
async fn ends_at_once<T: std::fmt::Debug>(task: JoinHandle<T>) {
    turns(2).await;
    let start = time::now();
    assert!(task.cancel_with("stop"));
    let error = task.await.unwrap_err();
    assert_eq!(error.to_string(), "the task was cancelled: stop");
    assert_eq!(time::now(), start);
}

#[test]
fn c26_a_task_ends_though_it_keeps_a_begun_future() {
    for_each_stop(async |stop, trace| {
        ends_at_once(spawn(keeps(stop, trace.clone()))).await;
        trace.expect([""; 0]);
    });
}

#[test]
fn c26_a_timeout_is_on_time_around_a_loop_over_unordered_futures() {
    for_each_stop(async |stop, trace| {
        let start = time::now();
        let fetch = |n: u64| stop.around(trace.clone(), sleep(ms(10 * n)));
        let pages = timeout(ms(100), async {
            let mut pages = pin!(stream::iter(1..=8).map(fetch).buffer_unordered(3));
            while pages.next().await.is_some() {
                sleep(HOUR).await; // saves the page
            }
        });
        assert!(pages.await.is_err());
        assert_eq!(time::now() - start, ms(100));
    });
}

#[test]
fn c26_a_task_ends_in_the_arm_of_a_select_that_does_not_poll_the_job() {
    for_each_stop(async |stop, trace| {
        ends_at_once(spawn(async move {
            let mut job = pin!(stop.around(trace, pending()));
            loop {
                match future::select(&mut job, pin!(yield_now())).await {
                    Either::Left(_) => break,
                    Either::Right(_) => sleep(HOUR).await,
                }
            }
        }))
        .await;
    });
}

#[test]
fn c26_third_party_combinators_that_are_held_and_not_polled_delay_nothing() {
    for combinator in Combinator::ALL {
        for_each_stop(async |stop, trace| {
            ends_at_once(spawn(async move {
                let mut job = pin!(combinator.around(stop.around(trace, pending())));
                assert!(futures::poll!(&mut job).is_pending());
                combinator.around(pending::<()>()).await;
            }))
            .await;
        });
    }
}

#[test]
fn c26_unordered_futures_that_give_way_and_wake_themselves_are_given_the_time() {
    testing::run(async {
        let trace = Trace::new();
        let notes = trace.clone();
        let task = spawn(async move {
            let cleans_up = finally(pending::<()>(), async { notes.note("cleaned up") });
            let busy = || turns(1_000_000).boxed_local();
            // Two that are busy are polled at a time, then it wakes itself: the last one's turn
            // comes many polls later.
            let mut all: FuturesUnordered<LocalBoxFuture<'_, ()>> =
                (0..100).map(|_| busy()).collect();
            all.push(cleans_up.boxed_local());
            while all.next().await.is_some() {}
        });
        turns(300).await;
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
        trace.expect(["cleaned up"]);
    });
}

#[test]
fn c26_main_ends_though_it_keeps_a_begun_future() {
    for stop in Stop::ALL {
        let runtime = Runtime::new().unwrap();
        let outcome = runtime.try_block_on(async {
            let main = task::current().cancel_handle();
            spawn(async move { main.cancel_with("main") }).detach();
            keeps(stop, Trace::new()).await;
        });
        assert_eq!(
            outcome.unwrap_err().reason(),
            &Reason::Explicit(Some("main".into()))
        );
    }
}

#[test]
fn c26_a_task_that_another_thread_cancels_ends_although_it_keeps_a_started_future() {
    for stop in Stop::ALL {
        let runtime = Runtime::new().unwrap();
        let error = runtime.block_on(async {
            let task = spawn(keeps(stop, Trace::new()));
            let handle = task.cancel_handle();
            turns(1).await;
            std::thread::spawn(move || handle.cancel()).join().unwrap();
            task.await.unwrap_err()
        });
        assert!(error.is_cancelled());
    }
}

#[test]
fn c26_a_runtime_ends_though_a_task_keeps_a_begun_future() {
    for stop in Stop::ALL {
        let runtime = Runtime::new().unwrap();
        let trace = Trace::new();
        let dropped = trace.note_on_drop("dropped");
        runtime.block_on(async {
            let job = keeps(stop, Trace::new());
            spawn(async move {
                let _dropped = dropped;
                job.await;
            })
            .detach();
            turns(2).await;
        });
        drop(runtime);
        trace.expect(["dropped"]);
    }
}

#[test]
fn c26_a_branch_that_keeps_a_begun_future_ends_beside_one_that_is_always_ready() {
    for_each_stop(async |stop, trace| {
        let start = time::now();
        let busy = poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        let both = gather((busy, keeps(stop, trace)));
        assert!(timeout(Duration::ZERO, both).await.is_err());
        assert_eq!(time::now(), start);
    });
}

#[test]
fn c26_a_branch_is_ended_by_the_failure_of_its_sibling_though_it_keeps_a_begun_future() {
    for_each_stop(async |stop, trace| {
        let fails = async {
            turns(3).await;
            Err::<(), _>("failed")
        };
        let keeps = async {
            keeps(stop, trace).await;
            Ok(())
        };
        assert_eq!(try_gather((fails, keeps)).await, Err("failed"));
    });
}

#[test]
fn c26_a_timeout_in_a_branch_is_on_time_though_it_keeps_a_begun_future() {
    for_each_stop(async |stop, trace| {
        let start = time::now();
        let limited = timeout(ms(5), keeps(stop, trace));
        let (ended, ()) = gather((limited, sleep(ms(7)))).await;
        assert!(ended.is_err());
        assert_eq!(time::now() - start, ms(7));
    });
}

#[test]
fn c26_the_body_of_a_group_and_a_child_end_though_they_keep_begun_futures() {
    for_each_stop(async |stop, trace| {
        let group = spawn(async move {
            let ended = task_group(async |g| {
                g.spawn(keeps(stop, trace.clone()));
                g.spawn(keeps(stop, trace.clone()));
                keeps(stop, trace).await;
            });
            ended.await.unwrap();
        });
        ends_at_once(group).await;
    });
}

#[test]
fn c26_a_body_that_keeps_a_begun_future_ends_beside_children_that_are_always_ready() {
    for_each_stop(async |stop, trace| {
        let start = time::now();
        let group = task_group(async |g| {
            g.spawn(finally(pending::<()>(), turns(1_000)));
            keeps(stop, trace).await;
        });
        assert!(timeout(Duration::ZERO, group).await.is_err());
        assert_eq!(time::now(), start);
    });
}

#[test]
fn c26_a_group_that_cancels_itself_ends_though_all_in_it_keep_begun_futures() {
    for_each_stop(async |stop, trace| {
        let ended = task_group(async |g| {
            let child = g.spawn(keeps(stop, trace.clone()));
            turns(3).await;
            g.cancel();
            keeps(stop, trace).await;
            drop(child);
        });
        assert!(ended.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn c26_a_gather_a_group_and_a_timeout_that_are_held_and_not_polled_hold_nothing_up() {
    for_each_stop(async |stop, trace| {
        ends_at_once(spawn(async move {
            let mut pair = pin!(gather((
                keeps(stop, trace.clone()),
                keeps(stop, trace.clone())
            )));
            let mut group = pin!(task_group(async |g| {
                g.spawn(keeps(stop, trace.clone()));
                keeps(stop, trace.clone()).await;
            }));
            let mut limited = pin!(timeout(HOUR, stop.around(trace.clone(), pending())));
            for _ in 0..3 {
                assert!(futures::poll!(&mut pair).is_pending());
                assert!(futures::poll!(&mut group).is_pending());
                assert!(futures::poll!(&mut limited).is_pending());
                yield_now().await;
            }
            pending::<()>().await;
        }))
        .await;
    });
}

#[test]
fn c26_the_outer_one_of_two_catches_if_it_alone_is_polled() {
    for_each_stop(async |stop, trace| {
        let notes = trace.clone();
        let task = spawn(async move {
            let kept = async {
                let _kept = begun(stop, &notes).await;
                pending::<()>().await;
            };
            let cancelled = catch_cancel(kept).await.unwrap_err();
            notes.note("outer caught");
            cancelled.resume().await
        });
        ends_at_once(task).await;
        trace.expect(["outer caught"]);
    });
}

#[test]
fn c26_several_inside_of_each_other_are_all_passed_by() {
    for_each_stop(async |stop, trace| {
        ends_at_once(spawn(async move {
            let inner = stop.around(trace.clone(), stop.around(trace.clone(), pending()));
            let mut job = pin!(stop.around(trace, inner));
            assert!(futures::poll!(&mut job).is_pending());
            pending::<()>().await;
        }))
        .await;
    });
}

#[test]
fn c26_a_catch_point_that_was_passed_by_and_is_polled_later_gets_no_cancellation() {
    testing::run(async {
        let trace = Trace::new();
        let notes = trace.clone();
        let task = spawn(async move {
            let mut job = pin!(async {
                let slept = catch_cancel(sleep(ms(30))).await;
                notes.note(format!("the job slept: {}", slept.is_ok()));
            });
            let keeps = async {
                assert!(futures::poll!(&mut job).is_pending());
                pending::<()>().await;
            };
            assert!(catch_cancel(keeps).await.is_err());
            notes.note("caught outside");
            job.await;
            7
        });
        turns(2).await;
        task.cancel();
        assert_eq!(task.await.unwrap(), 7);
        trace.expect(["caught outside", "the job slept: true"]);
    });
}

#[test]
fn c26_a_shield_that_was_passed_by_lets_nothing_out_when_it_is_done() {
    testing::run(async {
        let task = spawn(async {
            let mut job = pin!(shield(sleep(ms(30))));
            let keeps = async {
                assert!(futures::poll!(&mut job).is_pending());
                pending::<()>().await;
            };
            assert!(catch_cancel(keeps).await.is_err());
            job.await;
            sleep(ms(1)).await;
            7
        });
        turns(2).await;
        task.cancel();
        assert_eq!(task.await.unwrap(), 7);
    });
}

#[test]
fn c26_a_catch_point_beside_the_one_that_catches_gets_it_if_it_is_polled_in_time() {
    testing::run(async {
        let task = spawn(async {
            let mut job = pin!(catch_cancel(sleep(ms(30))));
            assert!(futures::poll!(&mut job).is_pending());
            assert!(catch_cancel(pending::<()>()).await.is_err());
            job.await.is_err()
        });
        turns(2).await;
        task.cancel();
        assert!(task.await.unwrap());
    });
}

/// Where a future lies that another task is to poll.
type Slot = Rc<RefCell<Option<Pin<Box<dyn Future<Output = ()>>>>>>;

#[test]
fn c26_a_begun_future_in_the_hands_of_another_task_holds_neither_up() {
    for_each_stop(async |stop, trace| {
        let slot = Slot::default();
        let (kept, notes) = (Rc::clone(&slot), trace.clone());
        let from = spawn(async move {
            let job = begun(stop, &notes).await;
            kept.replace(Some(job));
            pending::<()>().await;
        });
        turns(2).await;
        let to = spawn(async move {
            let _kept = slot.take();
            pending::<()>().await;
        });
        ends_at_once(from).await;
        ends_at_once(to).await;
        trace.expect([""; 0]);
    });
}

#[test]
fn c26_a_started_future_that_another_task_polls_gets_only_the_cancellation_of_that_task() {
    testing::run(async {
        let trace = Trace::new();
        let slot = Slot::default();
        let (kept, notes) = (Rc::clone(&slot), trace.clone());
        let from = spawn(async move {
            kept.replace(Some(begun(Stop::Finally, &notes).await));
            pending::<()>().await;
        });
        turns(2).await;
        let to = spawn(async move { slot.take().unwrap().await });
        turns(2).await;
        ends_at_once(from).await;
        trace.expect([""; 0]);
        ends_at_once(to).await;
        trace.expect(["cleaned up"]);
    });
}

#[test]
fn c26_a_catch_point_that_is_polled_in_each_turn_with_another_waker_gets_it() {
    testing::run(async {
        let trace = Trace::new();
        let limited = timeout(ms(5), async {
            let mut job = pin!(finally(pending::<()>(), async { trace.note("cleaned up") }));
            let mut tick = pin!(sleep(ms(1)));
            poll_fn(|cx| {
                while tick.as_mut().poll(cx).is_ready() {
                    tick.set(sleep(ms(1)));
                }
                job.as_mut().poll(&mut Context::from_waker(Waker::noop()))
            })
            .await;
        });
        assert!(limited.await.is_err());
        trace.expect(["cleaned up"]);
    });
}

#[test]
fn c26_a_shield_around_a_waiting_future_that_is_not_polled_again_is_passed_by() {
    testing::run(async {
        let trace = Trace::new();
        let notes = trace.clone();
        let task = spawn(async move {
            shield(sleep(ms(10))).await; // holds the cancellation off
            let _kept = begun(Stop::Shield, &notes).await;
            pending::<()>().await;
        });
        turns(2).await;
        task.cancel();
        let start = time::now();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(time::now() - start, ms(10));
    });
    testing::run(async {
        let task = spawn(async {
            shield(sleep(ms(10))).await;
            shield(sleep(ms(10))).await; // holds it on, if it is polled
            pending::<()>().await;
        });
        turns(2).await;
        task.cancel();
        let start = time::now();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(time::now() - start, ms(20));
    });
}

#[test]
fn c26_a_catch_point_with_a_waker_that_does_nothing_is_passed_by_at_the_deadline() {
    for_each_stop(async |stop, trace| {
        let start = time::now();
        let limited = timeout(ms(5), async {
            let mut job = pin!(stop.around(trace, pending()));
            let mut other = Context::from_waker(Waker::noop());
            assert!(job.as_mut().poll(&mut other).is_pending());
            pending::<()>().await;
        });
        assert!(limited.await.is_err());
        assert_eq!(time::now() - start, ms(5));
    });
}

#[test]
fn c26_the_cancellation_that_passes_by_keeps_its_reason() {
    for_each_stop(async |stop, trace| {
        let limited = spawn(async move {
            let caught = catch_cancel(timeout(HOUR, keeps(stop, trace))).await;
            let cancelled: Cancelled = caught.unwrap_err();
            cancelled.reason().clone()
        });
        turns(2).await;
        limited.cancel_with("why");
        assert_eq!(limited.await.unwrap(), Reason::Explicit(Some("why".into())));
    });
}

#[test]
fn c26_a_future_that_is_polled_by_hand_is_passed_by_when_that_ends() {
    testing::run(async {
        let task = spawn(async {
            let mut job = Some(Box::pin(finally(pending::<()>(), async {})));
            let mut polls = 0;
            poll_fn(move |cx| {
                polls += 1;
                if polls > 3 {
                    return Poll::<()>::Pending;
                }
                cx.waker().wake_by_ref();
                job.as_mut().unwrap().as_mut().poll(cx)
            })
            .await;
        });
        turns(5).await;
        ends_at_once(task).await;
    });
}
