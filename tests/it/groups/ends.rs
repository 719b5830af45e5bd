//! Groups and the waits of cancelled tasks at hard ends: what a review found wrong, each with what
//! went wrong.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::{Future, Ready, pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::common::bomb_waker::{CLONE, DROP, fused_waker};
use crate::common::handles::assert_shut_down;
use crate::common::{OnDrop, Plan, Probe, Token, leak, panic_text, silent_panic, turns};
use futures::stream::FuturesUnordered;
use futures::{StreamExt, join};
use wheelhouse::testing::Trace;
use wheelhouse::{
    JoinError, JoinHandle, Remote, Runtime, TaskGroup, catch_cancel, gather, run, sleep, spawn,
    task_group, testing, timeout, yield_now,
};

/// So many milliseconds.
const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A cell for a handle that is filled in later.
type Slot = Rc<RefCell<Option<JoinHandle<()>>>>;

/// A future of which only that is known.
type Boxed = Pin<Box<dyn Future<Output = ()>>>;

/// Polls a future so many times, a turn between each two; it must not end.
async fn poll_some<F: Future>(mut future: Pin<&mut F>, polls: usize) {
    for _ in 0..polls {
        poll_fn(|cx| {
            assert!(future.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        yield_now().await;
    }
}

/// Polls a future once with this waker. It must not end.
fn poll_pending<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) {
    let polled = future.poll(&mut Context::from_waker(waker));
    assert!(polled.is_pending());
}

/// Never ends by itself. When cancelled, continues for a number of turns.
async fn swallows(turns_left: usize) {
    drop(catch_cancel(pending::<()>()).await);
    turns(turns_left).await;
}

/// Never ends; a first cancellation is swallowed.
async fn holds_out() {
    drop(catch_cancel(pending::<()>()).await);
    pending().await
}

/// The end of a runtime ended lingering children without a word to their group, which waited for
/// them in its destructor.
#[test]
fn a_group_does_not_wait_for_children_that_the_end_took() {
    let runtime = Runtime::new().unwrap();
    let mut group = Box::pin(task_group(async |g| {
        let slow = spawn(holds_out());
        let child = g.spawn(async move { drop(slow.await) });
        turns(2).await;
        child.cancel();
        pending::<()>().await
    }));
    runtime.block_on(poll_some(group.as_mut(), 5));
    // Inside another one it ends at once.
    run(async move { drop(runtime) });
    drop(group);
}

/// The destructor of a child drove the runtime, by which a sibling ended that the group was about
/// to drop: it panicked.
#[test]
fn a_destructor_that_drives_the_runtime_may_end_a_sibling() {
    let runtime = Rc::new(Runtime::new().unwrap());
    let trace = Trace::new();
    let (probe, counts) = Probe::new(Plan::ends_at(0));
    let mut group = Box::pin(task_group(async |g| {
        let driver = runtime.clone();
        let drives = OnDrop::new(move || driver.block_on(turns(20)));
        drop(g.spawn(async move {
            let _drives = drives;
            pending::<()>().await
        }));
        let slow = spawn(swallows(10));
        let lingers = g.spawn(async move { drop(slow.await) });
        drop(g.spawn(async move { Ok(probe.await) }));
        turns(2).await;
        lingers.cancel();
        trace.note("cancelled");
        pending::<Result<(), Infallible>>().await
    }));
    runtime.block_on(poll_some(group.as_mut(), 4));
    trace.expect(["cancelled"]);
    drop(group);
    assert_eq!(counts.all().1, 1);
}

thread_local! {
    /// The handle of the child that `spawns_and_panics` spawned.
    static LOST: RefCell<Option<JoinHandle<Token>>> = const { RefCell::new(None) };
}

/// A body that panics before there is a future of it.
fn spawns_and_panics<'scope>(
    g: &'scope TaskGroup<'scope, 'static, Infallible>,
) -> Ready<Result<(), Infallible>> {
    let (probe, _) = Probe::new(Plan::ends_at(0));
    LOST.set(Some(g.spawn(async { Ok(probe.await) })));
    silent_panic("no future")
}

/// The children of a body that panics before it returns a future were never dropped, and their
/// handles never ready.
#[test]
fn children_of_a_body_that_panics_at_once_are_dropped() {
    testing::run(async {
        let failed = spawn(async { drop(task_group(spawns_and_panics).await) }).await;
        assert!(failed.unwrap_err().is_panic());
        let child = LOST.take().expect("a child was spawned");
        assert!(child.await.unwrap_err().is_cancelled());
    });
}

/// The end of one of two waits struck the other one from the record too, and a cycle was not seen.
#[test]
fn c21_a_task_that_waits_twice_closes_no_cycle() {
    testing::run(async {
        let slot = Slot::default();
        let one = spawn(pending::<()>());
        let other = spawn(waits_for_its_waiter(slot.clone()));
        let waiter = spawn(async move {
            drop(join!(catch_cancel(one), catch_cancel(other)));
        });
        let cancel = waiter.cancel_handle();
        *slot.borrow_mut() = Some(waiter);
        turns(3).await;
        cancel.cancel();
        sleep(ms(100)).await;
        assert!(!cancel.cancel(), "they wait for each other");
    });
}

/// Cleans up for a while and then waits for a task, which waits for this one.
async fn waits_for_its_waiter(slot: Slot) {
    drop(catch_cancel(pending::<()>()).await);
    sleep(ms(10)).await;
    let waiter = slot.take().expect("it was put there");
    assert!(timeout(ms(1), waiter).await.is_err());
}

/// A wait of one runtime that was dropped inside another one struck out that one's waits.
#[test]
fn c21_a_wait_that_is_dropped_elsewhere_leaves_the_record_there_alone() {
    let there = Runtime::new().unwrap();
    let carried: Rc<RefCell<Option<Boxed>>> = Rc::default();
    let put = carried.clone();
    there.block_on(async {
        turns(1).await;
        let slow = spawn(holds_out());
        let task = spawn(async move {
            let mut wait = Box::pin(async move { drop(catch_cancel(slow).await) });
            poll_some(wait.as_mut(), 6).await;
            *put.borrow_mut() = Some(wait);
        });
        turns(2).await;
        task.cancel();
        task.await.unwrap();
        turns(3).await;
    });
    testing::run(async move {
        let slot = Slot::default();
        let (given, back) = (slot.clone(), carried.clone());
        let other = spawn(async move {
            drop(catch_cancel(pending::<()>()).await);
            drop(back.take().expect("a wait was carried here"));
            sleep(ms(1)).await;
            let waiter = given.take().expect("it was put there");
            assert!(timeout(ms(1), waiter).await.is_err());
        });
        let waiter = spawn(async move { drop(catch_cancel(other).await) });
        let cancel = waiter.cancel_handle();
        *slot.borrow_mut() = Some(waiter);
        turns(3).await;
        cancel.cancel();
        sleep(ms(100)).await;
        assert!(!cancel.cancel(), "they wait for each other");
    });
}

/// The shutdown waited for a task that waited for a child of a leaked group, which was never
/// polled.
#[test]
fn the_end_does_not_wait_for_the_children_of_a_leaked_group() {
    let waits = run(async {
        let slot = Slot::default();
        let put = slot.clone();
        let mut group = Box::pin(task_group(async move |g| {
            *put.borrow_mut() = Some(g.spawn(pending::<()>()));
            pending::<()>().await
        }));
        poll_some(group.as_mut(), 2).await;
        let child = slot.take().unwrap();
        let waits = spawn(async move { drop(child.await) });
        turns(2).await;
        leak(group);
        waits
    });
    assert_shut_down(waits);
}

/// A third-party waker that panicked when it was cloned, at the wake of a child, ended the event
/// loop.
#[test]
fn a_waker_that_cannot_be_cloned_does_not_end_the_loop() {
    static FUSE: AtomicUsize = AtomicUsize::new(0);
    run(async {
        let waker = fused_waker(&FUSE);
        let (probe, counts) = Probe::new(Plan::ends_at(0));
        let mut group = Box::pin(task_group(async |g| {
            drop(g.spawn(async { drop(probe.await) }))
        }));
        poll_pending(group.as_mut(), &waker);
        turns(1).await;
        poll_pending(group.as_mut(), &waker);
        assert_eq!(counts.all().0, 1);
        let child = counts.waker().unwrap();
        spawn(async move {
            FUSE.store(CLONE, Ordering::SeqCst);
            child.wake();
        })
        .await
        .unwrap();
        turns(2).await;
        FUSE.store(0, Ordering::SeqCst);
        poll_pending(group.as_mut(), &waker);
        assert_eq!(counts.all().0, 2);
    });
}

/// A group was dropped by a panic, and with it a third-party waker that panics, too: the process
/// was aborted.
#[test]
fn a_waker_that_cannot_be_dropped_does_not_abort_an_unwinding_group() {
    static FUSE: AtomicUsize = AtomicUsize::new(0);
    let runtime = Runtime::new().unwrap();
    let (probe, counts) = Probe::new(Plan::ends_at(0));
    runtime.block_on(async {
        let failed = spawn(async move {
            let waker = fused_waker(&FUSE);
            let mut group = Box::pin(task_group(async |g| {
                let child = catch_cancel(async { drop(probe.await) });
                drop(g.spawn(async { drop(child.await) }));
                drop(catch_cancel(pending::<()>()).await);
            }));
            poll_pending(group.as_mut(), &waker);
            turns(1).await;
            poll_pending(group.as_mut(), &waker);
            std::mem::forget(waker);
            FUSE.store(DROP, Ordering::SeqCst);
            silent_panic("on purpose")
        });
        match failed.await {
            Err(JoinError::Panicked(panic)) => assert_eq!(panic.message().unwrap(), "on purpose"),
            other => panic!("{other:?}"),
        }
    });
    assert_eq!(counts.all(), (1, 1, 0));
}

/// So it was with a sleep, and with a gather.
#[test]
fn a_waker_that_cannot_be_dropped_does_not_abort_an_unwinding_wait() {
    static FUSE: AtomicUsize = AtomicUsize::new(0);
    run(async {
        let waits: [Boxed; 2] = [
            Box::pin(sleep(ms(1000))),
            Box::pin(async { drop(gather([pending::<Token>()]).await) }),
        ];
        for mut wait in waits {
            FUSE.store(0, Ordering::SeqCst);
            let waker = fused_waker(&FUSE);
            poll_pending(wait.as_mut(), &waker);
            std::mem::forget(waker);
            FUSE.store(DROP, Ordering::SeqCst);
            let text = panic_text(move || {
                let _dropped_by_the_unwinding = wait;
                silent_panic("on purpose")
            });
            assert_eq!(text, "on purpose");
        }
    });
}

/// A timeout's future panicked behind a catch point that it had just opened, and the waker could
/// not be cloned: the process was aborted.
#[test]
fn a_waker_that_cannot_be_cloned_does_not_abort_an_unwinding_timeout() {
    static FUSE: AtomicUsize = AtomicUsize::new(0);
    run(async {
        let waker = fused_waker(&FUSE);
        let mut catch = Box::pin(catch_cancel(pending::<()>()));
        let mut inside = Box::pin(timeout(
            ms(1000),
            poll_fn(|cx| -> Poll<()> {
                assert!(catch.as_mut().poll(cx).is_pending());
                FUSE.store(CLONE, Ordering::SeqCst);
                silent_panic("on purpose")
            }),
        ));
        let text = panic_text(|| poll_pending(inside.as_mut(), &waker));
        FUSE.store(0, Ordering::SeqCst);
        assert_eq!(text, "on purpose");
    });
}

/// A group that was polled outside a task had no node in the tree, and its catch points never got
/// the cancellation.
#[test]
fn a_group_that_is_polled_outside_of_a_task_tells_its_children() {
    thread_local! {
        static GROUP: RefCell<Option<Boxed>> = const { RefCell::new(None) };
    }
    let told = Rc::new(Cell::new(false));
    let mark = told.clone();
    testing::run(async move {
        let group = task_group(async move |g| {
            drop(g.spawn(async move {
                drop(catch_cancel(pending::<()>()).await);
                mark.set(true);
            }));
            turns(3).await;
            g.cancel();
        });
        GROUP.set(Some(Box::pin(async { drop(group.await) })));
        let remote = Remote::current();
        for _ in 0..4 {
            let called = remote.call(|| {
                let mut group = GROUP.take().expect("it waits there");
                poll_pending(group.as_mut(), Waker::noop());
                GROUP.set(Some(group));
            });
            called.await.unwrap();
            turns(3).await;
        }
        let group = GROUP.take().expect("it waits there");
        group.await;
    });
    assert!(told.get());
}

/// A group was polled by another task with the same third-party waker, and the record of waits
/// mistook it for the first one.
#[test]
fn c21_a_group_that_is_carried_to_another_task_closes_no_cycle() {
    testing::run(async {
        let slot = Slot::default();
        let other = spawn(waits_for_its_waiter(slot.clone()));
        let mut crowd = FuturesUnordered::new();
        crowd.push(task_group(async |g| {
            let child = g.spawn(async move { drop(other.await) });
            turns(4).await;
            child.cancel();
        }));
        let first = spawn(async move {
            poll_fn(|cx| {
                assert!(crowd.poll_next_unpin(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            crowd
        });
        let mut crowd = first.await.unwrap();
        let second = spawn(async move { drop(crowd.next().await) });
        let cancel = second.cancel_handle();
        *slot.borrow_mut() = Some(second);
        sleep(ms(100)).await;
        assert!(!cancel.cancel(), "they wait for each other");
    });
}

/// A report like that of `anyhow`: the error and its causes.
fn chain(error: &(dyn std::error::Error + 'static)) -> Vec<String> {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect()
}

// `source` was not there, so that a report by `anyhow` showed no causes.
#[test]
fn the_first_error_of_a_group_is_its_source_and_can_be_had() {
    use std::error::Error;
    use std::io::{self, ErrorKind};
    testing::run(async {
        let failed = task_group(async |g| -> Result<(), String> {
            g.spawn(async { Err::<(), _>("first".to_owned()) });
            g.spawn(async {
                drop(catch_cancel(pending::<()>()).await);
                Err::<(), _>("second".to_owned())
            });
            pending().await
        });
        let error = failed.await.unwrap_err();
        assert_eq!(chain(&error)[1..], ["first"]);
        assert_eq!(error.into_first().as_deref(), Some("first"));

        let io = task_group(async |g| -> Result<(), io::Error> {
            g.spawn(async {
                Err::<(), _>(io::Error::new(ErrorKind::StorageFull, "no room".to_owned()))
            });
            pending().await
        });
        let error = io.await.unwrap_err();
        let source = error.source().unwrap().downcast_ref::<io::Error>();
        assert_eq!(source.map(io::Error::kind), Some(ErrorKind::StorageFull));

        let boxed = task_group(async |g| -> Result<(), Box<dyn Error + Send + Sync>> {
            g.spawn(async { Err::<(), _>("boxed".into()) });
            pending().await
        });
        let error: Box<dyn Error + Send + Sync> = boxed.await.unwrap_err().into();
        assert_eq!(chain(&*error)[1..], ["boxed"], "it is an error itself, too");

        let cancelled = task_group(async |g| -> Result<(), String> {
            g.cancel();
            pending().await
        });
        let error = cancelled.await.unwrap_err();
        assert!(error.source().is_none());
        assert_eq!(error.into_first(), None);
    });
}
