//! CPython's `BarrierTests`.
//!
//! Its cases of a barrier that drains (`test_draining_state`, `test_blocking_tasks_while_draining`,
//! `test_reset_barrier_*_draining*`, `test_abort_barrier_when_tasks_half_draining_half_blocking`)
//! are one test here, since this barrier has no such state.

use std::rc::Rc;

use futures::FutureExt;
use wheelhouse::sync::{Arrival, Barrier, BrokenBarrier};

use crate::common::panics_saying;
use crate::sync::locks::team::{Mate, Team, everywhere, settle};

/// The result of a wait.
type Passed = Result<Arrival, BrokenBarrier>;

/// Spawns a task that waits once.
fn party(team: &Team<'_>, barrier: &Rc<Barrier>) -> Mate<Passed> {
    let barrier = Rc::clone(barrier);
    team.spawn(async move { barrier.wait().await })
}

/// Returns the number of a task that has ended.
fn number(mate: &Mate<Passed>) -> Option<usize> {
    mate.value().map(|passed| passed.unwrap().index())
}

/// `test_barrier_parties`
#[test]
fn a_barrier_for_0_tasks_is_refused() {
    panics_saying(&["at least one"], || Barrier::new(0));
    assert_eq!(Barrier::new(5).parties(), 5);
}

/// `test_filling_one_task`, `test_filling_one_task_twice`
#[test]
fn a_barrier_for_one_does_not_suspend() {
    let barrier = Barrier::new(1);
    for _ in 0..2 {
        let arrival = barrier
            .wait()
            .now_or_never()
            .expect("the round is full")
            .unwrap();
        assert!(arrival.is_leader());
    }
}

/// `test_barrier`, `test_filling_task_by_task`, `test_filling_tasks_check_return_value`
#[test]
fn the_last_to_arrive_lets_all_go_and_each_has_a_number() {
    everywhere(async |team| {
        let barrier = Rc::new(Barrier::new(3));
        let (one, two) = (party(team, &barrier), party(team, &barrier));
        settle().await;
        assert_eq!((barrier.waiting(), one.is_done()), (2, false));
        let leader = barrier
            .wait()
            .now_or_never()
            .expect("the last task does not wait");
        assert!(leader.unwrap().is_leader());
        assert_eq!(barrier.waiting(), 0);
        settle().await;
        assert_eq!((number(&one), number(&two)), (Some(1), Some(2)));
    });
}

/// `test_filling_tasks_wait_twice`; `test_draining_state` and similar: the next round fills before
/// the tasks of the last one have run
#[test]
fn rounds_follow_each_other_at_once() {
    everywhere(async |team| {
        let barrier = Rc::new(Barrier::new(2));
        let first = party(team, &barrier);
        settle().await;
        let _leader = barrier
            .wait()
            .now_or_never()
            .expect("the last task does not wait");
        let mut third = Box::pin(barrier.wait());
        assert!((&mut third).now_or_never().is_none());
        assert_eq!(barrier.waiting(), 1, "of the next round");
        barrier.abort();
        barrier.reset();
        settle().await;
        assert_eq!(number(&first), Some(1), "it had passed");
        assert_eq!(third.await, Err(BrokenBarrier::Aborted));
    });
}

/// `test_filling_tasks_cancel_one`
#[test]
fn one_that_is_cancelled_does_not_count() {
    everywhere(async |team| {
        let barrier = Rc::new(Barrier::new(3));
        let mates = [(); 2].map(|()| party(team, &barrier));
        settle().await;
        mates[0].cancel();
        settle().await;
        assert!(!barrier.is_broken());
        assert_eq!(barrier.waiting(), 1);
        let late = party(team, &barrier);
        settle().await;
        let _leader = barrier
            .wait()
            .now_or_never()
            .expect("the last task does not wait");
        settle().await;
        assert_eq!((number(&mates[1]), number(&late)), (Some(1), Some(2)));
    });
}

/// `test_reset_barrier`, `test_reset_barrier_while_tasks_waiting`, `.._and_waiting_again`
#[test]
fn a_reset_ends_all_waits_and_begins_a_round() {
    everywhere(async |team| {
        let barrier = Rc::new(Barrier::new(2));
        let one = party(team, &barrier);
        settle().await;
        barrier.reset();
        assert!(!barrier.is_broken() && barrier.waiting() == 0);
        settle().await;
        assert_eq!(one.value(), Some(Err(BrokenBarrier::Reset)));
        let two = party(team, &barrier);
        settle().await;
        assert!(barrier.wait().await.is_ok());
        settle().await;
        assert_eq!(number(&two), Some(1));
    });
}

/// `test_abort_barrier`, `test_abort_barrier_when_exception`, `.._then_resetting`
#[test]
fn an_abort_sends_all_away_until_a_reset() {
    everywhere(async |team| {
        let barrier = Rc::new(Barrier::new(2));
        let one = party(team, &barrier);
        settle().await;
        barrier.abort();
        assert!(barrier.is_broken());
        settle().await;
        assert_eq!(one.value(), Some(Err(BrokenBarrier::Aborted)));
        assert_eq!(barrier.wait().await, Err(BrokenBarrier::Aborted));
        barrier.reset();
        let two = party(team, &barrier);
        settle().await;
        assert!(!two.is_done() && barrier.wait().await.is_ok());
        settle().await;
        assert!(two.is_done());
    });
}
