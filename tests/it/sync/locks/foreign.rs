//! Wakers that panic or use the primitive, guards that a panic drops, waits and guards that are
//! leaked.

use std::cell::RefCell;
use std::mem;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, RawWaker, RawWakerVTable, Wake, Waker};

use wheelhouse::sync::{Barrier, Condition, Event, Lock, RwLock, Semaphore};

use crate::common::bomb_waker::{CLONE, DROP, WAKE, bomb_waker};
use crate::common::{CountingWaker, panics_saying, poll_with, silent_panic};

#[test]
fn a_waker_that_panics_when_it_is_woken_keeps_no_other_task_from_its_turn() {
    let (counter, good) = CountingWaker::new();
    let event = Event::new();
    let bad = bomb_waker(WAKE);
    let mut waits = [(); 4].map(|()| event.wait());
    for (number, wait) in waits.iter_mut().enumerate() {
        let waker = [&bad, &good][number % 2];
        assert!(poll_with(wait, waker).is_pending());
    }
    event.set();
    assert_eq!(counter.wakes(), 2);
    for wait in &mut waits {
        assert!(poll_with(wait, &good).is_ready());
    }
}

#[test]
fn a_waker_that_panics_when_it_is_cloned_leaves_all_as_it_was() {
    let (_counter, good) = CountingWaker::new();
    let lock = Lock::new(());
    let guard = lock.try_lock();
    let mut wait = lock.lock();
    let bad = bomb_waker(CLONE);
    panics_saying(&["clone"], || poll_with(&mut wait, &bad).is_ready());
    assert!(poll_with(&mut wait, &good).is_pending());
    panics_saying(&["clone"], || poll_with(&mut wait, &bad).is_ready());
    drop(guard);
    let polled = poll_with(&mut wait, &good);
    assert!(polled.is_ready() && lock.is_locked());
    drop(polled);
    assert!(!lock.is_locked());
}

#[test]
fn a_waker_that_panics_when_it_is_dropped_does_no_harm() {
    let (_counter, good) = CountingWaker::new();
    let semaphore = Semaphore::new(0);
    let (mut one, mut two) = (semaphore.acquire(), semaphore.acquire());
    // This waker itself is leaked: only its clones count.
    let bad = mem::ManuallyDrop::new(bomb_waker(DROP));
    assert!(poll_with(&mut one, &bad).is_pending());
    assert!(poll_with(&mut one, &good).is_pending());
    assert!(poll_with(&mut two, &bad).is_pending());
    drop(two);
    semaphore.add_permits(1);
    assert!(poll_with(&mut one, &good).is_ready());
}

/// What a waker does when it is woken or cloned.
type Act = Rc<dyn Fn()>;

thread_local! {
    /// What the wakers of these tests do.
    static ACT: RefCell<Option<Act>> = const { RefCell::new(None) };
}

/// Sets what the wakers of this thread do from now on.
fn act(f: impl Fn() + 'static) {
    ACT.set(Some(Rc::new(f)));
}

/// A waker that does what the test has set when it is woken or dropped.
struct Acting;

impl Acting {
    fn act() {
        let act = ACT.with_borrow(Clone::clone);
        act.into_iter().for_each(|act| act());
    }
}

impl Wake for Acting {
    fn wake(self: Arc<Self>) {
        Self::act();
    }
}

impl Drop for Acting {
    fn drop(&mut self) {
        Self::act();
    }
}

#[test]
fn wakers_may_use_what_wakes_or_drops_them() {
    let (counter, good) = CountingWaker::new();
    let world = Rc::new((
        Lock::new(0),
        RwLock::new(0),
        Semaphore::new(0),
        Event::new(),
    ));
    let theirs = Rc::clone(&world);
    act(move || {
        let (lock, rwlock, semaphore, event) = &*theirs;
        drop(lock.try_lock());
        drop(rwlock.try_write());
        drop(semaphore.try_acquire());
        semaphore.add_permits(1);
        event.set();
        event.clear();
    });
    let (lock, rwlock, semaphore, event) = &*world;
    let guards = (lock.try_lock(), rwlock.try_write());
    let mut waits = (
        lock.lock(),
        rwlock.read(),
        semaphore.acquire(),
        event.wait(),
    );
    let bad = || Waker::from(Arc::new(Acting));
    assert!(poll_with(&mut waits.0, &bad()).is_pending());
    assert!(poll_with(&mut waits.1, &bad()).is_pending());
    assert!(poll_with(&mut waits.2, &bad()).is_pending());
    assert!(poll_with(&mut waits.3, &bad()).is_pending());
    // Their wakers are dropped when another waker replaces them, and wake those of the semaphore
    // and the event.
    assert!(poll_with(&mut waits.0, &good).is_pending());
    drop(guards);
    assert!(poll_with(&mut waits.0, &good).is_ready());
    assert!(poll_with(&mut waits.1, &good).is_ready());
    assert!(poll_with(&mut waits.2, &good).is_ready());
    assert!(poll_with(&mut waits.3, &good).is_ready());
    assert_eq!(counter.wakes(), 1);
    ACT.take();
}

/// What a waker does when it is cloned.
static CLONING: RawWakerVTable = RawWakerVTable::new(clone_acting, |_| (), |_| (), |_| ());

fn clone_acting(data: *const ()) -> RawWaker {
    Acting::act();
    RawWaker::new(data, &CLONING)
}

#[test]
fn a_waker_whose_clone_frees_the_lock_does_not_wait_for_it() {
    // SAFETY: the functions of the table do not use the pointer, and any thread may call them.
    let waker = unsafe { Waker::new(std::ptr::null(), &CLONING) };
    let semaphore = Rc::new(Semaphore::new(0));
    let theirs = Rc::clone(&semaphore);
    act(move || theirs.add_permits(1));
    let mut wait = semaphore.acquire();
    assert!(poll_with(&mut wait, &waker).is_ready());
    ACT.take();
    // A wait that is granted while the waker that replaces its own is cloned.
    let (counter, good) = CountingWaker::new();
    let semaphore = Rc::new(Semaphore::new(0));
    let theirs = Rc::clone(&semaphore);
    let mut wait = semaphore.acquire();
    assert!(poll_with(&mut wait, &good).is_pending());
    act(move || theirs.add_permits(1));
    assert!(poll_with(&mut wait, &waker).is_ready());
    assert_eq!(counter.wakes(), 1);
    ACT.take();
}

#[test]
fn a_guard_that_a_panic_drops_gives_the_lock_on() {
    let (counter, waker) = CountingWaker::new();
    let lock = Lock::new(0);
    let guard = lock.try_lock();
    let mut wait = lock.lock();
    assert!(poll_with(&mut wait, &waker).is_pending());
    panics_saying(&["purpose"], || {
        let _guard = guard;
        silent_panic("on purpose");
    });
    assert_eq!(counter.wakes(), 1);
    let Poll::Ready(guard) = poll_with(&mut wait, &waker) else {
        panic!("it was handed over");
    };
    assert_eq!(*guard, 0, "the lock is not poisoned");
}

#[test]
fn a_guard_that_is_leaked_keeps_the_lock_and_no_more() {
    let (_counter, waker) = CountingWaker::new();
    let mut lock = Lock::new(1);
    mem::forget(lock.try_lock());
    let mut wait = lock.lock();
    assert!(poll_with(&mut wait, &waker).is_pending());
    drop(wait);
    assert!(lock.is_locked());
    *lock.get_mut() += 1;
    assert_eq!(lock.into_inner(), 2);
}

#[test]
fn a_wait_that_is_leaked_keeps_what_it_is_handed_and_no_more() {
    let (counter, waker) = CountingWaker::new();
    let semaphore = Semaphore::new(0);
    let (mut one, mut two) = (semaphore.acquire(), semaphore.acquire());
    assert!(poll_with(&mut one, &waker).is_pending());
    assert!(poll_with(&mut two, &waker).is_pending());
    mem::forget(one);
    semaphore.add_permits(1);
    assert!(poll_with(&mut two, &waker).is_pending());
    semaphore.add_permits(1);
    assert!(poll_with(&mut two, &waker).is_ready());
    assert_eq!(counter.wakes(), 2);
    drop(two);
    drop(semaphore);
    drop(waker);
    assert_eq!(Arc::strong_count(&counter), 1, "no waker is left");
}

#[test]
fn a_wait_that_was_never_polled_is_no_wait() {
    let lock = Lock::new(());
    let guard = lock.try_lock().expect("the lock is free");
    let (condition, barrier) = (Condition::new(), Barrier::new(2));
    drop((lock.lock(), barrier.wait()));
    assert_eq!(barrier.waiting(), 0);
    drop(condition.wait(guard));
    assert!(!lock.is_locked(), "the guard went in");
}

#[test]
fn a_write_guard_that_is_downgraded_lets_readers_in_and_no_writer() {
    use wheelhouse::sync::WriteGuard;
    let (_counter, waker) = CountingWaker::new();
    let lock = RwLock::new(1);
    let mut guard = lock.try_write().expect("the lock is free");
    *guard += 1;
    let (mut read, mut write) = (lock.read(), lock.write());
    assert!(poll_with(&mut read, &waker).is_pending());
    assert!(poll_with(&mut write, &waker).is_pending());
    let guard = WriteGuard::downgrade(guard);
    let Poll::Ready(other) = poll_with(&mut read, &waker) else {
        panic!("readers share");
    };
    assert!(poll_with(&mut write, &waker).is_pending());
    assert_eq!((*guard, *other), (2, 2));
    drop((guard, other));
    assert!(poll_with(&mut write, &waker).is_ready());
}

#[test]
fn the_waits_of_a_barrier_survive_each_others_wakers() {
    use crate::common::attack::{Boxed, attack};
    for breaks in [false, true] {
        wheelhouse::run(attack(async || {
            let barrier = Rc::new(Barrier::new(4));
            let waits = [(); 3].map(|()| -> Boxed {
                let barrier = Rc::clone(&barrier);
                Box::pin(async move { barrier.wait().await.map(drop).unwrap_or(()) })
            });
            let event = async move {
                if !breaks {
                    // One more than all, if none was dropped; then the barrier is full.
                    let mut last = barrier.wait();
                    poll_with(&mut last, Waker::noop()).map(drop).is_ready();
                }
                barrier.abort();
            };
            (waits.into(), event)
        }));
    }
}
