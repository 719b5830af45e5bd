//! What is compiled for this package: no tokio runtime; and what its README says of it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// tokio's features that are, or need, its runtime or its reactor.
const RUNTIME: [&str; 9] = [
    "full",
    "fs",
    "net",
    "process",
    "rt",
    "rt-multi-thread",
    "signal",
    "time",
    "test-util",
];

/// The features of tokio that the examples and tests are compiled with.
fn features_of_tokio() -> Vec<String> {
    let cargo = env::var_os("CARGO").expect("cargo runs the tests");
    let mut tree = Command::new(cargo);
    tree.args([
        "tree",
        "--locked",
        "--offline",
        "--package",
        env!("CARGO_PKG_NAME"),
    ])
    .args(["--edges", "normal,dev", "--invert", "tokio", "--depth", "0"])
    .args(["--prefix", "none", "--format", "{f}"]);
    let output = tree.output().expect("cargo can be started");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let printed = String::from_utf8_lossy(&output.stdout);
    printed.trim().split(',').map(ToString::to_string).collect()
}

/// A file of this package, or next to it.
fn read(path: &str) -> String {
    fs::read_to_string(in_package(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn in_package(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The cells of the README's rows: library, version, line of Cargo.toml, and what shows that it
/// works.
fn rows(readme: &str) -> Vec<[String; 4]> {
    let section = between(readme, "## Runs on it\n", "| `cargo run")[0];
    let lines = section.lines().filter(|line| line.starts_with("| `"));
    let cells = lines.map(|line| {
        let cells = line.trim_matches('|').split(" | ");
        let cells: Vec<_> = cells.map(|cell| cell.trim().to_string()).collect();
        cells
            .try_into()
            .unwrap_or_else(|_| panic!("not four cells: {line}"))
    });
    cells.collect()
}

/// What stands between two texts, each time.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    let parts = text.split(before).skip(1);
    parts
        .filter_map(|part| Some(part.split_once(after)?.0))
        .collect()
}

#[test]
fn tokios_runtime_is_not_compiled() {
    let features = features_of_tokio();
    assert!(
        features.contains(&"io-util".to_string()),
        "what `compat` compiles: {features:?}"
    );
    let runtime: Vec<_> = features
        .iter()
        .filter(|name| RUNTIME.contains(&name.as_str()))
        .collect();
    let package = env!("CARGO_PKG_NAME");
    assert!(
        runtime.is_empty(),
        "{runtime:?} of tokio: `cargo tree -p {package} -e normal,dev,features -i tokio` says who asks for it"
    );
}

#[test]
fn the_readme_says_what_is_in_the_manifest() {
    let (readme, manifest, lock) = (
        read("../README.md"),
        read("Cargo.toml"),
        read("../Cargo.lock"),
    );
    let rows = rows(&readme);
    assert!(rows.len() > 5, "the table is read: {rows:?}");
    for [library, version, line, shown_by] in rows {
        let name = library.trim_matches('`');
        let line = line.trim_matches('`');
        assert!(
            line.starts_with(&format!("{name} = ")),
            "{line}: another library's"
        );
        assert!(
            manifest.lines().any(|other| other == line),
            "{line}: not so in Cargo.toml"
        );
        let locked = format!("name = \"{name}\"\nversion = \"{version}");
        assert!(
            lock.contains(&locked),
            "{name}: not {version} in Cargo.lock"
        );
        let shown_by = between(&shown_by, "](", ")");
        assert!(!shown_by.is_empty(), "{name}: nothing shows that it works");
        for path in shown_by {
            assert!(in_package("..").join(path).exists(), "{path}: not there");
        }
    }
}
