//! CPython's `LockTests` and `EventTests`.

use std::rc::Rc;

use wheelhouse::sync::{Event, Lock, LockGuard};
use wheelhouse::testing::Trace;

use crate::sync::locks::team::{everywhere, settle};

/// `test_lock`, `test_context_manager`, `test_lock_by_with_statement`
#[test]
fn a_guard_holds_the_lock_until_it_is_dropped() {
    everywhere(async |_| {
        let lock = Lock::new(());
        assert!(!lock.is_locked());
        let guard = lock.lock().await;
        assert!(lock.is_locked());
        drop(guard);
        assert!(!lock.is_locked());
    });
}

/// `test_acquire`
#[test]
fn waiting_tasks_get_the_lock_in_order() {
    everywhere(async |team| {
        let lock = Rc::new(Lock::new(()));
        let trace = Trace::new();
        let guard = lock.lock().await;
        for name in ["one", "two", "three"] {
            let (lock, trace) = (Rc::clone(&lock), trace.clone());
            team.spawn(async move {
                let _guard = lock.lock().await;
                trace.note(name);
            });
        }
        settle().await;
        trace.expect([""; 0]);
        drop(guard);
        assert!(lock.try_lock().is_none(), "it was handed over");
        settle().await;
        trace.expect(["one", "two", "three"]);
    });
}

/// `test_acquire_cancel`, `test_cancel_race`
#[test]
fn a_wait_that_is_cancelled_leaves_the_queue_to_the_others() {
    everywhere(async |team| {
        let lock = Rc::new(Lock::new(()));
        let guard = lock.lock().await;
        let locking = |lock: &Rc<Lock<()>>| {
            let lock = Rc::clone(lock);
            async move { drop(lock.lock().await) }
        };
        let (one, two) = (team.spawn(locking(&lock)), team.spawn(locking(&lock)));
        settle().await;
        one.cancel();
        settle().await;
        assert!(one.is_done() && !two.is_done());
        drop(guard);
        settle().await;
        assert!(two.value().is_some() && !lock.is_locked());
    });
}

/// `test_cancel_release_race`, `test_finished_waiter_cancelled`
#[test]
fn a_wait_that_is_cancelled_when_it_has_the_lock_hands_it_on() {
    everywhere(async |team| {
        let lock = Rc::new(Lock::new(0));
        let guard = lock.lock().await;
        let adding = |lock: &Rc<Lock<i32>>| {
            let lock = Rc::clone(lock);
            async move { *lock.lock().await += 1 }
        };
        let (one, two) = (team.spawn(adding(&lock)), team.spawn(adding(&lock)));
        settle().await;
        drop(guard);
        one.cancel();
        settle().await;
        assert!(one.value().is_none() && two.value().is_some());
        assert_eq!(*lock.try_lock().expect("the lock is free"), 1);
    });
}

/// `test_release_no_waiters`, as far as it applies to a guard
#[test]
fn a_guard_knows_its_lock_and_the_value() {
    let mut lock = Lock::from(1);
    let mut guard = lock.try_lock().expect("the lock is free");
    *guard += 1;
    assert!(LockGuard::lock(&guard).is_locked());
    drop(guard);
    *lock.get_mut() += 1;
    assert_eq!(lock.into_inner(), 3);
    assert_eq!(*Lock::<u8>::default().try_lock().unwrap(), 0);
}

#[test]
fn a_lock_may_guard_what_has_no_size() {
    let lock: Rc<Lock<[u8]>> = Rc::new(Lock::new([1, 2]));
    everywhere(async |_| assert_eq!(lock.lock().await.len(), 2));
}

/// `EventTests.test_wait`
#[test]
fn an_event_lets_all_go_that_wait() {
    everywhere(async |team| {
        let event = Rc::new(Event::new());
        let mates = [(); 3].map(|()| {
            let event = Rc::clone(&event);
            team.spawn(async move { event.wait().await })
        });
        settle().await;
        assert!(mates.iter().all(|mate| !mate.is_done()));
        event.set();
        settle().await;
        assert!(mates.iter().all(|mate| mate.is_done()));
    });
}

/// `EventTests.test_wait_on_set`
#[test]
fn an_event_that_is_set_is_not_waited_for() {
    let event = Event::default();
    event.set();
    let waited = futures::FutureExt::now_or_never(event.wait());
    assert!(waited.is_some() && event.is_set());
}

/// `EventTests.test_wait_cancel`
#[test]
fn a_cancelled_wait_for_an_event_leaves_the_others_waiting() {
    everywhere(async |team| {
        let event = Rc::new(Event::new());
        let waiting = |event: &Rc<Event>| {
            let event = Rc::clone(event);
            async move { event.wait().await }
        };
        let (one, two) = (team.spawn(waiting(&event)), team.spawn(waiting(&event)));
        settle().await;
        one.cancel();
        settle().await;
        assert!(one.is_done() && !two.is_done() && !event.is_set());
        event.set();
        settle().await;
        assert!(two.is_done());
    });
}

/// `EventTests.test_clear`, `test_clear_with_waiters`
#[test]
fn clearing_holds_back_newcomers_only() {
    everywhere(async |team| {
        let event = Rc::new(Event::new());
        let waiting = |event: &Rc<Event>| {
            let event = Rc::clone(event);
            async move { event.wait().await }
        };
        let early = team.spawn(waiting(&event));
        settle().await;
        event.set();
        event.clear();
        let late = team.spawn(waiting(&event));
        settle().await;
        assert!(early.is_done() && !late.is_done() && !event.is_set());
    });
}
