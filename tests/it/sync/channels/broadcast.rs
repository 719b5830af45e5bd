//! `broadcast`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::Poll;

use futures::join;
use proptest::prelude::*;
use wheelhouse::sync::broadcast::Receiver;
use wheelhouse::sync::{BroadcastError, TryBroadcastError, broadcast};
use wheelhouse::testing::Step;
use wheelhouse::{spawn, yield_now};

use super::{everywhere, steps_of};
use crate::common::bomb_waker::{WAKE, bomb_waker};
use crate::common::{CountingWaker, panic_text, panics_saying, poll_with, silent_panic};

#[test]
fn every_receiver_gets_every_item() {
    everywhere(async || {
        let (sender, mut one) = broadcast(4);
        let mut other = sender.subscribe();
        let take = async |receiver: &mut Receiver<i32>| {
            let mut all = Vec::new();
            while let Ok(item) = receiver.recv().await {
                all.push(item);
            }
            all
        };
        let send = async {
            for item in 0..4 {
                assert_eq!(sender.send(item).unwrap(), 2);
            }
            drop(sender);
        };
        let (a, b, ()) = join!(take(&mut one), take(&mut other), send);
        assert_eq!((&a, &b), (&vec![0, 1, 2, 3], &a));
    });
}

#[test]
fn a_slow_receiver_is_told_how_many_it_lost_and_goes_on() {
    everywhere(async || {
        let (sender, mut receiver) = broadcast(2);
        (0..5).for_each(|item| assert_eq!(sender.send(item), Ok(1)));
        assert_eq!(receiver.recv().await, Err(BroadcastError::Lagged(3)));
        assert_eq!(receiver.recv().await, Ok(3));
        assert_eq!(receiver.recv().await, Ok(4));
        drop(sender);
        let error = receiver.recv().await.unwrap_err();
        assert_eq!(error.to_string(), "closed");
        assert_eq!(
            BroadcastError::Lagged(3).to_string(),
            "lagging: 3 items were lost"
        );
    });
}

#[test]
fn a_send_without_receivers_returns_the_item() {
    let (sender, receiver) = broadcast(1);
    drop(receiver);
    assert_eq!(sender.send(1).unwrap_err().0, 1);
    let mut receiver = sender.subscribe();
    assert_eq!(receiver.try_recv(), Err(TryBroadcastError::Empty));
    assert_eq!(sender.clone().send(2), Ok(1));
    drop(sender);
    assert_eq!(receiver.try_recv(), Ok(2));
    assert_eq!(receiver.try_recv(), Err(TryBroadcastError::Closed));
}

#[test]
fn the_last_receiver_gets_the_item_itself() {
    /// Counts its clones.
    #[derive(Debug)]
    struct Counted(Rc<Cell<u32>>);
    impl Clone for Counted {
        fn clone(&self) -> Self {
            self.0.set(self.0.get() + 1);
            Self(Rc::clone(&self.0))
        }
    }
    let clones = Rc::new(Cell::new(0));
    let (sender, mut one) = broadcast(1);
    let mut other = sender.subscribe();
    sender.send(Counted(Rc::clone(&clones))).unwrap();
    one.try_recv().unwrap();
    assert_eq!(clones.get(), 1);
    other.try_recv().unwrap();
    assert_eq!(clones.get(), 1);
    assert_eq!(Rc::strong_count(&clones), 1, "nothing is kept");
}

#[test]
fn an_item_goes_when_the_last_receiver_that_wants_it_does() {
    let (sender, mut one) = broadcast(4);
    let other = sender.subscribe();
    let item = Rc::new(());
    sender.send(Rc::clone(&item)).unwrap();
    sender.send(Rc::clone(&item)).unwrap();
    one.try_recv().unwrap();
    assert_eq!(Rc::strong_count(&item), 3);
    drop(other);
    assert_eq!(Rc::strong_count(&item), 2);
    drop(one);
    assert_eq!(Rc::strong_count(&item), 1);
}

#[test]
fn the_drop_of_the_last_sender_wakes_waiting_receivers() {
    let (sender, mut receiver) = broadcast::<u8>(1);
    let other = sender.clone();
    let (counter, waker) = CountingWaker::new();
    let mut recv = receiver.recv();
    assert!(poll_with(&mut recv, &waker).is_pending());
    drop(sender);
    assert_eq!(counter.wakes(), 0);
    drop(other);
    assert_eq!(counter.wakes(), 1);
    assert_eq!(
        poll_with(&mut recv, &waker),
        Poll::Ready(Err(BroadcastError::Closed))
    );
}

#[test]
fn a_broadcast_of_nothing_is_refused() {
    panics_saying(&["bounded to 0"], || broadcast::<u8>(0));
}

#[test]
fn wakers_that_panic_keep_no_other_task_asleep() {
    let (sender, mut one) = broadcast(1);
    let mut other = sender.subscribe();
    let (counter, waker) = CountingWaker::new();
    let bomb = bomb_waker(WAKE);
    let (mut a, mut b) = (one.recv(), other.recv());
    assert!(poll_with(&mut a, &bomb).is_pending());
    assert!(poll_with(&mut b, &waker).is_pending());
    sender.send(1).unwrap();
    assert_eq!(counter.wakes(), 1);
}

thread_local! {
    static RECEIVER: RefCell<Option<Receiver<Odd>>> = const { RefCell::new(None) };
}

/// Its clone panics, its destructor uses the channel.
#[derive(Debug)]
struct Odd;

impl Clone for Odd {
    fn clone(&self) -> Self {
        silent_panic("no clone")
    }
}

impl Drop for Odd {
    fn drop(&mut self) {
        RECEIVER.with_borrow(|receiver| drop(receiver.clone()));
    }
}

#[test]
fn clones_that_panic_and_destructors_that_come_back_do_no_harm() {
    let (sender, mut one) = broadcast(1);
    RECEIVER.set(Some(sender.subscribe()));
    sender.send(Odd).unwrap();
    assert_eq!(panic_text(|| one.try_recv()), "no clone");
    sender.send(Odd).unwrap(); // drops the first
    RECEIVER.take();
    assert!(one.try_recv().is_ok());
}

#[test]
fn a_recv_that_is_dropped_takes_no_item() {
    let most = steps_of("broadcast").run(async |step: &Step| {
        let (sender, receiver) = broadcast(4);
        let receiver = Rc::new(futures::lock::Mutex::new(receiver));
        let taken = Rc::new(RefCell::new(Vec::new()));
        let (theirs, list) = (Rc::clone(&receiver), Rc::clone(&taken));
        let task = spawn(async move {
            for item in 0..3 {
                yield_now().await;
                sender.send(item).unwrap();
            }
        });
        let cut = step.cut(async move {
            let mut receiver = theirs.lock().await;
            while let Ok(item) = receiver.recv().await {
                list.borrow_mut().push(item);
            }
        });
        drop(cut.await);
        task.await.unwrap();
        let mut receiver = receiver.lock().await;
        while let Ok(item) = receiver.recv().await {
            taken.borrow_mut().push(item);
        }
        assert_eq!(*taken.borrow(), [0, 1, 2]);
    });
    assert!(most >= 2, "{most}");
}

/// An operation on a broadcast.
#[derive(Clone, Debug)]
enum Deed {
    Send(u8),
    Subscribe,
    Clone(usize),
    Recv(usize),
    Drop(usize),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => any::<u8>().prop_map(Deed::Send),
        1 => Just(Deed::Subscribe),
        1 => any::<usize>().prop_map(Deed::Clone),
        4 => any::<usize>().prop_map(Deed::Recv),
        1 => any::<usize>().prop_map(Deed::Drop),
    ]
}

/// The items that a receiver has not received yet, and the number of lost items.
type Own = (VecDeque<u8>, u64);

/// Returns the next result of a receiver in the model.
fn expected((items, lost): &mut Own, open: bool) -> Result<u8, TryBroadcastError> {
    match (std::mem::take(lost), items.is_empty()) {
        (0, false) => Ok(items.pop_front().unwrap()),
        (0, true) if open => Err(TryBroadcastError::Empty),
        (0, true) => Err(TryBroadcastError::Closed),
        (lost, _) => Err(TryBroadcastError::Lagged(lost)),
    }
}

proptest! {
    #[test]
    fn a_broadcast_does_as_the_model(
        capacity in 1..5_usize,
        deeds in prop::collection::vec(deed(), 0..60),
    ) {
        // The model: one queue for each receiver.
        let (sender, receiver) = broadcast(capacity);
        let mut receivers = vec![(receiver, Own::default())];
        for deed in deeds {
            let count = receivers.len();
            match deed {
                Deed::Send(item) => {
                    prop_assert_eq!(sender.send(item).ok(), Some(count).filter(|&n| n > 0));
                    for (_, (items, lost)) in &mut receivers {
                        items.push_back(item);
                        if items.len() > capacity {
                            items.pop_front();
                            *lost += 1;
                        }
                    }
                }
                Deed::Subscribe => receivers.push((sender.subscribe(), Own::default())),
                _ if count == 0 => {}
                Deed::Clone(at) => {
                    let (receiver, own) = &receivers[at % count];
                    let pair = (receiver.clone(), own.clone());
                    receivers.push(pair);
                }
                Deed::Recv(at) => {
                    let (receiver, own) = &mut receivers[at % count];
                    prop_assert_eq!(receiver.try_recv(), expected(own, true));
                }
                Deed::Drop(at) => drop(receivers.remove(at % count)),
            }
            prop_assert_eq!(sender.receivers(), receivers.len());
        }
        drop(sender);
        for (mut receiver, mut own) in receivers {
            loop {
                let got = receiver.try_recv();
                prop_assert_eq!(got, expected(&mut own, false));
                if got == Err(TryBroadcastError::Closed) {
                    break;
                }
            }
        }
    }
}
