//! What random programs have found, made small. Each is run on the crate and on the reference.

use crate::differs;
use crate::program::{Block, Program, Stmt, Then};

fn sleep(micros: u64) -> Stmt {
    Stmt::Sleep(0, micros)
}

fn shield(body: Block) -> Stmt {
    Stmt::Shield(0, body)
}

fn finally(body: Block, cleanup: Block) -> Stmt {
    Stmt::Finally(0, body, cleanup)
}

fn timeout(micros: u64, body: Block) -> Stmt {
    Stmt::Timeout(0, micros, body)
}

fn group(child: Block, body: Block) -> Stmt {
    Stmt::Group(0, vec![(0, child)], body)
}

/// Task 1 does `body`; task 0 cancels it after so many microseconds each time.
fn cancelled(body: Block, waits: &[u64]) -> Block {
    let cancels = waits
        .iter()
        .flat_map(|wait| [sleep(*wait), Stmt::Cancel(1)]);
    [Stmt::Spawn(0, body)].into_iter().chain(cancels).collect()
}

#[track_caller]
fn check(main: Block) {
    let difference = differs(&Program::new(main));
    assert!(difference.is_none(), "{}", difference.unwrap_or_default());
}

// The timeout did not know of a cancellation that had moved inwards through it when a catch point opened inside, and took
// the end for its own expiry; the code after it ran on.
#[test]
fn a_cancellation_that_moved_in_through_a_timeout_is_not_taken_for_its_expiry() {
    let inside = vec![finally(vec![sleep(100)], vec![sleep(30)])];
    let body = vec![shield(vec![sleep(20)]), timeout(5, inside), Stmt::Log(0)];
    check(cancelled(body, &[10]));
}

// The same, with a cancellation from elsewhere that is resumed inside.
#[test]
fn a_resume_past_a_timeout_wins_over_its_expiry_that_a_shield_held() {
    let inside = vec![finally(vec![Stmt::AwaitResume(2)], vec![sleep(30)])];
    let mut main = cancelled(vec![timeout(15, inside), Stmt::Log(0)], &[]);
    main.extend([Stmt::Spawn(0, vec![sleep(100)]), sleep(10), Stmt::Cancel(2)]);
    check(main);
}

// Two reasons at one catch point: that of the resume was given up for one that had come later and not arrived.
#[test]
fn a_resumed_cancellation_keeps_its_reason_at_a_catch_point_where_another_waits() {
    let inner = finally(vec![sleep(100)], vec![sleep(30)]);
    let mut main = cancelled(
        vec![Stmt::Catch(0, vec![inner], vec![], Then::Resume)],
        &[10],
    );
    main.insert(1, Stmt::Spawn(0, vec![sleep(20), Stmt::Cancel(1)]));
    check(main);
}

// The second cancellation cut the timeout that waited, and did not reach the task that it waited for.
#[test]
fn a_task_that_is_waited_for_is_cancelled_again_when_the_waiting_timeout_is_cut() {
    let mut main = cancelled(vec![timeout(5, vec![Stmt::Await(2)])], &[]);
    let slow = Stmt::Catch(0, vec![sleep(100)], vec![sleep(50)], Then::Resume);
    main.extend([Stmt::Spawn(0, vec![slow]), sleep(20), Stmt::Cancel(1)]);
    check(main);
}

// The resume went nowhere, and the branch hung until the timeout expired.
#[test]
fn a_resume_in_a_timeout_in_a_branch_ends_the_gather() {
    let branch = vec![timeout(90, vec![Stmt::AwaitResume(2)])];
    let mut main = cancelled(vec![Stmt::Gather(0, vec![branch, vec![sleep(80)]])], &[]);
    main.extend([Stmt::Spawn(0, vec![sleep(100)]), sleep(10), Stmt::Cancel(2)]);
    check(main);
}

// Children of a group that was dropped whole were told that their awaiter had gone.
#[test]
fn children_of_a_group_that_is_dropped_whole_hear_the_reason() {
    check(cancelled(
        vec![group(vec![sleep(50)], vec![sleep(40)])],
        &[10],
    ));
}

// The body was not polled at all.
#[test]
fn a_group_that_begins_under_a_waiting_cancellation_runs_its_body_to_the_first_suspension() {
    let body = vec![Stmt::Log(0), sleep(9)];
    let body = vec![shield(vec![sleep(20)]), group(vec![sleep(50)], body)];
    check(cancelled(body, &[10]));
}

// C4: the child's error was thrown away.
#[test]
fn c4_a_child_that_ends_as_its_shield_lets_a_cancellation_out_keeps_its_result() {
    let child = vec![shield(vec![sleep(20)]), Stmt::Fail];
    check(cancelled(vec![group(child, vec![sleep(50)])], &[10]));
}

// The other branch was dropped inside of its shield.
#[test]
fn a_try_gather_that_fails_waits_for_a_shield_in_a_timeout() {
    let failing = vec![finally(vec![Stmt::Fail], vec![sleep(10)])];
    let shielded = timeout(90, vec![shield(vec![sleep(40)])]);
    let both = Stmt::TryGather(0, vec![failing, vec![sleep(5), shielded]]);
    check(vec![both]);
}

// The child's handle gave its result before the task that the child had awaited was gone.
#[test]
fn c21_a_child_of_a_group_that_is_dropped_whole_ends_after_what_it_awaited() {
    let mut main = cancelled(vec![group(vec![Stmt::Await(3)], vec![sleep(90)])], &[]);
    let slow = Stmt::Catch(0, vec![sleep(100)], vec![sleep(50)], Then::Resume);
    main.extend([Stmt::Spawn(0, vec![slow]), sleep(20), Stmt::Cancel(1)]);
    check(main);
}
