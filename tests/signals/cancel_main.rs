//! `Builder::cancel_on_ctrl_c`: the first Ctrl-C cancels main, the second ends the process.

use std::future::pending;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use wheelhouse::{Cancelled, Reason, Runtime, catch_cancel, run, sleep, spawn};

use super::Witness;
use super::program::{by_itself, other_half, say, say_unfinished};

/// A runtime in which Ctrl-C cancels main.
fn runtime() -> Runtime {
    let builder = Runtime::builder().cancel_on_ctrl_c();
    builder.build().expect("there are descriptors")
}

/// Waits for a cancellation, cleans up with awaits, prints that, and returns the cancellation.
async fn clean_up_once_cancelled(name: &str) -> Cancelled {
    let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
    say(&format!("{name}: {cancelled}"));
    sleep(Duration::from_millis(1)).await;
    say(&format!("{name}: cleaned up"));
    cancelled
}

/// Prints that it is cancelled, and never ends its clean-up.
async fn never_clean_up() {
    drop(catch_cancel(pending::<()>()).await);
    say("cleaning up");
    pending().await
}

#[test]
fn after_the_first_ctrl_c_all_clean_ups_run_and_the_process_ends_by_the_signal() {
    let test =
        "cancel_main::after_the_first_ctrl_c_all_clean_ups_run_and_the_process_ends_by_the_signal";
    let program = other_half(test, || {
        runtime().block_on(async {
            spawn(async {
                clean_up_once_cancelled("task").await;
                say_unfinished("a line that is not complete");
            })
            .detach();
            spawn(async { say("ready") }).detach();
            clean_up_once_cancelled("main").await.resume().await
        });
    });
    let Some(program) = program else { return };
    program.says(&["ready"]);
    program.signal(Signal::INT);
    let last = [
        "main: cancelled: interrupted",
        "main: cleaned up",
        "task: cancelled: the runtime is shutting down",
        "task: cleaned up",
        "a line that is not complete",
    ];
    program.ended_by(Signal::INT, &last);
}

#[test]
fn a_main_without_catch_points_is_dropped_and_the_process_ends_by_the_signal() {
    let test =
        "cancel_main::a_main_without_catch_points_is_dropped_and_the_process_ends_by_the_signal";
    let program = other_half(test, || {
        struct Dropped;
        impl Drop for Dropped {
            fn drop(&mut self) {
                say("main is dropped");
            }
        }
        runtime().block_on(async {
            let _dropped = Dropped;
            spawn(async { say("ready") }).detach();
            pending::<()>().await
        });
    });
    let Some(program) = program else { return };
    program.says(&["ready"]);
    program.signal(Signal::INT);
    program.ended_by(Signal::INT, &["main is dropped"]);
}

#[test]
fn the_second_ctrl_c_ends_a_process_whose_clean_up_never_ends() {
    let test = "cancel_main::the_second_ctrl_c_ends_a_process_whose_clean_up_never_ends";
    let program = other_half(test, || {
        runtime().block_on(async {
            spawn(async { say("ready") }).detach();
            never_clean_up().await;
        });
    });
    let Some(program) = program else { return };
    program.says(&["ready"]);
    program.signal(Signal::INT);
    program.says(&["cleaning up"]);
    program.signal(Signal::INT);
    program.ended_by(Signal::INT, &[]);
}

#[test]
fn the_second_ctrl_c_ends_a_process_whose_other_tasks_never_end() {
    let test = "cancel_main::the_second_ctrl_c_ends_a_process_whose_other_tasks_never_end";
    let program = other_half(test, || {
        runtime().block_on(async {
            spawn(never_clean_up()).detach();
            spawn(async { say("ready") }).detach();
            pending::<()>().await
        });
    });
    let Some(program) = program else { return };
    program.says(&["ready"]);
    program.signal(Signal::INT);
    program.says(&["cleaning up"]);
    program.signal(Signal::INT);
    program.ended_by(Signal::INT, &[]);
}

#[test]
fn the_second_ctrl_c_ends_a_process_that_never_awaits() {
    let test = "cancel_main::the_second_ctrl_c_ends_a_process_that_never_awaits";
    let program = other_half(test, || {
        let stuck = runtime();
        // On another thread, because this one is blocked. Created after the runtime, so it is
        // notified after it.
        let ready = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                run(async {
                    let mut witness = Witness::of_ctrl_c();
                    ready.wait();
                    witness.receive().await.unwrap();
                    say("received");
                    pending::<()>().await
                })
            });
            ready.wait();
            stuck.block_on(async {
                say("stuck");
                loop {
                    thread::park();
                }
            });
        });
    });
    let Some(program) = program else { return };
    program.says(&["stuck"]);
    program.signal(Signal::INT);
    program.says(&["received"]);
    program.signal(Signal::INT);
    program.ended_by(Signal::INT, &[]);
}

#[test]
fn try_block_on_returns_the_ctrl_c_as_a_value_and_the_process_continues() {
    let test = "cancel_main::try_block_on_returns_the_ctrl_c_as_a_value_and_the_process_continues";
    by_itself(test, || {
        let runtime = runtime();
        let outcome = runtime.try_block_on(async {
            Witness::of_ctrl_c().press().await;
            pending::<()>().await
        });
        let cancelled = outcome.unwrap_err();
        assert_eq!((cancelled.reason(), cancelled.by()), (&Reason::CtrlC, None));
        // It was returned, so neither the next main nor the end of the runtime gets it again.
        runtime.block_on(async { sleep(Duration::ZERO).await });
    });
}

#[test]
fn a_main_that_swallows_the_ctrl_c_returns_its_value() {
    let test = "cancel_main::a_main_that_swallows_the_ctrl_c_returns_its_value";
    let program = other_half(test, || {
        let value = runtime().block_on(async {
            spawn(async { say("ready") }).detach();
            let cancelled = clean_up_once_cancelled("main").await;
            assert_eq!(cancelled.reason(), &Reason::CtrlC);
            7
        });
        say(&format!("returned {value}"));
    });
    let Some(program) = program else { return };
    program.says(&["ready"]);
    program.signal(Signal::INT);
    let main = ["main: cancelled: interrupted", "main: cleaned up"];
    program.says(&main);
    program.ends_well(&["returned 7"]);
}

#[test]
fn each_main_has_a_first_ctrl_c_of_its_own() {
    let test = "cancel_main::each_main_has_a_first_ctrl_c_of_its_own";
    by_itself(test, || {
        let runtime = runtime();
        for _ in 0..3 {
            let reason = runtime.block_on(async {
                let witness = Witness::of_ctrl_c();
                spawn(async { { witness }.press().await }).detach();
                let cancelled = catch_cancel(pending::<()>()).await.unwrap_err();
                cancelled.reason().clone()
            });
            assert_eq!(reason, Reason::CtrlC);
        }
    });
}

#[test]
fn a_ctrl_c_between_two_mains_cancels_the_next_before_its_first_poll() {
    let test = "cancel_main::a_ctrl_c_between_two_mains_cancels_the_next_before_its_first_poll";
    by_itself(test, || {
        let runtime = runtime();
        runtime.block_on(async {});
        run(async { Witness::of_ctrl_c().press().await });
        let outcome = runtime.try_block_on(async { panic!("main was polled") });
        assert_eq!(outcome.unwrap_err().reason(), &Reason::CtrlC);
        runtime.block_on(async {});
    });
}

#[test]
fn after_a_ctrl_c_during_the_last_clean_ups_they_end_and_then_the_process() {
    let test =
        "cancel_main::after_a_ctrl_c_during_the_last_clean_ups_they_end_and_then_the_process";
    let program = other_half(test, || {
        let runtime = runtime();
        runtime.block_on(async {
            let mut witness = Witness::of_ctrl_c();
            spawn(async move {
                drop(catch_cancel(pending::<()>()).await);
                say("cleaning up");
                witness.receive().await.unwrap();
                sleep(Duration::from_millis(1)).await;
                say("cleaned up");
            })
            .detach();
            sleep(Duration::ZERO).await;
        });
        drop(runtime);
        say("went on");
    });
    let Some(program) = program else { return };
    program.says(&["cleaning up"]);
    program.signal(Signal::INT);
    program.ended_by(Signal::INT, &["cleaned up"]);
}

#[test]
fn one_ctrl_c_cancels_the_mains_of_all_threads() {
    let test = "cancel_main::one_ctrl_c_cancels_the_mains_of_all_threads";
    by_itself(test, || {
        let ready = Barrier::new(3);
        let main = || {
            let runtime = runtime();
            let outcome = runtime.try_block_on(async {
                ready.wait();
                pending::<()>().await
            });
            outcome.unwrap_err().reason().clone()
        };
        thread::scope(|scope| {
            let threads = [scope.spawn(main), scope.spawn(main)];
            ready.wait();
            super::send_to_myself(Signal::INT);
            for thread in threads {
                assert_eq!(thread.join().unwrap(), Reason::CtrlC);
            }
        });
    });
}

#[test]
fn after_the_runtime_ctrl_c_has_its_default_action() {
    let test = "cancel_main::after_the_runtime_ctrl_c_has_its_default_action";
    let program = other_half(test, || {
        runtime().block_on(async {});
        say("gone");
        loop {
            thread::park();
        }
    });
    let Some(program) = program else { return };
    program.says(&["gone"]);
    program.signal(Signal::INT);
    program.ended_by(Signal::INT, &[]);
}
