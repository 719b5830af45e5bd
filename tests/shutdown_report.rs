//! What a bounded shutdown says on standard error about tasks that did not stop, by a process of its own.

use std::env;
use std::future::pending;
use std::process::{Command, Stdio};
use std::time::Duration;

use wheelhouse::{Runtime, catch_cancel, spawn, task, to_thread, yield_now};

/// Says to a process of this test what it is.
const ROLE: &str = "WHEELHOUSE_TEST_STUBBORN";

/// This test's binary again, told to run `test` only.
fn again(test: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]);
    command.env(ROLE, "1").stdout(Stdio::null());
    command
}

/// Ends a runtime with a task that swallows every cancellation and waits on.
/// Wall time: the patience of a shutdown is by the machine's clock.
fn end_with_a_stubborn_task() {
    let limit = Duration::from_millis(5);
    let runtime = Runtime::builder().shutdown_timeout(limit).build().unwrap();
    runtime.block_on(async {
        let stubborn = async {
            loop {
                drop(catch_cancel(pending::<()>()).await);
            }
        };
        task::Builder::new()
            .name("stubborn")
            .spawn(stubborn)
            .detach();
        yield_now().await;
    });
    drop(runtime);
}

#[test]
fn a_task_that_does_not_stop_is_named_with_the_place_of_its_spawn() {
    if env::var_os(ROLE).is_some() {
        return end_with_a_stubborn_task();
    }
    let test = "a_task_that_does_not_stop_is_named_with_the_place_of_its_spawn";
    let output = again(test).output().unwrap();
    let report = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{report}");
    for words in [
        "1 task(s) did not stop",
        "stubborn",
        "tests/shutdown_report.rs:",
    ] {
        assert!(report.contains(words), "no {words:?} in {report:?}");
    }
}

/// Wall time: the patience of a real runtime, as short as can be.
#[test]
fn a_function_on_another_thread_that_does_not_return_is_named() {
    if env::var_os(ROLE).is_some() {
        let limit = Duration::from_millis(5);
        let runtime = Runtime::builder().shutdown_timeout(limit).build().unwrap();
        return runtime.block_on(async {
            let (begin, begun) = std::sync::mpsc::channel();
            let stuck = move || {
                begin.send(()).unwrap();
                loop {
                    std::thread::park();
                }
            };
            spawn(to_thread(stuck)).detach();
            to_thread(move || begun.recv().unwrap()).await;
        });
    }
    let test = "a_function_on_another_thread_that_does_not_return_is_named";
    let output = again(test).output().unwrap();
    let report = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{report}");
    for words in [
        "1 function(s) on other threads did not return",
        "tests/shutdown_report.rs:",
    ] {
        assert!(report.contains(words), "no {words:?} in {report:?}");
    }
}

/// The report was written with `eprintln!`, which panics where nobody reads: out of `Runtime::drop`.
#[test]
fn a_report_that_nobody_reads_is_no_panic() {
    if env::var_os(ROLE).is_some() {
        return end_with_a_stubborn_task();
    }
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = again("a_report_that_nobody_reads_is_no_panic");
    assert!(command.stderr(writer).status().unwrap().success());
}
