//! The tree under odd use: foreign orders of dropping, carried futures, stale keys, great depth.

use super::tests::{Bench, Tag};
use super::tree::Tree;
use super::*;

#[test]
fn children_that_outlive_their_parent_move_to_the_grandparent() {
    let mut bench = Bench::new();
    let task = bench.task();
    let gone = bench.add(task, Kind::Catch, "gone");
    let child = bench.add(gone, Kind::Catch, "child");
    bench.close(gone);
    assert_eq!(bench.cancel(task, 1), (Duty::Wait, "child task".to_owned()));
    bench.close(task);
    assert_eq!(
        (bench.take(child), bench.raise(child, 2)),
        (Some(1), "caught by nobody".to_owned())
    );
    bench.close(child);
    assert_eq!(bench.0.len(), 0);
}

#[test]
fn a_carried_catch_point_is_cancelled_where_it_is_polled() {
    let mut bench = Bench::new();
    let (from, to) = (bench.task(), bench.task());
    let catch = bench.add(from, Kind::Catch, "catch");
    bench.0.adopt(catch, Some(to));
    assert_eq!(bench.cancel(from, 1), (Duty::Drop, "task".to_owned()));
    assert_eq!(bench.cancel(to, 2), (Duty::Wait, "catch task".to_owned()));
}

/// A destructor polled by hand a future that it was inside of, as the tree knew it: the tree became a circle, which release
/// builds followed for ever.
#[test]
fn a_node_that_is_polled_inside_of_itself_stays_where_it_is() {
    let mut bench = Bench::new();
    let task = bench.task();
    let outer = bench.add(task, Kind::Catch, "outer");
    let middle = bench.add(outer, Kind::Join, "middle");
    let inner = bench.add(middle, Kind::Catch, "inner");
    for at in [inner, middle, outer] {
        bench.0.adopt(outer, Some(at));
        assert_eq!(bench.0.parent(outer), Some(task));
    }
    assert_eq!(
        bench.cancel(task, 1),
        (Duty::Wait, "inner middle task".to_owned())
    );
    assert_eq!(
        (bench.catch(inner), bench.close(middle)),
        (Some(1), Some("outer"))
    );
    assert_eq!(bench.catch(outer), Some(1));
}

#[test]
fn keys_of_closed_nodes_do_nothing() {
    let mut bench = Bench::new();
    let task = bench.task();
    bench.close(task);
    assert_eq!(bench.take(task), None);
    assert_eq!(bench.close(task), None);
    assert_eq!(bench.raise(task, 1), "nowhere");
    assert_eq!(bench.0.set_waker(task, "back"), Some("back"));
    assert_eq!(bench.0.waker(task), None);
    bench.0.adopt(task, None);
    let orphan = bench.add(task, Kind::Scope, "orphan");
    assert_eq!(bench.raise(orphan, 1), "ends orphan");
}

#[test]
fn a_waker_that_is_replaced_comes_back() {
    let mut bench = Bench::new();
    let task = bench.task();
    assert_eq!(bench.0.set_waker(task, "new"), Some("task"));
    assert_eq!(bench.0.waker(task), Some(&"new"));
    assert_eq!(bench.0.close(task).waker, Some("new"));
}

#[test]
fn a_tree_a_million_deep_is_cancelled_without_recursion() {
    let mut tree = Tree::<Tag, ()>::new();
    let task = tree.open(None, Kind::Task);
    let deepest = (0..1_000_000).fold(task, |at, _| tree.open(Some(at), Kind::Catch));
    assert_eq!(tree.cancel(task, Tag(1)).duty, Duty::Wait);
    assert_eq!(tree.take_pending(deepest), Some(Tag(1)));
}
