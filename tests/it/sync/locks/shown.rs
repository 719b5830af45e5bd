//! The `Debug` output of the types (CPython's `test_repr`s), and which of them are `Send`.

use wheelhouse::sync::{Barrier, Condition, Event, Lock, RwLock, Semaphore};

use crate::common::{CountingWaker, poll_with};

#[test]
fn a_lock_shows_its_value_and_its_waits() {
    let (_counter, waker) = CountingWaker::new();
    let lock = Lock::new(7);
    assert_eq!(
        format!("{lock:?}"),
        "Lock { value: 7, locked: false, waiting: 0 }"
    );
    let guard = lock.try_lock().unwrap();
    let mut wait = lock.lock();
    assert!(poll_with(&mut wait, &waker).is_pending());
    let expected = "Lock { value: <locked>, locked: true, waiting: 1 }";
    assert_eq!(format!("{lock:?}"), expected);
    assert_eq!(
        (format!("{guard:?}"), format!("{guard}")),
        ("7".into(), "7".into())
    );
}

#[test]
fn the_others_show_their_states() {
    let rwlock = RwLock::new(7);
    let _reader = rwlock.try_read();
    let expected = "RwLock { value: 7, readers: 1, writer: false, waiting: 0 }";
    assert_eq!(format!("{rwlock:?}"), expected);
    let semaphore = Semaphore::new(2);
    let _permit = semaphore.try_acquire();
    let expected = "Semaphore { free: 1, total: 2, waiting: 0, .. }";
    assert_eq!(format!("{semaphore:?}"), expected);
    let event = Event::new();
    event.set();
    assert_eq!(format!("{event:?}"), "Event { set: true, waiting: 0 }");
    assert_eq!(
        format!("{:?}", Condition::new()),
        "Condition { waiting: 0 }"
    );
    let expected = "Barrier { parties: 2, waiting: 0, broken: false }";
    assert_eq!(format!("{:?}", Barrier::new(2)), expected);
}

#[test]
fn all_may_move_to_another_thread_while_they_are_not_borrowed() {
    fn sendable<T: Send>() {}
    sendable::<Lock<u8>>();
    sendable::<RwLock<u8>>();
    sendable::<Semaphore>();
    sendable::<Event>();
    sendable::<Condition>();
    sendable::<Barrier>();
}
