//! The promises by their numbers, checked on the reference and on the crate.

use crate::program::{Block, Keep, Program, Stmt, Then, shown};
use crate::short::{cancelled, sleep};
use crate::{differs, reference};

fn catch(body: Block, handler: Block, then: Then) -> Stmt {
    Stmt::Catch(0, body, handler, then)
}

fn timeout(micros: u64, body: Block) -> Stmt {
    Stmt::Timeout(0, micros, body)
}

fn shield(body: Block) -> Stmt {
    Stmt::Shield(0, body)
}

fn gather(branches: Vec<Block>) -> Stmt {
    Stmt::Gather(0, branches)
}

fn group(children: Vec<Block>, body: Block) -> Stmt {
    let children = children.into_iter().map(|child| (0, child)).collect();
    Stmt::Group(0, children, body)
}

/// Checks what is in the trace of the reference, and what is not; and that the crate agrees.
#[track_caller]
fn check(main: Block, there: &[&str], not_there: &[&str]) {
    let program = Program::new(main);
    let trace = shown(&reference::run(&program));
    let lines: Vec<_> = trace.lines().map(str::trim).collect();
    for line in there {
        assert!(lines.contains(line), "no {line:?} in\n{trace}");
    }
    for word in not_there {
        assert!(!trace.contains(word), "{word:?} in\n{trace}");
    }
    let difference = differs(&program);
    assert!(difference.is_none(), "{}", difference.unwrap_or_default());
}

#[test]
fn c1_cancelled_before_its_first_turn_a_task_never_runs() {
    let main = vec![Stmt::Spawn(0, vec![Stmt::Log(0)]), Stmt::Cancel(1)];
    check(main, &["0 task 1: cancelled (by 0)"], &["start 1", "log"]);
}

#[test]
fn c2_a_suspended_task_that_catches_nothing_ends() {
    let main = cancelled(vec![sleep(100)], &[10]);
    check(main, &["10 task 1: cancelled (by 0)"], &["slept 1"]);
}

#[test]
fn c3_cancelling_a_finished_task_does_nothing() {
    let main = cancelled(vec![sleep(5)], &[10]);
    check(main, &["5 task 1: value", "10 cancel 1: false"], &[]);
}

#[test]
fn c4_a_task_that_ends_though_a_cancel_is_pending_gives_its_value() {
    let main = vec![Stmt::Spawn(0, vec![sleep(5), Stmt::Cancel(1)])];
    check(main, &["5 cancel 1: true", "5 task 1: value"], &[]);
}

#[test]
fn c6_after_a_catch_the_task_goes_on() {
    let body = vec![catch(vec![sleep(100)], vec![sleep(3)], Then::Swallow)];
    let main = cancelled(body, &[10]);
    check(main, &["10 caught 1 (by 0)", "13 task 1: value"], &[]);
}

#[test]
fn c7_c8_resumes_go_from_the_innermost_outwards_and_end_the_task() {
    let inner = catch(vec![sleep(100)], vec![sleep(3)], Then::Resume);
    let main = cancelled(
        vec![catch(vec![inner], vec![sleep(4)], Then::Resume)],
        &[10],
    );
    let there = [
        "10 caught 2 (by 0)",
        "13 caught 1 (by 0)",
        "17 task 1: cancelled (by 0)",
    ];
    check(main, &there, &[]);
}

#[test]
fn c9_a_second_cancel_cuts_the_clean_up_and_a_shield_holds_it_off() {
    let plain = vec![catch(vec![sleep(100)], vec![sleep(50)], Then::Swallow)];
    let main = cancelled(plain, &[10, 20]);
    check(main, &["30 task 1: cancelled (by 0)"], &["slept 3"]);
    let held = vec![shield(vec![sleep(50)]), sleep(1)];
    let main = cancelled(
        vec![catch(vec![sleep(100)], held, Then::Swallow)],
        &[10, 20],
    );
    check(main, &["60 shielded 3", "60 task 1: cancelled (by 0)"], &[]);
}

#[test]
fn c10_several_cancels_before_delivery_are_one() {
    let body = vec![catch(vec![sleep(100)], vec![sleep(5)], Then::Swallow)];
    let mut main = cancelled(body, &[10]);
    main.push(Stmt::Cancel(1));
    check(main, &["10 caught 1 (by 0)", "15 task 1: value"], &[]);
}

#[test]
fn c11_a_shield_gives_its_value_and_the_cancel_arrives_at_the_next_suspension() {
    let after = catch(vec![Stmt::Log(0), sleep(9)], vec![], Then::Swallow);
    let main = cancelled(vec![shield(vec![sleep(30)]), after], &[10]);
    let there = ["30 shielded 1", "30 log 4", "30 caught 3 (by 0)"];
    check(main, &there, &[]);
}

#[test]
fn c12_a_timeout_lets_clean_up_and_a_swallowed_expiry_is_a_value() {
    let inside = |then| vec![catch(vec![sleep(100)], vec![sleep(5)], then)];
    let there = ["10 caught 2 (the time was up)", "15 elapsed 1"];
    check(vec![timeout(10, inside(Then::Resume))], &there, &[]);
    check(
        vec![timeout(10, inside(Then::Swallow))],
        &["15 in time 1"],
        &[],
    );
}

#[test]
fn c13_c14_a_timeout_that_expires_during_a_clean_up_from_outside_passes_that_on() {
    let inside = vec![catch(vec![sleep(100)], vec![sleep(50)], Then::Resume)];
    let main = cancelled(vec![timeout(20, inside), Stmt::Log(0)], &[10]);
    check(main, &["20 task 1: cancelled (by 0)"], &["elapsed", "log"]);
}

#[test]
fn c13_of_two_from_one_scope_a_timeout_that_expires_names_the_later() {
    let swallowed = catch(vec![sleep(100)], vec![], Then::Swallow);
    let cleaning = catch(vec![sleep(100)], vec![sleep(90)], Then::Resume);
    let mut main = cancelled(vec![timeout(50, vec![swallowed, cleaning])], &[10]);
    main.insert(1, Stmt::Spawn(0, vec![sleep(20), Stmt::Cancel(1)]));
    check(main, &["50 task 1: cancelled (by 2)"], &["elapsed"]);
}

#[test]
fn c13_a_timeout_that_expires_names_the_one_from_furthest_out() {
    let swallowed = catch(vec![sleep(100)], vec![], Then::Swallow);
    let cleaning = catch(vec![sleep(100)], vec![sleep(90)], Then::Resume);
    let tight = timeout(50, vec![swallowed, cleaning]);
    let between = catch(vec![tight], vec![], Then::Resume);
    let main = cancelled(vec![timeout(30, vec![between])], &[10]);
    let lines = ["30 caught 6 (the time was up)", "50 caught 2 (by 0)"];
    check(main, &lines, &["elapsed"]);
}

#[test]
fn c15_a_cancelled_gather_waits_for_every_branch_and_passes_on() {
    let branch = |wait| vec![catch(vec![sleep(100)], vec![sleep(wait)], Then::Swallow)];
    let main = cancelled(
        vec![gather(vec![branch(5), branch(7), vec![sleep(99)]])],
        &[10],
    );
    check(main, &["17 task 1: cancelled (by 0)"], &["gathered"]);
}

#[test]
fn c18_a_task_that_swallowed_is_left_alone() {
    let body = vec![catch(vec![sleep(100)], vec![], Then::Swallow), sleep(1000)];
    let main = cancelled(body, &[10]);
    check(main, &["1010 task 1: value"], &[]);
}

#[test]
fn c21_the_task_that_a_cancelled_task_awaited_is_cancelled_and_waited_for() {
    let awaited = vec![catch(vec![sleep(100)], vec![sleep(40)], Then::Swallow)];
    let main = vec![
        Stmt::Spawn(0, vec![Stmt::Await(2)]),
        Stmt::Spawn(0, awaited),
        sleep(10),
        Stmt::Cancel(1),
    ];
    let there = [
        "10 caught 1 (the awaiter has gone)",
        "50 task 1: cancelled (by 0)",
    ];
    check(main, &there, &["await 2"]);
}

#[test]
fn c22_a_cancellation_from_elsewhere_is_absorbed_by_no_timeout_and_no_gather() {
    let through = timeout(90, vec![Stmt::Yield, Stmt::AwaitResume(2)]);
    let main = vec![
        Stmt::Spawn(0, vec![through, Stmt::Log(0)]),
        Stmt::Spawn(0, vec![sleep(100)]),
        sleep(10),
        Stmt::Cancel(2),
    ];
    check(main, &["10 task 1: cancelled (by 0)"], &["elapsed", "log"]);
}

#[test]
fn c23_a_shield_in_a_timeout_holds_the_expiry_and_a_timeout_in_a_shield_does_not_wait() {
    let late = vec![timeout(10, vec![shield(vec![sleep(30)]), sleep(9)])];
    check(late, &["30 shielded 2", "30 elapsed 1"], &[]);
    let bounded = vec![shield(vec![timeout(10, vec![sleep(30)])])];
    check(bounded, &["10 elapsed 2", "10 shielded 1"], &[]);
}

#[test]
fn c24_a_ready_future_wins_over_a_timeout_of_nothing() {
    check(vec![timeout(0, vec![])], &["0 in time 1"], &[]);
}

#[test]
fn c26_what_is_held_and_not_polled_holds_nothing_up() {
    for held in [
        catch(vec![sleep(500)], vec![sleep(9)], Then::Swallow),
        Stmt::Finally(0, vec![sleep(500)], vec![sleep(9)]),
        shield(vec![sleep(500)]),
    ] {
        let others = vec![vec![sleep(100)]];
        let hold = || Stmt::Hold(0, vec![held.clone()], others.clone(), Keep::Drop);
        let not_there = ["caught", "shielded"];
        let main = cancelled(vec![hold()], &[10]);
        check(main, &["10 task 1: cancelled (by 0)"], &not_there);
        check(
            vec![timeout(10, vec![hold()])],
            &["10 elapsed 1"],
            &not_there,
        );
    }
}

#[test]
fn c26_what_is_held_is_passed_by_once_and_for_all() {
    let held = vec![catch(vec![sleep(50)], vec![], Then::Resume)];
    let other = vec![catch(vec![sleep(100)], vec![sleep(5)], Then::Swallow)];
    let hold = Stmt::Hold(0, held, vec![other], Keep::Finish);
    let there = ["10 caught 4 (by 0)", "50 held 1", "57 task 1: value"];
    check(
        cancelled(vec![hold, sleep(7)], &[10]),
        &there,
        &["caught 2"],
    );
}

#[test]
fn c26_what_is_held_hears_of_it_if_it_is_polled_in_the_same_turn() {
    let held = vec![catch(vec![sleep(50)], vec![sleep(4)], Then::Resume)];
    let other = vec![catch(vec![sleep(100)], vec![], Then::Swallow)];
    let hold = Stmt::Hold(0, held, vec![other], Keep::Finish);
    let there = ["10 caught 5 (by 0)", "10 caught 2 (by 0)"];
    check(cancelled(vec![hold], &[10]), &there, &["held"]);
}

#[test]
fn a_group_that_fails_cancels_the_others_and_waits() {
    let child = vec![catch(vec![sleep(100)], vec![sleep(7)], Then::Resume)];
    let main = vec![group(
        vec![child, vec![sleep(10), Stmt::Fail]],
        vec![sleep(50)],
    )];
    let there = [
        "10 task 2: failed",
        "10 caught 2 (a sibling failed)",
        "17 task 1: cancelled (a sibling failed)",
        "17 group failed 1",
    ];
    check(main, &there, &[]);
}

#[test]
fn a_group_that_is_cancelled_from_inside_returns_that_unless_its_body_has_a_value() {
    let child = || vec![sleep(10), Stmt::CancelGroup, sleep(9)];
    let main = vec![group(vec![child()], vec![sleep(50)])];
    check(main, &["10 group cancelled 1"], &[]);
    let main = vec![group(vec![child()], vec![sleep(5)])];
    check(main, &["10 group 1"], &[]);
}
