//! Cancel at every step: the futures of time, of tasks and of remotes are ended at each of their
//! suspensions, in five ways. The harness, and what it checks in each scene without being asked, is
//! described at `testing::Steps`.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::common::turns;
use crate::steps::counting::steps_of;
use futures::lock::Mutex;
use wheelhouse::testing::{Cut, Step, Steps, Trace};
use wheelhouse::{
    Remote, Runtime, catch_cancel, finally, finally_with, shield, sleep, sleep_until, spawn, time,
    time::Timeout, timeout, timeout_at, yield_now,
};

/// So many milliseconds.
const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A value that says how many of its kind there are.
#[derive(Debug)]
struct Coin(Rc<Cell<i32>>);

impl Coin {
    /// One more.
    fn new(living: &Rc<Cell<i32>>) -> Self {
        living.set(living.get() + 1);
        Self(Rc::clone(living))
    }
}

impl Drop for Coin {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// Waits for two turns, then returns a coin.
async fn coin(living: Rc<Cell<i32>>) -> Coin {
    turns(2).await;
    Coin::new(&living)
}

/// Runs `body`; when it is cancelled, cleans up with awaits in a shield, notes that, and resumes.
async fn passes_on<T>(trace: Trace, body: impl Future<Output = T>) -> T {
    match catch_cancel(body).await {
        Ok(value) => value,
        Err(cancelled) => {
            shield(async {
                trace.note("begun");
                sleep(ms(1)).await;
                turns(1).await;
                trace.note("cleaned up");
            })
            .await;
            cancelled.resume().await
        }
    }
}

#[test]
fn sleep_and_sleep_until_leave_no_timer() {
    let most = steps_of("sleep").run(async |step: &Step| {
        let start = time::now();
        let cut = step.cut(async {
            sleep(ms(3)).await;
            sleep_until(time::now() + ms(4)).await;
            sleep(Duration::ZERO).await;
        });
        if cut.await.ended().is_some() {
            assert_eq!(time::now() - start, ms(7));
        }
    });
    assert_eq!(most, 3);
}

#[test]
fn yield_now_yields_once() {
    assert_eq!(
        steps_of("yield_now").run(async |step: &Step| drop(step.cut(yield_now()).await)),
        1
    );
}

/// A timeout, set by a duration or by a deadline.
fn within<F: Future>(at: bool, limit: Duration, future: F) -> Timeout<F> {
    if at {
        timeout_at(time::now() + limit, future)
    } else {
        timeout(limit, future)
    }
}

#[test]
fn timeout_returns_its_value_or_drops_it_at_every_step() {
    for at in [false, true] {
        let most = steps_of("timeout").run(async |step: &Step| {
            let (living, trace) = (Rc::default(), Trace::new());
            let (a, b) = (Rc::clone(&living), trace.clone());
            let cut = step.cut(async move {
                let first = within(at, ms(50), coin(a)).await.expect("in time");
                let cleans_up = passes_on(b, pending::<()>());
                within(at, ms(2), cleans_up).await.expect_err("too late");
                let never = within(at, ms(2), pending::<()>());
                never.await.expect_err("too late");
                first
            });
            let value = cut.await.ended();
            assert_eq!(living.get(), i32::from(value.is_some()));
            let names = trace.take();
            assert!(step.mode.is_drop() || names.len() % 2 == 0, "{names:?}");
        });
        assert!(most >= 6, "{most}");
    }
}

#[test]
fn an_interval_loses_no_tick() {
    let most = steps_of("interval").run(async |step: &Step| {
        let start = time::now();
        let interval = Rc::new(Mutex::new(time::interval(ms(10))));
        let ticks = Rc::new(RefCell::new(Vec::new()));
        let (theirs, noted) = (Rc::clone(&interval), Rc::clone(&ticks));
        let ticking = step.cut(async move {
            for _ in 0..4 {
                let due = theirs.lock().await.tick().await;
                noted.borrow_mut().push(due - start);
            }
        });
        drop(ticking.await);
        let missing = 4 - ticks.borrow().len();
        for _ in 0..missing {
            let due = interval.lock().await.tick().await;
            ticks.borrow_mut().push(due - start);
        }
        let grid: Vec<_> = (0..4).map(|number| ms(10 * number)).collect();
        assert_eq!(*ticks.borrow(), grid);
    });
    assert_eq!(most, 3);
}

#[test]
fn catch_cancel_cleans_up_when_the_task_is_cancelled_and_only_then() {
    let most = steps_of("catch_cancel").run(async |step: &Step| {
        let trace = Trace::new();
        let inner = passes_on(trace.clone(), turns(2));
        let cut = step.cut(passes_on(trace.clone(), inner)).await;
        let expected = match cut {
            Cut::Cancelled(_) => 4,
            Cut::Ended(()) | Cut::Dropped => 0,
        };
        assert_eq!(trace.take().len(), expected, "notes, {cut:?}");
    });
    assert_eq!(most, 2);
}

#[test]
fn a_swallowed_cancellation_loses_no_value() {
    steps_of("swallows").run(async |step: &Step| {
        let living = Rc::default();
        let theirs = Rc::clone(&living);
        let cut = step.cut(async move {
            let caught = catch_cancel(coin(Rc::clone(&theirs))).await;
            match caught {
                Ok(coin) => coin,
                Err(_) => Coin::new(&theirs),
            }
        });
        let cut = cut.await;
        assert!(!matches!(cut, Cut::Cancelled(_)), "it was swallowed");
        let value = cut.ended();
        assert_eq!(living.get(), i32::from(value.is_some()));
    });
}

#[test]
fn a_shielded_future_runs_to_its_end_unless_it_is_dropped() {
    let most = steps_of("shield").run(async |step: &Step| {
        let trace = Trace::new();
        let notes = trace.clone();
        let cut = step.cut(async move {
            shield(async {
                yield_now().await;
                sleep(ms(5)).await;
                notes.note("done");
            })
            .await;
            yield_now().await;
            notes.note("after");
        });
        let cut = cut.await;
        let names = trace.take();
        match cut {
            Cut::Ended(()) => assert_eq!(names, ["done", "after"]),
            Cut::Cancelled(_) => assert_eq!(names, ["done"]),
            Cut::Dropped => assert!(names.len() < 2),
        }
    });
    assert_eq!(most, 3);
}

#[test]
fn finally_cleans_up_once_unless_it_is_dropped() {
    let most = steps_of("finally").run(async |step: &Step| {
        let trace = Trace::new();
        let (bodys, cleaners) = (trace.clone(), trace.clone());
        let body = async move {
            turns(2).await;
            bodys.note("body");
        };
        let cut = step.cut(finally(body, async move {
            yield_now().await;
            sleep(ms(2)).await;
            cleaners.note("cleaned up");
        }));
        let (cut, names) = (cut.await, trace.take());
        let cleaned = names.iter().filter(|name| *name == "cleaned up").count();
        assert_eq!(
            cleaned,
            usize::from(!matches!(cut, Cut::Dropped)),
            "{cut:?}"
        );
    });
    assert_eq!(most, 4);
}

#[test]
fn finally_with_moves_the_resource_into_the_clean_up_unless_it_is_dropped() {
    let most = steps_of("finally_with").run(async |step: &Step| {
        let (living, cleaned) = (Rc::default(), Rc::new(Cell::new(0)));
        let (resource, count) = (Coin::new(&living), Rc::clone(&cleaned));
        let body = async |resource: &mut Coin| {
            turns(2).await;
            resource.0.get()
        };
        let cut = step.cut(finally_with(resource, body, async move |resource| {
            yield_now().await;
            count.set(count.get() + 1);
            drop(resource);
        }));
        let cut = cut.await;
        let ended_well = !matches!(cut, Cut::Dropped);
        assert_eq!((living.get(), cleaned.get()), (0, i32::from(ended_well)));
    });
    assert_eq!(most, 3);
}

#[test]
fn an_awaited_task_goes_with_its_awaiter() {
    let most = steps_of("JoinHandle").run(async |step: &Step| {
        let (living, trace) = (Rc::default(), Trace::new());
        let (theirs, notes) = (Rc::clone(&living), trace.clone());
        let cut = step.cut(async move {
            let plain = spawn(coin(Rc::clone(&theirs)));
            let first = plain.await.expect("nobody cancels it");
            let cleans_up = spawn(passes_on(notes, coin(theirs)));
            (first, cleans_up.await.expect("nobody cancels it"))
        });
        let value = cut.await.ended();
        assert_eq!(living.get(), if value.is_some() { 2 } else { 0 });
        assert!(trace.take().len() % 2 == 0, "half a clean-up");
    });
    assert_eq!(most, 2);
}

#[test]
fn cancel_and_wait_leaves_the_task_cancelled() {
    let most = steps_of("cancel_and_wait").run(async |step: &Step| {
        let trace = Trace::new();
        let task = spawn(passes_on(trace.clone(), pending::<()>()));
        yield_now().await;
        let watch = task.cancel_handle();
        let cut = step.cut(task.cancel_and_wait()).await;
        match cut {
            Cut::Ended(result) => assert!(result.expect_err("cancelled").is_cancelled()),
            Cut::Cancelled(_) => assert!(watch.is_finished(), "C21 waits for it"),
            Cut::Dropped => sleep(ms(5)).await,
        }
        assert!(watch.is_finished());
        assert_eq!(trace.take(), ["begun", "cleaned up"]);
    });
    assert_eq!(most, 1);
}

/// Gives way until `flag` is set.
async fn until(flag: &AtomicBool) {
    for _ in 0..1000 {
        if flag.load(Ordering::SeqCst) {
            return;
        }
        yield_now().await;
    }
    panic!("the flag is never set");
}

#[test]
fn a_remote_handle_that_goes_leaves_its_task_running() {
    let most = steps_of("Remote::spawn").run(async |step: &Step| {
        let (begun, done) = <(Arc<AtomicBool>, Arc<AtomicBool>)>::default();
        let (begins, ends) = (Arc::clone(&begun), Arc::clone(&done));
        let handle = Remote::current().spawn(move || async move {
            begins.store(true, Ordering::SeqCst);
            turns(5).await;
            ends.store(true, Ordering::SeqCst);
            7
        });
        until(&begun).await;
        let value = step.cut(async { handle.await.expect("nobody cancels it") });
        assert!(value.await.ended().is_none_or(|value| value == 7));
        until(&done).await;
        turns(1).await;
    });
    assert_eq!(most, 1);
}

#[test]
fn a_remote_call_is_made_though_its_handle_goes() {
    let most = steps_of("Remote::call").run(async |step: &Step| {
        let called = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&called);
        let handle = Remote::current().call(move || flag.swap(true, Ordering::SeqCst));
        assert!(!called.load(Ordering::SeqCst), "not inside `call`");
        let before = step.cut(async { handle.await.expect("it does not panic") });
        assert!(!before.await.ended().unwrap_or_default(), "called twice");
        until(&called).await;
    });
    assert_eq!(most, 1);
}

/// The machine's clock, and no count of bytes: the task and its end are on another thread.
#[test]
fn a_handle_of_a_task_on_another_thread_may_go_at_any_moment() {
    let (give_remote, take_remote) = std::sync::mpsc::channel();
    let (stop, stopped) = futures::channel::oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        let runtime = Runtime::new().expect("descriptors");
        give_remote.send(runtime.remote()).expect("the test waits");
        runtime.block_on(stopped).expect("it is told to stop");
    });
    let remote = take_remote.recv().expect("the thread has a runtime");
    let most = Steps::of("RemoteHandle").real().run(async |step: &Step| {
        let (done, is_done) = std::sync::mpsc::channel();
        let (begin, begins) = futures::channel::oneshot::channel::<()>();
        let handle = remote.spawn(move || async move {
            // It begins when the handle is being awaited, or has gone.
            begins.await.expect_err("it is only dropped");
            done.send(()).expect("the scene waits");
            7
        });
        let cut = step.cut(async move {
            let mut handle = handle;
            assert!(futures::poll!(&mut handle).is_pending());
            drop(begin);
            handle.await.expect("nobody cancels it")
        });
        assert!(cut.await.ended().is_none_or(|value| value == 7));
        assert_eq!(is_done.recv(), Ok(()), "it runs on");
        assert!(is_done.recv().is_err(), "once");
    });
    // The other thread may be faster than the second poll: then there is no suspension.
    assert!(most <= 1, "{most}");
    stop.send(()).expect("the thread runs");
    thread.join().expect("no panic");
}
