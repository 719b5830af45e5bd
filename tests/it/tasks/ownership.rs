//! Who owns a task: what becomes of it when its handle goes. One test for each row of the table at
//! the head of `wheelhouse::task`.

use std::future::pending;
use std::time::Duration;

use crate::common::{CountingWaker, Plan, Probe, poll_with, turns};
use futures::future::{self, Either};
use wheelhouse::testing::Trace;
use wheelhouse::{
    JoinHandle, Reason, Runtime, catch_cancel, sleep, spawn, task, testing, timeout, yield_now,
};

/// A task that notes how it ended: by itself after `count` turns, or for which reason it was
/// cancelled.
fn notes_its_end(trace: &Trace, count: usize) -> JoinHandle<()> {
    let trace = trace.clone();
    spawn(async move {
        match catch_cancel(turns(count)).await {
            Ok(()) => trace.note("ran to its end"),
            Err(cancelled) => trace.note(format!("cancelled: {}", cancelled.reason())),
        }
    })
}

/// The trace of a task that was cancelled because it is no longer awaited.
fn gone() -> String {
    format!("cancelled: {}", Reason::AwaiterGone)
}

#[test]
fn awaited_to_the_end_a_task_delivers_its_result() {
    testing::run(async {
        let (probe, counts) = Probe::new(Plan::ends_at(1));
        let token = spawn(probe).await.unwrap();
        assert_eq!(
            counts.all(),
            (1, 1, 0),
            "the future is gone before its output is given"
        );
        drop(token);
        assert_eq!(counts.all(), (1, 1, 1));
    });
}

#[test]
fn dropped_unpolled_a_handle_leaves_its_task_running() {
    testing::run(async {
        let trace = Trace::new();
        drop(notes_its_end(&trace, 3));
        turns(6).await;
        trace.expect(["ran to its end"]);
    });
}

#[test]
fn asked_and_dropped_unawaited_a_handle_leaves_its_task_running() {
    testing::run(async {
        let trace = Trace::new();
        let mut handle = notes_its_end(&trace, 3);
        turns(1).await;
        assert!(handle.try_join().is_none() && !handle.is_finished());
        drop(handle);
        turns(6).await;
        trace.expect(["ran to its end"]);
    });
}

#[test]
fn dropped_after_it_was_polled_a_handle_cancels_its_task() {
    testing::run(async {
        let trace = Trace::new();
        let mut handle = notes_its_end(&trace, 100);
        turns(1).await;
        let (_, waker) = CountingWaker::new();
        assert!(poll_with(&mut handle, &waker).is_pending());
        drop(handle);
        assert_eq!(trace.take(), [""; 0], "not inside the drop");
        turns(2).await;
        assert_eq!(trace.take(), [gone()]);
    });
}

#[test]
fn dropped_after_the_task_ended_a_handle_that_was_polled_cancels_nothing() {
    testing::run(async {
        let (probe, counts) = Probe::new(Plan::ends_at(1));
        let mut handle = spawn(probe);
        let (_, waker) = CountingWaker::new();
        assert!(poll_with(&mut handle, &waker).is_pending());
        turns(1).await;
        assert_eq!(counts.all(), (1, 1, 0));
        drop(handle);
        assert_eq!(counts.all(), (1, 1, 1), "its output went with the handle");
    });
}

#[test]
fn a_cancelled_awaiter_takes_the_awaited_task_with_it() {
    testing::run(async {
        let trace = Trace::new();
        let inner = notes_its_end(&trace, 100);
        let stop = inner.cancel_handle();
        let outer = spawn(async move { inner.await.is_ok() });
        turns(2).await;
        outer.cancel();
        assert!(outer.await.unwrap_err().is_cancelled());
        turns(2).await;
        assert!(stop.is_finished());
        assert_eq!(trace.take(), [gone()]);
    });
}

#[test]
fn a_dropped_awaiter_is_the_task_that_cancelled() {
    testing::run(async {
        let inner = spawn(catch_cancel(pending::<()>()));
        let mut watched = spawn(async { catch_cancel(pending::<()>()).await.unwrap_err().by() });
        let awaiter = spawn(async move {
            let (_, waker) = CountingWaker::new();
            assert!(poll_with(&mut watched, &waker).is_pending());
            let report = watched.cancel_handle();
            turns(1).await;
            drop(watched);
            drop(inner);
            report
        });
        let id = awaiter.id();
        let report = awaiter.await.unwrap();
        turns(2).await;
        assert!(report.is_finished());
        assert_ne!(report.id(), id);
    });
}

#[test]
fn a_timeout_that_is_given_the_handle_cancels_the_task_and_one_that_borrows_it_does_not() {
    testing::run(async {
        let trace = Trace::new();
        let mut kept = notes_its_end(&trace, 100);
        assert!(timeout(Duration::ZERO, &mut kept).await.is_err());
        kept.await.unwrap();
        trace.expect(["ran to its end"]);

        let given = notes_its_end(&trace, 100);
        turns(1).await;
        assert!(timeout(Duration::ZERO, given).await.is_err());
        turns(2).await;
        assert_eq!(trace.take(), [gone()]);
    });
}

#[test]
fn a_select_that_drops_the_losing_handle_cancels_its_task() {
    testing::run(async {
        let trace = Trace::new();
        let loser = notes_its_end(&trace, 100);
        let winner = spawn(yield_now());
        match future::select(winner, loser).await {
            Either::Left((result, _loser)) => result.unwrap(),
            Either::Right(_) => panic!("the slow one came first"),
        }
        turns(2).await;
        assert_eq!(trace.take(), [gone()]);
    });
}

#[test]
fn detached_after_it_was_polled_a_task_runs_on() {
    testing::run(async {
        let trace = Trace::new();
        let mut handle = notes_its_end(&trace, 3);
        let (counter, waker) = CountingWaker::new();
        assert!(poll_with(&mut handle, &waker).is_pending());
        handle.detach();
        turns(6).await;
        trace.expect(["ran to its end"]);
        assert_eq!(
            counter.wakes(),
            0,
            "nobody is told who gave the handle away"
        );
    });
}

#[test]
fn detached_after_its_end_a_task_drops_its_output() {
    testing::run(async {
        let (probe, counts) = Probe::new(Plan::ends_at(1));
        let handle = spawn(probe);
        turns(1).await;
        handle.detach();
        assert_eq!(counts.all(), (1, 1, 1));
    });
}

#[test]
fn only_the_runtime_keeps_a_detached_task_alive() {
    testing::run(async {
        let trace = Trace::new();
        let notes = trace.clone();
        drop(spawn(async move {
            // Only the wheel knows of it.
            sleep(Duration::from_secs(1)).await;
            notes.note("woken by the wheel");
        }));
        sleep(Duration::from_secs(2)).await;
        trace.expect(["woken by the wheel"]);
        drop(spawn(pending::<()>()));
        turns(1).await;
        assert_eq!(
            task::all().len(),
            2,
            "main, and one that nothing will ever wake"
        );
    });
}

#[test]
fn when_the_runtime_shuts_down_a_task_is_cancelled_and_given_the_time_to_clean_up() {
    let trace = Trace::new();
    testing::run(async {
        let notes = trace.clone();
        drop(spawn(async move {
            let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
            sleep(Duration::from_secs(2)).await;
            notes.note(format!("{}, clean", cancelled.reason()));
        }));
        turns(1).await;
    });
    assert_eq!(trace.take(), [format!("{}, clean", Reason::Shutdown)]);
}

#[test]
fn between_two_calls_of_block_on_tasks_live_on_and_do_not_run() {
    let runtime = Runtime::new().unwrap();
    let trace = Trace::new();
    let task = runtime.block_on(async { notes_its_end(&trace, 3) });
    assert!(!task.is_finished());
    trace.expect([""; 0]);
    runtime.block_on(task).unwrap();
    trace.expect(["ran to its end"]);
}

#[test]
fn a_handle_that_is_dropped_between_two_calls_of_block_on_acts_as_inside() {
    let runtime = Runtime::new().unwrap();
    let trace = Trace::new();
    let (unpolled, polled) = runtime.block_on(async {
        let mut polled = notes_its_end(&trace, 100);
        let (_, waker) = CountingWaker::new();
        assert!(poll_with(&mut polled, &waker).is_pending());
        let unpolled = notes_its_end(&trace, 9);
        turns(2).await; // both are in their catch points now
        (unpolled, polled)
    });
    drop((unpolled, polled));
    runtime.block_on(turns(12));
    let mut names = trace.take();
    names.sort();
    assert_eq!(names, [gone(), "ran to its end".to_owned()]);
}

/// Notes in its destructor which task is the current one.
struct Tells(Trace);

impl Drop for Tells {
    fn drop(&mut self) {
        let task = task::try_current();
        let name = task.as_ref().and_then(task::TaskInfo::name);
        self.0.note(name.unwrap_or("nobody"));
    }
}

// The destructor of an unused output runs at the end of its task, after the last poll:
// `task::current()` panicked there and said that there was no runtime.
#[test]
fn the_destructor_of_an_unused_output_runs_as_its_task() {
    let trace = Trace::new();
    let output = |name: &str| {
        let tells = Tells(trace.clone());
        task::Builder::new().name(name).spawn(async { tells })
    };
    testing::run(async {
        output("detached").detach();
        let dropped = output("dropped");
        yield_now().await;
        drop(dropped);
        let elsewhere = task::Builder::new().name("sent").spawn({
            let trace = trace.clone();
            async move {
                let _tells = Tells(trace);
            }
        });
        elsewhere.await.unwrap();
    });
    trace.expect(["detached", "nobody", "sent"]);
}

#[test]
fn a_handle_that_is_dropped_on_another_thread_drops_the_output_as_its_task() {
    use std::sync::mpsc;
    /// Sends in its destructor the name of the current task.
    struct Sends(mpsc::Sender<Option<String>>);
    impl Drop for Sends {
        fn drop(&mut self) {
            let task = task::try_current();
            let name = task.as_ref().and_then(task::TaskInfo::name);
            self.0.send(name.map(str::to_owned)).unwrap();
        }
    }
    let (sender, receiver) = mpsc::channel();
    wheelhouse::run(async {
        let handle = task::Builder::new()
            .name("far")
            .spawn(async { Sends(sender) });
        turns(2).await;
        std::thread::spawn(move || drop(handle)).join().unwrap();
        turns(2).await;
    });
    assert_eq!(receiver.recv().unwrap().as_deref(), Some("far"));
}

#[test]
fn outside_of_a_task_but_inside_of_the_runtime_current_does_not_blame_a_missing_runtime() {
    wheelhouse::run(async {
        let call = wheelhouse::Remote::current().call(|| crate::common::panic_text(task::current));
        let said = call.await.unwrap();
        assert!(
            said.contains("outside of a task") && !said.contains("wheelhouse::run"),
            "{said}"
        );
    });
}
