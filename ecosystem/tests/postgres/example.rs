//! The example `database`, as a process of its own.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use futures::io::{AsyncBufReadExt, BufReader, Lines};
use futures::{StreamExt, TryStreamExt};
use rustix::process::{Pid, Signal, kill_process_group};
use wheelhouse::process::{Child, ChildStdout, Command};
use wheelhouse::{gather, sleep};
use wheelhouse_ecosystem::postgres::Cluster;

use crate::faults::is_gone;
use crate::harness::{living, session, value};
use crate::installed::installed;

/// The example's program. After `cargo test --test postgres` alone it may be old, or not there.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap();
    let program = folder.join("examples/database");
    assert!(program.exists(), "`cargo build --examples` makes it");
    program
}

/// The example with these arguments, and no DATABASE_URL yet.
fn example(arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(arguments).env_remove("DATABASE_URL");
    command
}

/// What names a cluster to the example.
fn url(cluster: &Cluster) -> String {
    let (folder, port) = (cluster.folder().display(), cluster.port());
    format!("host={folder} port={port} user=postgres application_name=example")
}

pub(crate) async fn it_shows_all_on_the_server_that_is_named(cluster: &Cluster) {
    let mut example = example(&["20", "0.2"]);
    let output = example
        .env("DATABASE_URL", url(cluster))
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "connected to PostgreSQL ",
        "the sum is 2870\n",
        ": 0 over TCP, 20 over Unix sockets\n",
        "rolled back (cancelled: the time was up): anna has 100, bert has 0\n",
        "in the end: anna has 100, bert has 0\n",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    let answer = text.find("rolled back").unwrap() < text.find("given up").unwrap();
    assert!(answer, "{text}");
}

/// A shell that runs the example and says with which status it ended; both get the Ctrl-C, as at a
/// terminal.
struct Terminal {
    shell: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Terminal {
    fn start(example: &mut Command) -> Self {
        let std = example.as_std_mut();
        let mut shell = Command::new(installed("sh"));
        // The trap keeps the shell, and is not passed on.
        shell.args(["-c", r#"trap : INT; "$@"; echo "status $?""#, "sh"]);
        shell.arg(std.get_program()).args(std.get_args());
        for (name, value) in std.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell.process_group(0).kill_on_drop(true);
        let mut shell = shell.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(shell.stdout.take().unwrap()).lines();
        Self { shell, lines }
    }

    /// The rest of the first line that begins with this.
    async fn line(&mut self, begin: &str) -> String {
        loop {
            let line = self.lines.try_next().await.unwrap();
            let line = line.unwrap_or_else(|| panic!("it never said: {begin}"));
            if let Some(rest) = line.strip_prefix(begin) {
                return rest.to_owned();
            }
        }
    }

    fn ctrl_c(&self) {
        let group = Pid::from_raw(self.shell.id() as i32).unwrap();
        kill_process_group(group, Signal::INT).unwrap();
    }

    /// The lines that were not read, when all has ended.
    async fn end(self) -> Vec<String> {
        let Self { mut shell, lines } = self;
        let (lines, status) =
            gather((lines.collect::<Vec<io::Result<String>>>(), shell.wait())).await;
        assert!(status.unwrap().success());
        lines.into_iter().map(Result::unwrap).collect()
    }
}

pub(crate) async fn ctrl_c_stops_and_removes_its_own_server(_: &Cluster) {
    let mut terminal = Terminal::start(&mut example(&["4", "3600"]));
    let folder = PathBuf::from(terminal.line("its files are in ").await);
    assert!(!living(&folder).is_empty());
    terminal.line("4 queries of 3600 s").await;
    terminal.ctrl_c();
    let lines = terminal.end().await;
    assert_eq!(
        lines,
        [
            "cancelled: interrupted: the server is gone, and its files",
            "status 130"
        ]
    );
    is_gone(&folder);
}

pub(crate) async fn ctrl_c_stops_its_queries_on_a_server_that_is_named(cluster: &Cluster) {
    let watch = session(cluster).await;
    let running = "SELECT count(*) FROM pg_stat_activity
        WHERE application_name = 'example' AND state = 'active' AND query LIKE '%pg_sleep%'";
    let mut example = example(&["4", "3600"]);
    let mut terminal = Terminal::start(example.env("DATABASE_URL", url(cluster)));
    terminal.line("4 queries of 3600 s").await;
    // The server tells nobody when a query begins.
    while value::<i64>(&watch, running).await < 4 {
        sleep(Duration::from_millis(2)).await;
    }
    terminal.ctrl_c();
    assert_eq!(terminal.end().await, ["status 130"]);
    // At once: it has waited for the server's answers.
    assert_eq!(value::<i64>(&watch, running).await, 0);
}

pub(crate) async fn what_is_wrong_with_its_arguments_it_says(_: &Cluster) {
    let wrong = [
        (
            example(&["many"]),
            "QUERIES must be a number from 1 to 100, not `many`",
        ),
        (
            example(&["0"]),
            "QUERIES must be a number from 1 to 100, not `0`",
        ),
        (
            example(&["1", "-1"]),
            "SECONDS must be a number up to 3600, not `-1`",
        ),
        (example(&["1", "1", "1"]), "more than two arguments"),
    ];
    for (mut example, problem) in wrong {
        let output = example.output().await.unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(
            text.starts_with(&format!("database: {problem}\n\nusage: ")),
            "{text}"
        );
    }
    for (url, status, problem) in [
        (
            "postgres://[",
            2,
            "DATABASE_URL: invalid connection string: ",
        ),
        ("user=me", 1, "the settings name no host"),
        (
            "host=127.0.0.1 port=1",
            1,
            "cannot reach the server at 127.0.0.1:1: ",
        ),
    ] {
        let output = example(&[])
            .env("DATABASE_URL", url)
            .output()
            .await
            .unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{text}");
        assert!(text.starts_with(&format!("database: {problem}")), "{text}");
    }
    let output = example(&["--help"]).output().await.unwrap();
    assert!(output.status.success() && output.stdout.starts_with(b"usage: database "));
}
