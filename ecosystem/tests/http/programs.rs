//! Starting other programs, and talking to them. No tests here.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use std::{env, fs, process};

use crate::installed::installed;
use futures::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use std::process::{Output, Stdio};
use wheelhouse::process::{Child, ChildStdout, Command};
use wheelhouse::timeout;

/// After this long a program counts as stuck.
const LIMIT: Duration = Duration::from_secs(30);

/// A program, and its arguments separated by spaces.
pub(crate) fn command(line: &str) -> Command {
    let mut words = line.split(' ');
    let mut command = Command::new(installed(words.next().expect("the line is not empty")));
    command.args(words).kill_on_drop(true);
    command
}

/// Runs a program to its end, and gives what it printed.
///
/// # Panics
/// When it fails, or cannot be started.
pub(crate) async fn output(line: &str) -> String {
    let output = finish(&mut command(line)).await;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{line}: {}: {errors}",
        output.status
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a program to its end, however that is.
pub(crate) async fn finish(command: &mut Command) -> Output {
    let name = format!("{:?}", command.as_std_mut().get_program());
    let output = timeout(LIMIT, command.output()).await;
    let output = output.unwrap_or_else(|_| panic!("{name} is stuck"));
    output.unwrap_or_else(|error| panic!("{name} cannot be started: {error}"))
}

/// Runs a program to its end, with this as its input, and gives what it printed.
pub(crate) async fn answer(line: &str, input: &[u8]) -> String {
    let mut command = command(line);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("it can be started");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(input).await.expect("it takes its input");
    drop(stdin);
    let output = timeout(LIMIT, child.wait_with_output()).await;
    let output = output
        .expect("it is not stuck")
        .expect("it can be waited for");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// An example of this package.
pub(crate) fn example(name: &str) -> Command {
    let test = env::current_exe().expect("this test has a path");
    let build = test
        .ancestors()
        .nth(2)
        .expect("it lies in target/PROFILE/deps");
    let example = build.join("examples").join(name);
    assert!(
        example.is_file(),
        "no {}: a plain `cargo test` builds the examples, as does `cargo build --examples`",
        example.display()
    );
    let mut command = Command::new(example);
    command.kill_on_drop(true);
    command
}

/// Starts a server, and gives it, its first line and what else it will print.
pub(crate) async fn start(command: &mut Command) -> (Child, String, BufReader<ChildStdout>) {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .expect("it can be started");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped"));
    let line = next_line(&mut lines).await;
    (child, line, lines)
}

/// The next line that a program prints, without its end.
pub(crate) async fn next_line(lines: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    let read = timeout(LIMIT, lines.read_line(&mut line)).await;
    read.expect("it is not stuck").expect("it can be read from");
    line.trim_end().to_string()
}

/// A folder of its own, that goes with this.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("http-{}-{number}", process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).expect("a folder can be made");
        Self(path)
    }

    /// Writes a file; gives its path.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::write(&path, content).expect("a file can be written");
        path.display().to_string()
    }

    pub(crate) fn path(&self) -> String {
        self.0.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}
