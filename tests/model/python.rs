//! Translates programs to Python, for asyncio.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::installed::installed;
use crate::program::{Block, Entry, Program, Stmt, Then, Trace};

/// What every script begins with.
const HARNESS: &str = include_str!("harness.py");

/// Whether the Python code has the same meaning as in the crate, or is the usual code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// With the care that it takes to mean the same.
    Careful,
    /// As simple as can be.
    Natural,
}

/// Runs programs in one Python process; gives their traces, without reasons.
pub(crate) fn run(programs: &[Program], style: Style) -> Vec<Trace> {
    let natural = match style {
        Style::Careful => "False",
        Style::Natural => "True",
    };
    let output = python(&format!("NATURAL = {natural}\n{}", script(programs)));
    let mut traces = Vec::new();
    for line in output.lines().filter(|line| !line.is_empty()) {
        let (at, what) = line.split_once(' ').expect("two words at least");
        if at == "program" {
            traces.push(Vec::new());
            continue;
        }
        let at = at.parse().expect("a time");
        let (what, why) = (what.to_owned(), String::new());
        let trace: &mut Trace = traces.last_mut().expect("a program before its entries");
        trace.push(Entry { at, what, why });
    }
    assert_eq!(traces.len(), programs.len());
    traces
}

/// Runs a script, and gives what it prints.
fn python(script: &str) -> String {
    let mut child = Command::new(installed("python3"))
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3 can be started");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(script.as_bytes()).expect("python3 reads");
    drop(stdin);
    let output = child.wait_with_output().expect("python3 ends");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "python3 failed: {errors}");
    String::from_utf8(output.stdout).expect("names are ASCII")
}

/// The script of programs.
fn script(programs: &[Program]) -> String {
    let mut text = String::from(HARNESS);
    for (number, program) in programs.iter().enumerate() {
        text += &format!("\n\ndef program_{number}(w):\n");
        text += &function("main", &program.main, 1);
        text += "    return main\n";
    }
    text += "\n\nrun_all([\n";
    for (number, program) in programs.iter().enumerate() {
        let awaited: BTreeMap<_, _> = program.awaited().into_iter().enumerate().collect();
        let awaited = awaited.into_iter().filter(|(_, awaited)| *awaited);
        let awaited: Vec<_> = awaited.map(|(task, _)| task).collect();
        text += &format!("    (program_{number}, {awaited:?}),\n");
    }
    text + "])\n"
}

/// A coroutine function.
fn function(name: &str, body: &Block, depth: usize) -> String {
    let indent = "    ".repeat(depth);
    format!("{indent}async def {name}():\n") + &block(body, depth + 1)
}

/// A block; never empty.
fn block(block: &Block, depth: usize) -> String {
    let indent = "    ".repeat(depth);
    let stmts: String = block.iter().map(|stmt| self::stmt(stmt, depth)).collect();
    format!("{stmts}{indent}pass\n")
}

/// A statement.
fn stmt(stmt: &Stmt, depth: usize) -> String {
    let indent = "    ".repeat(depth);
    let line = |text: String| format!("{indent}{text}\n");
    match stmt {
        Stmt::Log(name) => line(format!("w.say('log {name}')")),
        Stmt::Sleep(name, micros) => {
            line(format!("await asyncio.sleep({micros})")) + &line(format!("w.say('slept {name}')"))
        }
        Stmt::Yield => line("await asyncio.sleep(0)".to_owned()),
        Stmt::Cancel(task) => line(format!("w.cancel({task})")),
        Stmt::Await(task) => line(format!("await w.join({task}, False)")),
        Stmt::AwaitResume(task) => line(format!("await w.join({task}, True)")),
        Stmt::Return => line("return".to_owned()),
        Stmt::Fail => line("raise Failed".to_owned()),
        Stmt::Spawn(task, body) => {
            function(&format!("task_{task}"), body, depth)
                + &line(format!("w.spawn({task}, task_{task})"))
        }
        compound => self::compound(compound, depth),
    }
}

/// A statement with blocks inside.
fn compound(stmt: &Stmt, depth: usize) -> String {
    let indent = "    ".repeat(depth);
    match stmt {
        Stmt::Catch(name, body, handler, then) => {
            let last = match then {
                Then::Swallow => "pass",
                Then::Resume => "raise",
            };
            format!("{indent}try:\n")
                + &block(body, depth + 1)
                + &format!("{indent}except CancelledError:\n")
                + &format!("{indent}    w.say('caught {name}')\n")
                + &block(handler, depth + 1)
                + &format!("{indent}    {last}\n")
        }
        Stmt::Timeout(name, micros, body) => {
            format!("{indent}try:\n{indent}    async with asyncio.timeout({micros}):\n")
                + &block(body, depth + 2)
                + &format!("{indent}    w.say('in time {name}')\n")
                + &format!("{indent}except TimeoutError:\n{indent}    w.say('elapsed {name}')\n")
        }
        Stmt::Gather(name, branches) => gather(*name, branches, depth),
        Stmt::Group(name, children, body) => group(*name, children, body, depth),
        other => panic!("asyncio has nothing like {other:?}"),
    }
}

fn gather(name: usize, branches: &[Block], depth: usize) -> String {
    let indent = "    ".repeat(depth);
    let mut text = String::new();
    let mut calls = String::new();
    for (index, branch) in branches.iter().enumerate() {
        text += &function(&format!("branch_{name}_{index}"), branch, depth);
        calls += &format!("branch_{name}_{index}(), ");
    }
    text + &format!("{indent}await asyncio.gather({calls}return_exceptions=True)\n")
        + &format!("{indent}w.say('gathered {name}')\n")
}

fn group(name: usize, children: &[(usize, Block)], body: &Block, depth: usize) -> String {
    let indent = "    ".repeat(depth);
    let mut text = String::new();
    for (task, child) in children {
        text += &function(&format!("child_{task}"), child, depth);
    }
    text += &format!("{indent}try:\n{indent}    async with asyncio.TaskGroup() as group_{name}:\n");
    for (task, _) in children {
        let call = format!("group_{name}.create_task(w.named({task}, child_{task}))");
        text += &format!("{indent}        w.admit({task}, {call})\n");
    }
    text + &block(body, depth + 2)
        + &format!("{indent}    w.say('group {name}')\n")
        + &format!("{indent}except* Failed:\n{indent}    w.say('group failed {name}')\n")
}
