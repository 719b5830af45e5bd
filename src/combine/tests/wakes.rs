//! Wakes at awkward times and from other threads.

use super::tools::{Driven, Gate, Key, Tally, gate, gates, scaled};
use crate::combine::{as_completed, gather};
use futures::executor::block_on;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;

#[test]
fn a_wake_after_the_end_does_nothing() {
    let (keys, all) = gates(2);
    let mut all = Driven::new(gather(all));
    assert!(all.poll().is_pending());
    let kept = [keys[0].waker(), keys[1].waker()];
    keys.iter().for_each(|key| key.open(()));
    assert!(all.poll().is_ready());
    let before = all.wakes.get();
    kept[0].wake_by_ref();
    let wakes = all.wakes.clone();
    drop(all);
    kept.into_iter().for_each(Waker::wake);
    assert_eq!(wakes.get(), before);
}

#[test]
fn a_wake_after_the_drop_does_nothing_and_the_parents_waker_is_let_go() {
    let (key, gate) = gate::<()>();
    let mut all = Driven::new(gather([gate]));
    assert!(all.poll().is_pending());
    let (waker, wakes) = (key.waker(), all.wakes.clone());
    drop(all);
    assert_eq!(Arc::strong_count(&wakes), 1);
    let copy = waker.clone();
    assert!(copy.will_wake(&waker));
    waker.wake();
    thread::spawn(move || copy.wake()).join().unwrap();
    assert_eq!(wakes.get(), 0);
}

#[test]
fn the_wakes_of_a_future_that_has_ended_have_no_effect() {
    let (key, first) = gate();
    let (_other, second) = gate::<()>();
    let mut all = Driven::new(gather((first, second)));
    assert!(all.poll().is_pending());
    let waker = key.waker();
    key.open(());
    assert!(all.poll().is_pending());
    let before = all.wakes.get();
    waker.wake_by_ref();
    waker.wake();
    assert_eq!(all.wakes.get(), before);
    assert!(all.poll().is_pending());
    assert_eq!(key.polls(), 2);
}

#[test]
fn a_future_that_wakes_itself_and_ends_is_not_polled_again() {
    let polls = Tally::new();
    let ends = poll_fn(|cx| {
        polls.add();
        cx.waker().wake_by_ref();
        Poll::Ready(())
    });
    let (_key, gate) = gate::<()>();
    let mut all = Driven::new(gather((ends, gate)));
    for _ in 0..3 {
        assert!(all.poll().is_pending());
    }
    assert_eq!(polls.get(), 1);
}

#[test]
fn a_future_may_wake_its_sibling_while_it_is_polled() {
    let (key, gate) = gate();
    let mut first = true;
    let waker_of_sibling = poll_fn(|cx| {
        if std::mem::take(&mut first) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        key.open("from my sibling");
        Poll::Ready(())
    });
    assert_eq!(
        Driven::new(gather((gate, waker_of_sibling))).finish(),
        ("from my sibling", ())
    );
}

#[test]
fn destructors_may_wake_their_siblings() {
    struct WakesOnDrop(Waker);
    impl Drop for WakesOnDrop {
        fn drop(&mut self) {
            self.0.wake_by_ref();
        }
    }
    let (key, gate) = gate::<()>();
    let meddler = async {
        let _on_drop = WakesOnDrop(key.waker());
        std::future::pending::<()>().await;
    };
    let mut all = Driven::new(gather((gate, meddler)));
    assert!(all.poll().is_pending());
    let wakes = all.wakes.clone();
    drop(all);
    assert_eq!((wakes.get(), Arc::strong_count(&wakes)), (0, 1));
}

#[test]
fn a_gather_may_move_to_another_thread_between_polls() {
    let (keys, all) = gates(3);
    let mut all = Driven::new(gather(all));
    assert!(all.poll().is_pending());
    let worker = thread::spawn(move || {
        assert!(all.poll().is_pending());
        (all.poll(), all)
    });
    let (polled, mut all) = worker.join().unwrap();
    assert!(polled.is_pending());
    keys.iter().enumerate().for_each(|(n, key)| key.open(n));
    assert_eq!(all.poll(), Poll::Ready(vec![0, 1, 2]));
}

/// Opens keys that arrive over a channel, on a thread of its own.
fn opener() -> (mpsc::Sender<(usize, Key<usize>)>, thread::JoinHandle<()>) {
    let (send, receive) = mpsc::channel::<(usize, Key<usize>)>();
    let thread = thread::spawn(move || receive.iter().for_each(|(value, key)| key.open(value)));
    (send, thread)
}

#[test]
fn no_wake_from_other_threads_is_lost() {
    let (senders, threads): (Vec<_>, Vec<_>) = (0..3).map(|_| opener()).unzip();
    for _ in 0..scaled(300) {
        let n = scaled(100);
        let (keys, all) = gates(n);
        for (value, key) in keys.into_iter().enumerate() {
            senders[value % senders.len()].send((value, key)).unwrap();
        }
        let (head, tail): (Vec<_>, Vec<_>) = all
            .into_iter()
            .enumerate()
            .partition(|(value, _)| value % 2 == 0);
        let side = |half: Vec<(usize, Gate<usize>)>| {
            half.into_iter().map(|(_, gate)| gate).collect::<Vec<_>>()
        };
        let (even, odd) = block_on(gather((gather(side(head)).limit(10), drain(side(tail)))));
        assert!(even.into_iter().eq((0..n).step_by(2)));
        assert_eq!(odd, n / 2);
    }
    drop(senders);
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}

/// How many outputs come out of `as_completed`.
async fn drain(gates: Vec<Gate<usize>>) -> usize {
    let mut stream = as_completed(gates);
    let mut count = 0;
    while stream.next().await.is_some() {
        count += 1;
    }
    count
}

#[test]
fn wakes_from_other_threads_may_race_with_the_drop() {
    for _ in 0..scaled(500) {
        let (keys, all) = gates::<()>(8);
        let mut all = Driven::new(gather(all));
        assert!(all.poll().is_pending());
        let wakers: Vec<_> = keys.iter().map(|key| key.waker()).collect();
        let thread = thread::spawn(move || wakers.into_iter().for_each(Waker::wake));
        let wakes = all.wakes.clone();
        drop(all);
        thread.join().unwrap();
        assert_eq!(Arc::strong_count(&wakes), 1);
    }
}

#[test]
fn a_waker_may_be_cloned_and_dropped_on_other_threads_while_the_gather_is_polled() {
    let threads: Vec<_> = {
        let (keys, all) = gates::<()>(4);
        let mut all = Driven::new(gather(all));
        assert!(all.poll().is_pending());
        let meddle = |waker: Waker| {
            thread::spawn(move || {
                for _ in 0..scaled(2_000) {
                    waker.wake_by_ref();
                    let copy = waker.clone();
                    copy.wake();
                    drop(waker.clone());
                }
            })
        };
        let threads: Vec<_> = keys.iter().map(|key| meddle(key.waker())).collect();
        for _ in 0..scaled(2_000) {
            assert!(all.poll().is_pending());
        }
        threads
    };
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}

#[test]
fn a_parent_that_is_polled_without_need_keeps_the_wakes_that_come_later() {
    let (key, gate) = gate();
    let mut all = gather(vec![gate]);
    let wakes = Tally::new();
    let waker = Waker::from(wakes.clone());
    for _ in 0..3 {
        assert!(
            Pin::new(&mut all)
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
    }
    key.open(());
    assert_eq!((wakes.get(), key.polls()), (1, 1));
    assert!(
        Pin::new(&mut all)
            .poll(&mut Context::from_waker(&waker))
            .is_ready()
    );
}
