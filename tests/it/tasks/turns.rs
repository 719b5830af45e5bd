//! A runtime that another loop drives: by turns, told by its descriptor alone.
//!
//! Wall time: another loop waits by the machine's clock, and so do its timers.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream as StdStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use futures::{AsyncReadExt, AsyncWriteExt};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use wheelhouse::net::TcpListener;
use wheelhouse::sync::Event;
use wheelhouse::{
    JoinHandle, Runtime, Turn, catch_cancel, finally, gather, sleep, spawn, testing, yield_now,
};

use crate::common::panic_text;

const NOW: Option<Duration> = Some(Duration::ZERO);

/// Longer than every wait of these tests: the descriptor was not rung.
const SILENT: Duration = Duration::from_secs(20);

/// Returns `true` if the descriptor becomes readable within `timeout`.
fn rings_within(runtime: &Runtime, timeout: Duration) -> bool {
    let timeout = Timespec::try_from(timeout).unwrap();
    let mut fds = [PollFd::new(runtime, PollFlags::IN)];
    poll(&mut fds, Some(&timeout)).unwrap() > 0
}

/// Takes turns when the descriptor is readable, and never otherwise, until `is_over`. Returns the
/// number of turns.
fn drive_until(runtime: &Runtime, mut is_over: impl FnMut(Turn) -> bool) -> usize {
    for turns in 1.. {
        assert!(
            rings_within(runtime, SILENT),
            "the descriptor is not readable"
        );
        if is_over(runtime.turn(NOW)) {
            return turns;
        }
    }
    unreachable!()
}

fn drive_to_the_end(runtime: &Runtime) -> usize {
    drive_until(runtime, |turn| turn == Turn::Done)
}

/// Takes turns until the descriptor is not readable for some milliseconds.
fn settle(runtime: &Runtime) {
    while rings_within(runtime, Duration::from_millis(5)) {
        runtime.turn(NOW);
    }
}

fn new() -> Runtime {
    Runtime::new().unwrap()
}

/// Spawns a task that waits for an event, and polls it once.
fn spawn_waiter(runtime: &Runtime) -> (Rc<Event>, JoinHandle<()>) {
    let event = Rc::new(Event::new());
    let waits = Rc::clone(&event);
    let task = runtime.enter(|| spawn(async move { waits.wait().await }));
    settle(runtime);
    (event, task)
}

#[test]
fn a_turn_polls_the_tasks_that_were_spawned_from_outside() {
    let runtime = new();
    assert_eq!(runtime.turn(NOW), Turn::Done);
    let mut task = runtime.enter(|| {
        spawn(async {
            yield_now().await;
            5
        })
    });
    assert_eq!(runtime.turn(NOW), Turn::Done);
    assert_eq!(task.try_join().unwrap().unwrap(), 5);
}

#[test]
fn a_turn_ends_after_64_polls_and_the_descriptor_stays_readable() {
    let runtime = new();
    let polls = Rc::new(Cell::new(0));
    for _ in 0..200 {
        let polls = Rc::clone(&polls);
        runtime.enter(|| spawn(async move { polls.set(polls.get() + 1) }));
    }
    assert_eq!(runtime.turn(NOW), Turn::Ready);
    assert_eq!(polls.get(), 64);
    assert_eq!(drive_to_the_end(&runtime), 3);
    assert_eq!(polls.get(), 200);
}

#[test]
fn the_descriptor_of_a_runtime_that_waits_is_not_readable() {
    let runtime = new();
    assert!(!rings_within(&runtime, Duration::ZERO));
    let (_event, _task) = spawn_waiter(&runtime);
    runtime.enter(|| spawn(sleep(Duration::from_secs(60))));
    settle(&runtime);
    assert!(!rings_within(&runtime, Duration::from_millis(20)));
    // A callback that changes nothing rings nothing.
    runtime.enter(|| ());
    assert!(!rings_within(&runtime, Duration::from_millis(20)));
}

#[test]
fn a_wake_of_this_thread_between_two_turns_rings() {
    let runtime = new();
    let (event, task) = spawn_waiter(&runtime);
    event.set();
    drive_to_the_end(&runtime);
    assert!(task.is_finished());
}

#[test]
fn a_wake_of_another_thread_rings() {
    let runtime = new();
    let (sender, mut receiver) = wheelhouse::sync::inbox::bounded(4);
    let mut task = runtime.enter(|| spawn(async move { receiver.recv().await }));
    settle(&runtime);
    let thread = thread::spawn(move || sender.try_send(3).unwrap());
    drive_to_the_end(&runtime);
    thread.join().unwrap();
    assert_eq!(task.try_join().unwrap().unwrap().unwrap(), 3);
}

#[test]
fn tasks_that_other_threads_spawn_ring_each_time() {
    let runtime = new();
    assert!(!rings_within(&runtime, Duration::ZERO));
    let remote = runtime.remote();
    let (sender, mut receiver) = wheelhouse::sync::inbox::unbounded();
    let waiter = runtime.enter(|| spawn(async move { receiver.recv().await.unwrap() }));
    settle(&runtime);
    let thread = thread::spawn(move || {
        let sums = (0..200).map(|n| remote.spawn(move || async move { n }).join().unwrap());
        sender.send(sums.sum::<i32>()).unwrap();
    });
    drive_until(&runtime, |_| waiter.is_finished());
    thread.join().unwrap();
    assert_eq!(runtime.block_on(waiter).unwrap(), 199 * 200 / 2);
}

#[test]
fn timers_ring_on_time_and_in_their_order() {
    let runtime = new();
    let order = Rc::new(RefCell::new(Vec::new()));
    let start = Instant::now();
    for millis in [30, 10, 20, 10] {
        let order = Rc::clone(&order);
        runtime.enter(|| {
            spawn(async move {
                sleep(Duration::from_millis(millis)).await;
                let late = start.elapsed().checked_sub(Duration::from_millis(millis));
                order.borrow_mut().push(millis);
                assert!(late.is_some(), "early");
            })
        });
    }
    let turns = drive_to_the_end(&runtime);
    assert_eq!(*order.borrow(), [10, 10, 20, 30]);
    assert!(
        turns <= 8,
        "{turns} turns: the descriptor rings for nothing"
    );
}

#[test]
fn a_timer_that_is_set_or_cancelled_between_two_turns_moves_the_deadline() {
    let runtime = new();
    let long = runtime.enter(|| spawn(sleep(Duration::from_secs(60))));
    settle(&runtime);
    let minute = runtime.next_deadline().unwrap();
    assert!(minute > Instant::now() + Duration::from_secs(50));

    let start = Instant::now();
    let short = runtime.enter(|| spawn(sleep(Duration::from_millis(5))));
    drive_until(&runtime, |_| short.is_finished());
    assert!(start.elapsed() >= Duration::from_millis(5));
    assert_eq!(runtime.next_deadline(), Some(minute));

    long.cancel();
    drive_to_the_end(&runtime);
    assert_eq!(runtime.next_deadline(), None);
}

#[test]
fn a_loop_with_timeouts_needs_no_descriptor() {
    let runtime = new();
    runtime.enter(|| spawn(sleep(Duration::from_millis(5))));
    let start = Instant::now();
    while runtime.turn(NOW) != Turn::Done {
        let deadline = runtime.next_deadline().unwrap();
        thread::sleep(deadline.saturating_duration_since(Instant::now()));
    }
    assert!(start.elapsed() >= Duration::from_millis(5));
}

#[test]
fn a_turn_waits_for_as_long_as_it_may() {
    let runtime = new();
    let start = Instant::now();
    runtime.enter(|| spawn(sleep(Duration::from_millis(30))));
    assert_eq!(runtime.turn(NOW), Turn::Waiting);
    assert_eq!(runtime.turn(Some(Duration::from_millis(5))), Turn::Waiting);
    assert!(start.elapsed() >= Duration::from_millis(5));
    while runtime.turn(None) != Turn::Done {}
    assert!(start.elapsed() >= Duration::from_millis(30));
}

#[test]
fn sockets_ring() {
    let runtime = new();
    let listening = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    let listener = listening.unwrap();
    let address = listener.local_addr().unwrap();
    runtime.enter(|| {
        spawn(async move {
            for _ in 0..3 {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut bytes = [0; 5];
                stream.read_exact(&mut bytes).await.unwrap();
                stream.write_all(&bytes).await.unwrap();
            }
        })
    });
    settle(&runtime);
    let peer = thread::spawn(move || {
        for _ in 0..3 {
            let mut stream = StdStream::connect(address).unwrap();
            stream.write_all(b"hello").unwrap();
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).unwrap();
            assert_eq!(bytes, b"hello");
        }
    });
    drive_to_the_end(&runtime);
    peer.join().unwrap();
}

#[test]
fn a_cancellation_between_two_turns_rings_and_can_be_caught() {
    let runtime = new();
    let mut task = runtime.enter(|| {
        spawn(async {
            let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
            sleep(Duration::from_millis(1)).await;
            drop(cancelled);
            "cleaned up"
        })
    });
    settle(&runtime);
    task.cancel();
    drive_to_the_end(&runtime);
    assert_eq!(task.try_join().unwrap().unwrap(), "cleaned up");
}

#[test]
fn turns_and_block_on_drive_the_same_tasks() {
    let runtime = new();
    let (event, task) = spawn_waiter(&runtime);
    let other = runtime.block_on(async {
        yield_now().await;
        spawn(sleep(Duration::from_millis(5)))
    });
    drive_until(&runtime, |_| other.is_finished());
    // Wakes ring after a `block_on`, too, as it announces the next turn when it returns.
    runtime.block_on(yield_now());
    settle(&runtime);
    let (remote, called) = (runtime.remote(), Arc::new(AtomicBool::new(false)));
    let call = Arc::clone(&called);
    let thread = thread::spawn(move || {
        let set = move || call.store(true, Ordering::Relaxed);
        remote.call(set).join().unwrap();
    });
    drive_until(&runtime, |_| called.load(Ordering::Relaxed));
    thread.join().unwrap();
    event.set();
    runtime.block_on(task).unwrap();
}

#[test]
fn wakes_ring_after_a_main_future_that_panicked() {
    let runtime = new();
    let (event, task) = spawn_waiter(&runtime);
    let main = AssertUnwindSafe(|| runtime.block_on(async { panic!("on purpose") }));
    assert!(catch_unwind(main).is_err());
    let callback = AssertUnwindSafe(|| runtime.enter(|| panic!("on purpose")));
    assert!(catch_unwind(callback).is_err());
    event.set();
    drive_to_the_end(&runtime);
    assert!(task.is_finished());
}

#[test]
fn a_panic_of_a_task_ends_that_task_only() {
    let runtime = new();
    let (event, waiter) = spawn_waiter(&runtime);
    let mut bad = runtime.enter(|| spawn(async { panic!("on purpose") }));
    settle(&runtime);
    assert!(bad.try_join().unwrap().unwrap_err().is_panic());
    event.set();
    drive_to_the_end(&runtime);
    assert!(waiter.is_finished());
}

#[test]
fn a_turn_inside_a_turn_or_another_runtime_panics_with_what_to_do() {
    let outer = Rc::new(new());
    let inner = Rc::clone(&outer);
    let mut nested = outer.enter(|| spawn(async move { panic_text(|| inner.turn(NOW)) }));
    assert_eq!(outer.turn(NOW), Turn::Done);
    let other = new();
    let texts = [
        nested.try_join().unwrap().unwrap(),
        outer.block_on(async { panic_text(|| other.turn(NOW)) }),
        // A runtime on virtual time cannot be driven by turns, nor can another one inside it.
        testing::run(async { panic_text(|| other.turn(NOW)) }),
    ];
    for text in texts {
        assert!(text.contains("call it from the other event loop"), "{text}");
    }
}

#[test]
fn a_callback_may_enter_in_a_task_of_the_same_runtime() {
    let outer = Rc::new(new());
    let inner = Rc::clone(&outer);
    let mut task = outer.enter(|| spawn(async move { inner.enter(|| spawn(async { 4 })).await }));
    drive_to_the_end(&outer);
    assert_eq!(task.try_join().unwrap().unwrap().unwrap(), 4);

    let other = new();
    let text = outer.block_on(async { panic_text(|| other.enter(|| ())) });
    assert!(text.contains("inside another runtime"), "{text}");
}

#[test]
fn a_clean_up_may_need_the_other_loop_during_a_shutdown_by_turns() {
    let runtime = new();
    let (event, cleaned_up) = (Rc::new(Event::new()), Rc::new(Cell::new(false)));
    let (waits, is_clean) = (Rc::clone(&event), Rc::clone(&cleaned_up));
    runtime.enter(|| {
        spawn(finally(pending::<()>(), async move {
            waits.wait().await;
            is_clean.set(true);
        }))
    });
    settle(&runtime);
    runtime.start_shutdown();
    settle(&runtime);
    // A second call interrupts no clean-up, and nor does dropping the runtime later.
    runtime.start_shutdown();
    assert!(!cleaned_up.get());
    event.set();
    drive_to_the_end(&runtime);
    assert!(cleaned_up.get());
    // A turn after the end does not wait, and a late task is cancelled.
    assert_eq!(runtime.turn(None), Turn::Done);
    let mut late = runtime.enter(|| spawn(async {}));
    drive_to_the_end(&runtime);
    assert!(late.try_join().unwrap().unwrap_err().is_cancelled());
}

#[test]
fn a_caught_cancellation_is_not_interrupted_when_the_runtime_is_dropped_after_its_start() {
    let runtime = new();
    let steps = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&steps);
    runtime.enter(|| {
        spawn(async move {
            let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
            let clean_up = catch_cancel(sleep(Duration::from_millis(5))).await;
            seen.borrow_mut().push(clean_up.is_ok());
            cancelled.resume().await
        })
    });
    settle(&runtime);
    runtime.start_shutdown();
    settle(&runtime);
    drop(runtime);
    assert_eq!(*steps.borrow(), [true]);
}

#[test]
fn dropping_the_runtime_between_two_turns_runs_the_clean_ups() {
    let runtime = new();
    let ended = Rc::new(Cell::new(0));
    for _ in 0..3 {
        let ended = Rc::clone(&ended);
        runtime.enter(|| {
            spawn(finally(
                async {
                    gather((sleep(Duration::from_secs(60)), pending::<()>())).await;
                },
                async move {
                    sleep(Duration::from_millis(1)).await;
                    ended.set(ended.get() + 1);
                },
            ))
        });
    }
    settle(&runtime);
    drop(runtime);
    assert_eq!(ended.get(), 3);
}

#[test]
fn handles_that_are_dropped_or_used_after_the_runtime_are_harmless() {
    let runtime = new();
    let (event, mut task) = spawn_waiter(&runtime);
    drop(runtime);
    event.set();
    assert!(task.try_join().unwrap().unwrap_err().is_cancelled());
}
