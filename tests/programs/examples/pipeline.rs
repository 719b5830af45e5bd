//! The example `pipeline`, without a terminal.

use std::process::Output;

use crate::tutorial::programs::rust_example;

/// Runs the example with these arguments.
fn pipeline(arguments: &[&str]) -> Output {
    let output = rust_example("pipeline").args(arguments).output();
    output.expect("the example starts")
}

/// What it printed.
fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).expect("it prints text")
}

#[test]
fn it_prints_lines_where_there_is_no_terminal() {
    let output = pipeline(&["20", "4", "2"]);
    assert!(output.status.success(), "{output:?}");
    let lines: Vec<_> = text(&output.stdout).lines().collect();
    let tenths: Vec<_> = (1..=10).map(|n| format!("{} of 20 items", 2 * n)).collect();
    assert_eq!(lines[..10], tenths);
    assert!(
        lines[10].starts_with("20 items by 4 workers in "),
        "{lines:?}"
    );
    assert!(lines[10].ends_with("the sum 2870"), "{lines:?}");
    assert!(
        lines[11].starts_with("the reader waited for capacity "),
        "{lines:?}"
    );
    assert!(
        lines[12].ends_with("items waited in two queues with a capacity of 2"),
        "{lines:?}"
    );
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn it_copes_with_nothing_to_do() {
    let output = pipeline(&["0"]);
    assert!(output.status.success(), "{output:?}");
    assert!(text(&output.stdout).starts_with("0 items by 8 workers"));
}

#[test]
fn it_says_how_it_is_used() {
    let output = pipeline(&["--help"]);
    assert!(output.status.success());
    assert!(text(&output.stdout).starts_with("usage: pipeline"));
    for wrong in [
        &["many"][..],
        &["1", "0"],
        &["1", "1", "0"],
        &["1", "1", "1", "1"],
    ] {
        let output = pipeline(wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(
            text(&output.stderr).contains("usage: pipeline"),
            "{wrong:?}"
        );
    }
}
