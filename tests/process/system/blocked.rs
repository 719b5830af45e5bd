//! The end of a process whose standard output or error is blocked: a full pipe, a stopped terminal.
//!
//! What went wrong: the end waited for a thread that was blocked in a write, or for the lock that
//! the thread held.

use std::future::pending;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use futures::io::AsyncWriteExt;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::ioctl_fionbio;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use wheelhouse::{Runtime, run, sleep, spawn, stdio, task, testing};

use crate::again::{again, end_of, is_again};
use crate::installed::installed;

/// More bytes than any pipe or terminal holds.
const MUCH: usize = 1 << 20;

/// Both ends of a pipe that is not read.
fn pipe() -> (OwnedFd, OwnedFd) {
    let (reader, writer) = io::pipe().unwrap();
    (reader.into(), writer.into())
}

/// Both ends of a pseudoterminal that is not read.
fn terminal() -> (OwnedFd, OwnedFd) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
    let controller = openpt(flags).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap();
    let name = name.to_str().unwrap();
    let mut options = std::fs::OpenOptions::new();
    let terminal = options.read(true).write(true).open(name).unwrap();
    (controller, terminal.into())
}

/// Runs `test` in a child process with this standard error, and returns its status.
fn end_with_errors_to(test: &str, (reader, writer): (OwnedFd, OwnedFd)) -> Option<ExitStatus> {
    let mut command = again(test);
    command.stdout(Stdio::null()).stderr(Stdio::from(writer));
    let child = command.spawn().unwrap();
    drop(command);
    let status = end_of(child);
    drop(reader);
    status
}

/// Fills a standard stream until it accepts no more bytes. A terminal moves bytes to its other end
/// a moment later.
fn fill(stream: impl AsFd) {
    ioctl_fionbio(&stream, true).unwrap();
    let moment = Timespec {
        tv_sec: 0,
        tv_nsec: 200_000_000,
    };
    loop {
        while rustix::io::write(&stream, &[b'x'; 4096]).is_ok() {}
        while rustix::io::write(&stream, b"x").is_ok() {}
        let mut writable = [PollFd::new(&stream, PollFlags::OUT)];
        if rustix::event::poll(&mut writable, Some(&moment)).unwrap() == 0 {
            break;
        }
    }
    ioctl_fionbio(&stream, false).unwrap();
}

/// A runtime whose end waits only shortly for threads.
fn impatient() -> Runtime {
    let limit = Duration::from_millis(10);
    Runtime::builder().shutdown_timeout(limit).build().unwrap()
}

/// Writes to standard error, which is blocked, and ends.
fn write_errors() {
    impatient().block_on(async {
        spawn(async { stdio::stderr().write_all(&[b'x'; MUCH]).await }).detach();
        sleep(Duration::from_millis(50)).await;
    });
}

#[test]
fn a_runtime_ends_although_standard_error_is_blocked() {
    if is_again() {
        return write_errors();
    }
    let test = "system::blocked::a_runtime_ends_although_standard_error_is_blocked";
    for stream in [pipe(), terminal()] {
        let status = end_with_errors_to(test, stream);
        assert!(status.is_some_and(|status| status.success()), "{status:?}");
    }
}

/// Runs `body` in a child process with a full standard error, and checks that it ends.
fn end_of_a_panic(test: &str, body: impl FnOnce()) {
    if is_again() {
        fill(io::stderr());
        return body();
    }
    for stream in [pipe(), terminal()] {
        let status = end_with_errors_to(test, stream).expect("it ends");
        assert_eq!(status.code(), Some(101));
    }
}

#[test]
fn a_main_that_was_cancelled_panics_although_standard_error_is_blocked() {
    let test =
        "system::blocked::a_main_that_was_cancelled_panics_although_standard_error_is_blocked";
    end_of_a_panic(test, || {
        run(async {
            task::current().cancel_handle().cancel();
            pending::<()>().await;
        });
    });
}

#[test]
fn a_deadlock_is_a_panic_although_standard_error_is_blocked() {
    let test = "system::blocked::a_deadlock_is_a_panic_although_standard_error_is_blocked";
    end_of_a_panic(test, || testing::run(pending::<()>()));
}

/// A thread that is blocked in a write holds the lock of the stream.
#[test]
fn the_report_of_tasks_that_did_not_stop_does_not_wait_for_the_lock_of_standard_error() {
    let test = "system::blocked::the_report_of_tasks_that_did_not_stop_does_not_wait_for_the_lock_of_standard_error";
    if is_again() {
        return impatient().block_on(async {
            std::thread::spawn(|| io::stderr().lock().write_all(&[b'x'; MUCH]));
            let stubborn = async {
                loop {
                    drop(wheelhouse::catch_cancel(pending::<()>()).await);
                }
            };
            spawn(stubborn).detach();
            sleep(Duration::from_millis(50)).await;
        });
    }
    let status = end_with_errors_to(test, pipe());
    assert!(status.is_some_and(|status| status.success()), "{status:?}");
}

/// Writes to standard output, which is blocked, until a Ctrl-C.
fn write_until_ctrl_c() {
    let builder = Runtime::builder().cancel_on_ctrl_c();
    let runtime = builder.shutdown_timeout(Duration::from_millis(10)).build();
    runtime.unwrap().block_on(async {
        spawn(async { stdio::stdout().write_all(&[b'x'; MUCH]).await }).detach();
        sleep(Duration::from_millis(50)).await;
        eprintln!("| stuck");
        pending::<()>().await;
    });
}

#[test]
fn ctrl_c_ends_a_process_whose_standard_output_is_blocked() {
    if is_again() {
        return write_until_ctrl_c();
    }
    let test = "system::blocked::ctrl_c_ends_a_process_whose_standard_output_is_blocked";
    for (reader, writer) in [pipe(), terminal()] {
        // A shell starts background processes with SIGINT ignored.
        let again = again(test);
        let mut command = Command::new(installed("env"));
        command.arg("--default-signal=INT").arg(again.get_program());
        command.args(again.get_args());
        command.envs(
            again
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        command.stdin(Stdio::null()).stdout(Stdio::from(writer));
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        drop(command);
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "| stuck");
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        let status = end_of(child).expect("it ends");
        assert_eq!(status.signal(), Some(Signal::INT.as_raw()));
        drop(reader);
    }
}
