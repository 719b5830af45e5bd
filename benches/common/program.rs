//! Measuring programs: each peer and case runs in its own process, which the program starts, so
//! that the heap, threads and caches of one peer do not affect the next.

use std::env;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

/// One figure.
pub(crate) struct Figure {
    /// The name of the workload in the table.
    pub(crate) workload: String,
    /// The metric: `heap_bytes`, `p50_us` and so on.
    pub(crate) metric: &'static str,
    /// The value, in the unit at the end of the metric's name.
    pub(crate) value: f64,
}

/// Creates a figure.
pub(crate) fn figure(workload: &str, metric: &'static str, value: f64) -> Figure {
    Figure {
        workload: workload.to_owned(),
        metric,
        value,
    }
}

/// The measurement of one process.
pub(crate) struct Order {
    /// The peer's name.
    pub(crate) peer: String,
    /// The case's name.
    pub(crate) case: String,
    /// Whether to check only that it works.
    pub(crate) smoke: bool,
}

/// Returns `true` if the command line asks only for a check: only `cargo bench` passes `--bench`,
/// and it may pass `--test` or `--quick`, too.
pub(crate) fn smoke() -> bool {
    let said = |word: &str| env::args().any(|argument| argument == word);
    !said("--bench") || said("--test") || said("--quick")
}

/// Returns the arguments that are not options: a filter, as in criterion.
pub(crate) fn filters() -> Vec<String> {
    let words = env::args().skip(1);
    words.filter(|word| !word.starts_with("--")).collect()
}

/// Runs `measure` once for each peer and case, each in a new process, and stores the figures.
pub(crate) fn main(
    program: &str,
    peers: &[&str],
    cases: &[&str],
    measure: fn(&Order) -> Vec<Figure>,
) {
    if env::args().any(|argument| argument == "--one") {
        return one(program, measure);
    }
    let filters = filters();
    let wanted = |name: &str| filters.is_empty() || filters.iter().any(|word| name.contains(word));
    let mut lines = String::new();
    for case in cases {
        for peer in peers {
            if wanted(&format!("{program}/{case}/{peer}")) {
                lines += &again(peer, case);
            }
        }
    }
    keep(program, &lines);
}

/// Measures the peer and case of `--one PEER CASE`, and prints the figures as JSON lines.
fn one(program: &str, measure: fn(&Order) -> Vec<Figure>) {
    let words = filters();
    let [peer, case] = &words[..] else {
        panic!("--one takes a peer and a case");
    };
    let order = Order {
        peer: peer.clone(),
        case: case.clone(),
        smoke: smoke(),
    };
    for figure in measure(&order) {
        let Figure {
            workload,
            metric,
            value,
        } = figure;
        println!(
            "{{\"program\":\"{program}\",\"workload\":\"{workload}\",\"peer\":\"{peer}\",\
             \"metric\":\"{metric}\",\"value\":{value}}}"
        );
    }
}

/// Starts this program for one peer and case, and returns its output.
fn again(peer: &str, case: &str) -> String {
    let this = env::current_exe().expect("the program has a path");
    let mut command = Command::new(this);
    command.args(["--one", peer, case]);
    if !smoke() {
        command.arg("--bench");
    }
    let output = command.output().expect("the program starts again");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{peer} in {case}: {errors}");
    let printed = String::from_utf8(output.stdout).expect("it prints JSON");
    print!("{printed}");
    printed
}

/// Writes the figures for `table.py`. A check writes none.
pub(crate) fn keep(program: &str, lines: &str) {
    if smoke() || lines.is_empty() {
        return;
    }
    let folder = folder();
    fs::create_dir_all(&folder).expect("the folder can be made");
    let path = folder.join(format!("{program}.jsonl"));
    let filtered = !filters().is_empty();
    let mut options = fs::OpenOptions::new();
    options.create(true).append(filtered).write(true);
    let file = options.truncate(!filtered).open(&path);
    let written = file.and_then(|mut file| file.write_all(lines.as_bytes()));
    written.expect("the figures can be written");
}

/// Returns the folder for figures in the target directory, beside that of criterion.
fn folder() -> PathBuf {
    let this = env::current_exe().expect("the program has a path");
    let target = this.ancestors().nth(3).expect("target/release/deps/NAME");
    target.join("figures")
}
