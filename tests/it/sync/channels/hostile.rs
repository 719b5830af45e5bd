//! Wakers that poll and drop the waits of a channel, and panic, in each of their calls.

use std::cell::RefCell;
use std::rc::Rc;

use wheelhouse::run;
use wheelhouse::sync::{broadcast, watch};

use crate::common::attack::{Boxed, attack};

#[test]
fn the_receivers_of_a_broadcast_survive_each_others_wakers() {
    for closes in [false, true] {
        run(attack(async || {
            let (sender, first) = broadcast::<u32>(2);
            let receivers = [first, sender.subscribe(), sender.subscribe()];
            let futures = receivers.map(|mut receiver| -> Boxed {
                Box::pin(async move { assert_eq!(receiver.recv().await.is_err(), closes) })
            });
            let event = async move {
                if !closes {
                    sender.send(7).ok();
                }
                drop(sender);
            };
            (futures.into(), event)
        }));
    }
}

#[test]
fn the_receivers_of_a_watch_survive_each_others_wakers() {
    for closes in [false, true] {
        run(attack(async || {
            let (sender, first) = watch(1);
            let receivers = [first, sender.subscribe(), sender.subscribe()];
            let futures = receivers.map(|mut receiver| -> Boxed {
                Box::pin(async move { assert_eq!(receiver.changed().await.is_err(), closes) })
            });
            let event = async move {
                if !closes {
                    sender.send(7).ok();
                }
                drop(sender);
            };
            (futures.into(), event)
        }));
    }
}

/// The waker of the sender drops the last receiver, or is woken by its drop.
#[test]
fn the_sender_of_a_watch_survives_the_drop_of_its_receivers() {
    run(attack(async || {
        let (mut sender, first) = watch(1);
        let receivers = Rc::new(RefCell::new(vec![first.clone(), first]));
        let theirs = Rc::clone(&receivers);
        let closed: Boxed = Box::pin(async move { sender.closed().await });
        let drops: Boxed = Box::pin(async move {
            wheelhouse::yield_now().await;
            let receiver = theirs.borrow_mut().pop();
            drop(receiver);
        });
        let event = async move {
            let rest = receivers.take();
            drop(rest);
        };
        (vec![closed, drops], event)
    }));
}
