//! The example `graceful_shutdown`, with asyncio clients and a real Ctrl-C.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use crate::program::Program;
use crate::tutorial::programs::{rust_example, script};

/// Starts the example on a free port. Returns it and its address.
fn start(deadline: &str) -> (Program, String) {
    let mut example = rust_example("graceful_shutdown");
    example.args(["127.0.0.1:0", deadline]);
    let server = Program::start(example, "");
    let line = server.line();
    let address = line.strip_prefix("listening on ").expect("it says where");
    let address = address.to_owned();
    (server, address)
}

/// Starts the clients.
fn clients(address: &str) -> Program {
    let (host, port) = address.rsplit_once(':').expect("it has a port");
    let mut clients = script(Path::new("tests/peers/graceful_client.py"));
    clients.args([host, port]);
    Program::start(clients, "")
}

/// The next `count` lines, sorted: several connections print in any order.
fn lines(program: &Program, count: usize) -> BTreeSet<String> {
    (0..count).map(|_| program.line()).collect()
}

/// Fails unless the lines are these, in any order.
#[track_caller]
fn same(lines: &BTreeSet<String>, expected: &[&str]) {
    assert!(
        lines.iter().eq(&BTreeSet::from_iter(
            expected.iter().map(|&line| line.to_owned())
        )),
        "{lines:#?}"
    );
}

/// The deadline of the server is two seconds. The requests take half a second and an hour.
#[test]
fn requests_in_progress_complete_or_roll_back_and_the_server_succeeds() {
    let (server, address) = start("2");
    let clients = clients(&address);
    let begun = [
        "begun: 0.5 soon",
        "begun: 3600 late",
        "begun: idle",
        "done: idle",
    ];
    // On a slow machine the first may complete before the others have started.
    let mut said = lines(&server, begun.len());
    while !begun.iter().all(|&line| said.contains(line)) {
        said.insert(server.line());
    }
    server.signal(Signal::INT);
    while !said.contains("stopping: no new connections") {
        said.insert(server.line());
    }
    let refused = TcpStream::connect(&address).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);

    let (heard, status) = clients.end();
    assert!(status.success(), "{status}");
    let expected = [
        "soon: '0.5 soon\\n'",
        "late: 'rolled back\\n'",
        "idle: 'idle\\n'",
    ];
    same(&heard.into_iter().collect(), &expected);
    let (rest, status) = server.end();
    assert!(status.success(), "{status}: {rest:#?}");
    said.extend(rest.iter().cloned());
    assert!(said.contains("done: 0.5 soon"), "{said:#?}");
    let last = [
        "1 request(s) not done by the deadline",
        "rolling back: 3600 late (cancelled: the deadline has passed)",
        "rolled back: 3600 late",
        "stopped",
    ];
    assert!(rest.ends_with(&last.map(str::to_owned)), "{rest:#?}");
}

#[test]
fn without_clients_it_stops_at_once() {
    let (server, _) = start("3600");
    server.signal(Signal::INT);
    server.ends_well(&[
        "stopping: no new connections",
        "0 request(s) not done by the deadline",
        "stopped",
    ]);
}

#[test]
fn it_prints_help() {
    let output = |arguments: &[&str]| {
        let mut example: Command = rust_example("graceful_shutdown");
        let output = example.args(arguments).output().expect("it runs");
        let text = [output.stdout, output.stderr].concat();
        (
            output.status.code(),
            String::from_utf8(text).expect("it is text"),
        )
    };
    let (status, help) = output(&["--help"]);
    assert_eq!(status, Some(0));
    assert!(help.starts_with("usage: graceful_shutdown"), "{help}");
    let wrong: [&[&str]; 4] = [
        &["localhost"],
        &["127.0.0.1:0", "-1"],
        &["127.0.0.1:0", "soon"],
        &["", "", ""],
    ];
    for arguments in wrong {
        let (status, text) = output(arguments);
        assert_eq!(status, Some(2), "{arguments:?}: {text}");
        assert!(text.contains("usage: graceful_shutdown"), "{text}");
    }
}
