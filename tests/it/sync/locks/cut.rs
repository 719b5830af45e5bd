//! Each operation is ended at each of its suspensions, in every way: nothing is lost, and the next
//! waiting task gets its turn.

use std::rc::Rc;
use std::time::Duration;

use wheelhouse::sync::{Barrier, Condition, Event, Lock, RwLock, Semaphore};
use wheelhouse::testing::{Step, Steps};
use wheelhouse::{JoinHandle, sleep, spawn, timeout, yield_now};

use crate::common::turns;
use crate::steps::counting::bytes;

/// How long each task holds the lock or permit.
const WHILE: Duration = Duration::from_micros(10);

/// Returns the bound for the size of the future with this name, in bytes. It must not grow.
fn steps_of(name: &'static str) -> Steps {
    Steps::of(name).meter("bytes", bytes)
}

/// Waits for a task that must end.
async fn ends<T: 'static>(task: JoinHandle<T>) -> T {
    let ended = timeout(Duration::from_secs(1), task).await;
    ended
        .expect("the task gets its turn")
        .expect("the task returns")
}

/// Spawns a task that awaits the future of `make` some turns later, behind the one under test.
fn behind<F: Future + 'static>(make: impl FnOnce() -> F + 'static) -> JoinHandle<F::Output> {
    spawn(async move {
        sleep(WHILE / 2).await;
        make().await
    })
}

#[test]
fn lock() {
    let steps = steps_of("Lock::lock").run(async |step: &Step| {
        let lock = Rc::new(Lock::new(0));
        let (held, next) = (Rc::clone(&lock), Rc::clone(&lock));
        let holder = spawn(async move {
            let _guard = held.lock().await;
            sleep(WHILE).await;
        });
        yield_now().await;
        let last = behind(async move || *next.lock().await += 10);
        let ours = Rc::clone(&lock);
        let cut = step.cut(async move {
            *ours.lock().await += 1;
            yield_now().await;
        });
        let _cut = cut.await;
        ends(holder).await;
        ends(last).await;
        assert!(*lock.try_lock().expect("the lock is free") >= 10);
    });
    assert_eq!(steps, 2);
}

#[test]
fn rwlock() {
    for write in [false, true] {
        let steps = steps_of("RwLock").run(async |step: &Step| {
            let lock = Rc::new(RwLock::new(0));
            let held = Rc::clone(&lock);
            let holder = spawn(async move {
                let _guard = held.write().await;
                sleep(WHILE).await;
            });
            yield_now().await;
            let (next, later) = (Rc::clone(&lock), Rc::clone(&lock));
            let reader = behind(async move || *next.read().await);
            let writer = behind(async move || *later.write().await += 10);
            let ours = Rc::clone(&lock);
            let cut = step.cut(async move {
                if write {
                    *ours.write().await += 1;
                } else {
                    drop(ours.read().await);
                }
            });
            let _cut = cut.await;
            ends(holder).await;
            ends(reader).await;
            ends(writer).await;
            assert!(!lock.is_locked());
        });
        assert_eq!(steps, 1);
    }
}

#[test]
fn semaphore() {
    for (owned, count) in [(false, 1), (true, 1), (false, 3), (true, 3)] {
        let steps = steps_of("Semaphore").run(async |step: &Step| {
            let semaphore = Rc::new(Semaphore::new(3));
            let permit = Rc::clone(&semaphore).acquire_many_owned(3).await;
            let holder = spawn(async move {
                sleep(WHILE).await;
                drop(permit);
            });
            let next = Rc::clone(&semaphore);
            let last = behind(async move || next.acquire_many(2).await.count());
            let ours = Rc::clone(&semaphore);
            let cut = step.cut(async move {
                match (owned, count) {
                    (true, 1) => drop(ours.acquire_owned().await),
                    (true, _) => drop(ours.acquire_many_owned(count).await),
                    (false, 1) => drop(ours.acquire().await),
                    (false, _) => drop(ours.acquire_many(count).await),
                }
                yield_now().await;
            });
            let _cut = cut.await;
            ends(holder).await;
            assert_eq!(ends(last).await, 2);
            assert_eq!(semaphore.available(), 3);
        });
        assert_eq!(steps, 2);
    }
}

#[test]
fn event() {
    let steps = steps_of("Event::wait").run(async |step: &Step| {
        let event = Rc::new(Event::new());
        let (setter, other) = (Rc::clone(&event), Rc::clone(&event));
        let setter = spawn(async move {
            sleep(WHILE).await;
            setter.set();
        });
        let other = spawn(async move { other.wait().await });
        let ours = Rc::clone(&event);
        let _cut = step.cut(async move { ours.wait().await }).await;
        ends(setter).await;
        ends(other).await;
    });
    assert_eq!(steps, 1);
}

#[test]
fn condition() {
    let steps = steps_of("Condition::wait").run(async |step: &Step| {
        let world = Rc::new((Lock::new(0), Condition::new()));
        let (theirs, next) = (Rc::clone(&world), Rc::clone(&world));
        let notifier = spawn(async move {
            sleep(WHILE).await;
            let guard = theirs.0.lock().await;
            theirs.1.notify(1);
            turns(3).await;
            drop(guard);
        });
        let last = behind(async move || drop(next.1.wait(next.0.lock().await).await));
        let ours = Rc::clone(&world);
        let cut = step.cut(async move {
            let guard = ours.0.lock().await;
            drop(ours.1.wait(guard).await);
        });
        let ended = cut.await.ended().is_some();
        ends(notifier).await;
        // The notification was for one of the two: for the first, or else for the one behind.
        if ended {
            world.1.notify(1);
        }
        ends(last).await;
        assert!(!world.0.is_locked());
    });
    assert_eq!(steps, 2, "for the notice, and for the lock");
}

#[test]
fn barrier() {
    let steps = steps_of("Barrier::wait").run(async |step: &Step| {
        let barrier = Rc::new(Barrier::new(2));
        let theirs = Rc::clone(&barrier);
        let other = behind(async move || theirs.wait().await);
        let ours = Rc::clone(&barrier);
        let ended = step.cut(async move { ours.wait().await }).await.ended();
        // If it left before the round was full, another task has to arrive.
        sleep(WHILE).await;
        if ended.is_none() && barrier.waiting() == 1 {
            assert!(barrier.wait().await.is_ok());
        }
        assert!(ends(other).await.is_ok());
        assert_eq!(barrier.waiting(), 0);
    });
    assert_eq!(steps, 1);
}

#[test]
fn condition_wait_for() {
    let steps = steps_of("Condition::wait_for").run(async |step: &Step| {
        let world = Rc::new((Lock::new(0), Condition::new()));
        let theirs = Rc::clone(&world);
        let counter = spawn(async move {
            for _ in 0..3 {
                sleep(WHILE).await;
                *theirs.0.lock().await += 1;
                theirs.1.notify_all();
            }
        });
        let (ours, next) = (Rc::clone(&world), Rc::clone(&world));
        let last = behind(async move || {
            let guard = next.0.lock().await;
            *next.1.wait_for(guard, |count| *count >= 3).await
        });
        let cut = step.cut(async move {
            let guard = ours.0.lock().await;
            *ours.1.wait_for(guard, |count| *count >= 2).await
        });
        assert!(cut.await.ended().is_none_or(|count| count >= 2));
        ends(counter).await;
        assert_eq!(ends(last).await, 3);
        assert!(!world.0.is_locked());
    });
    assert!(steps >= 2, "{steps}");
}
