//! Starting an echo server on a free port, and the peers that talk to it.
//!
//! No tests here. A server lives as long as its [`Server`].

use crate::installed::installed;
use crate::tutorial::programs::{python, rust_example, script};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// A running echo server; dropping it kills and reaps it.
#[derive(Debug)]
pub(crate) struct Server {
    /// Whose it is, for the message of a failure.
    pub(crate) name: &'static str,
    /// The process.
    child: Child,
    /// Where it listens, as it printed it.
    host: String,
    /// The port, likewise.
    port: u16,
}

impl Server {
    /// Starts the example and its asyncio counterpart, each on a free port of 127.0.0.1.
    pub(crate) fn start_both() -> impl Iterator<Item = Server> {
        let names = ["the Rust server", "the Python server"];
        let named = names.into_iter().zip(both_programs());
        named.map(|(name, program)| Server::start(name, program))
    }

    /// Starts `program` and reads from its first line where it listens.
    fn start(name: &'static str, mut program: Command) -> Server {
        program
            .arg("127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        program.stderr(Stdio::null());
        let mut child = program.spawn().expect("the server can be started");
        let mut line = String::new();
        let mut pipe = BufReader::new(child.stdout.take().expect("its output is piped"));
        pipe.read_line(&mut line).expect("it prints a line");
        let address = line.trim_end().strip_prefix("listening on ");
        let (host, port) = address
            .and_then(|at| at.rsplit_once(':'))
            .unwrap_or_default();
        let host = host.to_owned();
        let port = port.parse().unwrap_or(0);
        let server = Server {
            name,
            child,
            host,
            port,
        };
        assert_eq!(server.host, "127.0.0.1", "{name} printed {line:?}");
        assert_ne!(
            server.port, 0,
            "{name} must print the port it was given: {line:?}"
        );
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The example and its asyncio counterpart, not started.
pub(crate) fn both_programs() -> [Command; 2] {
    [rust_example("echo_server"), python("echo_server")]
}

/// Runs the asyncio client against `server`, to its end.
pub(crate) fn client_of(server: &Server) -> Output {
    let mut client = script(Path::new("tests/peers/echo_client.py"));
    client.args([&server.host, &server.port.to_string()]);
    client.output().expect("the client can be started")
}

/// Sends `text` through `nc` and gives what comes back.
pub(crate) fn nc_echoes(server: &Server, text: &[u8]) -> Vec<u8> {
    let mut nc = Command::new(installed("nc"));
    nc.args(["-w", "5", &server.host, &server.port.to_string()]);
    let mut child = nc
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("nc can be started");
    let mut answer = vec![0; text.len()];
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(text).expect("nc takes the text");
    let stdout = child.stdout.as_mut().expect("it is piped");
    stdout.read_exact(&mut answer).expect("nc gives the answer");
    drop(stdin);
    child.kill().expect("nc is not reaped yet");
    child.wait().expect("nc can be reaped");
    answer
}
