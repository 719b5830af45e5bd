//! The locks, semaphores and events of each peer, and their workloads. `smol` uses `async-lock` and
//! `event-listener` on its executor. tokio has no event, so its `Notify` is used.

use super::work::YieldOnce;
use super::{Peer, Smol, Tokio, Wheelhouse};
use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::ops::DerefMut;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// A peer with locks around a number, semaphores and events.
pub(crate) trait SyncPeer: Peer {
    /// A lock.
    type Lock: 'static;
    /// A semaphore.
    type Semaphore: 'static;
    /// An event.
    type Event: 'static;

    /// Creates a lock.
    fn new_lock() -> Self::Lock;
    /// Waits for it.
    fn lock(lock: &Self::Lock) -> impl Future<Output = impl DerefMut<Target = u64>>;
    /// Creates a semaphore.
    fn new_semaphore(permits: usize) -> Self::Semaphore;
    /// Acquires a permit.
    fn acquire(semaphore: &Self::Semaphore) -> impl Future<Output = impl Sized>;
    /// Creates an event.
    fn new_event() -> Self::Event;
    /// Waits for it.
    fn wait(event: &Self::Event) -> impl Future<Output = ()>;
    /// Wakes all present waiters, but no later ones.
    fn set(event: &Self::Event);
}

impl SyncPeer for Wheelhouse {
    type Lock = wheelhouse::sync::Lock<u64>;
    type Semaphore = wheelhouse::sync::Semaphore;
    type Event = wheelhouse::sync::Event;

    fn new_lock() -> Self::Lock {
        Self::Lock::new(0)
    }

    fn lock(lock: &Self::Lock) -> impl Future<Output = impl DerefMut<Target = u64>> {
        lock.lock()
    }

    fn new_semaphore(permits: usize) -> Self::Semaphore {
        Self::Semaphore::new(permits)
    }

    fn acquire(semaphore: &Self::Semaphore) -> impl Future<Output = impl Sized> {
        semaphore.acquire()
    }

    fn new_event() -> Self::Event {
        Self::Event::new()
    }

    fn wait(event: &Self::Event) -> impl Future<Output = ()> {
        event.wait()
    }

    fn set(event: &Self::Event) {
        event.set();
        event.clear();
    }
}

impl SyncPeer for Tokio {
    type Lock = tokio::sync::Mutex<u64>;
    type Semaphore = tokio::sync::Semaphore;
    type Event = tokio::sync::Notify;

    fn new_lock() -> Self::Lock {
        Self::Lock::new(0)
    }

    fn lock(lock: &Self::Lock) -> impl Future<Output = impl DerefMut<Target = u64>> {
        lock.lock()
    }

    fn new_semaphore(permits: usize) -> Self::Semaphore {
        Self::Semaphore::new(permits)
    }

    fn acquire(semaphore: &Self::Semaphore) -> impl Future<Output = impl Sized> {
        semaphore.acquire()
    }

    fn new_event() -> Self::Event {
        Self::Event::new()
    }

    fn wait(event: &Self::Event) -> impl Future<Output = ()> {
        event.notified()
    }

    fn set(event: &Self::Event) {
        event.notify_waiters();
    }
}

impl SyncPeer for Smol {
    type Lock = async_lock::Mutex<u64>;
    type Semaphore = async_lock::Semaphore;
    type Event = event_listener::Event;

    fn new_lock() -> Self::Lock {
        Self::Lock::new(0)
    }

    fn lock(lock: &Self::Lock) -> impl Future<Output = impl DerefMut<Target = u64>> {
        lock.lock()
    }

    fn new_semaphore(permits: usize) -> Self::Semaphore {
        Self::Semaphore::new(permits)
    }

    fn acquire(semaphore: &Self::Semaphore) -> impl Future<Output = impl Sized> {
        semaphore.acquire()
    }

    fn new_event() -> Self::Event {
        Self::Event::new()
    }

    fn wait(event: &Self::Event) -> impl Future<Output = ()> {
        event.listen()
    }

    fn set(event: &Self::Event) {
        event.notify(usize::MAX);
    }
}

/// Polls once with a waker that does nothing, so that no runtime is measured.
fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Acquires and releases a free lock; `rounds` times.
pub(crate) async fn lock_free<P: SyncPeer>(rounds: u64) {
    let lock = black_box(P::new_lock());
    let work = async {
        for _ in 0..rounds {
            *P::lock(&lock).await += 1;
        }
        assert_eq!(*P::lock(&lock).await, rounds);
    };
    P::unbudgeted(work).await;
}

/// Waits for a lock that is held and then released; `rounds` times. One poll has a hundred of them,
/// as a task gives way after many ready operations.
pub(crate) async fn lock_handed<P: SyncPeer>(rounds: u64) {
    let lock = black_box(P::new_lock());
    let mut next = 0;
    let work = poll_fn(|task| {
        for _ in next..rounds.min(next + 100) {
            let Poll::Ready(mut guard) = poll(pin!(P::lock(&lock))) else {
                panic!("the lock is free");
            };
            *guard += 1;
            let mut waits = pin!(P::lock(&lock));
            assert!(poll(waits.as_mut()).is_pending());
            drop(guard);
            let Poll::Ready(mut guard) = poll(waits) else {
                panic!("the lock was handed over");
            };
            *guard += 1;
        }
        next += 100;
        if next >= rounds {
            return Poll::Ready(());
        }
        task.waker().wake_by_ref();
        Poll::Pending
    });
    P::unbudgeted(work).await;
}

/// Lets `tasks` tasks acquire one lock `rounds` times each, and yield while they hold it.
pub(crate) async fn lock_tasks<P: SyncPeer>(peer: &P, tasks: usize, rounds: u64) {
    let lock = Rc::new(P::new_lock());
    let start = |_| {
        let lock = Rc::clone(&lock);
        peer.spawn(async move {
            for _ in 0..rounds {
                let mut guard = P::lock(&lock).await;
                YieldOnce::default().await;
                *guard += 1;
            }
        })
    };
    let handles: Vec<_> = (0..tasks).map(start).collect();
    for handle in handles {
        handle.await;
    }
    assert_eq!(*P::lock(&lock).await, tasks as u64 * rounds);
}

/// Acquires and releases a free permit; `rounds` times.
pub(crate) async fn semaphore_free<P: SyncPeer>(rounds: u64) {
    let semaphore = black_box(P::new_semaphore(2));
    let work = async {
        for _ in 0..rounds {
            black_box(P::acquire(&semaphore).await);
        }
    };
    P::unbudgeted(work).await;
}

/// Lets `tasks` tasks acquire one of ten permits `rounds` times each, and yield while they hold it.
pub(crate) async fn semaphore_tasks<P: SyncPeer>(peer: &P, tasks: usize, rounds: u64) {
    let semaphore = Rc::new(P::new_semaphore(10));
    let start = |_| {
        let semaphore = Rc::clone(&semaphore);
        peer.spawn(async move {
            for _ in 0..rounds {
                let _permit = P::acquire(&semaphore).await;
                YieldOnce::default().await;
            }
        })
    };
    let handles: Vec<_> = (0..tasks).map(start).collect();
    for handle in handles {
        handle.await;
    }
}

/// Lets `count` waiters wait for an event, which is then set; `rounds` times.
pub(crate) async fn event<P: SyncPeer>(count: usize, rounds: u64) {
    let event = black_box(P::new_event());
    let work = poll_fn(|_| {
        for _ in 0..rounds {
            let mut waits: Vec<_> = (0..count).map(|_| Box::pin(P::wait(&event))).collect();
            for wait in &mut waits {
                assert!(poll(wait.as_mut()).is_pending());
            }
            P::set(&event);
            for wait in &mut waits {
                assert!(poll(wait.as_mut()).is_ready());
            }
        }
        Poll::Ready(())
    });
    P::unbudgeted(work).await;
}
