//! Runs a test in a child process: the same binary, which runs only that test. No tests here.

use std::env;
use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// Set in the child process of a test.
const ROLE: &str = "WHEELHOUSE_TEST_SYSTEM";

/// Longer than any process takes. Only a failing test waits so long.
const LIMIT: Duration = Duration::from_secs(60);

/// Returns `true` in the child process of a test.
pub(crate) fn is_again() -> bool {
    env::var_os(ROLE).is_some()
}

/// The command that runs `test` in a child process.
pub(crate) fn again(test: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("this test has a path"));
    command.args(["--exact", test, "--nocapture"]);
    command.env(ROLE, "1").stdin(Stdio::null());
    command
}

/// Runs `body` in a child process. Fails if it fails or hangs.
#[track_caller]
pub(crate) fn by_itself(test: &str, body: impl FnOnce()) {
    if is_again() {
        return body();
    }
    let mut command = again(test);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it can be started");
    let output = reader(child.stdout.take().expect("it is piped"));
    let errors = reader(child.stderr.take().expect("it is piped"));
    let status = end_of(child);
    let (output, errors) = (output.join().unwrap(), errors.join().unwrap());
    assert!(
        status.is_some_and(|status| status.success()) && output.contains("1 passed"),
        "{status:?}\n{output}\n{errors}"
    );
}

/// Waits until a process exits. If it hangs, kills it and returns `None`.
pub(crate) fn end_of(mut child: Child) -> Option<ExitStatus> {
    let pid = rustix::process::Pid::from_child(&child);
    let (end, ended) = channel();
    let waiter = thread::spawn(move || end.send(child.wait()).is_ok());
    let status = ended.recv_timeout(LIMIT);
    if status.is_err() {
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok();
    }
    waiter.join().expect("no panic");
    Some(status.ok()?.expect("it can be waited for"))
}

/// Reads a pipe to its end on a thread.
fn reader(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut text = Vec::new();
        let read: io::Result<_> = pipe.read_to_end(&mut text);
        read.expect("a pipe can be read");
        String::from_utf8_lossy(&text).into_owned()
    })
}
