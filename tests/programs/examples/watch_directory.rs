//! The example `watch_directory`, with a directory whose files change.

use std::fs;

use crate::examples::usage_of;
use crate::program::Program;
use crate::tutorial::programs::rust_example;

#[test]
fn it_prints_what_happens_to_files() {
    let folder = std::env::temp_dir().join(format!("wh-watch-{}", std::process::id()));
    fs::create_dir(&folder).expect("a new folder");
    let mut example = rust_example("watch_directory");
    example.arg(&folder).arg("5");
    let program = Program::start(example, "");
    let line = program.line();
    assert!(line.starts_with("watching /"), "{line}");
    let expect = |lines: &[&str]| {
        lines
            .iter()
            .for_each(|line| assert_eq!(program.line(), *line))
    };
    fs::write(folder.join("one"), "text").expect("a new file");
    // Not before this: a process that another test starts may have a copy of the open file.
    expect(&["created: one", "written: one"]);
    fs::rename(folder.join("one"), folder.join("two")).expect("it is ours");
    fs::remove_file(folder.join("two")).expect("it is ours");
    expect(&["moved away: one", "moved here: two", "deleted: two"]);
    fs::remove_dir(&folder).expect("it is empty");
}

#[test]
fn it_says_how_it_is_used() {
    usage_of("watch_directory", &[], "DIRECTORY is required");
    usage_of(
        "watch_directory",
        &["/no/such"],
        "not a directory: /no/such",
    );
    usage_of(
        "watch_directory",
        &["/", "x"],
        "COUNT must be a number, not `x`",
    );
    usage_of(
        "watch_directory",
        &["/", "1", "2"],
        "more than two arguments",
    );
}
