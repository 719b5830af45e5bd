//! On a machine without `nc` or `wrk` tests failed with "No such file or directory": each test asks
//! `installed` for the programs that it starts, and that says what to do about a missing one.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::installed::{installed, is_in, package, remedy};

/// How a test would start a program without asking.
const UNASKED: [&str; 2] = ["Command::new(\"", "StdCommand::new(\""];

/// Every Rust file in `folder` and below.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let files = paths.flat_map(|path| {
        if path.is_dir() {
            rust_files(&path)
        } else {
            vec![path]
        }
    });
    files
        .filter(|path| path.extension() == Some(OsStr::new("rs")))
        .collect()
}

/// The lines that start a program by its bare name, with their numbers.
fn unasked(text: &str) -> Vec<usize> {
    let starts = |line: &str| {
        let names = UNASKED.iter().filter_map(|call| line.split_once(call));
        names.into_iter().any(|(_, name)| !name.starts_with('/'))
    };
    let lines = text.lines().enumerate();
    let bad = lines.filter(|(_, line)| starts(line));
    bad.map(|(number, _)| number + 1).collect()
}

/// The words between `installed("` and `"`.
fn asked(text: &str) -> impl Iterator<Item = &str> {
    let rest = text.split("installed(\"").skip(1);
    rest.filter_map(|rest| Some(rest.split_once('"')?.0))
}

#[test]
fn a_test_that_starts_a_program_asks_whether_it_is_installed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut bad = Vec::new();
    for folder in ["tests", "ecosystem/tests"] {
        for path in rust_files(&root.join(folder)) {
            if path.ends_with("architecture/programs.rs") {
                continue;
            }
            let text = fs::read_to_string(&path).expect("a text");
            let lines = unasked(&text).into_iter();
            bad.extend(lines.map(|line| format!("{}:{line}", path.display())));
            let strangers = asked(&text).filter(|program| package(program).is_none());
            bad.extend(strangers.map(|program| format!("{program} is not in .ci/packages")));
        }
    }
    assert!(
        bad.is_empty(),
        "write `Command::new(installed(\"…\"))`, so that a missing program gives a message that helps:\n{}",
        bad.join("\n")
    );
}

#[test]
fn the_check_sees_programs_that_are_started_by_their_name_only() {
    assert_eq!(unasked("let a = Command::new(\"nc\");"), [1]);
    assert_eq!(unasked("\nStdCommand::new(\"sh\").spawn()"), [2]);
    let good = "Command::new(installed(\"nc\"))\nCommand::new(\"/no/such\")\nCommand::new(path)";
    assert!(unasked(good).is_empty());
    assert_eq!(asked(good).collect::<Vec<_>>(), ["nc"]);
}

#[test]
fn a_missing_program_is_reported_with_its_package_and_the_command_that_installs_it() {
    assert!(!is_in("nc", OsStr::new("/no/such/folder:/nor/this/one")));
    let message = remedy("nc");
    for part in [
        "`nc` is not installed",
        "`.ci/tools`",
        "apt-get install netcat-openbsd",
    ] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(installed("sh"), "sh");
}
