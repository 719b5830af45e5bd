//! The example `dining`, whose output is the report of a deadlock.

use std::process::Output;

use crate::tutorial::programs::rust_example;

/// Runs the example with these arguments.
fn dining(arguments: &[&str]) -> Output {
    let output = rust_example("dining").args(arguments).output();
    output.expect("the example starts")
}

/// What it printed.
fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).expect("it prints text")
}

#[test]
fn the_report_names_who_holds_and_who_waits_and_the_circle() {
    for count in [5, 2, 7] {
        let output = dining(&["--philosophers", &count.to_string()]);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(text(&output.stderr), "");
        let report = text(&output.stdout);
        assert!(
            report.starts_with("deadlock: the main task is not done"),
            "{report}"
        );
        let mut circle = "In a cycle:\n".to_owned();
        for number in 0..count {
            let next = (number + 1) % count;
            let (task, other) = (number + 2, next + 2);
            let holds =
                format!("    holds the lock \"fork {number}\", made at examples/dining.rs:");
            assert!(report.contains(&holds), "{holds} in {report}");
            let waits =
                format!("    waits for the lock \"fork {next}\", made at examples/dining.rs:");
            let line = report.lines().find(|line| line.starts_with(&waits));
            let held_by = format!(", held by task {other} \"philosopher {next}\"");
            assert!(
                line.is_some_and(|line| line.ends_with(&held_by)),
                "{report}"
            );
            let which = if number == 0 { "" } else { ", which" };
            circle += &format!(
                "  task {task} \"philosopher {number}\"{which} waits for the lock \"fork {next}\", held by\n"
            );
        }
        circle += "  task 2 \"philosopher 0\"\n";
        assert!(report.contains(&circle), "{circle} in {report}");
        assert!(report.contains("`--fixed` shows a way out"), "{report}");
    }
}

#[test]
fn in_order_of_the_forks_all_eat() {
    let output = dining(&["--fixed"]);
    assert!(output.status.success(), "{output:?}");
    let lines: Vec<_> = text(&output.stdout).lines().collect();
    assert_eq!(lines.len(), 6, "{lines:?}");
    assert!(
        lines[..5]
            .iter()
            .all(|line| line.contains("has eaten after")),
        "{lines:?}"
    );
    assert_eq!(lines[5], "all have eaten");
}

#[test]
fn it_says_how_it_is_used() {
    let output = dining(&["--help"]);
    assert!(output.status.success());
    assert!(text(&output.stdout).starts_with("usage: dining"));
    for wrong in [
        &["--philosophers"][..],
        &["--philosophers", "1"],
        &["--fast"],
    ] {
        let output = dining(wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        let error = text(&output.stderr);
        assert!(
            error.contains("usage: dining") && error.contains("not"),
            "{wrong:?}: {error}"
        );
    }
}
