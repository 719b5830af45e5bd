//! The hard ends of a runtime: during a panic, inside another runtime, with its thread; destructors
//! that come back in; tasks that hold on to each other.

use std::cell::RefCell;
use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use crate::common::handles::{assert_shut_down, spawn_probe};
use crate::common::{
    CountingWaker, Counts, KeepingWaker, OnDrop, Plan, Probe, Token, panic_text, poll_with,
    silent_panic, turns,
};
use wheelhouse::testing::Trace;
use wheelhouse::{JoinHandle, Runtime, catch_cancel, run, sleep, spawn, task, try_spawn};

/// Drops a runtime in the midst of a panic.
fn drop_in_a_panic(runtime: Runtime) {
    let text = panic_text(move || {
        let _dropped_by_the_unwinding = runtime;
        silent_panic("outside")
    });
    assert_eq!(text, "outside");
}

#[test]
fn dropped_during_a_panic_the_runtime_drops_its_tasks_without_clean_ups() {
    let trace = Trace::new();
    let runtime = Runtime::new().unwrap();
    let handle = runtime.block_on(async {
        let (notes, guard) = (trace.clone(), trace.note_on_drop("dropped"));
        let handle = spawn(async move {
            let _guard = guard;
            drop(catch_cancel(pending::<()>()).await);
            notes.note("never");
        });
        let (probe, _) = Probe::new(Plan {
            drop_panics: true,
            ..Plan::ends_at(0)
        });
        drop(spawn(probe));
        turns(1).await;
        handle
    });
    drop_in_a_panic(runtime);
    trace.expect(["dropped"]);
    assert_shut_down(handle);
}

#[test]
fn dropped_inside_another_runtime_it_drops_its_tasks_without_clean_ups() {
    let trace = Trace::new();
    let inner = Runtime::new().unwrap();
    let (awaited, unawaited) = inner.block_on(async {
        let (notes, guard) = (trace.clone(), trace.note_on_drop("dropped"));
        let handle = spawn(async move {
            let _guard = guard;
            drop(catch_cancel(pending::<()>()).await);
            notes.note("never");
        });
        turns(1).await;
        (handle, spawn(ready(())))
    });
    run(async {
        let neighbour = spawn(async {
            turns(5).await;
            task::all().len()
        });
        turns(1).await;
        drop(inner);
        trace.expect(["dropped"]);
        assert_shut_down(awaited);
        assert!(unawaited.await.unwrap_err().is_cancelled());
        assert_eq!(neighbour.await.unwrap(), 2, "the outer one goes on");
    });
}

#[test]
fn tasks_that_await_each_other_and_themselves_are_dropped_all_the_same() {
    let counts: Vec<_> = run(async {
        let mut all = Vec::new();
        let slots: [Rc<RefCell<Option<JoinHandle<()>>>>; 2] = Default::default();
        for (mine, theirs) in [(0, 1), (1, 0)] {
            let (probe, counts) = Probe::new(Plan::ends_at(0));
            all.push(counts);
            let slot = Rc::clone(&slots[theirs]);
            let handle = spawn(async move {
                let _probe = probe;
                let other = slot.take().expect("both have been spawned");
                drop(other.await);
            });
            *slots[mine].borrow_mut() = Some(handle);
        }
        let itself: Rc<RefCell<Option<JoinHandle<()>>>> = Rc::default();
        let slot = Rc::clone(&itself);
        let handle = spawn(async move {
            let own = slot.take().expect("it has been spawned");
            drop(own.await);
        });
        *itself.borrow_mut() = Some(handle);
        turns(3).await;
        all
    });
    assert!(counts.iter().all(|count| count.all() == (0, 1, 0)));
}

/// A destructor that does everything that a destructor can do to the runtime around it.
fn meddles(
    trace: &Trace,
    wakes: Waker,
    other: JoinHandle<Token>,
) -> OnDrop<impl FnOnce() + 'static> {
    let trace = trace.clone();
    OnDrop::new(move || {
        let child = spawn(async { panic!("never polled") });
        drop(try_spawn(pending::<()>()).unwrap());
        other.cancel();
        wakes.wake();
        drop(other);
        let (_, waker) = CountingWaker::new();
        let mut sleep = sleep(Duration::from_secs(1));
        assert!(poll_with(&mut sleep, &waker).is_pending());
        std::mem::forget(sleep);
        let nested = catch_unwind(AssertUnwindSafe(|| run(ready(()))));
        assert!(nested.is_err(), "still inside");
        assert!(!task::all().is_empty() || child.is_finished());
        child.detach();
        trace.note("meddled");
    })
}

/// Makes a runtime with two tasks whose destructors meddle.
fn runtime_of_meddlers(trace: &Trace) -> (Runtime, Vec<Arc<Counts>>) {
    let runtime = Runtime::new().unwrap();
    let counts = runtime.block_on(async {
        let mut all = Vec::new();
        for _ in 0..2 {
            let (other, counts) = spawn_probe();
            turns(1).await;
            let guard = meddles(trace, counts.waker().unwrap(), other);
            all.push(counts);
            drop(spawn(async move {
                let _guard = guard;
                pending::<()>().await
            }));
            turns(1).await;
        }
        all
    });
    (runtime, counts)
}

#[test]
fn destructors_may_spawn_wake_cancel_and_drop_handles_during_the_end() {
    let trace = Trace::new();
    let ends: [fn(Runtime); 3] = [drop, drop_in_a_panic, |runtime| {
        run(async move { drop(runtime) })
    }];
    for end in ends {
        let (runtime, counts) = runtime_of_meddlers(&trace);
        end(runtime);
        trace.expect(["meddled", "meddled"]);
        assert!(counts.iter().all(|count| count.all() == (1, 1, 0)));
    }
}

#[test]
fn a_runtime_may_live_in_a_thread_local_and_end_with_its_thread() {
    thread_local! {
        static RUNTIME: Runtime = Runtime::new().unwrap();
    }
    let (probe, counts) = Probe::new(Plan::ends_at(0));
    let thread = std::thread::spawn(move || {
        RUNTIME.with(|runtime| {
            runtime.block_on(async {
                drop(spawn(probe));
                turns(1).await;
            });
        });
    });
    thread.join().unwrap();
    assert_eq!(counts.all(), (1, 1, 0));
}

/// Sleeps without end, with a waker that does the same `more` times when it is dropped, and then
/// panics.
fn sleeps_again_when_dropped(more: u32) {
    let again = OnDrop::new(move || match more {
        0 => silent_panic("the last waker"),
        more => sleeps_again_when_dropped(more - 1),
    });
    let mut sleep = sleep(Duration::from_secs(3600));
    assert!(poll_with(&mut sleep, &KeepingWaker::keeping(again)).is_pending());
    std::mem::forget(sleep);
}

/// What a waker's destructor left in a timer was dropped with the runtime's memory, and its panic
/// came out.
#[test]
fn a_timer_set_by_the_destructor_of_another_timers_waker_is_dropped_in_order() {
    for more in [0, 1, 5, 12] {
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async { sleeps_again_when_dropped(more) });
        drop(runtime);
    }
}

/// The place in the first runtime, with a waker in it, was forgotten without being given up.
#[test]
fn a_catch_point_that_moves_to_another_runtime_leaves_the_first() {
    let (first, second) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let (counter, waker) = CountingWaker::new();
    let mut point = Box::pin(catch_cancel(pending::<()>()));
    first.block_on(async { assert!(poll_with(&mut point, &waker).is_pending()) });
    drop(waker);
    assert_eq!(Arc::strong_count(&counter), 2);
    second.block_on(async { assert!(poll_with(&mut point, Waker::noop()).is_pending()) });
    first.block_on(turns(1));
    assert_eq!(Arc::strong_count(&counter), 1);
}
