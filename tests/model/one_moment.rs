//! A cancel by another task at the moment at which a timeout expires: the order of the two turns decides, as in asyncio.
//!
//! Both timers are due, and both tasks are woken. If the timeout's task has its turn first, the other one has not cancelled
//! anything yet: the timeout ends, and its code goes on. If the other task has its turn first, the outer cancellation wins
//! (C13). C27 is about scopes that have expired or been cancelled by the time of the turn. To let the later `cancel()` win, a
//! timeout would have to wait until all tasks that are ready have had a turn: each timeout would come late by that, and what
//! those tasks wake would be no different. trio runs ready tasks in random order and has no other rule either.

use crate::machine;
use crate::program::{Block, Program, Stmt, Then, sorted, without_reasons};
use crate::python::{self, Style};
use crate::short::{group, sleep};

fn timeout(micros: u64, body: Block) -> Stmt {
    Stmt::Timeout(0, micros, body)
}

/// Two tasks: one with `body`, and one that sleeps for 10 and cancels it. `first` is spawned first.
fn race(body: Block, first: usize) -> Program {
    let target = first;
    let mut tasks = [body, vec![sleep(10), Stmt::Cancel(target)]];
    if first == 2 {
        tasks.reverse();
    }
    Program::new(tasks.map(|body| Stmt::Spawn(0, body)).into())
}

/// Checks that the crate and asyncio each say a line. The reference knows no order within a moment.
#[track_caller]
fn check(program: Program, ours: &str, theirs: &str) {
    let crates = sorted(without_reasons(machine::run(&program)));
    let asyncios = sorted(python::run(&[program], Style::Natural).remove(0));
    for (trace, line) in [(crates, ours), (asyncios, theirs)] {
        let mut lines = trace.iter().map(|e| format!("{} {}", e.at, e.what));
        assert!(lines.any(|l| l == line), "no {line:?} in {trace:#?}");
    }
}

/// The same line of both.
#[track_caller]
fn check_same(program: Program, line: &str) {
    check(program, line, line);
}

#[test]
fn a_timeout_whose_turn_comes_before_the_cancel_ends_and_its_code_goes_on() {
    let body = || vec![timeout(10, vec![sleep(100)]), Stmt::Log(0), sleep(50)];
    check_same(race(body(), 1), "10 log 3");
    check_same(race(body(), 1), "10 task 1: cancelled");
    let last = vec![timeout(10, vec![sleep(100)])];
    check_same(race(last, 1), "10 task 1: value");
}

#[test]
fn a_cancel_whose_turn_comes_before_the_timeout_wins() {
    for inside in [
        vec![sleep(100)],
        vec![timeout(10, vec![sleep(100)]), Stmt::Log(0)],
    ] {
        let body = vec![timeout(10, inside), sleep(50)];
        let program = race(body, 2);
        let trace = machine::run(&program);
        assert!(
            !trace.iter().any(|e| e.what.contains("elapsed")),
            "{trace:#?}"
        );
        check_same(program, "10 task 2: cancelled");
    }
}

// In asyncio the clean-up has begun, and is cut. Here it has not, and the two arrive as one (C10), as that from further out.
#[test]
fn a_cancel_that_comes_after_the_timeouts_turn_joins_it_before_the_clean_up() {
    let cleaning = Stmt::Catch(0, vec![sleep(100)], vec![sleep(5)], Then::Resume);
    let body = || vec![timeout(10, vec![cleaning.clone()]), Stmt::Log(0)];
    check(
        race(body(), 1),
        "15 task 1: cancelled",
        "10 task 1: cancelled",
    );
}

// Here the time of the clean-up is up as it begins, and asyncio's timeout fires no second time.
#[test]
fn a_timeout_that_is_due_cuts_the_clean_up_of_a_cancel_that_came_before() {
    let cleaning = Stmt::Catch(0, vec![sleep(100)], vec![sleep(5)], Then::Resume);
    let body = vec![timeout(10, vec![cleaning]), Stmt::Log(0)];
    check(
        race(body, 2),
        "10 task 2: cancelled",
        "15 task 2: cancelled",
    );
}

#[test]
fn of_nested_timeouts_the_outer_one_ends_though_another_task_cancels() {
    let inside = vec![timeout(10, vec![sleep(100)]), Stmt::Log(0)];
    let body = || vec![timeout(10, inside.clone())];
    check_same(race(body(), 1), "10 elapsed 1");
    check_same(Program::new(body()), "10 elapsed 1");
}

// In asyncio the cancellation takes two steps to a child. Here it waits for the task around, so the timeout inside gives way (C27).
#[test]
fn a_timeout_in_a_child_gives_way_to_the_cancel_of_the_task_around() {
    let child = vec![timeout(10, vec![sleep(100)]), Stmt::Log(0), sleep(50)];
    let body = || vec![group(child.clone(), vec![sleep(100)])];
    for first in [1, 2] {
        let program = race(body(), first);
        let trace = machine::run(&program);
        assert!(
            !trace.iter().any(|e| e.what.contains("elapsed")),
            "{trace:#?}"
        );
        check_same(program, &format!("10 task {first}: cancelled"));
    }
}
