//! Two cancellations that meet: which one counts, and who remembers the other.

use super::tests::{Bench, Tag};
use super::*;

#[test]
fn what_is_resumed_goes_before_what_only_waits_at_a_catch_point() {
    let mut bench = Bench::new();
    let task = bench.task();
    let catch = bench.add(task, Kind::Catch, "catch");
    assert_eq!(bench.cancel(task, 1), (Duty::Wait, "catch task".to_owned()));
    assert_eq!(bench.raise(catch, 9), "caught by nobody");
    let inside = bench.add(catch, Kind::Catch, "inside");
    assert_eq!((bench.take(inside), bench.take(catch)), (None, Some(9)));
}

#[test]
fn c13_what_waits_goes_before_what_is_resumed_if_it_is_from_further_out() {
    let mut bench = Bench::new();
    let task = bench.task();
    let timeout = bench.add(task, Kind::Scope, "timeout");
    let catch = bench.add(timeout, Kind::Catch, "catch");
    let inner = bench.add(catch, Kind::Catch, "inner");
    assert_eq!(bench.cancel(timeout, 1).0, Duty::Wait);
    assert_eq!(bench.catch(inner), Some(1));
    assert_eq!(bench.cancel(task, 2), (Duty::Wait, "catch task".to_owned()));
    assert_eq!(bench.raise(catch, 1), "caught by nobody");
    let inside = bench.add(catch, Kind::Catch, "inside");
    assert_eq!((bench.take(inside), bench.take(catch)), (None, Some(2)));
}

#[test]
fn c13_a_timeout_knows_of_what_moved_in_through_it() {
    let mut bench = Bench::new();
    let task = bench.task();
    assert_eq!(bench.cancel(task, 1).0, Duty::Drop);
    let wide = bench.add(task, Kind::Scope, "wide");
    let tight = bench.add(wide, Kind::Scope, "tight");
    assert_eq!(bench.0.outer(tight), None);
    let catch = bench.add(tight, Kind::Catch, "catch");
    assert_eq!(bench.take(catch), Some(1));
    assert_eq!(bench.0.outer(wide), Some(&Tag(1)));
    assert_eq!(bench.0.outer(tight), Some(&Tag(1)));
}

#[test]
fn c13_a_timeout_knows_of_what_was_resumed_past_it_and_is_not_its_own() {
    let mut bench = Bench::new();
    let task = bench.task();
    let catch = bench.add(task, Kind::Catch, "catch");
    let wide = bench.add(catch, Kind::Scope, "wide");
    let tight = bench.add(wide, Kind::Scope, "tight");
    assert_eq!(bench.cancel(wide, 1).0, Duty::Drop);
    assert_eq!(bench.raise(tight, 1), "ends nobody");
    assert_eq!(bench.0.outer(wide), None);
    assert_eq!(bench.0.outer(tight), Some(&Tag(1)));
    assert_eq!(bench.raise(tight, 9), "caught by catch");
    assert_eq!(bench.0.outer(wide), Some(&Tag(9)));
    assert_eq!(bench.0.outer(tight), Some(&Tag(9)));
}

#[test]
fn c13_an_earlier_cancellation_of_the_task_beats_the_timeouts_when_a_shield_lets_it_out() {
    let mut bench = Bench::new();
    let task = bench.task();
    let timeout = bench.add(task, Kind::Scope, "timeout");
    let catch = bench.add(timeout, Kind::Catch, "catch");
    let mask = bench.add(catch, Kind::Mask, "mask");
    assert_eq!(
        bench.cancel(task, 1),
        (Duty::Wait, "mask timeout task".to_owned())
    );
    assert_eq!(bench.cancel(task, 2), (Duty::Wait, String::new()));
    assert_eq!(bench.cancel(timeout, 3), (Duty::Wait, String::new()));
    assert_eq!(bench.raise(catch, 3), "caught by catch");
    assert_eq!(bench.close(mask), None);
    assert_eq!(bench.take(catch), Some(1));
}

#[test]
fn c13_what_a_shield_holds_joins_what_is_resumed_out_of_it() {
    for (waiting, resumed, stands) in [(1, 9, 9), (2, 1, 2)] {
        let mut bench = Bench::new();
        let task = bench.task();
        let timeout = bench.add(task, Kind::Scope, "timeout");
        let catch = bench.add(timeout, Kind::Catch, "catch");
        let mask = bench.add(catch, Kind::Mask, "mask");
        let inside = bench.add(mask, Kind::Mask, "inside");
        let scope = if waiting == 2 { task } else { timeout };
        assert_eq!(bench.cancel(timeout, 1).0, Duty::Wait);
        assert_eq!(bench.cancel(scope, waiting).0, Duty::Wait);
        assert_eq!(bench.raise(inside, resumed), "caught by catch");
        assert_eq!((bench.take(mask), bench.take(catch)), (None, Some(stands)));
        assert_eq!((bench.close(inside), bench.close(mask)), (None, None));
        assert_eq!(bench.take(catch), None);
    }
}

#[test]
fn c10_a_task_has_heard_what_was_its_own_and_what_came_in_by_a_walk() {
    let mut bench = Bench::new();
    let task = bench.task();
    let group = bench.add(task, Kind::Join, "group");
    let child = bench.add(group, Kind::Task, "child");
    let catch = bench.add(child, Kind::Catch, "catch");
    let mask = bench.add(catch, Kind::Mask, "mask");
    for (scope, tag) in [(task, 1), (child, 2), (group, 3)] {
        assert_eq!(bench.cancel(scope, tag).0, Duty::Wait);
    }
    let heard = |bench: &Bench, tag| bench.0.has_heard(child, &Tag(tag));
    assert!([1, 2, 3].iter().all(|tag| heard(&bench, *tag)));
    assert!(!heard(&bench, 4));
    for tag in 4..12 {
        assert_eq!(bench.cancel(task, tag).0, Duty::Wait);
    }
    assert!(!heard(&bench, 1), "the oldest is forgotten");
    assert!(heard(&bench, 2), "it was its own");
    assert_eq!(bench.close(mask), Some("catch"));
    assert_eq!(bench.take(catch), Some(1), "the first stands");
}

#[test]
fn a_catch_point_knows_what_came_last_though_the_first_stands() {
    let mut bench = Bench::new();
    let task = bench.task();
    let catch = bench.add(task, Kind::Catch, "catch");
    assert_eq!(bench.0.latest(catch), None);
    for tag in [1, 2] {
        assert_eq!(bench.cancel(task, tag).0, Duty::Wait);
    }
    assert_eq!(bench.0.latest(catch), Some(&Tag(2)));
    assert_eq!(bench.take(catch), Some(1));
}

#[test]
fn a_task_remembers_eight_cancellations_before_its_last() {
    let mut bench = Bench::new();
    let task = bench.task();
    for tag in 0..10 {
        assert_eq!(bench.cancel(task, tag).0, Duty::Drop);
        bench.take(task);
    }
    let known: Vec<_> = (0..10)
        .filter(|tag| bench.0.owns(task, &Tag(*tag)))
        .collect();
    assert_eq!(known, Vec::from_iter(1..10));
}
