//! The README's test command failed on a machine on which `.ci/tools` had not been called before:
//! the gate ran another one.

use std::fs;
use std::path::Path;

/// A file of the crate.
fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(path).expect("a text")
}

#[test]
fn the_gate_runs_the_commands_of_the_readme_as_they_stand() {
    let readme = read("README.md");
    let (_, section) = readme.split_once("## Set-up\n").expect("the section");
    let (section, _) = section.split_once("\n## ").expect("another one after it");
    let blocks = section.split("```sh\n").skip(1);
    let commands: Vec<_> = blocks
        .filter_map(|block| block.split_once("\n```"))
        .collect();
    assert_eq!(commands.len(), 2, "the main job, and the tests");
    let gate = read(".ci/run");
    for (command, _) in commands {
        assert!(
            gate.lines().any(|line| line == command),
            "`{command}` is not in .ci/run"
        );
    }
}
