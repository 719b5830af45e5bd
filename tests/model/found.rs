//! Small versions of random programs that have found faults. Each runs on the crate and on the
//! reference.

use crate::differs;
use crate::program::{Block, Keep, Program, Stmt, Then};
use crate::short::{cancelled, group, sleep};

fn shield(body: Block) -> Stmt {
    Stmt::Shield(0, body)
}

fn finally(body: Block, cleanup: Block) -> Stmt {
    Stmt::Finally(0, body, cleanup)
}

fn timeout(micros: u64, body: Block) -> Stmt {
    Stmt::Timeout(0, micros, body)
}

#[track_caller]
fn check(main: Block) {
    let difference = differs(&Program::new(main));
    assert!(difference.is_none(), "{}", difference.unwrap_or_default());
}

// The timeout did not know of a cancellation that had moved inwards through it when a catch point
// opened inside, and took the end for its own expiry; the code after it ran on.
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

// Two reasons at one catch point: that of the resume was given up for one that had come later and
// not arrived.
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

// The second cancellation cut the timeout that waited, and did not reach the task that it waited
// for.
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
fn the_children_of_a_dropped_group_get_the_reason() {
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
    let both = Stmt::TryGather(0, 0, vec![failing, vec![sleep(5), shielded]]);
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

/// Sleeps for long; when cancelled, cleans up for so long and passes it on.
fn slow(cleanup: u64) -> Block {
    let handler = vec![sleep(cleanup)];
    vec![Stmt::Catch(0, vec![sleep(1000)], handler, Then::Resume)]
}

// The timeout knew nothing of a cancellation that had moved inwards through it: a mistake of the
// reference.
#[test]
fn a_timeout_that_expires_while_what_moved_in_is_cleaned_up_passes_it_on() {
    let inside = vec![Stmt::Catch(
        0,
        vec![sleep(100)],
        vec![sleep(90)],
        Then::Resume,
    )];
    let body = vec![
        shield(vec![sleep(20)]),
        timeout(30, inside),
        Stmt::Log(0),
        sleep(7),
    ];
    check(cancelled(body, &[10]));
}

// The inner timeout's end let the outer one's cancellation hit the code behind that: a mistake of
// the reference.
#[test]
fn c14_what_a_timeout_did_not_need_of_its_own_hits_nothing_behind_it() {
    let inner = timeout(10, vec![finally(vec![sleep(100)], vec![sleep(30)])]);
    check(vec![timeout(20, vec![inner, sleep(60)]), sleep(50)]);
}

// The body was dropped, and with it a sibling cancelled that it was awaiting, after that had begun
// to clean up.
#[test]
fn c10_a_child_that_the_body_awaits_is_cancelled_once_when_a_sibling_fails() {
    let failing = vec![sleep(10), Stmt::Fail];
    for body in [vec![], vec![shield(vec![sleep(3)])]] {
        let body = [body, vec![Stmt::Await(2), sleep(7)]].concat();
        let children = vec![(0, failing.clone()), (0, slow(50))];
        check(vec![Stmt::Group(0, children, body)]);
    }
}

// The same among children, where one had opened a shield before: it was dropped after the other had
// begun to clean up.
#[test]
fn c10_a_child_that_a_sibling_awaits_is_cancelled_once_from_outside() {
    let asking = vec![shield(vec![sleep(3)]), Stmt::Await(3), sleep(7)];
    let children = vec![(0, asking), (0, slow(50))];
    check(cancelled(
        vec![Stmt::Group(0, children, vec![sleep(90)])],
        &[20],
    ));
}

// The members of the inner group were told that their awaiter had gone, though that had come
// second.
#[test]
fn c10_a_child_with_a_group_of_its_own_ends_for_the_first_reason() {
    let inner = vec![group(vec![sleep(80)], vec![sleep(70)])];
    let failing = vec![sleep(20), Stmt::Fail];
    let asking = vec![sleep(5), Stmt::Await(2), sleep(7)];
    let children = vec![(0, asking), (0, inner), (0, failing)];
    check(vec![Stmt::Group(0, children, vec![sleep(90)])]);
}

// The child lingered, its future gone; the second cancellation did not reach the task that it
// waited for.
#[test]
fn c21_what_a_child_waits_for_is_cancelled_again_when_its_group_is_dropped_whole() {
    let body = vec![sleep(10), Stmt::Cancel(2), sleep(60)];
    let mut main = cancelled(vec![group(vec![Stmt::Await(3)], body)], &[]);
    main.extend([Stmt::Spawn(0, slow(90)), sleep(30), Stmt::Cancel(1)]);
    check(main);
}

// Of two reasons that of the task's own cancellation counted, though the one that a branch had
// resumed had come first.
#[test]
fn c22_what_a_branch_resumed_stands_against_a_later_cancellation_of_the_task() {
    let resuming = vec![Stmt::AwaitResume(2), sleep(7)];
    let branches = vec![resuming, vec![shield(vec![sleep(40)])]];
    let mut main = cancelled(vec![Stmt::Gather(0, branches)], &[]);
    main.extend([Stmt::Spawn(0, vec![sleep(100)]), sleep(10), Stmt::Cancel(2)]);
    main.push(Stmt::Spawn(0, vec![sleep(20), Stmt::Cancel(1)]));
    check(main);
}

// What came back by way of a child's handle was the gather's own by its reason, but not known to
// be.
#[test]
fn c14_a_try_gather_knows_its_own_when_a_childs_handle_brings_it_back() {
    let asking = vec![finally(vec![], vec![Stmt::AwaitResume(1), sleep(7)])];
    let failing = vec![sleep(20), Stmt::Fail];
    let grouped = vec![sleep(5), group(vec![sleep(80)], vec![sleep(70)])];
    let asking = [vec![sleep(10)], asking].concat();
    check(vec![Stmt::TryGather(0, 0, vec![asking, failing, grouped])]);
}

// The shield's end let the cancellation out to the gather once more, which took it for a second
// one.
#[test]
fn c21_a_shield_that_ends_a_branch_does_not_cancel_again_what_is_waited_for() {
    let shielded = |micros| vec![shield(vec![sleep(micros)])];
    let gather = |task| Stmt::Gather(0, vec![shielded(30), vec![Stmt::Await(task)], shielded(40)]);
    let in_group = group(shielded(40), vec![gather(3)]);
    for (scope, task) in [(gather(2), 2), (in_group, 3)] {
        let mut main = cancelled(vec![scope], &[]);
        main.extend([Stmt::Spawn(0, slow(50)), sleep(10), Stmt::Cancel(1)]);
        assert_eq!(Program::new(main.clone()).tasks, task + 1);
        check(main);
    }
}

// The sibling was told first, and once more when the one that awaited it was dropped: that cut its
// clean-up.
#[test]
fn c10_a_sibling_that_is_told_first_is_not_told_again_by_the_one_that_awaits_it() {
    for cleanup in [20, 200] {
        let asking = |task| {
            let body = vec![Stmt::Await(task), sleep(7)];
            vec![sleep(9), finally(body, vec![sleep(cleanup)])]
        };
        let failing = vec![sleep(30), Stmt::Fail];
        for children in [
            vec![(0, asking(2)), (0, slow(50))],
            vec![(0, slow(50)), (0, asking(1))],
        ] {
            check(vec![Stmt::Group(0, children, failing.clone())]);
        }
    }
}

// The same with a task in between, a turn later: a mistake of the reference.
#[test]
fn c10_a_child_that_cancels_its_parent_is_not_told_again_by_a_task_that_awaits_it() {
    let swallowing = Stmt::Catch(
        0,
        vec![Stmt::Cancel(0), sleep(90)],
        vec![sleep(40)],
        Then::Swallow,
    );
    let child = vec![sleep(20), swallowing, sleep(60)];
    let between = Stmt::Spawn(0, vec![sleep(10), Stmt::Await(2)]);
    check(vec![between, group(child, vec![Stmt::AwaitResume(1)])]);
}

// The same, long after: what the shield had held was passed on to the sibling, which had heard of
// it.
#[test]
fn c10_a_sibling_is_not_told_again_when_a_shield_lets_out_what_it_has_heard() {
    let asking = vec![shield(vec![sleep(40)]), Stmt::Await(2), sleep(7)];
    let children = vec![(0, asking), (0, slow(50))];
    let body = vec![sleep(20), Stmt::Fail];
    check(vec![Stmt::Group(0, children, body)]);
}

#[test]
fn c9_a_sibling_that_cleans_up_is_told_of_another_cancellation_by_the_one_that_awaits_it() {
    let asking = vec![shield(vec![sleep(40)]), Stmt::Await(3), sleep(7)];
    let children = vec![(0, asking), (0, slow(50))];
    let mut main = cancelled(vec![Stmt::Group(0, children, vec![sleep(90)])], &[20]);
    main.insert(1, Stmt::Spawn(0, vec![sleep(50), Stmt::Cancel(2)]));
    check(main);
}

// The child lingered, its future gone; that its sibling failed then did not reach the task that it
// waited for.
#[test]
fn c21_what_a_child_waits_for_is_cancelled_again_when_a_sibling_fails() {
    let children = vec![(0, vec![Stmt::Await(1)]), (0, vec![sleep(30), Stmt::Fail])];
    let body = vec![sleep(10), Stmt::Cancel(2), sleep(90)];
    let slow = Stmt::Spawn(0, slow(50));
    check(vec![slow, Stmt::Group(0, children, body)]);
}

// The branch was dropped for the first cancellation of its gather, whose other branch was in a
// shield, though it had caught that.
#[test]
fn c20_what_a_branch_drops_in_its_clean_up_hears_of_the_second_cancellation() {
    let handler = vec![group(vec![sleep(50)], vec![sleep(60)])];
    let cleaning = vec![Stmt::Catch(0, vec![sleep(100)], handler, Then::Resume)];
    let shielded = vec![shield(vec![sleep(90)])];
    let gather = Stmt::Gather(0, vec![shielded, cleaning]);
    let mut main = cancelled(vec![gather], &[10]);
    main.push(Stmt::Spawn(0, vec![sleep(10), Stmt::Cancel(1)]));
    check(main);
}

// The child heard of the group's own cancellation once more, and not of the one that the body had
// resumed.
#[test]
fn c20_what_a_body_resumes_is_the_reason_of_those_that_the_group_had_cancelled_before() {
    let task = Stmt::Spawn(0, vec![sleep(1), Stmt::Cancel(1), sleep(9)]);
    let stopping = vec![sleep(10), Stmt::CancelGroup, sleep(50)];
    let body = finally(stopping, vec![sleep(20), Stmt::AwaitResume(1)]);
    check(vec![task, group(slow(90), vec![body])]);
}

// The child ended for the group's reason, which a sibling's handle had brought back, though one
// from further out was waiting: a mistake of the reference, to which all was foreign that a handle
// gave.
#[test]
fn c13_what_a_siblings_handle_brings_back_gives_way_to_what_waits_from_further_out() {
    let meanwhile = vec![Stmt::CancelGroup, sleep(10), Stmt::Cancel(1), sleep(70)];
    let asking = vec![sleep(5), shield(meanwhile), Stmt::AwaitResume(3), sleep(7)];
    let children = vec![(0, asking), (0, vec![sleep(90)])];
    let body = vec![Stmt::Group(0, children, vec![sleep(80)])];
    check(vec![Stmt::Spawn(0, body)]);
}

// The same, out of a shield that held the one from further out: at a catch point that one had won
// before, at a task's end it had not.
#[test]
fn c13_what_is_resumed_out_of_a_shield_gives_way_to_what_that_holds_from_further_out() {
    let meanwhile = shield(vec![
        sleep(10),
        Stmt::Cancel(1),
        sleep(70),
        Stmt::AwaitResume(3),
    ]);
    for asking in [
        meanwhile.clone(),
        Stmt::Catch(0, vec![meanwhile], vec![], Then::Resume),
    ] {
        let asking = vec![sleep(5), Stmt::CancelGroup, asking, sleep(7)];
        let children = vec![(0, asking), (0, vec![sleep(90)])];
        let body = vec![Stmt::Group(0, children, vec![sleep(80)])];
        check(vec![Stmt::Spawn(0, body)]);
    }
}

// The last branch ended with its shield, which let out what the gather knew; the timeout that
// expired then let it out once more, and it stood against the second cancellation, which had cut
// what was left.
#[test]
fn c9_what_a_gather_knows_is_not_let_out_again_by_a_timeout_that_expires() {
    for last in [
        shield(vec![sleep(30)]),
        timeout(90, vec![shield(vec![sleep(30)])]),
    ] {
        let gather = Stmt::Gather(0, vec![vec![Stmt::Await(2)], vec![last]]);
        let mut main = cancelled(vec![timeout(50, vec![gather])], &[]);
        main.extend([
            Stmt::Spawn(0, vec![shield(vec![sleep(100)])]),
            sleep(10),
            Stmt::Cancel(1),
        ]);
        main.push(Stmt::Spawn(0, vec![sleep(50), Stmt::Cancel(1)]));
        check(main);
    }
}

/// Holds what cleans up for so long, not polled while `other` runs.
fn hold(cleanup: u64, other: Block, keep: Keep) -> Stmt {
    let held = vec![finally(vec![sleep(1000)], vec![sleep(cleanup)])];
    Stmt::Hold(0, held, vec![other], keep)
}

// The cancellation passed by what was held, and went on to the end of the task: the shield was cut, which was polled.
#[test]
fn c26_a_shield_that_is_polled_holds_on_beside_one_that_is_not() {
    for keep in [Keep::Drop, Keep::Finish] {
        let committing = vec![shield(vec![sleep(50)]), sleep(7)];
        check(cancelled(vec![hold(5, committing, keep)], &[10]));
    }
}

// The same with a clean-up, which was cut by the cancellation that it had caught.
#[test]
fn c26_a_clean_up_beside_what_is_held_is_not_cut_by_what_it_has_caught() {
    for then in [Then::Swallow, Then::Resume] {
        let cleaning = Stmt::Catch(0, vec![sleep(100)], vec![sleep(50)], then);
        for other in [
            vec![cleaning.clone()],
            vec![timeout(90, vec![cleaning.clone()])],
            vec![Stmt::Gather(
                0,
                vec![vec![cleaning.clone()], vec![sleep(80)]],
            )],
            vec![group(vec![cleaning], vec![sleep(80)])],
        ] {
            check(cancelled(vec![hold(5, other, Keep::Drop), sleep(3)], &[10]));
        }
    }
}

// A shield let the cancellation out, and what was held was polled again and suspended: it was dropped without its clean-up.
#[test]
fn c11_what_a_shield_lets_out_arrives_in_what_is_polled_again() {
    let held = |cleanup| hold(cleanup, vec![shield(vec![sleep(20)])], Keep::Finish);
    check(cancelled(vec![held(30), sleep(7)], &[10]));
    check(cancelled(vec![timeout(12, vec![held(30), sleep(7)])], &[]));
    let branches = vec![vec![held(30)], vec![held(40)]];
    check(cancelled(vec![Stmt::Gather(0, branches)], &[10]));
    check(cancelled(
        vec![group(vec![held(30)], vec![held(40)])],
        &[10],
    ));
}

/// Holds a timeout that has expired; its shield holds that off, while the other code is cancelled and swallows it.
fn holds_an_expired_one(expires: u64) -> Block {
    let inside = vec![shield(vec![sleep(90)]), sleep(9)];
    let held = vec![timeout(expires, inside), sleep(1)];
    let swallows = Stmt::Catch(0, vec![sleep(100)], vec![sleep(5)], Then::Swallow);
    let others = vec![vec![sleep(20)], vec![swallows]];
    cancelled(vec![Stmt::Hold(0, held, others, Keep::Finish)], &[40])
}

// The cancellation took the place of the timeout's own in the shield; when it had passed by, the timeout never ended its body.
#[test]
fn c26_a_timeout_that_is_held_keeps_its_own_expiry_when_another_passes_by() {
    check(holds_an_expired_one(15));
}

// The timeout remembered the cancellation that had passed by, and resumed that when it expired, long after it was swallowed.
#[test]
fn c14_a_timeout_forgets_what_has_passed_by() {
    for expires in [15, 70] {
        check(holds_an_expired_one(expires));
    }
}

// A timeout that expired while it was not polled ended at its next poll although its task had cancelled itself before.
#[test]
fn c27_a_timeout_that_was_not_polled_in_time_gives_way_to_the_end_of_its_task() {
    let inside = vec![sleep(1), Stmt::Cancel(1), sleep(9)];
    let held = vec![timeout(5, vec![Stmt::Gather(0, vec![inside])]), sleep(3)];
    let hold = Stmt::Hold(0, held, vec![vec![sleep(30)]], Keep::Finish);
    check(cancelled(vec![hold], &[]));
}

// An outer timeout and an inner one that both expired while they were not polled: a mistake of the reference.
#[test]
fn c27_of_two_timeouts_that_were_not_polled_in_time_the_outer_one_ends() {
    let inner = vec![timeout(15, vec![sleep(100)]), Stmt::Log(0), sleep(7)];
    let held = vec![timeout(20, inner)];
    check(vec![Stmt::Hold(
        0,
        held,
        vec![vec![sleep(40)]],
        Keep::Finish,
    )]);
}
