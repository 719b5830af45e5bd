//! The command lines of all examples that take arguments. `chat`, `dining` and `multicore_echo`
//! panicked when an argument was not UTF-8.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::tutorial::programs::rust_example;

const EXAMPLES: [&str; 9] = [
    "chat",
    "dining",
    "echo_server",
    "epoll_loop",
    "graceful_shutdown",
    "multicore_echo",
    "pipeline",
    "tcp_proxy",
    "watch_directory",
];

#[test]
fn help_is_printed_wherever_it_is_asked_for() {
    for (name, arguments) in EXAMPLES.iter().flat_map(|name| {
        let lines: [&[&str]; 3] = [&["--help"], &["-h"], &["something", "--help"]];
        lines.map(|arguments| (name, arguments))
    }) {
        let output = rust_example(name).args(arguments).output();
        let output = output.expect("the example starts");
        assert!(output.status.success(), "{name}: {output:?}");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.starts_with(&format!("usage: {name} ")), "{text}");
    }
}

#[test]
fn an_argument_that_is_not_utf_8_is_refused_with_the_usage() {
    for name in EXAMPLES {
        let output = rust_example(name).arg(OsStr::from_bytes(b"\xff")).output();
        let output = output.expect("the example starts");
        assert_eq!(output.status.code(), Some(2), "{name}: {output:?}");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains(&format!("\n\nusage: {name} ")), "{text}");
    }
}
