//! C26: what was delivered to a node that its holder does not poll.

use super::tests::Bench;
use super::*;
use crate::util::slab::Key;

/// The poll of a scope has ended, pending, and it is not woken again; returns the names of the
/// woken.
fn pass_by(bench: &mut Bench, top: Key) -> String {
    let wakes = bench.0.pass_by(top).into_iter();
    wakes.collect::<Vec<_>>().join(" ")
}

#[test]
fn c26_what_nobody_polls_is_passed_by_and_hears_nothing_later() {
    for kind in [Kind::Catch, Kind::Mask] {
        let mut bench = Bench::new();
        let task = bench.task();
        let held = bench.add(task, kind, "held");
        assert_eq!(bench.cancel(task, 1).0, Duty::Wait);
        assert_eq!(pass_by(&mut bench, task), "");
        assert_eq!((bench.take(held), bench.take(task)), (None, Some(1)));
        assert_eq!(bench.close(held), None);
        assert_eq!(bench.take(task), None);
    }
}

#[test]
fn c26_what_was_polled_is_not_passed_by() {
    let mut bench = Bench::new();
    let task = bench.task();
    let (mask, catch) = (
        bench.add(task, Kind::Mask, "mask"),
        bench.add(task, Kind::Catch, "catch"),
    );
    assert_eq!(bench.cancel(task, 1).0, Duty::Wait);
    bench.poll(mask, "mask");
    bench.poll(catch, "catch");
    assert_eq!(pass_by(&mut bench, task), "");
    assert_eq!((bench.take(mask), bench.take(catch)), (Some(1), Some(1)));
}

#[test]
fn c26_the_next_one_outwards_catches_it_if_it_is_polled() {
    let mut bench = Bench::new();
    let task = bench.task();
    let outer = bench.add(task, Kind::Catch, "outer");
    let inner = bench.add(outer, Kind::Catch, "inner");
    assert_eq!(bench.cancel(task, 1).0, Duty::Wait);
    assert_eq!(pass_by(&mut bench, task), "outer");
    bench.poll(outer, "outer");
    assert_eq!(pass_by(&mut bench, task), "");
    assert_eq!((bench.take(inner), bench.catch(outer)), (None, Some(1)));
}

#[test]
fn c26_two_inside_of_each_other_are_passed_by_one_after_the_other() {
    let mut bench = Bench::new();
    let task = bench.task();
    let outer = bench.add(task, Kind::Catch, "outer");
    bench.add(outer, Kind::Catch, "inner");
    assert_eq!(bench.cancel(task, 1).0, Duty::Wait);
    bench.poll(task, "task");
    assert_eq!(pass_by(&mut bench, task), "outer");
    assert_eq!(pass_by(&mut bench, task), "task");
    assert_eq!((bench.take(outer), bench.take(task)), (None, Some(1)));
}

#[test]
fn c26_a_timeout_that_is_polled_ends_though_its_catch_point_is_not() {
    let mut bench = Bench::new();
    let task = bench.task();
    let timeout = bench.add(task, Kind::Scope, "timeout");
    bench.add(timeout, Kind::Catch, "held");
    assert_eq!(
        bench.cancel(timeout, 1),
        (Duty::Wait, "held timeout".to_owned())
    );
    assert_eq!(
        pass_by(&mut bench, task),
        "",
        "the timeout has not been polled since"
    );
    bench.poll(timeout, "timeout");
    assert_eq!(pass_by(&mut bench, task), "timeout");
    assert_eq!((bench.take(timeout), bench.take(task)), (Some(1), None));
}

#[test]
fn c26_a_gather_that_is_not_polled_is_passed_by_whole() {
    let mut bench = Bench::new();
    let task = bench.task();
    let join = bench.add(task, Kind::Join, "join");
    let branches = ["left", "right"].map(|name| bench.add(join, Kind::Branch, name));
    let catch = bench.add(branches[0], Kind::Catch, "catch");
    assert_eq!(bench.cancel(task, 1).0, Duty::Wait);
    assert_eq!(pass_by(&mut bench, task), "");
    let left = [catch, branches[0], branches[1], join].map(|key| bench.take(key));
    assert_eq!((left, bench.take(task)), ([None; 4], Some(1)));
}

#[test]
fn c26_what_a_gather_told_its_branches_waits_until_the_gather_is_polled() {
    let mut bench = Bench::new();
    let task = bench.task();
    let join = bench.add(task, Kind::Join, "join");
    let branch = bench.add(join, Kind::Branch, "branch");
    let catch = bench.add(branch, Kind::Catch, "catch");
    assert_eq!(bench.cancel(join, 1).0, Duty::Wait);
    assert_eq!(pass_by(&mut bench, task), "");
    assert_eq!((bench.take(task), bench.take(catch)), (None, Some(1)));
}

#[test]
fn c26_a_branch_is_passed_by_at_the_end_of_its_own_poll() {
    let mut bench = Bench::new();
    let task = bench.task();
    let join = bench.add(task, Kind::Join, "join");
    let [left, right] = ["left", "right"].map(|name| bench.add(join, Kind::Branch, name));
    let (held, other) = (
        bench.add(left, Kind::Catch, "held"),
        bench.add(right, Kind::Catch, "other"),
    );
    assert_eq!(bench.cancel(task, 1).0, Duty::Wait);
    bench.poll(left, "left");
    assert_eq!(pass_by(&mut bench, left), "left");
    let taken = [held, left, other].map(|key| bench.take(key));
    assert_eq!(taken, [None, Some(1), Some(1)]);
}

#[test]
fn c26_a_child_has_polls_of_its_own() {
    let mut bench = Bench::new();
    let task = bench.task();
    let group = bench.add(task, Kind::Join, "group");
    let child = bench.add(group, Kind::Task, "child");
    let catch = bench.add(child, Kind::Catch, "catch");
    assert_eq!(bench.cancel(task, 1).0, Duty::Wait);
    bench.poll(group, "group");
    assert_eq!(pass_by(&mut bench, task), "");
    assert_eq!(pass_by(&mut bench, child), "");
    assert_eq!((bench.take(catch), bench.take(child)), (None, Some(1)));
}

#[test]
fn c26_a_group_that_is_not_polled_is_passed_by_with_its_children() {
    let mut bench = Bench::new();
    let task = bench.task();
    let group = bench.add(task, Kind::Join, "group");
    let child = bench.add(group, Kind::Task, "child");
    let catch = bench.add(child, Kind::Catch, "catch");
    assert_eq!(bench.cancel(task, 1).0, Duty::Wait);
    assert_eq!(pass_by(&mut bench, task), "");
    let inside = [catch, child, group].map(|key| bench.take(key));
    assert_eq!((inside, bench.take(task)), ([None; 3], Some(1)));
}

#[test]
fn c26_what_moved_in_with_a_future_that_is_polled_elsewhere_was_heard() {
    let mut bench = Bench::new();
    let (from, to) = (bench.task(), bench.task());
    let catch = bench.add(from, Kind::Catch, "catch");
    assert_eq!(bench.cancel(from, 1).0, Duty::Wait);
    assert_eq!(pass_by(&mut bench, from), "");
    bench.0.adopt(catch, Some(to));
    assert_eq!((bench.take(from), bench.take(catch)), (Some(1), None));
    assert_eq!(pass_by(&mut bench, to), "");
}
