//! `inbox`, with senders on other threads.

use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use futures::StreamExt;
use futures::executor::LocalPool;
use wheelhouse::sync::{GetError, PutError, inbox};
use wheelhouse::testing::Step;
use wheelhouse::{Remote, run, spawn, testing, yield_now};

use super::{everywhere, steps_of};
use crate::common::bomb_waker::{CLONE, WAKE, bomb_waker};
use crate::common::{Bomb, CountingWaker, panic_text, panics_saying, poll_with};

fn sends<T: Send + Sync>() {}

#[test]
fn senders_go_to_other_threads_with_what_may() {
    sends::<inbox::Sender<std::cell::Cell<u8>>>();
    sends::<inbox::BoundedSender<std::cell::Cell<u8>>>();
}

/// Spawns threads that send `each` numbers each.
fn threads(count: usize, each: usize, send: impl Fn(usize) + Clone + Send + 'static) {
    for thread in 0..count {
        let send = send.clone();
        thread::spawn(move || (0..each).for_each(|n| send(thread * each + n)));
    }
}

/// Returns `true` if all numbers of each thread were received in order.
fn check(items: &[usize], count: usize, each: usize) {
    for thread in 0..count {
        let own = thread * each..(thread + 1) * each;
        let theirs: Vec<_> = items.iter().copied().filter(|n| own.contains(n)).collect();
        assert_eq!(theirs, own.collect::<Vec<_>>());
    }
    assert_eq!(items.len(), count * each);
}

#[test]
fn items_of_each_thread_arrive_in_order() {
    let make = || {
        let (sender, receiver) = inbox::unbounded();
        threads(4, 1000, move |n| sender.send(n).unwrap());
        receiver.collect::<Vec<_>>()
    };
    check(&run(make()), 4, 1000);
    check(&LocalPool::new().run_until(make()), 4, 1000);
}

#[test]
fn a_bounded_inbox_blocks_its_threads_and_loses_nothing() {
    let make = || {
        let (sender, receiver) = inbox::bounded(2);
        threads(4, 500, move |n| sender.send(n).unwrap());
        receiver.collect::<Vec<_>>()
    };
    check(&run(make()), 4, 500);
    check(&LocalPool::new().run_until(make()), 4, 500);
}

#[test]
fn virtual_time_waits_for_a_thread_that_holds_a_remote() {
    testing::run(async {
        let (sender, mut receiver) = inbox::unbounded();
        let remote = Remote::current();
        thread::spawn(move || {
            sender.send(1).unwrap();
            drop(remote);
        });
        assert_eq!(receiver.recv().await, Ok(1));
    });
}

#[test]
fn an_inbox_closes_when_the_last_sender_has_gone() {
    everywhere(async || {
        let (sender, mut receiver) = inbox::unbounded();
        let other = sender.clone();
        sender.send(1).unwrap();
        drop(sender);
        assert_eq!(receiver.recv().await, Ok(1));
        assert_eq!(receiver.try_recv(), Err(GetError::Empty));
        let (got, ()) = futures::join!(receiver.recv(), async { drop(other) });
        assert!(got.is_err());
        assert_eq!(receiver.next().await, None);
    });
}

#[test]
fn a_receiver_that_goes_gives_blocked_threads_their_items_back() {
    let (sender, receiver) = inbox::bounded(1);
    sender.send(0).unwrap();
    assert_eq!(sender.try_send(1), Err(PutError::Full(1)));
    let (about_to, started) = mpsc::channel();
    let blocked: Vec<_> = (1..=2)
        .map(|n| {
            let (sender, about_to) = (sender.clone(), about_to.clone());
            thread::spawn(move || {
                about_to.send(()).unwrap();
                sender.send(n).unwrap_err().0
            })
        })
        .collect();
    started.iter().take(2).for_each(drop);
    // Senders that are blocked and senders that would block later return an error.
    drop(receiver);
    let back: Vec<_> = blocked
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect();
    assert_eq!(back, [1, 2]);
    assert!(sender.is_closed());
    assert_eq!(sender.try_send(3), Err(PutError::Closed(3)));
}

#[test]
fn an_inbox_for_nothing_is_refused() {
    panics_saying(&["bounded to 0", "unbounded()"], || inbox::bounded::<u8>(0));
}

#[test]
fn the_receiver_is_woken_once_until_it_looks_again() {
    let (sender, mut receiver) = inbox::unbounded();
    let (counter, waker) = CountingWaker::new();
    assert!(poll_with(&mut receiver.next(), &waker).is_pending());
    sender.send(1).unwrap();
    sender.send(2).unwrap();
    assert_eq!(counter.wakes(), 1);
    assert!(poll_with(&mut receiver.recv(), &waker).is_ready());
    assert!(poll_with(&mut receiver.recv(), &waker).is_ready());
    assert!(poll_with(&mut receiver.recv(), &waker).is_pending());
    drop(sender);
    assert_eq!(counter.wakes(), 1, "who was dropped does not wait");
}

#[test]
fn wakers_and_items_that_panic_do_no_harm() {
    let (sender, mut receiver) = inbox::unbounded();
    let bombs = [bomb_waker(CLONE), bomb_waker(WAKE)];
    let mut recv = receiver.recv();
    assert!(panic_text(|| poll_with(&mut recv, &bombs[0])).contains("clone"));
    drop(recv);
    assert!(poll_with(&mut receiver.next(), &bombs[1]).is_pending());
    sender.send(Bomb("item")).unwrap();
    assert_eq!(panic_text(|| drop(receiver)), "item");
    std::mem::forget(sender.send(Bomb("late")));
    std::mem::forget(bombs);
}

#[test]
fn receiving_at_every_step_loses_nothing() {
    let most = steps_of("inbox").run(async |step: &Step| {
        let (sender, receiver) = inbox::unbounded();
        let receiver = Rc::new(futures::lock::Mutex::new(receiver));
        let received = Arc::new(AtomicUsize::new(0));
        let (theirs, sum) = (Rc::clone(&receiver), Arc::clone(&received));
        let task = spawn(async move {
            for item in [1, 10, 100] {
                yield_now().await;
                sender.send(item).unwrap();
            }
        });
        let cut = step.cut(async move {
            let mut receiver = theirs.lock().await;
            while let Ok(item) = receiver.recv().await {
                sum.fetch_add(item, Ordering::Relaxed);
            }
        });
        drop(cut.await);
        task.await.unwrap();
        let mut receiver = receiver.lock().await;
        while let Ok(item) = receiver.recv().await {
            received.fetch_add(item, Ordering::Relaxed);
        }
        assert_eq!(received.load(Ordering::Relaxed), 111);
    });
    assert!(most >= 2, "{most}");
}
