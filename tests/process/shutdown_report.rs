//! What a shutdown says on standard error about tasks that do not stop, by a process of its own.

use std::env;
use std::future::pending;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::installed::installed;
use futures::io::AsyncReadExt;
use rustix::process::{Pid, Signal, kill_process};
use wheelhouse::stdio::stdin;
use wheelhouse::{
    Runtime, catch_cancel, finally, shield, sleep, spawn, task, testing, to_thread, yield_now,
};

/// Says to a process of this test what it is.
const ROLE: &str = "WHEELHOUSE_TEST_STUBBORN";

/// The binary of this test, which runs only `test`.
fn again(test: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]);
    command.env(ROLE, "1").stdout(Stdio::null());
    command
}

/// What a process of this test says on standard error; it must end well.
#[track_caller]
fn report_of(mut process: Command) -> String {
    let output = process.output().unwrap();
    let report = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{report}");
    report
}

/// Fails unless all these words are in a report.
#[track_caller]
fn says(report: &str, words: &[&str]) {
    for words in words {
        assert!(report.contains(words), "no {words:?} in {report:?}");
    }
}

/// A runtime with a short shutdown timeout.
///
/// Wall time: the patience of a real runtime, as short as can be.
fn impatient() -> Runtime {
    let limit = Duration::from_millis(5);
    Runtime::builder().shutdown_timeout(limit).build().unwrap()
}

/// A function that never returns, and a receiver that is notified of its start.
fn stuck() -> (impl FnOnce() + Send + 'static, Receiver<()>) {
    let (begin, begun) = channel();
    let function = move || {
        begin.send(()).unwrap();
        loop {
            std::thread::park();
        }
    };
    (function, begun)
}

/// Ends a runtime with a task that swallows every cancellation and waits on.
/// Wall time: the patience of a shutdown is by the machine's clock.
fn end_with_a_stubborn_task() {
    let runtime = impatient();
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
    let test = "shutdown_report::a_task_that_does_not_stop_is_named_with_the_place_of_its_spawn";
    let words = [
        "1 task(s) did not stop",
        "stubborn",
        "tests/process/shutdown_report.rs:",
    ];
    says(&report_of(again(test)), &words);
}

/// Wall time: the patience of a real runtime, as short as can be.
#[test]
fn a_function_on_another_thread_that_does_not_return_is_named() {
    if env::var_os(ROLE).is_some() {
        return impatient().block_on(async {
            let (stuck, begun) = stuck();
            spawn(to_thread(stuck)).detach();
            to_thread(move || begun.recv().unwrap()).await;
        });
    }
    let test = "shutdown_report::a_function_on_another_thread_that_does_not_return_is_named";
    let words = [
        "1 function(s) on other threads did not return",
        "tests/process/shutdown_report.rs:",
    ];
    says(&report_of(again(test)), &words);
}

/// The report was written with `eprintln!`, which panics if the stream is closed: out of
/// `Runtime::drop`.
#[test]
fn a_report_to_a_closed_stream_is_no_panic() {
    if env::var_os(ROLE).is_some() {
        return end_with_a_stubborn_task();
    }
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = again("shutdown_report::a_report_to_a_closed_stream_is_no_panic");
    assert!(command.stderr(writer).status().unwrap().success());
}

/// It waited in the pool behind a function that held up everything, long after nobody wanted it any
/// more, and was named as one that runs on.
///
/// Wall time: the patience of a real runtime, as short as can be.
#[test]
fn a_function_that_waits_in_a_full_pool_is_dropped_at_once_and_not_named() {
    if env::var_os(ROLE).is_some() {
        return impatient().block_on(async {
            let (stuck, begun) = stuck();
            spawn(to_thread(stuck)).detach();
            yield_now().await;
            begun.recv().unwrap();
            let (kept, gone) = channel::<()>();
            let waiting = spawn(to_thread(move || drop(kept)));
            yield_now().await;
            assert!(waiting.cancel_and_wait().await.is_err());
            assert!(gone.recv().is_err());
        });
    }
    let test =
        "shutdown_report::a_function_that_waits_in_a_full_pool_is_dropped_at_once_and_not_named";
    let mut process = again(test);
    process.env("BLOCKING_MAX_THREADS", "1");
    says(&report_of(process), &["1 function(s) on other threads"]);
}

/// It was named with a place in this crate.
///
/// Wall time: the thread is given some to begin, and then the runtime has little patience.
#[test]
fn a_file_whose_opening_does_not_return_is_named_with_the_place_where_it_was_asked_for() {
    const PIPE: &str = "WHEELHOUSE_TEST_PIPE";
    if let Some(path) = env::var_os(PIPE) {
        return impatient().block_on(async {
            // A named pipe whose other end is never opened.
            spawn(wheelhouse::fs::File::open(path)).detach();
            // Nobody can see from outside whether a thread has begun.
            sleep(Duration::from_millis(100)).await;
        });
    }
    let path = env::temp_dir().join(format!("wheelhouse-pipe-{}", std::process::id()));
    let made = Command::new(installed("mkfifo"))
        .arg(&path)
        .status()
        .unwrap();
    assert!(made.success());
    let test = "shutdown_report::a_file_whose_opening_does_not_return_is_named_with_the_place_where_it_was_asked_for";
    let output = again(test).env(PIPE, &path).output().unwrap();
    std::fs::remove_file(&path).unwrap();
    let report = String::from_utf8(output.stderr).unwrap();
    assert!(
        report.contains("tests/process/shutdown_report.rs:"),
        "{report:?}"
    );
}

/// It was waited for, for five seconds if nothing else was said, and named.
///
/// Wall time: the thread is given some to begin, and then the runtime has little patience.
#[test]
fn a_read_where_nothing_comes_is_neither_waited_for_nor_named() {
    if env::var_os(ROLE).is_some() {
        let (one, other) = std::os::unix::net::UnixStream::pair().unwrap();
        let runtime = impatient();
        runtime.block_on(async {
            let file = std::fs::File::from(std::os::fd::OwnedFd::from(one));
            let mut file = wheelhouse::fs::File::from_std(file);
            spawn(async move { file.read(&mut [0; 8]).await }).detach();
            sleep(Duration::from_millis(100)).await;
        });
        drop(runtime);
        return drop(other);
    }
    let report = report_of(again(
        "shutdown_report::a_read_where_nothing_comes_is_neither_waited_for_nor_named",
    ));
    assert!(!report.contains("did not return"), "{report:?}");
}

/// A clean-up that ends with the standard input.
async fn clean_up() {
    stdin().read(&mut [0; 8]).await.map(drop).unwrap();
}

/// Runs a process of `test` until it has said something, and then to its end, when its standard
/// input ends. Returns the first two lines.
#[track_caller]
fn first_words(test: &str, begin: impl FnOnce(&Child, &mut dyn Iterator<Item = String>)) -> String {
    let mut command = again(test);
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let mut lines = lines.map(Result::unwrap);
    begin(&process, &mut lines);
    let report: Vec<_> = lines.by_ref().take(2).collect();
    assert_eq!(process.try_wait().unwrap(), None, "it waits on");
    drop(process.stdin.take());
    process.wait().unwrap();
    assert_eq!(lines.next(), None, "it says so once");
    report.concat()
}

/// It waited without a message, and without end.
///
/// Wall time: the five seconds after which a real runtime says for whom it waits.
#[test]
fn an_end_that_waits_for_a_stuck_clean_up_reports_it_and_continues_to_wait() {
    if env::var_os(ROLE).is_some() {
        return wheelhouse::run(async {
            let stuck = task::Builder::new().name("stuck");
            stuck.spawn(finally(pending::<()>(), clean_up())).detach();
            yield_now().await;
        });
    }
    let test =
        "shutdown_report::an_end_that_waits_for_a_stuck_clean_up_reports_it_and_continues_to_wait";
    let report = first_words(test, |_, _| {});
    let words = [
        "waited for 5 s for 1 task(s)",
        "stuck",
        "tests/process/shutdown_report.rs:",
    ];
    says(&report, &words);
}

/// It hung in silence.
///
/// Wall time: the five seconds after which a real runtime says that main has not ended.
#[test]
fn a_main_that_is_stuck_after_ctrl_c_says_so_and_how_to_end_it() {
    if env::var_os(ROLE).is_some() {
        let runtime = Runtime::builder().cancel_on_ctrl_c().build().unwrap();
        return runtime.block_on(async {
            spawn(async { eprintln!("ready") }).detach();
            finally(pending::<()>(), clean_up()).await;
        });
    }
    let test = "shutdown_report::a_main_that_is_stuck_after_ctrl_c_says_so_and_how_to_end_it";
    let report = first_words(test, |process, lines| {
        assert_eq!(lines.next().as_deref(), Some("ready"));
        kill_process(Pid::from_child(process), Signal::INT).unwrap();
    });
    let words = [
        "Ctrl-C has cancelled the main task 5 s ago",
        "another Ctrl-C ends the process",
        "tests/process/shutdown_report.rs:",
    ];
    says(&report, &words);
}

/// The only thread of the pool is stuck, and there can be no other: what was queued behind it waited in silence.
///
/// Wall time: the report comes after some real seconds.
#[test]
fn functions_that_wait_for_a_stuck_pool_are_reported() {
    if env::var_os(ROLE).is_some() {
        let on_virtual_time = env::var_os("VIRTUAL").is_some();
        let main = async {
            let (stuck, begun) = stuck();
            spawn(to_thread(stuck)).detach();
            yield_now().await;
            begun.recv().unwrap();
            let waits = [(); 2].map(|()| to_thread(|| ()));
            let [(), ()] = wheelhouse::gather(waits).await;
        };
        if on_virtual_time {
            return testing::run(main);
        }
        return Runtime::new().unwrap().block_on(main);
    }
    for is_virtual in [false, true] {
        let mut process =
            again("shutdown_report::functions_that_wait_for_a_stuck_pool_are_reported");
        process.env("BLOCKING_MAX_THREADS", "1");
        if is_virtual {
            process.env("VIRTUAL", "1");
        }
        let words = "2 function(s) have waited for 5 s for one of the 1 thread(s) of the pool";
        says(&first_line_of(process), &[words]);
    }
}

/// On virtual time a shutdown that waits for a stuck thread said nothing.
///
/// Wall time: the report comes after some real seconds.
#[test]
fn an_end_on_virtual_time_that_waits_for_a_stuck_thread_says_so() {
    if env::var_os(ROLE).is_some() {
        return testing::run(async {
            let (stuck, begun) = stuck();
            spawn(shield(to_thread(stuck))).detach();
            to_thread(move || begun.recv().unwrap()).await;
        });
    }
    let process =
        again("shutdown_report::an_end_on_virtual_time_that_waits_for_a_stuck_thread_says_so");
    says(
        &first_line_of(process),
        &["has waited for 5 s for 1 task(s)"],
    );
}

/// The first line that a process writes to standard error. The process, which would not end, is killed.
fn first_line_of(mut process: Command) -> String {
    let mut process = process.stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut errors = BufReader::new(process.stderr.take().unwrap());
    errors.read_line(&mut line).unwrap();
    process.kill().unwrap();
    process.wait().unwrap();
    line
}
