//! `watch`.

use std::cell::RefCell;
use std::rc::Rc;

use futures::join;
use proptest::prelude::*;
use wheelhouse::sync::watch;
use wheelhouse::testing::Step;
use wheelhouse::{spawn, yield_now};

use super::{everywhere, steps_of};
use crate::common::bomb_waker::{WAKE, bomb_waker};
use crate::common::{CountingWaker, OnDrop, poll_with};

#[test]
fn a_slow_receiver_sees_the_latest_value_only() {
    everywhere(async || {
        let (sender, mut receiver) = watch(0);
        let (seen, ()) = join!(
            async {
                receiver.changed().await.unwrap();
                *receiver.borrow()
            },
            async { (1..=3).for_each(|n| sender.send(n).unwrap()) }
        );
        assert_eq!(seen, 3);
        assert_eq!(receiver.is_changed(), Ok(false));
    });
}

#[test]
fn every_receiver_sees_each_change_for_itself() {
    everywhere(async || {
        let (sender, mut one) = watch("a");
        let mut other = one.clone();
        sender.send("b").unwrap();
        one.changed().await.unwrap();
        let mut late = sender.subscribe();
        assert_eq!(late.is_changed(), Ok(false));
        assert_eq!(other.is_changed(), Ok(true));
        other.changed().await.unwrap();
        let (a, b, c, ()) = join!(one.changed(), other.changed(), late.changed(), async {
            sender.send("c").unwrap();
        });
        assert!(a.is_ok() && b.is_ok() && c.is_ok());
    });
}

#[test]
fn the_end_of_the_sender_is_heard_after_the_last_value() {
    everywhere(async || {
        let (sender, mut receiver) = watch(0);
        sender.send(1).unwrap();
        drop(sender);
        assert_eq!(receiver.changed().await, Ok(()));
        assert!(receiver.changed().await.is_err());
        assert_eq!(*receiver.borrow_and_update(), 1);
        let (sender, mut receiver) = watch(0);
        let (heard, ()) = join!(receiver.changed(), async { drop(sender) });
        assert!(heard.is_err());
    });
}

#[test]
fn closed_ends_with_the_last_receiver() {
    everywhere(async || {
        let (mut sender, one) = watch(0);
        let other = one.clone();
        drop(one);
        assert!(!sender.is_closed());
        join!(sender.closed(), async { drop(other) });
        assert!(sender.is_closed());
        // A new receiver opens the channel again.
        let late = sender.subscribe();
        assert!(!sender.is_closed());
        drop(late);
    });
}

#[test]
fn a_value_may_be_replaced_while_it_is_looked_at() {
    let (sender, receiver) = watch(String::from("old"));
    let old = receiver.borrow();
    sender.send(String::from("new")).unwrap();
    assert_eq!((old.as_str(), receiver.borrow().as_str()), ("old", "new"));
}

#[test]
fn the_destructor_of_a_value_may_send_the_next() {
    let (sender, mut receiver) = watch(None);
    let sender = Rc::new(sender);
    let (counter, waker) = CountingWaker::new();
    let theirs = Rc::clone(&sender);
    sender
        .send(Some(OnDrop::new(
            Box::new(move || theirs.send(None).unwrap()) as Box<dyn FnOnce()>,
        )))
        .unwrap();
    drop(receiver.borrow_and_update());
    let mut changed = receiver.changed();
    assert!(poll_with(&mut changed, &waker).is_pending());
    sender.send(None).unwrap();
    assert_eq!(counter.wakes(), 1);
    assert!(poll_with(&mut changed, &waker).is_ready());
    drop(changed);
    assert_eq!(receiver.is_changed(), Ok(false));
}

#[test]
fn a_waker_that_panics_keeps_no_other_task_asleep() {
    let (sender, mut one) = watch(0);
    let mut other = one.clone();
    let (counter, waker) = CountingWaker::new();
    let bomb = bomb_waker(WAKE);
    let (mut a, mut b) = (one.changed(), other.changed());
    assert!(poll_with(&mut a, &bomb).is_pending());
    assert!(poll_with(&mut b, &waker).is_pending());
    sender.send(1).unwrap();
    assert_eq!(counter.wakes(), 1);
}

#[test]
fn waiting_for_the_receivers_end_at_every_step_leaves_nothing() {
    let most = steps_of("watch closed").run(async |step: &Step| {
        let (mut sender, receiver) = watch(0);
        let task = spawn(async move {
            yield_now().await;
            drop(receiver);
        });
        drop(step.cut(async move { sender.closed().await }).await);
        task.await.unwrap();
    });
    assert_eq!(most, 1);
}

#[test]
fn a_change_does_not_count_as_seen_by_a_wait_that_is_dropped() {
    let most = steps_of("watch").run(async |step: &Step| {
        let (sender, receiver) = watch(0);
        let receiver = Rc::new(RefCell::new(Some(receiver)));
        let theirs = Rc::clone(&receiver);
        let task = spawn(async move {
            yield_now().await;
            sender.send(1).unwrap();
            sender
        });
        let cut = step.cut(async move {
            let mut own = theirs.borrow_mut().take().unwrap();
            // The cancellation leaves the receiver with the version that it has seen.
            let guard = OnDrop::new({
                let theirs = Rc::clone(&theirs);
                let seen = own.clone();
                move || drop(theirs.borrow_mut().replace(seen))
            });
            own.changed().await.unwrap();
            drop(guard);
            *theirs.borrow_mut() = Some(own);
        });
        let ended = cut.await.ended().is_some();
        let sender = task.await.unwrap();
        let receiver = receiver.borrow_mut().take().unwrap();
        assert_eq!(receiver.is_changed(), Ok(!ended));
        drop(sender);
    });
    assert_eq!(most, 1);
}

/// An operation on a watch.
#[derive(Clone, Debug)]
enum Deed {
    Send(u8),
    Replace(u8),
    Clone(usize),
    Subscribe,
    Update(usize),
    Drop(usize),
    Wait(usize),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        2 => any::<u8>().prop_map(Deed::Send),
        1 => any::<u8>().prop_map(Deed::Replace),
        1 => any::<usize>().prop_map(Deed::Clone),
        1 => Just(Deed::Subscribe),
        2 => any::<usize>().prop_map(Deed::Update),
        1 => any::<usize>().prop_map(Deed::Drop),
        3 => any::<usize>().prop_map(Deed::Wait),
    ]
}

proptest! {
    #[test]
    fn a_watch_does_as_the_model(deeds in prop::collection::vec(deed(), 0..60)) {
        let (sender, receiver) = watch(0);
        // The model: all values, and for each receiver the number of values that it has seen.
        let mut values = vec![0];
        let mut receivers = vec![(receiver, 1)];
        for deed in deeds {
            let count = receivers.len();
            match deed {
                Deed::Send(value) => {
                    let is_sent = sender.send(value).is_ok();
                    prop_assert_eq!(is_sent, count > 0);
                    values.extend(is_sent.then_some(value));
                }
                Deed::Replace(value) => {
                    prop_assert_eq!(Some(&*sender.send_replace(value)), values.last());
                    values.push(value);
                }
                Deed::Subscribe => receivers.push((sender.subscribe(), values.len())),
                _ if count == 0 => {}
                Deed::Clone(at) => {
                    let (receiver, known) = &receivers[at % count];
                    let pair = (receiver.clone(), *known);
                    receivers.push(pair);
                }
                Deed::Update(at) => {
                    let (receiver, known) = &mut receivers[at % count];
                    prop_assert_eq!(Some(&*receiver.borrow_and_update()), values.last());
                    *known = values.len();
                }
                Deed::Drop(at) => drop(receivers.remove(at % count)),
                Deed::Wait(at) => {
                    let (receiver, known) = &mut receivers[at % count];
                    let (_, waker) = CountingWaker::new();
                    let polled = poll_with(&mut receiver.changed(), &waker);
                    prop_assert_eq!(polled.is_ready(), *known < values.len());
                    *known = values.len();
                }
            }
            prop_assert_eq!(sender.is_closed(), receivers.is_empty());
            for (receiver, known) in &receivers {
                prop_assert_eq!(receiver.is_changed(), Ok(*known < values.len()));
                prop_assert_eq!(Some(&*receiver.borrow()), values.last());
            }
        }
    }
}
