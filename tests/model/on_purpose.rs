//! The intended differences from asyncio, each with a small program.

use crate::program::{Block, Program, Stmt, Then, sorted, without_reasons};
use crate::python::{self, Style};
use crate::reference::{self, differences, differences::Difference};
use crate::short::{cancelled, group, sleep};

/// A body, and what cleans up after it.
fn catch(handler: Block, then: Then) -> Stmt {
    Stmt::Catch(0, vec![sleep(100)], handler, then)
}

/// Both last lines, ours and asyncio's, of what `task` says; and that the reference knows of the
/// difference.
#[track_caller]
fn check(main: Block, known: Option<Difference>, ends: [&str; 2]) {
    let program = Program::new(main);
    differences::take();
    let ours = sorted(without_reasons(reference::run(&program)));
    assert_eq!(differences::take().into_iter().next(), known);
    let theirs = python::run(&[program], Style::Natural).remove(0);
    for (trace, end) in [ours, sorted(theirs)].into_iter().zip(ends) {
        let lines: Vec<_> = trace
            .iter()
            .map(|e| format!("{} {}", e.at, e.what))
            .collect();
        assert!(lines.contains(&end.to_owned()), "no {end:?} in {lines:#?}");
    }
}

#[test]
fn asyncio_loses_a_cancellation_that_the_awaited_task_swallows() {
    let awaiter = vec![Stmt::Await(2), sleep(20)];
    let mut main = vec![
        Stmt::Spawn(0, awaiter),
        Stmt::Spawn(0, vec![catch(vec![sleep(5)], Then::Swallow)]),
    ];
    main.extend([sleep(10), Stmt::Cancel(1)]);
    check(main, None, ["15 task 1: cancelled", "35 task 1: value"]);
}

#[test]
fn asyncio_cancels_a_groups_children_when_its_body_has_cleaned_up() {
    let body = vec![group(
        vec![sleep(200)],
        vec![catch(vec![sleep(5)], Then::Resume)],
    )];
    let known = Some(Difference::GroupBodyFirst);
    let ends = ["10 task 2: cancelled", "15 task 2: cancelled"];
    check(cancelled(body, &[10]), known, ends);
}

#[test]
fn asyncio_forgets_a_cancellation_that_a_groups_body_swallows() {
    let body = vec![group(
        vec![sleep(50)],
        vec![catch(vec![sleep(5)], Then::Swallow)],
    )];
    let known = Some(Difference::GroupBodyFirst);
    let ends = ["15 task 1: cancelled", "50 task 1: value"];
    check(cancelled(body, &[10]), known, ends);
}

#[test]
fn asyncio_drops_the_second_cancel_of_a_group_that_ends() {
    let body = vec![group(vec![catch(vec![sleep(50)], Then::Resume)], vec![])];
    let known = Some(Difference::GroupHitAgain);
    let ends = ["30 task 1: cancelled", "60 task 1: cancelled"];
    check(cancelled(body, &[10, 20]), known, ends);
}

#[test]
fn asyncio_forgets_the_cancellation_of_a_group_of_which_a_member_fails() {
    let body = vec![group(
        vec![catch(vec![sleep(5), Stmt::Fail], Then::Resume)],
        vec![],
    )];
    let known = Some(Difference::GroupFailsWhenCancelled);
    let ends = ["15 task 1: cancelled", "15 task 1: value"];
    check(cancelled(body, &[10]), known, ends);
}

#[test]
fn asyncios_timeout_is_confused_by_a_group_that_failed_when_its_body_had_ended() {
    let failing = group(vec![sleep(10), Stmt::Fail], vec![]);
    let main = vec![Stmt::Timeout(0, 50, vec![failing, sleep(100)])];
    let known = Some(Difference::GroupFailsAfterBody);
    check(main, known, ["50 task 0: value", "50 task 0: cancelled"]);
}

#[test]
fn asyncios_gather_takes_a_cancellation_from_elsewhere_for_an_output() {
    let branch = vec![sleep(1), Stmt::AwaitResume(2)];
    let mut main = vec![
        Stmt::Spawn(0, vec![Stmt::Gather(0, vec![branch, vec![sleep(30)]])]),
        Stmt::Spawn(0, vec![sleep(100)]),
    ];
    main.extend([sleep(10), Stmt::Cancel(2)]);
    let known = Some(Difference::GatherPassesForeign);
    check(main, known, ["10 task 1: cancelled", "30 task 1: value"]);
}

#[test]
fn asyncios_timeout_cuts_the_clean_up_that_an_outer_cancellation_waits_for() {
    let awaiter = vec![Stmt::Timeout(0, 50, vec![Stmt::Await(2)])];
    let cleaning = vec![catch(vec![sleep(60)], Then::Resume)];
    let mut main = vec![Stmt::Spawn(0, awaiter), Stmt::Spawn(0, cleaning)];
    main.extend([sleep(10), Stmt::Cancel(1)]);
    let known = Some(Difference::DroppedTimeoutFires);
    let ends = ["70 task 1: cancelled", "50 task 1: cancelled"];
    check(main, known, ends);
}

#[test]
fn asyncios_timeout_takes_a_cancellation_from_elsewhere_for_its_own() {
    let handler = vec![sleep(1), Stmt::AwaitResume(2)];
    let body = vec![Stmt::Timeout(0, 20, vec![catch(handler, Then::Resume)])];
    let mut main = vec![Stmt::Spawn(0, body), Stmt::Spawn(0, vec![sleep(100)])];
    main.extend([sleep(30), Stmt::Cancel(2)]);
    let known = Some(Difference::TimeoutTakesForeign);
    check(main, known, ["30 task 1: cancelled", "30 task 1: value"]);
}
