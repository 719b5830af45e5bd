//! Measuring programs: each peer and each case in a process of its own, started by the program itself,
//! so that no heap, no thread and no warmed cache of one peer is seen by the next.

use std::env;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

/// One figure: what was measured, in which case, and its value.
pub(crate) struct Figure {
    /// The workload, as the table calls it.
    pub(crate) workload: String,
    /// What of the workload: `heap_bytes`, `p50_us` and so on.
    pub(crate) metric: &'static str,
    /// The value, in the unit that the metric's name ends with.
    pub(crate) value: f64,
}

/// Makes a figure.
pub(crate) fn figure(workload: &str, metric: &'static str, value: f64) -> Figure {
    Figure {
        workload: workload.to_owned(),
        metric,
        value,
    }
}

/// What one process measures.
pub(crate) struct Order {
    /// The peer's name.
    pub(crate) peer: String,
    /// The case's name.
    pub(crate) case: String,
    /// Only try whether it works.
    pub(crate) smoke: bool,
}

/// Whether the command line asks for a mere trial: only `cargo bench` says `--bench`, and it may be told
/// to pass `--test` or `--quick` on.
pub(crate) fn smoke() -> bool {
    let said = |word: &str| env::args().any(|argument| argument == word);
    !said("--bench") || said("--test") || said("--quick")
}

/// The words of the command line that are not options, as criterion takes them: a filter.
pub(crate) fn filters() -> Vec<String> {
    let words = env::args().skip(1);
    words.filter(|word| !word.starts_with("--")).collect()
}

/// Runs `measure` once for each peer and case, each time in a new process, and keeps the figures.
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

/// Measures what `--one PEER CASE` says and prints the figures as JSON lines.
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

/// Starts this program anew for one peer and one case; returns what it printed.
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

/// Writes the figures where the table looks for them; a mere trial leaves none.
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

/// The folder beside criterion's, in the target directory that this program was built in.
fn folder() -> PathBuf {
    let this = env::current_exe().expect("the program has a path");
    let target = this.ancestors().nth(3).expect("target/release/deps/NAME");
    target.join("figures")
}
