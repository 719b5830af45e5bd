//! `oneshot`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};

use futures::join;
use wheelhouse::sync::oneshot::{Receiver, Sender};
use wheelhouse::sync::{Closed, GetError, oneshot};
use wheelhouse::testing::Step;
use wheelhouse::{spawn, yield_now};

use super::{everywhere, steps_of};
use crate::common::bomb_waker::{CLONE, DROP, WAKE, bomb_waker};
use crate::common::{Bomb, CountingWaker, OnDrop, panic_text, poll_with};

#[test]
fn a_value_that_was_sent_before_or_after_the_await_arrives() {
    everywhere(async || {
        let (sender, receiver) = oneshot();
        sender.send(1).unwrap();
        assert_eq!(receiver.await, Ok(1));
        let (sender, receiver) = oneshot();
        let (got, ()) = join!(receiver, async { sender.send(2).unwrap() });
        assert_eq!(got, Ok(2));
    });
}

#[test]
fn a_sender_that_is_dropped_closes() {
    everywhere(async || {
        let (sender, receiver) = oneshot::<u8>();
        let (got, ()) = join!(receiver, async { drop(sender) });
        assert_eq!(got.unwrap_err().to_string(), "closed");
    });
}

#[test]
fn after_the_value_it_is_closed() {
    let (sender, mut receiver) = oneshot();
    let (_, waker) = CountingWaker::new();
    sender.send(1).unwrap();
    assert_eq!(poll_with(&mut receiver, &waker), Poll::Ready(Ok(1)));
    assert!(matches!(
        poll_with(&mut receiver, &waker),
        Poll::Ready(Err(Closed { .. }))
    ));
    assert_eq!(receiver.try_recv(), Err(GetError::Closed));
}

#[test]
fn the_receiver_is_woken_once_by_a_send() {
    let (sender, mut receiver) = oneshot();
    let (counter, waker) = CountingWaker::new();
    assert!(poll_with(&mut receiver, &waker).is_pending());
    sender.send(1).unwrap();
    assert_eq!(counter.wakes(), 1);
}

#[test]
fn only_the_latest_waker_is_woken() {
    let (sender, mut receiver) = oneshot();
    let ((old, first), (new, second)) = (CountingWaker::new(), CountingWaker::new());
    assert!(poll_with(&mut receiver, &first).is_pending());
    assert!(poll_with(&mut receiver, &second).is_pending());
    sender.send(1).unwrap();
    assert_eq!((old.wakes(), new.wakes()), (0, 1));
}

#[test]
fn closed_ends_when_the_receiver_goes() {
    everywhere(async || {
        let (mut sender, receiver) = oneshot::<u8>();
        assert!(!sender.is_closed());
        let ((), ()) = join!(sender.closed(), async { drop(receiver) });
        assert!(sender.is_closed());
        assert_eq!(sender.send(1).unwrap_err().0, 1);
    });
}

#[test]
fn a_receiver_that_stopped_waiting_is_not_woken() {
    let (mut sender, mut receiver) = oneshot::<u8>();
    let (counter, waker) = CountingWaker::new();
    assert!(poll_with(&mut sender.closed(), &waker).is_pending());
    assert!(poll_with(&mut receiver, &waker).is_pending());
    drop(receiver);
    drop(sender);
    assert_eq!(counter.wakes(), 0);
}

#[test]
fn a_value_that_was_not_received_is_dropped_with_the_receiver() {
    let dropped = Rc::new(Cell::new(false));
    let note = Rc::clone(&dropped);
    let (sender, receiver) = oneshot();
    assert!(sender.send(OnDrop::new(move || note.set(true))).is_ok());
    assert!(!dropped.get());
    drop(receiver);
    assert!(dropped.get());
}

#[test]
fn waiting_for_a_value_at_every_step_loses_none() {
    let most = steps_of("oneshot").run(async |step: &Step| {
        let (sender, receiver) = oneshot();
        let receiver = Rc::new(RefCell::new(receiver));
        let theirs = Rc::clone(&receiver);
        let task = spawn(async move {
            yield_now().await;
            sender.send(7).unwrap();
        });
        let cut = step.cut(std::future::poll_fn(move |cx| {
            std::pin::Pin::new(&mut *theirs.borrow_mut()).poll(cx)
        }));
        let got = cut.await.ended();
        task.await.unwrap();
        let left = receiver.borrow_mut().try_recv();
        assert_eq!(got.and_then(Result::ok).or(left.ok()), Some(7));
    });
    assert_eq!(most, 1);
}

#[test]
fn waiting_for_the_end_at_every_step_leaves_nothing() {
    let most = steps_of("closed").run(async |step: &Step| {
        let (mut sender, receiver) = oneshot::<u8>();
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
fn wakers_that_panic_do_no_harm() {
    let (sender, mut receiver) = oneshot();
    let bomb = bomb_waker(CLONE);
    assert!(panic_text(|| poll_with(&mut receiver, &bomb)).contains("clone"));
    sender.send(1).unwrap();
    assert_eq!(receiver.try_recv(), Ok(1));

    let (mut sender, mut receiver) = oneshot::<u8>();
    let bombs = [
        bomb_waker(WAKE),
        bomb_waker(WAKE),
        bomb_waker(DROP),
        bomb_waker(DROP),
    ];
    assert!(poll_with(&mut sender.closed(), &bombs[2]).is_pending());
    assert!(poll_with(&mut receiver, &bombs[3]).is_pending());
    assert!(poll_with(&mut receiver, &bombs[0]).is_pending());
    sender.send(1).unwrap();
    assert_eq!(receiver.try_recv(), Ok(1));
    std::mem::forget(bombs);
}

#[test]
fn a_value_whose_destructor_panics_does_so_when_all_is_done() {
    let (sender, receiver) = oneshot();
    assert!(sender.send(Bomb("value")).is_ok());
    assert_eq!(panic_text(|| drop(receiver)), "value");
}

/// A waker that sends a value when it is woken or dropped, which may be in the drop of the
/// receiver.
struct Sends(std::sync::Mutex<Option<fn()>>);

impl Wake for Sends {
    fn wake(self: Arc<Self>) {
        if let Some(call) = self.0.lock().unwrap().take() {
            call();
        }
    }
}

impl Drop for Sends {
    fn drop(&mut self) {
        if let Some(call) = self.0.get_mut().unwrap().take() {
            call();
        }
    }
}

thread_local! {
    static SENDER: RefCell<Option<Sender<u8>>> = const { RefCell::new(None) };
    static RECEIVER: RefCell<Option<Receiver<u8>>> = const { RefCell::new(None) };
}

#[test]
fn wakers_may_send_and_drop_from_inside() {
    // The old waker sends when it is dropped, after the new one was stored, so the new one is
    // woken.
    let (sender, mut receiver) = oneshot();
    SENDER.set(Some(sender));
    let send: fn() = || SENDER.take().unwrap().send(7).unwrap();
    let old = Waker::from(Arc::new(Sends(std::sync::Mutex::new(Some(send)))));
    assert!(poll_with(&mut receiver, &old).is_pending());
    drop(old);
    let (_, new) = CountingWaker::new();
    assert_eq!(poll_with(&mut receiver, &new), Poll::Ready(Ok(7)));

    // The waker of each side drops the other side.
    let (mut sender, receiver) = oneshot();
    RECEIVER.set(Some(receiver));
    let away: fn() = || drop(RECEIVER.take());
    let waker = Waker::from(Arc::new(Sends(std::sync::Mutex::new(Some(away)))));
    let mut closed = sender.closed();
    assert!(poll_with(&mut closed, &waker).is_pending());
    drop((closed, waker));
    assert!(sender.is_closed());
}
