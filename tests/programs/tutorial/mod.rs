//! Runs the tutorial examples beside their asyncio counterparts, and the echo servers against
//! clients that are not ours.
//!
//! For each program of [`PROGRAMS`] the Rust and the Python one must print the same lines in
//! the same whole seconds and end with the same status. All of them start together, so the
//! whole takes as long as the longest. The echo servers are talked to by Python's asyncio
//! client (`tests/peers/echo_client.py`) and by `nc`. The Python in the
//! chapters of the crate's page is run, too.

mod guide;
pub(crate) mod programs;
mod server;

use programs::{Pair, compare};
use server::{Server, client_of, nc_echoes};
use std::process::Output;
use std::sync::LazyLock;

/// The tutorial programs, and how many whole seconds each takes.
const PROGRAMS: [(&str, u64); 8] = [
    ("say_after", 3),
    ("tasks", 2),
    ("gather", 3),
    ("wait", 3),
    ("cancel", 3),
    ("results", 1),
    ("errors", 1),
    ("task_group", 3),
];

/// What all the programs did: they run once, side by side, for whichever test asks first.
static PAIRS: LazyLock<Vec<Result<Pair, String>>> = LazyLock::new(|| Pair::run_all(&PROGRAMS));

/// Fails unless both programs called `name` did the same, in the time that [`PROGRAMS`] says.
fn same_as_asyncio(name: &str) {
    let place = PROGRAMS.iter().position(|program| program.0 == name);
    let pair = &PAIRS[place.expect("the program is in the list")];
    let pair = pair.as_ref().unwrap_or_else(|problem| panic!("{problem}"));
    if let Err(difference) = compare(pair) {
        panic!("{name}: {difference}\n{pair}");
    }
}

#[test]
fn say_after_prints_the_same_as_asyncio_in_three_seconds() {
    same_as_asyncio("say_after");
}

#[test]
fn tasks_prints_the_same_as_asyncio_in_two_seconds() {
    same_as_asyncio("tasks");
}

#[test]
fn gather_prints_the_same_as_asyncio_in_three_seconds() {
    same_as_asyncio("gather");
}

#[test]
fn wait_prints_the_same_as_asyncio_in_three_seconds() {
    same_as_asyncio("wait");
}

#[test]
fn cancel_prints_the_same_as_asyncio_in_three_seconds() {
    same_as_asyncio("cancel");
}

#[test]
fn results_prints_the_same_as_asyncio_in_one_second() {
    same_as_asyncio("results");
}

#[test]
fn errors_prints_the_same_as_asyncio_in_one_second() {
    same_as_asyncio("errors");
}

#[test]
fn task_group_prints_the_same_as_asyncio_in_three_seconds() {
    same_as_asyncio("task_group");
}

#[test]
fn the_asyncio_code_of_the_chapter_on_cancellation_runs() {
    let snippets = guide::snippets("cancellation.md");
    assert!(snippets.len() >= 10, "it compares throughout");
    guide::run_all(&snippets).unwrap_or_else(|problem| panic!("{problem}"));
    let wrong = "async def main():\n    assert False\n".to_owned();
    assert!(guide::run_all(&[wrong]).is_err(), "a wrong one is seen");
}

#[test]
fn a_tutorial_program_is_hardly_longer_than_its_asyncio_counterpart() {
    for (name, _) in PROGRAMS {
        let rust = programs::code_lines(&format!("examples/{name}.rs"));
        let python = programs::code_lines(&format!("examples/asyncio/{name}.py"));
        assert!(
            rust <= python + python / 4,
            "{name}: {rust} lines of Rust say what {python} lines of Python say"
        );
    }
}

#[test]
fn comparing_sees_a_wrong_line_a_wrong_second_and_a_wrong_status() {
    let good = || Pair::sample(&[(0, "a"), (1, "b")]);
    assert_eq!(compare(&good()), Ok(()));
    for spoil in programs::SPOILERS {
        let mut pair = good();
        spoil(&mut pair);
        assert!(compare(&pair).is_err(), "not seen: {pair}");
    }
}

#[test]
fn both_echo_servers_answer_an_asyncio_client_and_survive_a_reset() {
    for server in Server::start_both() {
        let Output { status, stderr, .. } = client_of(&server);
        let stderr = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "{}: {stderr}", server.name);
    }
}

#[test]
fn both_echo_servers_answer_nc() {
    for server in Server::start_both() {
        let answer = nc_echoes(&server, b"one\ntwo\n");
        assert_eq!(answer, b"one\ntwo\n", "{}", server.name);
    }
}

#[test]
fn both_echo_servers_print_help_and_succeed() {
    for mut program in server::both_programs() {
        let Output { status, stdout, .. } = program.arg("--help").output().expect("it runs");
        let stdout = String::from_utf8_lossy(&stdout);
        assert_eq!(status.code(), Some(0), "{program:?}");
        assert!(stdout.starts_with("usage: echo_server"), "{stdout}");
    }
}

#[test]
fn both_echo_servers_explain_wrong_arguments_and_exit_with_two() {
    let wrong: [&[&str]; 6] = [
        &["--port"],
        &["localhost"],
        &["127.0.0.1"],
        &["127.0.0.1:99999"],
        &["127.0.0.1:1", "127.0.0.1:2"],
        &[""],
    ];
    for arguments in wrong {
        for mut program in server::both_programs() {
            let output = program.args(arguments).output().expect("it runs");
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{program:?}: {stderr}");
            assert!(stderr.contains("usage: echo_server"), "{stderr}");
            assert!(output.stdout.is_empty(), "{program:?}");
        }
    }
}

#[test]
fn an_echo_server_whose_port_is_taken_says_so_and_exits_with_one() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    for mut program in server::both_programs() {
        let output = program.arg(&address).output().expect("it runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{program:?}: {stderr}");
        assert!(stderr.to_lowercase().contains("address"), "{stderr}");
    }
}
