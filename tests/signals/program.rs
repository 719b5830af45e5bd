//! The second half of a test: a child process that prints lines and receives signals. No tests
//! here.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;
use std::{env, io, thread};

use crate::installed::installed;
use rustix::process::{Pid, Signal, kill_process};

/// Set in the child process of a test.
const ROLE: &str = "WHEELHOUSE_TEST_SIGNALS";

/// The beginning of our lines. The test harness prints lines and beginnings of lines, too.
const MARK: &str = "| ";

/// Longer than a process takes for one line. Only a failing test waits so long.
const LIMIT: Duration = Duration::from_secs(60);

/// Prints a line for the parent.
pub(crate) fn say(line: &str) {
    println!("{MARK}{line}");
}

/// Prints the beginning of a line.
pub(crate) fn say_unfinished(line: &str) {
    print!("{MARK}{line}");
}

/// In the child: runs `body` and returns `None`. In the parent: starts the child of `test`.
pub(crate) fn other_half(test: &str, body: impl FnOnce()) -> Option<Program> {
    if env::var_os(ROLE).is_some() {
        body();
        return None;
    }
    // A shell starts background processes with SIGINT ignored. The child must not ignore it.
    let mut again = Command::new(installed("env"));
    again.arg("--default-signal=INT");
    again.arg(env::current_exe().expect("this test has a path"));
    again.args(["--exact", test, "--nocapture"]).env(ROLE, "1");
    Some(Program::start(again, MARK))
}

/// Runs `body` in a child process. Fails if the child fails.
pub(crate) fn by_itself(test: &str, body: impl FnOnce()) {
    if let Some(program) = other_half(test, body) {
        let (lines, status) = program.end();
        assert!(status.success(), "{status}: {lines:#?}");
    }
}

/// A running process, killed and reaped on drop.
pub(crate) struct Program {
    child: Child,
    /// The lines that it prints.
    lines: Receiver<String>,
}

impl Program {
    /// Starts a process whose lines begin with `mark`.
    pub(crate) fn start(mut command: Command, mark: &'static str) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program can be started");
        let output = child.stdout.take().expect("its output is piped");
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            let lines = marked_lines(output, mark);
            lines.for_each(|line| drop(sender.send(line)));
        });
        Self { child, lines }
    }

    /// Returns the next line.
    pub(crate) fn line(&self) -> String {
        let line = self.lines.recv_timeout(LIMIT);
        line.expect("the program says one more line")
    }

    /// Fails unless the next lines are these.
    #[track_caller]
    pub(crate) fn says(&self, expected: &[&str]) {
        for line in expected {
            assert_eq!(self.line(), *line);
        }
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it is not reaped yet");
    }

    /// Waits until it exits. Returns the lines that were not read yet, and the status.
    pub(crate) fn end(mut self) -> (Vec<String>, ExitStatus) {
        let mut rest = Vec::new();
        loop {
            match self.lines.recv_timeout(LIMIT) {
                Ok(line) => rest.push(line),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs, after {rest:#?}"),
            }
        }
        let status = self.child.wait().expect("it can be reaped");
        (rest, status)
    }

    /// Fails unless it prints these last lines and is ended by `signal`.
    #[track_caller]
    pub(crate) fn ended_by(self, signal: Signal, last: &[&str]) {
        let (lines, status) = self.end();
        assert_eq!(
            (lines.as_slice(), status.signal()),
            (&owned(last)[..], Some(signal.as_raw())),
            "{status}"
        );
    }

    /// Fails unless it prints these last lines and succeeds.
    #[track_caller]
    pub(crate) fn ends_well(self, last: &[&str]) {
        let (lines, status) = self.end();
        assert_eq!((lines, status.code()), (owned(last), Some(0)), "{status}");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The lines of `output` that contain `mark`, each from `mark` on.
fn marked_lines(output: ChildStdout, mark: &'static str) -> impl Iterator<Item = String> {
    let lines = BufReader::new(output).lines().map_while(io::Result::ok);
    lines.filter_map(move |line| Some(line[line.find(mark)? + mark.len()..].to_owned()))
}

/// The same lines as `String`s.
fn owned(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|&line| line.to_owned()).collect()
}
