//! `signal::ctrl_c`: which future completes by which Ctrl-C.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use futures::FutureExt;
use rustix::process::Signal;
use wheelhouse::{Runtime, run, signal, sleep, spawn, timeout, yield_now};

use super::program::{by_itself, other_half, say};
use super::{LOOKED, Witness};

/// The number of futures that wait for one Ctrl-C.
const CROWD: usize = 300;

/// Polls a new `ctrl_c` until the event loop has checked the sockets. Returns `true` if it
/// completes.
async fn completes() -> bool {
    let mut ctrl_c = signal::ctrl_c();
    for _ in 0..LOOKED {
        if let Some(outcome) = (&mut ctrl_c).now_or_never() {
            outcome.expect("it is in its runtime");
            return true;
        }
        yield_now().await;
    }
    false
}

#[test]
fn a_ctrl_c_completes_the_future_and_does_not_end_the_process() {
    let test = "ctrl_c::a_ctrl_c_completes_the_future_and_does_not_end_the_process";
    let program = other_half(test, || {
        run(async {
            spawn(async { say("ready") }).detach();
            signal::ctrl_c().await.unwrap();
        });
        say("went on");
    });
    let Some(program) = program else { return };
    program.says(&["ready"]);
    program.signal(Signal::INT);
    program.ends_well(&["went on"]);
}

#[test]
fn a_ctrl_c_before_the_first_poll_is_stored() {
    by_itself("ctrl_c::a_ctrl_c_before_the_first_poll_is_stored", || {
        run(async {
            let ctrl_c = signal::ctrl_c();
            Witness::of_ctrl_c().press().await;
            ctrl_c.await.unwrap();
        });
    });
}

#[test]
fn a_ctrl_c_that_a_dropped_future_has_not_returned_completes_the_next() {
    let test = "ctrl_c::a_ctrl_c_that_a_dropped_future_has_not_returned_completes_the_next";
    by_itself(test, || {
        run(async {
            let mut polled = signal::ctrl_c();
            assert!((&mut polled).now_or_never().is_none());
            let unpolled = signal::ctrl_c();
            let mut witness = Witness::of_ctrl_c();
            witness.press().await;
            drop((polled, unpolled));
            assert!(completes().await, "it was lost with the dropped futures");
            assert!(!completes().await, "it was returned twice");

            // As in a loop that creates a new one in each round.
            let short = Duration::from_millis(1);
            assert!(timeout(short, signal::ctrl_c()).await.is_err());
            witness.press().await;
            witness.press().await;
            assert!(completes().await, "no future waited, and it was lost");
            assert!(!completes().await, "two that were not awaited count as one");
        });
    });
}

#[test]
fn one_ctrl_c_completes_all_waiting_futures_and_later_ones_wait_for_the_next() {
    let test = "ctrl_c::one_ctrl_c_completes_all_waiting_futures_and_later_ones_wait_for_the_next";
    by_itself(test, || {
        run(async {
            let tasks: Vec<_> = (0..3).map(|_| spawn(signal::ctrl_c())).collect();
            let unpolled = signal::ctrl_c();
            sleep(Duration::ZERO).await;
            let mut witness = Witness::of_ctrl_c();
            witness.press().await;
            for task in tasks {
                task.await.unwrap().unwrap();
            }
            assert!(!completes().await);
            unpolled.await.unwrap();

            let next = spawn(signal::ctrl_c());
            witness.press().await;
            next.await.unwrap().unwrap();
        });
    });
}

#[test]
fn a_ctrl_c_arrives_in_two_runtimes_on_two_threads() {
    by_itself(
        "ctrl_c::a_ctrl_c_arrives_in_two_runtimes_on_two_threads",
        || {
            let ready = Barrier::new(3);
            let main = || {
                run(async {
                    let ctrl_c = signal::ctrl_c();
                    ready.wait();
                    ctrl_c.await.unwrap();
                });
            };
            thread::scope(|scope| {
                scope.spawn(main);
                scope.spawn(main);
                ready.wait();
                super::send_to_myself(Signal::INT);
            });
        },
    );
}

#[test]
fn a_ctrl_c_created_outside_a_runtime_listens_from_its_first_poll() {
    by_itself(
        "ctrl_c::a_ctrl_c_created_outside_a_runtime_listens_from_its_first_poll",
        || {
            let mut ctrl_c = signal::ctrl_c();
            let outside = (&mut ctrl_c)
                .now_or_never()
                .expect("an error comes at once");
            let message = outside.unwrap_err().to_string();
            assert!(message.contains("no wheelhouse runtime"), "{message}");
            run(async {
                assert!((&mut ctrl_c).now_or_never().is_none());
                Witness::of_ctrl_c().press().await;
                ctrl_c.await.unwrap();
            });
        },
    );
}

#[test]
fn in_another_runtime_it_returns_an_error() {
    by_itself("ctrl_c::in_another_runtime_it_returns_an_error", || {
        let home = Runtime::new().unwrap();
        let ctrl_c = home.block_on(async { signal::ctrl_c() });
        let other = thread::spawn(move || run(ctrl_c));
        let message = other.join().unwrap().unwrap_err().to_string();
        assert!(message.contains("used outside"), "{message}");
    });
}

#[test]
fn the_default_action_is_restored_when_the_runtime_ends() {
    let test = "ctrl_c::the_default_action_is_restored_when_the_runtime_ends";
    let program = other_half(test, || {
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            drop(signal::ctrl_c());
            // Not a witness, which would listen to Ctrl-C itself.
            let mut marker = signal::unix(signal::SignalKind::user_defined1()).unwrap();
            say("dropped");
            marker.recv().await.unwrap();
        });
        drop(runtime);
        say("ended");
        loop {
            thread::park();
        }
    });
    let Some(program) = program else { return };
    program.says(&["dropped"]);
    program.signal(Signal::INT);
    program.signal(Signal::USR1);
    program.says(&["ended"]);
    program.signal(Signal::INT);
    program.ended_by(Signal::INT, &[]);
}

/// With more than 32 waiters each new one displaced the oldest, which came back, without end.
#[test]
fn waiting_futures_are_not_polled_until_the_ctrl_c() {
    by_itself(
        "ctrl_c::waiting_futures_are_not_polled_until_the_ctrl_c",
        || {
            run(async {
                let polls = Rc::new(Cell::new(0));
                let tasks = (0..CROWD).map(|_| {
                    let (polls, mut ctrl_c) = (Rc::clone(&polls), signal::ctrl_c());
                    spawn(poll_fn(move |cx| {
                        polls.set(polls.get() + 1);
                        ctrl_c.poll_unpin(cx)
                    }))
                });
                let tasks: Vec<_> = tasks.collect();
                sleep(Duration::from_millis(1)).await;
                let before = polls.get();
                assert!(before <= 3 * CROWD, "{before} polls");
                sleep(Duration::from_millis(20)).await;
                assert_eq!(polls.get(), before, "an idle loop polls no task");
                Witness::of_ctrl_c().press().await;
                for task in tasks {
                    task.await.unwrap().unwrap();
                }
            });
        },
    );
}
