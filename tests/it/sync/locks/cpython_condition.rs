//! CPython's `ConditionTests`.

use std::rc::Rc;
use std::time::Duration;

use wheelhouse::sync::{Condition, Lock};
use wheelhouse::testing::Trace;
use wheelhouse::{testing, timeout};

use crate::sync::locks::team::{Mate, Team, everywhere, settle};

/// A lock, its condition, and a trace of the tasks that continued.
#[derive(Clone, Default)]
struct World {
    lock: Rc<Lock<u32>>,
    changed: Rc<Condition>,
    trace: Trace,
}

impl World {
    /// Spawns a task that waits once, and adds its name to the trace.
    fn waiter(&self, team: &Team<'_>, name: &'static str) -> Mate<()> {
        let world = self.clone();
        team.spawn(async move {
            let guard = world.lock.lock().await;
            let guard = world.changed.wait(guard).await;
            assert!(world.lock.is_locked());
            world.trace.note(name);
            drop(guard);
        })
    }
}

/// `test_wait`, `test_notify`, `test_notify_unacquired` (which is no error here)
#[test]
fn each_notice_lets_the_first_go_on() {
    everywhere(async |team| {
        let world = World::default();
        for name in ["one", "two", "three"] {
            world.waiter(team, name);
        }
        settle().await;
        assert!(!world.lock.is_locked(), "those who wait do not hold it");
        world.changed.notify(1);
        settle().await;
        assert_eq!(world.trace.take(), ["one"]);
        world.changed.notify(1);
        world.changed.notify(1000);
        settle().await;
        assert_eq!(world.trace.take(), ["two", "three"]);
    });
}

/// `test_notify_all`, `test_notify_all_unacquired`
#[test]
fn a_notice_to_all_lets_all_go_on_one_after_the_other() {
    everywhere(async |team| {
        let world = World::default();
        world.waiter(team, "one");
        world.waiter(team, "two");
        settle().await;
        world.changed.notify_all();
        settle().await;
        assert_eq!(world.trace.take(), ["one", "two"]);
        world.changed.notify_all();
        world.waiter(team, "late");
        settle().await;
        assert_eq!(world.trace.take(), [""; 0], "a notice is not kept");
    });
}

/// `test_wait_cancel`. Here the lock is not taken again.
#[test]
fn a_cancelled_wait_gives_the_lock_up_for_good() {
    everywhere(async |team| {
        let world = World::default();
        let one = world.waiter(team, "one");
        settle().await;
        one.cancel();
        settle().await;
        assert!(one.is_done() && !world.lock.is_locked());
        world.changed.notify(1);
        settle().await;
        assert_eq!(world.trace.take(), [""; 0]);
    });
}

/// `test_wait_cancel_contested`
#[test]
fn a_wait_that_is_cancelled_while_others_hold_the_lock_does_not_touch_it() {
    everywhere(async |team| {
        let world = World::default();
        let one = world.waiter(team, "one");
        settle().await;
        let guard = world.lock.lock().await;
        one.cancel();
        settle().await;
        assert!(one.is_done() && world.lock.is_locked());
        drop(guard);
        assert!(!world.lock.is_locked());
    });
}

/// `test_wait_cancel_after_notify`
#[test]
fn a_wait_that_is_cancelled_after_its_notice_passes_it_on() {
    everywhere(async |team| {
        for settled in [false, true] {
            let world = World::default();
            let one = world.waiter(team, "one");
            world.waiter(team, "two");
            settle().await;
            let guard = world.lock.lock().await;
            world.changed.notify(1);
            // Once before it is polled with the notification, once while it waits for the lock.
            if settled {
                settle().await;
            }
            one.cancel();
            settle().await;
            drop(guard);
            settle().await;
            assert_eq!(world.trace.take(), ["two"], "settled: {settled}");
        }
    });
}

#[test]
fn a_notify_all_is_not_passed_on_to_later_waits() {
    everywhere(async |team| {
        let world = World::default();
        let one = world.waiter(team, "one");
        settle().await;
        let guard = world.lock.lock().await;
        world.changed.notify_all();
        settle().await;
        drop(guard);
        let late = world.waiter(team, "late");
        one.cancel();
        settle().await;
        assert!(!late.is_done());
        assert_eq!(world.trace.take(), [""; 0]);
    });
}

/// `test_wait_for`
#[test]
fn wait_for_goes_on_when_the_predicate_holds() {
    everywhere(async |team| {
        let world = World::default();
        let theirs = world.clone();
        let mate = team.spawn(async move {
            let guard = theirs.lock.lock().await;
            *theirs.changed.wait_for(guard, |n| *n >= 2).await
        });
        for value in [0, 1, 2, 3] {
            settle().await;
            assert_eq!(mate.is_done(), value == 3, "before it is {value}");
            *world.lock.lock().await = value;
            world.changed.notify(1);
        }
        assert_eq!(mate.value(), Some(2));
    });
}

#[test]
fn wait_for_does_not_suspend_when_the_predicate_holds_at_once() {
    let world = World::default();
    let guard = world.lock.try_lock().expect("the lock is free");
    let waited = futures::FutureExt::now_or_never(world.changed.wait_for(guard, |_| true));
    assert!(waited.is_some());
}

#[test]
fn a_predicate_that_panics_gives_the_lock_back() {
    let world = World::default();
    let guard = world.lock.try_lock().expect("the lock is free");
    let predicate = |_: &mut u32| crate::common::silent_panic("a predicate");
    let waited = world.changed.wait_for(guard, predicate);
    crate::common::panics_saying(&["predicate"], || {
        futures::FutureExt::now_or_never(waited).is_some()
    });
    assert!(!world.lock.is_locked());
}

/// `test_timeout_in_block`
#[test]
fn a_wait_may_be_bounded_in_time() {
    testing::run(async {
        let world = World::default();
        let guard = world.lock.lock().await;
        let waited = timeout(Duration::from_secs(1), world.changed.wait(guard)).await;
        assert!(waited.is_err() && !world.lock.is_locked());
    });
}

/// `test_explicit_lock`
#[test]
fn two_conditions_may_share_a_lock() {
    everywhere(async |team| {
        let (one, two) = (World::default(), World::default());
        let two = World {
            lock: Rc::clone(&one.lock),
            ..two
        };
        one.waiter(team, "one");
        two.waiter(team, "two");
        settle().await;
        two.changed.notify_all();
        settle().await;
        assert_eq!((one.trace.take().len(), two.trace.take().len()), (0, 1));
    });
}

#[test]
fn the_next_holder_of_the_lock_that_a_wait_released_can_notify_that_wait() {
    everywhere(async |team| {
        let world = World::default();
        let guard = world.lock.lock().await;
        let waiter = world.waiter(team, "one");
        let theirs = world.clone();
        team.spawn(async move {
            let _guard = theirs.lock.lock().await;
            theirs.changed.notify(1);
        });
        settle().await;
        drop(guard);
        settle().await;
        assert!(waiter.is_done(), "it was in the queue before it let go");
    });
}
