//! The example `epoll_loop`, with lines that come through a pipe.

use std::io::Write;
use std::process::Stdio;

use crate::examples::usage_of;
use crate::tutorial::programs::rust_example;

/// Runs the example with these lines as its input, and returns the lines that it prints.
fn printed(input: &str) -> Vec<String> {
    let mut example = rust_example("epoll_loop");
    example.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = example.spawn().expect("the example starts");
    let mut pipe = child.stdin.take().expect("a pipe");
    pipe.write_all(input.as_bytes()).expect("it reads");
    drop(pipe);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(str::to_owned).collect()
}

#[test]
fn it_prints_each_text_after_its_time_and_waits_for_all_of_them() {
    assert_eq!(
        printed("120 tea\n5 milk\n60 cake\n"),
        ["milk", "cake", "tea"]
    );
}

#[test]
fn it_cancels_the_reminders_that_are_left() {
    assert_eq!(printed("600000 tea\nquit\n"), ["cancelled: tea"]);
}

#[test]
fn it_says_what_is_wrong_with_a_line_or_an_argument() {
    let lines = printed("tea\n");
    assert_eq!(
        lines,
        ["write a number of milliseconds and a text, not `tea`"]
    );
    usage_of("epoll_loop", &["x"], "unknown argument: x");
}
