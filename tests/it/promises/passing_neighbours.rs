//! C26 with neighbours that are polled: shields and clean-ups beside the future that is held go on.
//! Also: the poll of a carrier, a neighbour that is always ready, and a future that is polled once
//! after the delivery.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use crate::common::combinator::Combinator;
use crate::common::turns;
use futures::future::{Either, select};
use futures::stream::{self, StreamExt};
use wheelhouse::testing::Trace;
use wheelhouse::{
    Runtime, catch_cancel, finally, gather, shield, sleep, spawn, task_group, testing, time,
    timeout, yield_now,
};

const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Longer than any test waits.
const HOUR: Duration = Duration::from_secs(3_600);

/// A future with a clean-up, which notes that it ran.
async fn cleans_up(trace: &Trace) {
    finally(pending::<()>(), async { trace.note("cleaned up") }).await;
}

/// What went wrong: the cancellation passed by the futures that were not polled, and ended the
/// scope although a shield was polled there.
#[test]
fn c26_a_shield_in_the_loop_over_unordered_futures_is_not_cut() {
    testing::run(async {
        let (trace, start) = (Trace::new(), time::now());
        let fetch = |n: u64| finally(sleep(ms(n)), async {});
        let pages = timeout(ms(25), async {
            let mut pages = pin!(
                stream::iter([10, 1000, 2000])
                    .map(fetch)
                    .buffer_unordered(3)
            );
            while pages.next().await.is_some() {
                shield(sleep(ms(100))).await;
                trace.note("saved the page");
            }
        });
        assert!(pages.await.is_err());
        assert_eq!(time::now() - start, ms(110), "C23: late");
        trace.expect(["saved the page"]);
    });
}

#[test]
fn c26_a_clean_up_in_the_other_arm_of_a_select_is_not_cut() {
    testing::run(async {
        let trace = Trace::new();
        let notes = trace.clone();
        let task = spawn(async move {
            let mut job = pin!(cleans_up(&notes));
            let _first = select(&mut job, pin!(sleep(ms(5)))).await;
            let caught = catch_cancel(pending::<()>()).await;
            sleep(ms(50)).await; // not in a shield
            notes.note("cleaned up outside");
            caught.unwrap_err().resume().await
        });
        sleep(ms(10)).await;
        let start = time::now();
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(time::now() - start, ms(50));
        trace.expect(["cleaned up outside"]);
    });
}

#[test]
fn c26_what_is_swallowed_beside_a_held_future_stays_swallowed() {
    for combinator in Combinator::ALL {
        testing::run(async {
            let trace = Trace::new();
            let notes = trace.clone();
            let task = spawn(async move {
                let mut job = pin!(combinator.around(cleans_up(&notes)));
                assert!(futures::poll!(&mut job).is_pending());
                let work = combinator.around(catch_cancel(pending::<()>()));
                assert!(work.await.is_err());
                sleep(ms(50)).await;
                7
            });
            turns(2).await;
            task.cancel();
            assert_eq!(task.await.unwrap(), 7, "{combinator:?}");
            trace.expect([""; 0]);
        });
    }
}

#[test]
fn c26_a_gather_and_a_group_beside_a_held_future_clean_up_to_the_end() {
    testing::run(async {
        let trace = Trace::new();
        let slow = || finally(pending::<()>(), async { sleep(ms(50)).await });
        for in_group in [false, true] {
            let notes = trace.clone();
            let task = spawn(async move {
                let mut job = pin!(cleans_up(&notes));
                assert!(futures::poll!(&mut job).is_pending());
                if in_group {
                    let group = task_group(async |g| {
                        g.spawn(slow());
                        pending::<()>().await;
                    });
                    drop(group.await);
                } else {
                    gather((slow(), pending::<()>())).await;
                }
            });
            sleep(ms(1)).await;
            let start = time::now();
            task.cancel();
            assert!(task.await.unwrap_err().is_cancelled());
            assert_eq!(time::now() - start, ms(50), "in a group: {in_group}");
        }
        trace.expect([""; 0]);
    });
}

/// What went wrong: the shield let the cancellation out, and that ended the scope without the clean-up
/// of the job, which was polled again.
#[test]
fn c11_what_a_shield_lets_out_arrives_in_a_job_that_is_polled_again() {
    for combinator in Combinator::ALL {
        testing::run(async {
            let (trace, start) = (Trace::new(), time::now());
            let ended = timeout(ms(10), async {
                let mut job = pin!(combinator.around(cleans_up(&trace)));
                loop {
                    match select(&mut job, pin!(sleep(ms(4)))).await {
                        Either::Left(_) => break,
                        Either::Right(_) => shield(sleep(ms(20))).await,
                    }
                }
            });
            assert!(ended.await.is_err(), "{combinator:?}");
            assert_eq!(time::now() - start, ms(24), "{combinator:?}");
            trace.expect(["cleaned up"]);
        });
    }
}

/// What went wrong: a catch point was dropped while its cancellation was pending, and a shield beside it
/// was cut.
#[test]
fn c11_a_shield_is_not_cut_when_a_catch_point_beside_it_is_dropped() {
    testing::run(async {
        let task = spawn(async {
            let commit = async {
                shield(sleep(ms(30))).await;
                7
            };
            let loses = async {
                let mut job = pin!(catch_cancel(pending::<()>()));
                let mut polls = 0;
                // Drops the catch point in the poll after the delivery, without having polled it.
                poll_fn(|cx| {
                    polls += 1;
                    if polls > 1 {
                        return Poll::Ready(());
                    }
                    job.as_mut().poll(cx).map(drop)
                })
                .await;
            };
            futures::join!(loses, commit).1
        });
        sleep(ms(10)).await;
        let start = time::now();
        task.cancel();
        assert_eq!(task.await.unwrap(), 7);
        assert_eq!(time::now() - start, ms(20));
    });
}

/// C26 is about the first poll after the delivery. A future that was polled then has the cancellation.
#[test]
fn c26_a_future_that_was_polled_after_the_delivery_keeps_what_it_has() {
    testing::run(async {
        let start = time::now();
        let ended = timeout(ms(10), async {
            let mut commit = pin!(shield(sleep(ms(30))));
            let _first = select(&mut commit, pin!(sleep(ms(20)))).await;
            sleep(ms(500)).await;
            commit.await;
            pending::<()>().await
        });
        assert!(ended.await.is_err());
        assert_eq!(time::now() - start, ms(520));
    });
    testing::run(async {
        let start = time::now();
        let ended = timeout(ms(10), async {
            let cleanup = async { sleep(ms(15)).await };
            let mut job = pin!(finally(pending::<()>(), cleanup));
            let _first = select(&mut job, pin!(sleep(ms(20)))).await;
            sleep(ms(500)).await;
        });
        assert_eq!(ended.await, Ok(()), "C12: caught, and not resumed in time");
        assert_eq!(time::now() - start, ms(520));
    });
}

/// What went wrong: the turn of a child polled its group with a cancellation pending there. That
/// counted as the poll in which the group could observe it, and the timeout came an hour late.
#[test]
fn c26_the_turn_of_a_child_is_not_the_poll_of_its_group() {
    testing::run(async {
        let (start, ready) = (time::now(), Cell::new(false));
        let limited = timeout(ms(10), async {
            let mut group = pin!(task_group(async |g| {
                g.spawn(finally(pending::<()>(), async { ready.set(true) }));
                pending::<()>().await;
            }));
            let tick = poll_fn(|_| {
                if ready.get() {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            });
            drop(select(&mut group, tick).await);
            sleep(HOUR).await; // with the group in hand
        });
        assert!(limited.await.is_err());
        assert_eq!(time::now() - start, ms(10));
    });
}

/// A future that gives way for as long as `test` holds.
async fn busy_while(test: impl Fn() -> bool) {
    while test() {
        yield_now().await;
    }
}

/// What went wrong: the neighbour woke the task in each poll, so no poll was the one after which the
/// held future is passed by.
#[test]
fn c26_a_timeout_ends_beside_a_neighbour_that_is_always_ready() {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let is_over = Cell::new(false);
        let polls = Cell::new(0_u32);
        let limited = async {
            let ended = timeout(ms(0), async {
                let mut job = pin!(finally(pending::<()>(), async {}));
                assert!(futures::poll!(&mut job).is_pending());
                pending::<()>().await
            });
            assert!(ended.await.is_err());
            is_over.set(true);
        };
        let busy = busy_while(|| {
            polls.set(polls.get() + 1);
            !is_over.get() && polls.get() < 100_000
        });
        futures::join!(limited, busy);
        assert!(
            polls.get() < 100_000,
            "the timeout waited for its neighbour"
        );
    });
}

#[test]
fn c26_a_task_ends_though_it_keeps_a_begun_future_beside_one_that_is_always_ready() {
    testing::run(async {
        let polls = Cell::new(0_u32);
        let task: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async {
            let keeps = async {
                let mut job = pin!(shield(pending::<()>()));
                assert!(futures::poll!(&mut job).is_pending());
                pending::<()>().await;
            };
            let busy = busy_while(|| {
                polls.set(polls.get() + 1);
                polls.get() < 100_000
            });
            futures::join!(keeps, busy);
        });
        let group = task_group(async |g| {
            let child = g.spawn(task);
            turns(3).await;
            child.cancel();
            assert!(child.await.is_err());
        });
        group.await.unwrap();
        assert!(polls.get() < 100_000);
    });
}
