//! `signal::ctrl_c`: who hears of which Ctrl-C.

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

/// How many wait for one Ctrl-C.
const CROWD: usize = 300;

/// Polls a new `ctrl_c` so often that the loop has looked at the sockets in between; true if it hears of something.
async fn hears_something() -> bool {
    let mut ctrl_c = signal::ctrl_c();
    for _ in 0..LOOKED {
        if let Some(heard) = (&mut ctrl_c).now_or_never() {
            heard.expect("it is at home");
            return true;
        }
        yield_now().await;
    }
    false
}

#[test]
fn a_ctrl_c_is_heard_and_the_program_ends_as_it_likes() {
    let test = "ctrl_c::a_ctrl_c_is_heard_and_the_program_ends_as_it_likes";
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
fn a_ctrl_c_before_the_first_poll_is_remembered() {
    by_itself(
        "ctrl_c::a_ctrl_c_before_the_first_poll_is_remembered",
        || {
            run(async {
                let ctrl_c = signal::ctrl_c();
                Witness::of_ctrl_c().press().await;
                ctrl_c.await.unwrap();
            });
        },
    );
}

#[test]
fn what_a_dropped_ctrl_c_has_not_given_the_next_one_gives() {
    let test = "ctrl_c::what_a_dropped_ctrl_c_has_not_given_the_next_one_gives";
    by_itself(test, || {
        run(async {
            let mut polled = signal::ctrl_c();
            assert!((&mut polled).now_or_never().is_none());
            let unpolled = signal::ctrl_c();
            let mut witness = Witness::of_ctrl_c();
            witness.press().await;
            drop((polled, unpolled));
            assert!(hears_something().await, "it was lost with them");
            assert!(!hears_something().await, "it was given twice");

            // As in a loop that makes a new one each round.
            let short = Duration::from_millis(1);
            assert!(timeout(short, signal::ctrl_c()).await.is_err());
            witness.press().await;
            witness.press().await;
            assert!(hears_something().await, "nobody was there, and it was lost");
            assert!(!hears_something().await, "two that nobody took are one");
        });
    });
}

#[test]
fn all_who_wait_hear_of_one_ctrl_c_and_who_comes_after_waits_for_the_next() {
    let test = "ctrl_c::all_who_wait_hear_of_one_ctrl_c_and_who_comes_after_waits_for_the_next";
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
            assert!(!hears_something().await);
            unpolled.await.unwrap();

            let next = spawn(signal::ctrl_c());
            witness.press().await;
            next.await.unwrap().unwrap();
        });
    });
}

#[test]
fn two_runtimes_in_two_threads_both_hear() {
    by_itself("ctrl_c::two_runtimes_in_two_threads_both_hear", || {
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
    });
}

#[test]
fn one_made_outside_listens_from_its_first_poll_on() {
    by_itself(
        "ctrl_c::one_made_outside_listens_from_its_first_poll_on",
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
fn in_another_runtime_than_its_own_it_gives_an_error() {
    by_itself(
        "ctrl_c::in_another_runtime_than_its_own_it_gives_an_error",
        || {
            let home = Runtime::new().unwrap();
            let ctrl_c = home.block_on(async { signal::ctrl_c() });
            let foreign = thread::spawn(move || run(ctrl_c));
            let message = foreign.join().unwrap().unwrap_err().to_string();
            assert!(message.contains("used away"), "{message}");
        },
    );
}

#[test]
fn until_the_runtime_ends_nothing_else_happens_and_then_the_default_action_is_back() {
    let test =
        "ctrl_c::until_the_runtime_ends_nothing_else_happens_and_then_the_default_action_is_back";
    let program = other_half(test, || {
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            drop(signal::ctrl_c());
            // Not a witness, which would be a listener itself.
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

/// The thirty-third waiter displaced the first, which came back, for ever.
#[test]
fn a_crowd_waits_for_one_ctrl_c_and_polls_nothing_while_it_does() {
    by_itself(
        "ctrl_c::a_crowd_waits_for_one_ctrl_c_and_polls_nothing_while_it_does",
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
