//! Reads the tests and fails where one waits on the machine's clock without saying why: what a
//! virtual clock can do should be done by it.
//!
//! A function that drives a runtime on the machine's clock, and has a line that awaits a sleep or a
//! timeout, has a comment with the words `Wall time:`, in it, above it, or in the head of its file
//! or of its folder's `main.rs`. Waits that are hidden in helpers are not seen.

use std::fs;
use std::path::{Path, PathBuf};

/// What the reason begins with.
const REASON: &str = "Wall time:";

/// Calls that drive a runtime on the machine's clock.
const REAL: [&str; 5] = [
    "run(",
    "try_run(",
    "Runtime::new(",
    "Runtime::builder(",
    "real(",
];

/// Calls that wait for time.
const WAITS: [&str; 8] = [
    "sleep(",
    "sleep_until(",
    "timeout(",
    "timeout_at(",
    "interval(",
    "shutdown_timeout(",
    "recv_timeout(",
    "thread::sleep(",
];

/// Whether the text calls this function, which is not `testing`'s nor a method or another word that
/// ends like it. (A builder's `real` is a method.)
fn calls(text: &str, call: &str) -> bool {
    text.match_indices(call).any(|(at, _)| {
        let before = &text[..at];
        let ends_a_word =
            before.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_');
        let is_method = before.ends_with('.')
            && !["real(", "shutdown_timeout(", "recv_timeout("].contains(&call);
        !ends_a_word && !is_method && !before.ends_with("testing::") && !before.ends_with("fn ")
    })
}

/// The functions of a file at its outermost level, each with the comments and attributes above it.
fn functions(text: &str) -> Vec<String> {
    let mut functions = Vec::new();
    let (mut above, mut body) = (String::new(), None::<String>);
    for line in text.lines() {
        let is_function = ["fn ", "async fn ", "pub(crate) fn ", "pub(crate) async fn "];
        if let Some(text) = &mut body {
            *text += line;
            *text += "\n";
            if line == "}" {
                functions.extend(body.take());
            }
        } else if is_function.iter().any(|begin| line.starts_with(begin)) {
            body = Some(std::mem::take(&mut above) + line + "\n");
        } else if line.starts_with("//") || line.starts_with("#[") {
            above += line;
            above += "\n";
        } else {
            above.clear();
        }
    }
    functions
}

/// The comments at the beginning of a file.
fn head(text: &str) -> String {
    let lines = text.lines().take_while(|line| line.starts_with("//!"));
    lines.collect()
}

/// Returns `true` if a line waits for longer than zero.
fn waits(line: &str) -> bool {
    let is_built = ["shutdown_timeout(", "recv_timeout(", "thread::sleep("];
    let is_awaited = line.contains(".await") || is_built.iter().any(|call| line.contains(call));
    let is_zero = line.contains("Duration::ZERO");
    is_awaited && !is_zero && WAITS.iter().any(|call| calls(line, call))
}

/// The first lines of the functions that wait and do not say why.
fn unexplained(text: &str) -> Vec<String> {
    let is_silent = |function: &String| {
        let is_real = REAL.iter().any(|call| calls(function, call));
        let is_virtual = function.contains("testing::run(");
        is_real && !is_virtual && !function.contains(REASON) && function.lines().any(waits)
    };
    let name = |function: String| {
        let mut lines = function.lines();
        let line = lines.find(|line| line.contains("fn ")).unwrap_or_default();
        line.to_owned()
    };
    functions(text)
        .into_iter()
        .filter(is_silent)
        .map(name)
        .collect()
}

/// Every file with tests.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn a_test_that_waits_in_real_time_gives_its_reason() {
    let mut paths = Vec::new();
    files(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"),
        &mut paths,
    );
    assert!(paths.len() > 50, "the tests are not where they were");
    let mut silent = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).expect("a text");
        let root = |name| fs::read_to_string(path.with_file_name(name)).unwrap_or_default();
        let main = root("main.rs") + &root("mod.rs");
        if path.ends_with("wall_time.rs") || (head(&text) + &head(&main)).contains(REASON) {
            continue;
        }
        let names = unexplained(&text).into_iter();
        silent.extend(names.map(|name| format!("{}: {name}", path.display())));
    }
    assert!(
        silent.is_empty(),
        "these wait on the machine's clock; use `testing::run`, or say why by a comment `{REASON} …`:\n{}",
        silent.join("\n")
    );
}

#[test]
fn the_check_finds_real_waits_and_their_reasons() {
    let function =
        |comment: &str, body: &str| format!("{comment}\n#[test]\nfn f() {{\n    {body}\n}}\n");
    let bad = [
        "run(async { sleep(MS).await });",
        "wheelhouse::run(async { wheelhouse::sleep(MS).await });",
        "Runtime::new().unwrap().block_on(async { timeout(MS, f).await });",
        "Runtime::builder().shutdown_timeout(MS);",
        "Steps::of(name).real().run(async |_| time::sleep(MS).await);",
    ];
    for body in bad {
        assert_eq!(unexplained(&function("", body)), ["fn f() {"], "{body}");
        assert!(
            unexplained(&function("/// Wall time: a socket.", body)).is_empty(),
            "{body}"
        );
    }
    let good = [
        "testing::run(async { sleep(MS).await });",
        "run(async { yield_now().await });",
        "run(async { sleep(Duration::ZERO).await });",
        "spawn(async { my_sleep(MS).await }); rerun(x); thing.run(y);",
    ];
    for body in good {
        assert!(unexplained(&function("", body)).is_empty(), "{body}");
    }
}
