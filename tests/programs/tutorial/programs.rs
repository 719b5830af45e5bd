//! Starting one program, noting each line with the second it came in, and comparing two.
//!
//! No tests here, and nothing about servers: those end never, these end by themselves.

use crate::installed::installed;
use std::io::{BufRead, BufReader, Read};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{env, fmt, fs, thread};

/// After this long a program is killed, and its run counts as failed.
const LIMIT: Duration = Duration::from_secs(30);

/// How often a program that was only too slow is run again: the machine may be busy.
const ATTEMPTS: usize = 3;

/// How long after one pair the next is started: an interpreter that starts needs a processor
/// for a while, and eight of them at once would make each other late.
const STAGGER: Duration = Duration::from_millis(200);

/// What [`HELD`] prints when Python is up.
const READY: &str = "ready";

/// Lets Python start, and wait until its input ends before it runs the script in its argument, so
/// that the comparison does not include the start of the interpreter.
const HELD: &str = "
import asyncio, runpy, sys
print('ready')
sys.stdin.read()
runpy.run_path(sys.argv[1], run_name='__main__')
";

/// Lines, each with the whole seconds since the start of the program that printed it.
type Lines = Vec<(u64, String)>;

/// What a program did.
#[derive(Debug)]
pub(crate) struct Run {
    /// What it printed.
    pub(crate) lines: Lines,
    /// What it wrote to the error stream, for the message of a failure.
    pub(crate) stderr: String,
    /// Its exit status; `None` where a signal ended it.
    pub(crate) status: Option<i32>,
    /// From its start until after its end.
    pub(crate) took: Duration,
}

/// Two programs that must do the same.
#[derive(Debug)]
pub(crate) struct Pair {
    /// The whole seconds that each may take.
    pub(crate) seconds: u64,
    /// What the example did.
    pub(crate) rust: Run,
    /// What its asyncio counterpart did.
    pub(crate) python: Run,
}

/// Ways to make a good [`Pair::sample`] bad; [`compare`] must see each.
pub(crate) const SPOILERS: [fn(&mut Pair); 6] = [
    |pair| pair.rust.lines[1].1.push('!'),
    |pair| pair.rust.lines[1].0 = 0,
    |pair| drop(pair.rust.lines.pop()),
    |pair| pair.rust.status = None,
    |pair| pair.rust.took = Duration::from_millis(999),
    |pair| pair.python.took = Duration::from_millis(2000),
];

impl Pair {
    /// Runs the pairs of programs side by side; gives what each did, or why it could not be run.
    pub(crate) fn run_all(programs: &[(&'static str, u64)]) -> Vec<Result<Pair, String>> {
        let start = |(place, &(name, seconds))| {
            let delay = STAGGER * place;
            (name, thread::spawn(move || Pair::run(name, seconds, delay)))
        };
        let started: Vec<_> = (0..).zip(programs).map(start).collect();
        let end = |(name, pair): (&str, JoinHandle<Pair>)| {
            pair.join()
                .map_err(|panic| match panic.downcast::<String>() {
                    Ok(message) => format!("{name}: {message}"),
                    Err(_) => format!("{name} could not be run"),
                })
        };
        started.into_iter().map(end).collect()
    }

    /// Runs one pair of programs, `delay` from now.
    fn run(name: &'static str, seconds: u64, delay: Duration) -> Pair {
        thread::sleep(delay);
        let rust = thread::spawn(move || settled(|| rust_example(name), seconds));
        let python = settled(|| held(python(name)), seconds);
        let rust = rust.join().unwrap_or_else(|panic| resume_unwind(panic));
        Pair {
            seconds,
            rust,
            python,
        }
    }

    /// A pair that took one second and printed these lines, for testing [`compare`].
    pub(crate) fn sample(lines: &[(u64, &str)]) -> Pair {
        let run = || Run {
            lines: lines
                .iter()
                .map(|&(second, line)| (second, line.to_owned()))
                .collect(),
            stderr: String::new(),
            status: Some(0),
            took: Duration::from_millis(1200),
        };
        Pair {
            seconds: 1,
            rust: run(),
            python: run(),
        }
    }
}

/// Shows both runs in full.
impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (language, run) in [("Rust", &self.rust), ("Python", &self.python)] {
            writeln!(f, "{language}, {:?}, status {:?}:", run.took, run.status)?;
            for (second, line) in &run.lines {
                writeln!(f, "  {second} s: {line}")?;
            }
            write!(f, "{}", run.stderr)?;
        }
        Ok(())
    }
}

/// Describes how the two runs of `pair` differ from each other or from the expected time.
pub(crate) fn compare(pair: &Pair) -> Result<(), String> {
    let Pair {
        seconds,
        rust,
        python,
        ..
    } = pair;
    for (language, run) in [("Rust", rust), ("Python", python)] {
        if run.status != Some(0) {
            return Err(format!(
                "the {language} program ended with {:?}",
                run.status
            ));
        }
        if run.took.as_secs() != *seconds {
            return Err(format!(
                "{language} took {:?}, not {seconds} whole seconds",
                run.took
            ));
        }
    }
    if rust.lines != python.lines {
        return Err("they print different lines, or in different seconds".to_owned());
    }
    Ok(())
}

/// Runs what `program` gives, again if it was only too slow.
fn settled(program: impl Fn() -> Command, seconds: u64) -> Run {
    let mut run = run(program());
    for _ in 1..ATTEMPTS {
        if run.took.as_secs() <= seconds {
            break;
        }
        run = self::run(program());
    }
    run
}

/// Runs a program to its end. One that prints [`READY`] first is timed from then on.
fn run(mut program: Command) -> Run {
    program.stdin(Stdio::piped()).stdout(Stdio::piped());
    program.stderr(Stdio::piped()).env("RUST_BACKTRACE", "0");
    let mut start = Instant::now();
    let child = program.spawn();
    let mut child = child.unwrap_or_else(|error| panic!("{program:?}: {error}"));
    let errors = read_all(child.stderr.take().expect("its error stream is piped"));
    let mut output = BufReader::new(child.stdout.take().expect("its output is piped"));
    if program.get_args().any(|argument| argument == HELD) {
        let mut line = String::new();
        output.read_line(&mut line).expect("it prints UTF-8");
        assert_eq!(line.trim_end(), READY, "{program:?} did not get ready");
        start = Instant::now();
    }
    drop(child.stdin.take());
    let lines = timed_lines(output, start).unwrap_or_else(|lines| {
        child.kill().expect("it can be killed");
        lines
    });
    let status = child.wait().expect("its end can be waited for").code();
    let took = start.elapsed();
    let stderr = errors.join().expect("the reader lives");
    Run {
        lines,
        stderr,
        status,
        took,
    }
}

/// Reads `pipe` to its end, in a thread.
fn read_all(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut text = Vec::new();
        pipe.read_to_end(&mut text).expect("a pipe can be read");
        String::from_utf8_lossy(&text).into_owned()
    })
}

/// Reads the lines of `output`, noting when they come; those until the [`LIMIT`] as an error.
fn timed_lines(output: impl BufRead + Send + 'static, start: Instant) -> Result<Lines, Lines> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in output.lines() {
            let line = line.expect("it prints UTF-8");
            if sender.send((start.elapsed().as_secs(), line)).is_err() {
                return;
            }
        }
    });
    let mut lines = Vec::new();
    loop {
        match receiver.recv_timeout(LIMIT.saturating_sub(start.elapsed())) {
            Ok(line) => lines.push(line),
            Err(RecvTimeoutError::Disconnected) => return Ok(lines),
            Err(RecvTimeoutError::Timeout) => return Err(lines),
        }
    }
}

/// The folder of the crate.
pub(crate) fn crate_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The built example `name`; cargo puts it beside the folder of this test's binary.
pub(crate) fn rust_example(name: &str) -> Command {
    let test = env::current_exe().expect("this test has a path");
    let build = test
        .ancestors()
        .nth(2)
        .expect("it lies in target/PROFILE/deps");
    let example = build
        .join("examples")
        .join(name)
        .with_extension(env::consts::EXE_EXTENSION);
    assert!(
        example.is_file(),
        "no {}: a plain `cargo test` builds the examples, as does `cargo build --examples`",
        example.display()
    );
    Command::new(example)
}

/// The asyncio counterpart of the example `name`, in Python without output buffering.
pub(crate) fn python(name: &str) -> Command {
    script(
        &PathBuf::from("examples/asyncio")
            .join(name)
            .with_extension("py"),
    )
}

/// The same, to be started by [`run`], which says when to begin.
fn held(script: Command) -> Command {
    let mut command = Command::new(script.get_program());
    let arguments: Vec<_> = script.get_args().collect();
    let (path, options) = arguments.split_last().expect("the path is an argument");
    command.args(options).args(["-c", HELD]).arg(path);
    command
}

/// The Python script at `path`, counted from the folder of the crate.
pub(crate) fn script(path: &Path) -> Command {
    let mut command = Command::new(installed("python3"));
    command.args(["-S", "-u"]).arg(crate_folder().join(path));
    command
}

/// Counts the lines of code in a file: no blanks, no comments, no docstring, no lone brackets.
pub(crate) fn code_lines(path: &str) -> usize {
    let text = fs::read_to_string(crate_folder().join(path)).expect("the program is there");
    let code = match text
        .strip_prefix("\"\"\"")
        .and_then(|rest| rest.split_once("\"\"\""))
    {
        Some((_docstring, code)) => code,
        None => &text,
    };
    let says_something = |line: &&str| {
        let comment = line.trim_start().starts_with("//") || line.trim_start().starts_with('#');
        !comment && line.contains(|letter: char| letter.is_alphanumeric())
    };
    code.lines().filter(says_something).count()
}
