//! CPython's `SemaphoreTests`.

use std::rc::Rc;

use wheelhouse::sync::{OwnedPermit, Semaphore};
use wheelhouse::testing::Trace;

use crate::common::panics_saying;
use crate::sync::locks::team::{Mate, Team, everywhere, settle};

/// Spawns a task that acquires permits and returns them.
fn taker(team: &Team<'_>, semaphore: &Rc<Semaphore>, count: usize) -> Mate<OwnedPermit> {
    team.spawn(Rc::clone(semaphore).acquire_many_owned(count))
}

/// `test_initial_value_zero`, `test_semaphore`, `test_semaphore_value`
#[test]
fn a_semaphore_counts() {
    let none = Semaphore::new(0);
    assert!(none.is_locked() && none.try_acquire().is_none());
    let four = Semaphore::new(4);
    let permits: Vec<_> = (0..4).map(|_| four.try_acquire().unwrap()).collect();
    assert!(four.is_locked());
    assert_eq!(four.available(), 0);
    drop(permits);
    assert_eq!(four.available(), 4);
}

/// `test_acquire`, `test_acquire_fifo_order`
#[test]
fn waiting_tasks_get_their_permits_in_order() {
    everywhere(async |team| {
        let semaphore = Rc::new(Semaphore::new(1));
        let trace = Trace::new();
        for name in ["one", "two", "three"] {
            let (semaphore, trace) = (Rc::clone(&semaphore), trace.clone());
            team.spawn(async move {
                for _ in 0..2 {
                    let _permit = semaphore.acquire().await;
                    trace.note(name);
                    settle().await;
                }
            });
        }
        for _ in 0..10 {
            settle().await;
        }
        let expected = ["one", "two", "three", "one", "two", "three"];
        assert_eq!(trace.take(), expected);
    });
}

/// `test_acquire_cancel`
#[test]
fn a_cancelled_wait_takes_nothing() {
    everywhere(async |team| {
        let semaphore = Rc::new(Semaphore::new(1));
        let permit = semaphore.acquire().await;
        let one = taker(team, &semaphore, 1);
        settle().await;
        one.cancel();
        settle().await;
        assert!(one.is_done());
        drop(permit);
        assert_eq!(semaphore.available(), 1);
    });
}

/// `test_acquire_cancel_before_awoken`
#[test]
fn permits_of_waits_that_are_cancelled_before_they_awake_go_to_the_others() {
    everywhere(async |team| {
        let semaphore = Rc::new(Semaphore::new(0));
        let mates = [(); 4].map(|()| taker(team, &semaphore, 1));
        settle().await;
        mates[0].cancel();
        mates[1].cancel();
        semaphore.add_permits(2);
        settle().await;
        assert!(mates[2].value().is_some() && mates[3].value().is_some());
    });
}

/// `test_acquire_hang`, `test_acquire_no_hang`
#[test]
fn a_permit_that_is_released_while_a_wait_is_cancelled_is_not_lost() {
    everywhere(async |team| {
        let semaphore = Rc::new(Semaphore::new(0));
        let (one, two) = (taker(team, &semaphore, 1), taker(team, &semaphore, 1));
        settle().await;
        semaphore.add_permits(1);
        one.cancel();
        settle().await;
        assert!(one.value().is_none() && two.value().is_some());
        assert_eq!(semaphore.available(), 1);
    });
}

/// `test_release_not_acquired`
#[test]
fn a_bounded_semaphore_refuses_more_than_it_may_have() {
    let semaphore = Semaphore::bounded(2);
    let permit = semaphore.try_acquire_many(2).expect("two permits are free");
    let error = semaphore.try_add_permits(1).expect_err("they are held");
    assert!(error.to_string().contains("1 more are too many"));
    panics_saying(&["too many"], || semaphore.add_permits(1));
    permit.forget();
    semaphore.add_permits(2);
    assert_eq!(semaphore.available(), 2);
    assert!(
        semaphore.try_add_permits(1).is_err(),
        "they are all there again"
    );
    panics_saying(&["3 permits", "never"], || semaphore.acquire_many(3));
}

#[test]
fn more_permits_than_a_usize_can_count_are_too_many() {
    let semaphore = Semaphore::new(usize::MAX);
    assert!(semaphore.try_add_permits(1).is_err());
    drop(
        semaphore
            .try_acquire_many(usize::MAX)
            .expect("all are free"),
    );
    assert_eq!(semaphore.available(), usize::MAX);
}

/// `test_release_no_waiters`
#[test]
fn permits_that_no_task_waits_for_are_kept() {
    let semaphore = Semaphore::new(0);
    semaphore.add_permits(1);
    assert!(!semaphore.is_locked());
}

/// `test_acquire_fifo_order_2`, `test_acquire_fifo_order_3`
#[test]
fn no_request_overtakes_one_whose_permit_was_granted() {
    everywhere(async |team| {
        let semaphore = Rc::new(Semaphore::new(1));
        let permit = semaphore.acquire().await;
        let one = taker(team, &semaphore, 1);
        settle().await;
        drop(permit);
        assert!(semaphore.try_acquire().is_none());
        let two = taker(team, &semaphore, 1);
        settle().await;
        assert!(one.is_done() && !two.is_done());
        drop(one.value());
        settle().await;
        assert!(two.is_done());
    });
}

#[test]
fn a_request_for_many_permits_is_not_overtaken_by_one_for_few() {
    everywhere(async |team| {
        let semaphore = Rc::new(Semaphore::new(2));
        let big = taker(team, &semaphore, 3);
        let small = taker(team, &semaphore, 1);
        settle().await;
        assert!(!big.is_done() && !small.is_done() && semaphore.try_acquire().is_none());
        big.cancel();
        settle().await;
        assert_eq!(small.value().map(|permit| permit.count()), Some(1));
    });
}

#[test]
fn owned_permits_know_their_semaphore_and_can_be_forgotten() {
    let semaphore = Rc::new(Semaphore::new(3));
    let permit = Rc::clone(&semaphore).try_acquire_many_owned(2).unwrap();
    assert!(Rc::ptr_eq(permit.semaphore(), &semaphore));
    assert!(Rc::clone(&semaphore).try_acquire_many_owned(2).is_none());
    permit.forget();
    assert_eq!(semaphore.available(), 1);
}
