//! Panics wherever somebody else's code runs: futures, destructors, outputs, wakers, payloads,
//! main. Each stays with whom it concerns, and the other tasks are unharmed.

use std::future::{pending, poll_fn};
use std::mem::forget;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::pin::pin;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use crate::common::bomb_waker::{CLONE, DROP, WAKE, bomb_waker};
use crate::common::{
    Bomb, CountingWaker, DROP_PANIC, off_thread, panic_text, poll_with, silent_panic, turns,
};
use wheelhouse::testing::Trace;
use wheelhouse::{JoinError, Runtime, catch_cancel, sleep, spawn, testing, yield_now};

/// Runs `main` beside a task that must live as if nothing happened.
fn beside_a_bystander(main: impl AsyncFnOnce()) {
    testing::run(async {
        let bystander = spawn(async {
            for round in 0..50 {
                catch_cancel(yield_now()).await.unwrap();
                sleep(Duration::from_millis(round)).await;
            }
            "unharmed"
        });
        main().await;
        assert_eq!(bystander.await.unwrap(), "unharmed");
    });
}

/// A payload whose destructor panics, with a payload whose destructor panics. Neither has a size,
/// so that nothing is lost when the runtime forgets the second.
struct DeepBomb;

/// The second.
struct InnerBomb;

impl Drop for DeepBomb {
    fn drop(&mut self) {
        resume_unwind(Box::new(InnerBomb));
    }
}

impl Drop for InnerBomb {
    fn drop(&mut self) {
        silent_panic("a payload's payload, on purpose");
    }
}

#[test]
fn a_panic_of_a_poll_goes_to_whoever_awaits_the_task() {
    beside_a_bystander(async || {
        let text = spawn(async { panic_any("text".to_owned()) });
        let number = spawn(async { panic_any(5_u32) });
        let unheard = spawn(async { silent_panic("unheard") });
        let error = text.await.map(|never: ()| never).unwrap_err();
        assert_eq!(error.to_string(), "the task panicked: text");
        match number.await.map(|never: ()| never).unwrap_err() {
            JoinError::Panicked(panic) => {
                assert_eq!(panic.message(), None);
                assert_eq!(panic.into_payload().downcast_ref::<u32>(), Some(&5));
            }
            other => panic!("{other}"),
        }
        drop::<wheelhouse::JoinHandle<()>>(unheard);
        turns(1).await;
    });
}

#[test]
fn a_panic_may_go_on_in_the_awaiter() {
    beside_a_bystander(async || {
        let outer = spawn(async {
            let inner = spawn(async { silent_panic("from inside") });
            match inner.await.map(|never: ()| never).unwrap_err() {
                JoinError::Panicked(panic) => panic.resume(),
                other => panic!("{other}"),
            }
        });
        let error = outer.await.map(|never: ()| never).unwrap_err();
        assert_eq!(error.to_string(), "the task panicked: from inside");
    });
}

#[test]
fn a_panic_in_the_destructor_of_an_output_affects_no_task() {
    let mut kept = None;
    beside_a_bystander(async || {
        drop(spawn(async { Bomb("output of a detached task") }));
        let unasked = spawn(async { Bomb("output that nobody asked for") });
        let afar = spawn(async { Bomb("output that is dropped on another thread") });
        let mut asked = spawn(async { Bomb("output that was taken") });
        kept = Some(spawn(async { Bomb("output that outlives its runtime") }));
        turns(1).await;
        drop(unasked);
        thread::spawn(move || drop(afar)).join().unwrap();
        turns(70).await;
        let taken = asked.try_join().unwrap().unwrap();
        assert_eq!(
            panic_text(|| drop(taken)),
            "output that was taken",
            "the taker's own business"
        );
    });
    drop(kept);
}

#[test]
fn a_panic_in_the_destructor_of_a_payload_affects_no_task() {
    beside_a_bystander(async || {
        let bomb = || resume_unwind(Box::new(DeepBomb));
        drop::<wheelhouse::JoinHandle<()>>(spawn(async move { bomb() }));
        let unasked: wheelhouse::JoinHandle<()> = spawn(async move { bomb() });
        let guard = crate::common::OnDrop::new(bomb);
        let value_stands = spawn(poll_fn(move |_| {
            let _kept = &guard;
            Poll::Ready(3)
        }));
        turns(1).await;
        drop(unasked);
        assert_eq!(value_stands.await.unwrap(), 3);
    });
}

#[test]
fn a_panic_of_a_joiners_waker_affects_no_task() {
    beside_a_bystander(async || {
        let mut handle = spawn(async { 5 });
        assert!(poll_with(&mut handle, &bomb_waker(WAKE)).is_pending());
        let mut cancelled = spawn(pending::<()>());
        assert!(poll_with(&mut cancelled, &bomb_waker(WAKE)).is_pending());
        cancelled.cancel();
        turns(1).await;
        assert_eq!(handle.try_join().unwrap().unwrap(), 5);
        assert!(cancelled.try_join().unwrap().unwrap_err().is_cancelled());
    });
}

#[test]
fn a_joiners_waker_that_panics_when_cloned_leaves_the_handle_as_it_was() {
    beside_a_bystander(async || {
        let mut handle = spawn(async { 5 });
        let bomb = bomb_waker(CLONE);
        assert!(panic_text(|| poll_with(&mut handle, &bomb)).contains("clone"));
        assert_eq!(handle.await.unwrap(), 5);
    });
}

#[test]
fn a_joiners_waker_that_panics_when_dropped_is_replaced_all_the_same() {
    beside_a_bystander(async || {
        let mut handle = spawn(async { 5 });
        let bomb = bomb_waker(DROP);
        assert!(poll_with(&mut handle, &bomb).is_pending());
        let (counter, waker) = CountingWaker::new();
        assert!(panic_text(|| poll_with(&mut handle, &waker)).contains("drop"));
        turns(1).await;
        assert_eq!(counter.wakes(), 1);
        assert_eq!(handle.await.unwrap(), 5);
        forget(bomb);
    });
}

#[test]
fn a_handle_whose_waker_panics_when_dropped_cancels_its_task_all_the_same() {
    beside_a_bystander(async || {
        for afar in [false, true] {
            let mut handle = spawn(pending::<()>());
            let stop = handle.cancel_handle();
            let bomb = bomb_waker(DROP);
            assert!(poll_with(&mut handle, &bomb).is_pending());
            if afar {
                thread::spawn(move || drop(handle)).join().unwrap()
            } else {
                drop(catch_unwind(AssertUnwindSafe(|| drop(handle))))
            }
            turns(70).await;
            assert!(stop.is_finished(), "its awaiter has gone");
            forget(bomb);
        }
    });
}

#[test]
fn a_panic_of_a_timers_waker_affects_no_task() {
    beside_a_bystander(async || {
        let second = Duration::from_secs(1);
        let mut woken = sleep(second);
        assert!(poll_with(&mut woken, &bomb_waker(WAKE)).is_pending());
        let mut cloned = sleep(second);
        let bomb = bomb_waker(CLONE);
        assert!(panic_text(|| poll_with(&mut cloned, &bomb)).contains("clone"));
        let (mut replaced, mut dropped) = (sleep(second), sleep(second));
        let bomb = bomb_waker(DROP);
        assert!(poll_with(&mut replaced, &bomb).is_pending());
        assert!(poll_with(&mut dropped, &bomb).is_pending());
        let (counter, waker) = CountingWaker::new();
        assert!(panic_text(|| poll_with(&mut replaced, &waker)).contains("drop"));
        drop(dropped); // which may be part of an unwinding, so that panic ends there
        forget(bomb);
        sleep(second).await;
        assert!(woken.is_elapsed() && replaced.is_elapsed());
        assert_eq!(counter.wakes(), 1);
        cloned.await;
    });
}

#[test]
fn timers_whose_wakers_panic_when_dropped_are_dropped_with_the_runtime() {
    let runtime = Runtime::new().unwrap();
    let trace = Trace::new();
    let sleeps = runtime.block_on(async {
        let bomb = bomb_waker(DROP);
        let lengths = [
            Duration::from_secs(1),
            Duration::from_secs(60),
            Duration::MAX,
        ];
        let mut sleeps = lengths.map(sleep);
        for sleep in &mut sleeps {
            assert!(poll_with(sleep, &bomb).is_pending());
        }
        forget(bomb);
        let dropped = trace.note_on_drop("the tasks are dropped");
        drop(spawn(async move {
            let _dropped = dropped;
            pending::<()>().await
        }));
        sleeps
    });
    drop(runtime);
    trace.expect(["the tasks are dropped"]);
    drop(sleeps);
}

#[test]
fn a_panic_of_a_catch_points_waker_affects_no_task() {
    beside_a_bystander(async || {
        let task = spawn(async {
            let mut point = pin!(catch_cancel(pending::<()>()));
            assert!(poll_with(&mut point, &bomb_waker(WAKE)).is_pending());
            // Ready when the cancellation comes, so that the wake that panics is not needed.
            turns(1).await;
            point.await.is_err()
        });
        turns(1).await;
        task.cancel();
        assert!(task.await.unwrap());
    });
}

#[test]
fn a_catch_point_that_is_dropped_afar_may_have_a_waker_that_panics() {
    beside_a_bystander(async || {
        let mut point = Box::pin(catch_cancel(pending::<()>()));
        let bomb = bomb_waker(DROP);
        assert!(poll_with(&mut point, &bomb).is_pending());
        forget(bomb);
        thread::spawn(move || drop(point)).join().unwrap();
        turns(70).await;
    });
}

#[test]
fn catch_points_that_outlive_their_runtime_may_have_wakers_that_panic() {
    let runtime = Runtime::new().unwrap();
    let mut points = [(); 2].map(|()| Box::pin(catch_cancel(pending::<()>())));
    runtime.block_on(async {
        let bomb = bomb_waker(DROP);
        for point in &mut points {
            assert!(poll_with(point, &bomb).is_pending());
        }
        forget(bomb);
    });
    drop(runtime);
    drop(points);
}

#[test]
fn what_a_remote_is_given_may_panic_when_it_is_dropped_unrun_or_unheard() {
    let runtime = Runtime::new().unwrap();
    let remote = runtime.remote();
    runtime.block_on(async {
        drop(remote.spawn(|| async { Bomb("output of an unheard task") }));
        drop(remote.call(|| Bomb("value of an unheard call")));
        remote.call(|| resume_unwind(Box::new(DeepBomb))).cancel();
        let mut woken = remote.spawn(|| async { 5 });
        assert!(poll_with(&mut woken, &bomb_waker(WAKE)).is_pending());
        turns(70).await;
        assert_eq!(woken.await.unwrap(), 5);
        let remote = remote.clone();
        off_thread(move || remote.call(|| 6).join().unwrap()).await;
    });
    drop(runtime);
    let bomb = Bomb(DROP_PANIC);
    let late = remote.spawn(move || async move { drop(bomb) });
    assert!(late.join().unwrap_err().is_cancelled());
}
