//! Tests that run the examples as a user does.

mod arguments;
mod chat;
mod dining;
mod epoll_loop;
mod multicore_echo;
mod no_descriptors;
mod pipeline;
mod tcp_proxy;
mod watch_directory;

use crate::program::Program;
use crate::tutorial::programs::rust_example;

/// Starts an example that serves on a free port; gives also where it says it listens.
fn listening(name: &str, arguments: &[&str]) -> (Program, String) {
    let mut example = rust_example(name);
    example.arg("127.0.0.1:0").args(arguments);
    let server = Program::start(example, "");
    let line = server.line();
    let address = line.strip_prefix("listening on ").expect("it says where");
    let address = address.to_owned();
    (server, address)
}

/// Fails unless the example refuses these arguments with a line that says why, and tells how it is
/// used.
#[track_caller]
fn usage_of(name: &str, arguments: &[&str], problem: &str) {
    let output = rust_example(name).args(arguments).output();
    let output = output.expect("the example starts");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let text = String::from_utf8_lossy(&output.stderr);
    let expected = format!("{name}: {problem}\n\nusage: {name} ");
    assert!(text.starts_with(&expected), "{text}");
}
