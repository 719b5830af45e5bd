//! One test per rule, on trees drawn by hand. The names carry the promise's number.

use super::tree::Tree;
use super::*;
use crate::util::slab::Key;

/// A cancellation that is nothing but its identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag(pub(super) u32);

impl Identity for Tag {
    fn is(&self, other: &Self) -> bool {
        self == other
    }

    fn is_of_one_event(&self, other: &Self) -> bool {
        self == other
    }
}

/// A tree whose wakers are the names of their nodes.
pub(super) struct Bench(pub(super) Tree<Tag, &'static str>);

impl Bench {
    pub(super) fn new() -> Self {
        Self(Tree::new())
    }

    pub(super) fn task(&mut self) -> Key {
        self.named(None, Kind::Task, "task")
    }

    pub(super) fn add(&mut self, parent: Key, kind: Kind, name: &'static str) -> Key {
        self.named(Some(parent), kind, name)
    }

    fn named(&mut self, parent: Option<Key>, kind: Kind, name: &'static str) -> Key {
        let key = self.0.open(parent, kind);
        assert_eq!(self.0.set_waker(key, name), None);
        key
    }

    /// Cancels; gives the duty and the names of the woken.
    pub(super) fn cancel(&mut self, scope: Key, tag: u32) -> (Duty, String) {
        let delivery = self.0.cancel(scope, Tag(tag));
        let names: Vec<_> = delivery.wakes.into_iter().collect();
        (delivery.duty, names.join(" "))
    }

    /// Raises; gives the name of the woken, with the scope if that ends.
    pub(super) fn raise(&mut self, from: Key, tag: u32) -> String {
        match self.0.raise(from, &Tag(tag)) {
            Raise::Caught(_, name) => format!("caught by {}", name.unwrap_or("nobody")),
            Raise::Ends(_, name) => format!("ends {}", name.unwrap_or("nobody")),
            Raise::Nowhere => "nowhere".to_owned(),
        }
    }

    /// The owner of a node that was told has polled its future, and so put the waker back.
    pub(super) fn poll(&mut self, key: Key, name: &'static str) {
        assert_eq!(self.0.set_waker(key, name), None);
    }

    pub(super) fn take(&mut self, key: Key) -> Option<u32> {
        self.0.take_pending(key).map(|tag| tag.0)
    }

    /// What a catch point does that finds something: takes, and closes.
    pub(super) fn catch(&mut self, key: Key) -> Option<u32> {
        let taken = self.take(key);
        self.close(key);
        taken
    }

    /// Closes; gives who is woken by that.
    pub(super) fn close(&mut self, key: Key) -> Option<&'static str> {
        self.0.close(key).wake
    }
}

#[test]
fn c2_a_task_without_a_catch_point_is_to_be_dropped() {
    let mut bench = Bench::new();
    let task = bench.task();
    bench.add(task, Kind::Scope, "timeout");
    assert_eq!(bench.cancel(task, 1), (Duty::Drop, "task".to_owned()));
    assert_eq!(bench.take(task), Some(1));
    assert_eq!(bench.take(task), None);
}

#[test]
fn c3_c4_what_a_finished_task_has_pending_goes_nowhere() {
    let mut bench = Bench::new();
    let task = bench.task();
    let group = bench.add(task, Kind::Join, "group");
    let child = bench.add(group, Kind::Task, "child");
    assert_eq!(bench.cancel(child, 1).0, Duty::Drop);
    assert_eq!(bench.close(child), None);
    assert_eq!(bench.take(group), None);
    assert_eq!(bench.cancel(child, 1), (Duty::Gone, String::new()));
}

#[test]
fn c8_c7_the_innermost_catches_first_then_outwards_then_the_task_ends() {
    let mut bench = Bench::new();
    let task = bench.task();
    let outer = bench.add(task, Kind::Catch, "outer");
    let inner = bench.add(outer, Kind::Catch, "inner");
    assert_eq!(bench.cancel(task, 1), (Duty::Wait, "inner task".to_owned()));
    assert_eq!((bench.take(outer), bench.catch(inner)), (None, Some(1)));
    assert_eq!(bench.raise(outer, 1), "caught by outer");
    assert_eq!(bench.catch(outer), Some(1));
    bench.poll(task, "task");
    assert_eq!(bench.raise(task, 1), "ends task");
    assert_eq!(bench.take(task), Some(1));
}

#[test]
fn catch_points_side_by_side_are_all_innermost() {
    let mut bench = Bench::new();
    let task = bench.task();
    let outer = bench.add(task, Kind::Catch, "outer");
    bench.add(outer, Kind::Catch, "left");
    bench.add(outer, Kind::Catch, "right");
    assert_eq!(
        bench.cancel(task, 1),
        (Duty::Wait, "left right task".to_owned())
    );
}

#[test]
fn c9_a_second_cancel_during_clean_up_is_delivered_again() {
    let mut bench = Bench::new();
    let task = bench.task();
    let catch = bench.add(task, Kind::Catch, "catch");
    assert_eq!(bench.cancel(task, 1).0, Duty::Wait);
    assert_eq!(bench.catch(catch), Some(1));
    let again = bench.add(task, Kind::Catch, "again");
    assert_eq!(bench.cancel(task, 2), (Duty::Wait, "again".to_owned()));
    assert_eq!(bench.catch(again), Some(2));
    bench.poll(task, "task");
    assert_eq!(bench.cancel(task, 3), (Duty::Drop, "task".to_owned()));
    assert_eq!(bench.take(task), Some(3));
}

#[test]
fn c10_several_before_delivery_are_one_and_the_first_wins() {
    let mut bench = Bench::new();
    let task = bench.task();
    let catch = bench.add(task, Kind::Catch, "catch");
    assert_eq!(bench.cancel(task, 1), (Duty::Wait, "catch task".to_owned()));
    assert_eq!(bench.cancel(task, 2), (Duty::Wait, String::new()));
    assert_eq!(bench.catch(catch), Some(1));
    assert_eq!(bench.take(task), None);
}

#[test]
fn c11_a_shield_holds_what_comes_from_outside_until_it_is_done() {
    let mut bench = Bench::new();
    let task = bench.task();
    let catch = bench.add(task, Kind::Catch, "catch");
    let mask = bench.add(catch, Kind::Mask, "mask");
    let inner = bench.add(mask, Kind::Catch, "inner");
    assert_eq!(bench.cancel(task, 1).0, Duty::Wait);
    assert_eq!((bench.take(inner), bench.take(catch)), (None, None));
    bench.close(inner);
    assert_eq!(bench.close(mask), Some("catch"));
    assert_eq!(bench.catch(catch), Some(1));
}

#[test]
fn c11_a_shield_opened_under_a_waiting_cancellation_holds_it() {
    let mut bench = Bench::new();
    let task = bench.task();
    assert_eq!(bench.cancel(task, 1).0, Duty::Drop);
    let mask = bench.add(task, Kind::Mask, "mask");
    let inner = bench.add(mask, Kind::Catch, "inner");
    assert_eq!((bench.take(task), bench.take(inner)), (None, None));
    bench.close(inner);
    bench.close(mask);
    assert_eq!(bench.take(task), Some(1));
}

#[test]
fn a_resume_inside_a_shield_goes_out_through_it() {
    let mut bench = Bench::new();
    let task = bench.task();
    let catch = bench.add(task, Kind::Catch, "catch");
    let mask = bench.add(catch, Kind::Mask, "mask");
    assert_eq!(bench.raise(mask, 9), "caught by catch");
    assert_eq!(bench.cancel(task, 1).0, Duty::Wait);
    assert_eq!(bench.take(catch), Some(9));
    bench.close(mask);
    bench.close(catch);
    assert_eq!(bench.take(task), Some(1));
}

/// A debug build panicked, a release build cancelled it.
#[test]
fn a_catch_point_and_a_shield_are_not_cancelled_by_themselves() {
    for kind in [Kind::Catch, Kind::Mask] {
        let mut bench = Bench::new();
        let task = bench.task();
        let at = bench.add(task, kind, "at");
        assert_eq!(bench.cancel(at, 1).0, Duty::Gone);
        assert_eq!((bench.take(at), bench.take(task)), (None, None));
    }
}

#[test]
fn c12_a_timeout_lets_its_catch_points_clean_up_and_ends_at_their_resume() {
    let mut bench = Bench::new();
    let task = bench.task();
    let outside = bench.add(task, Kind::Catch, "outside");
    let timeout = bench.add(outside, Kind::Scope, "timeout");
    let inside = bench.add(timeout, Kind::Catch, "inside");
    assert_eq!(
        bench.cancel(timeout, 1),
        (Duty::Wait, "inside timeout".to_owned())
    );
    assert_eq!(bench.catch(inside), Some(1));
    bench.poll(timeout, "timeout");
    assert_eq!(bench.raise(timeout, 1), "ends timeout");
    assert!(bench.0.owns(timeout, &Tag(1)));
    assert_eq!((bench.take(timeout), bench.take(outside)), (Some(1), None));
}

#[test]
fn c12_c14_what_a_timeout_did_not_need_of_its_own_stays_inside() {
    let mut bench = Bench::new();
    let task = bench.task();
    let timeout = bench.add(task, Kind::Scope, "timeout");
    let inside = bench.add(timeout, Kind::Catch, "inside");
    assert_eq!(bench.cancel(timeout, 1).0, Duty::Wait);
    bench.close(inside);
    assert_eq!(bench.close(timeout), None);
    assert_eq!(bench.take(task), None);
}

#[test]
fn c13_the_outer_cancel_beats_the_timeouts_in_either_order() {
    for outer_first in [false, true] {
        let mut bench = Bench::new();
        let task = bench.task();
        let timeout = bench.add(task, Kind::Scope, "timeout");
        let catch = bench.add(timeout, Kind::Catch, "catch");
        let order = if outer_first {
            [task, timeout]
        } else {
            [timeout, task]
        };
        for scope in order {
            let tag = if scope == task { 1 } else { 2 };
            assert_eq!(bench.cancel(scope, tag).0, Duty::Wait);
        }
        bench.poll(task, "task");
        assert_eq!(bench.catch(catch), Some(1));
        assert_eq!(bench.raise(timeout, 1), "ends task");
        assert_eq!(bench.take(timeout), None);
    }
}

#[test]
fn c13_a_timeout_that_expires_during_clean_up_finds_the_outer_cancel() {
    let mut bench = Bench::new();
    let task = bench.task();
    let wide = bench.add(task, Kind::Scope, "wide");
    let tight = bench.add(wide, Kind::Scope, "tight");
    let catch = bench.add(tight, Kind::Catch, "catch");
    assert_eq!(bench.cancel(task, 1).0, Duty::Wait);
    assert_eq!(bench.catch(catch), Some(1));
    bench.add(tight, Kind::Catch, "clean-up");
    assert_eq!(bench.cancel(wide, 2).0, Duty::Wait);
    assert_eq!(bench.0.outer(tight), Some(&Tag(1)));
    assert_eq!(bench.0.outer(wide), Some(&Tag(1)));
}

#[test]
fn c14_c22_what_came_from_elsewhere_passes_timeouts_and_stops_at_catch_points() {
    let mut bench = Bench::new();
    let task = bench.task();
    let catch = bench.add(task, Kind::Catch, "catch");
    let timeout = bench.add(catch, Kind::Scope, "timeout");
    assert_eq!(bench.cancel(timeout, 1).0, Duty::Drop);
    assert_eq!(bench.raise(timeout, 9), "caught by catch");
    assert_eq!(bench.catch(catch), Some(9));
    assert_eq!(bench.raise(task, 9), "ends task");
}

/// A catch point around a gather of three: nothing inside, a catch point, a shield.
fn three_branches(bench: &mut Bench) -> [Key; 6] {
    let task = bench.task();
    let around = bench.add(task, Kind::Catch, "around");
    let join = bench.add(around, Kind::Join, "join");
    let [plain, caught, masked] =
        ["plain", "caught", "masked"].map(|name| bench.add(join, Kind::Branch, name));
    bench.add(caught, Kind::Catch, "catch");
    bench.add(masked, Kind::Mask, "mask");
    [task, around, join, plain, caught, masked]
}

#[test]
fn c15_a_mixed_gather_ends_the_plain_branches_and_waits_for_the_others() {
    let mut bench = Bench::new();
    let [task, around, join, plain, caught, masked] = three_branches(&mut bench);
    let woken = "catch caught mask masked plain join task".to_owned();
    assert_eq!(bench.cancel(task, 1), (Duty::Wait, woken));
    assert_eq!((bench.take(join), bench.take(plain)), (Some(1), Some(1)));
    assert_eq!((bench.take(caught), bench.take(masked)), (None, None));
    assert_eq!(bench.take(around), None);
    bench.poll(caught, "caught");
    assert_eq!(bench.raise(caught, 1), "ends caught");
    assert_eq!(bench.raise(around, 1), "caught by around");
}

#[test]
fn c15_a_gather_in_which_nobody_catches_is_dropped_whole() {
    let mut bench = Bench::new();
    let task = bench.task();
    let around = bench.add(task, Kind::Catch, "around");
    let join = bench.add(around, Kind::Join, "join");
    let branch = bench.add(join, Kind::Branch, "branch");
    assert_eq!(
        bench.cancel(task, 1),
        (Duty::Wait, "around task".to_owned())
    );
    assert_eq!((bench.take(join), bench.take(branch)), (None, None));
}

#[test]
fn c15_a_gather_that_cancels_itself_is_told_what_to_drop() {
    let mut bench = Bench::new();
    let task = bench.task();
    let join = bench.add(task, Kind::Join, "join");
    let branch = bench.add(join, Kind::Branch, "branch");
    assert_eq!(
        bench.cancel(join, 1),
        (Duty::Drop, "branch join".to_owned())
    );
    assert_eq!((bench.take(join), bench.take(branch)), (Some(1), Some(1)));
    assert!(bench.0.owns(join, &Tag(1)) && !bench.0.owns(join, &Tag(2)));
}

#[test]
fn a_branch_that_opens_late_is_born_cancelled() {
    let mut bench = Bench::new();
    let [task, _, join, ..] = three_branches(&mut bench);
    assert_eq!(bench.cancel(task, 1).0, Duty::Wait);
    let late = bench.add(join, Kind::Branch, "late");
    let inside = bench.add(late, Kind::Catch, "inside");
    assert_eq!((bench.take(late), bench.take(inside)), (None, Some(1)));
    let later = bench.add(join, Kind::Task, "later");
    assert_eq!((bench.take(join), bench.take(later)), (Some(1), Some(1)));
    let after = bench.add(join, Kind::Task, "after");
    assert_eq!(bench.take(after), None);
}

#[test]
fn c22_a_resume_in_a_branch_ends_the_branch_only() {
    let mut bench = Bench::new();
    let [_, around, join, plain, ..] = three_branches(&mut bench);
    assert_eq!(bench.raise(plain, 9), "ends plain");
    assert_eq!((bench.take(join), bench.take(around)), (None, None));
    assert!(!bench.0.owns(plain, &Tag(9)));
}

#[test]
fn c24_what_is_ready_at_once_is_not_hit_and_lets_the_cancellation_out_again() {
    let mut bench = Bench::new();
    let task = bench.task();
    let timeout = bench.add(task, Kind::Scope, "timeout");
    assert_eq!(bench.cancel(task, 1), (Duty::Drop, "task".to_owned()));
    let ready = bench.add(timeout, Kind::Catch, "ready");
    bench.close(ready);
    let waits = bench.add(timeout, Kind::Catch, "waits");
    assert_eq!((bench.take(task), bench.catch(waits)), (None, Some(1)));
}

#[test]
fn what_was_raised_does_not_move_inwards() {
    let mut bench = Bench::new();
    let task = bench.task();
    let catch = bench.add(task, Kind::Catch, "catch");
    assert_eq!(bench.raise(catch, 1), "caught by catch");
    let inside = bench.add(catch, Kind::Catch, "inside");
    assert_eq!((bench.take(inside), bench.take(catch)), (None, Some(1)));
}

#[test]
fn a_catch_point_dropped_with_something_pending_passes_it_outwards() {
    let mut bench = Bench::new();
    let task = bench.task();
    let outer = bench.add(task, Kind::Catch, "outer");
    let inner = bench.add(outer, Kind::Catch, "inner");
    assert_eq!(bench.cancel(task, 1).0, Duty::Wait);
    assert_eq!(bench.close(inner), Some("outer"));
    assert_eq!(bench.take(outer), Some(1));
}
