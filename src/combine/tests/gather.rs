//! `gather`: outputs, order, counts of polls and wakes, the limit.

use super::tools::{Driven, Tally, Yielder, gate, gates, scaled};
use crate::combine::{gather, try_gather};
use std::future::{pending, ready};
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

#[test]
fn outputs_come_in_argument_order_whatever_the_order_of_the_ends() {
    let (a, first) = gate();
    let (b, second) = gate();
    let (c, third) = gate();
    let mut all = Driven::new(gather((first, second, third)));
    assert!(all.poll().is_pending());
    c.open('c');
    a.open("a");
    b.open(2);
    assert_eq!(all.poll(), Poll::Ready(("a", 2, 'c')));
}

#[test]
fn a_tuple_of_one_and_a_tuple_of_twelve_are_gathered() {
    assert_eq!(Driven::new(gather((ready(1),))).finish(), (1,));
    let r = ready::<u8>;
    let twelve = gather((
        r(0),
        r(1),
        r(2),
        r(3),
        r(4),
        r(5),
        r(6),
        r(7),
        r(8),
        r(9),
        r(10),
        r(11),
    ));
    assert_eq!(
        Driven::new(twelve).finish(),
        (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
    );
}

#[test]
fn an_array_gives_an_array_and_a_vec_gives_a_vec() {
    let trace = Mutex::default();
    let yielder = |value| Yielder {
        times: 3 - value,
        value,
        trace: &trace,
    };
    let array: [usize; 3] = Driven::new(gather([0, 1, 2].map(yielder))).finish();
    let vec: Vec<usize> = Driven::new(gather(vec![yielder(2), yielder(1)])).finish();
    assert_eq!((array, vec), ([0, 1, 2], vec![2, 1]));
}

#[test]
fn a_gather_of_nothing_is_ready_at_once() {
    assert_eq!(Driven::new(gather(())).poll(), Poll::Ready(()));
    assert_eq!(
        Driven::new(gather::<[std::future::Ready<u8>; 0]>([])).poll(),
        Poll::Ready([])
    );
    assert_eq!(
        Driven::new(gather(Vec::<std::future::Ready<u8>>::new()).limit(1)).poll(),
        Poll::Ready(vec![])
    );
    assert_eq!(Driven::new(try_gather(())).poll(), Poll::Ready(Ok(())));
}

#[test]
fn nothing_is_polled_before_the_first_poll() {
    let (key, gate) = gate::<()>();
    let all = gather(vec![gate]);
    assert_eq!((key.polls(), key.drops()), (0, 0));
    drop(all);
    assert_eq!((key.polls(), key.drops()), (0, 1));
}

#[test]
fn futures_may_borrow_from_the_caller_and_need_not_be_send() {
    let text = String::from("wheel");
    let count = Rc::new(std::cell::Cell::new(0));
    let add = async |n| {
        count.set(count.get() + n);
        text.len()
    };
    let lengths = Driven::new(gather((add(1), add(2)))).finish();
    assert_eq!((lengths, count.get(), text.as_str()), ((5, 5), 3, "wheel"));
}

#[test]
fn anything_that_turns_into_a_future_is_taken() {
    struct Later(u8);
    impl IntoFuture for Later {
        type Output = u8;
        type IntoFuture = std::future::Ready<u8>;
        fn into_future(self) -> Self::IntoFuture {
            ready(self.0)
        }
    }
    let mut lent = ready(2);
    assert_eq!(Driven::new(gather((Later(1), &mut lent))).finish(), (1, 2));
    assert_eq!(Driven::new(gather([Later(3), Later(4)])).finish(), [3, 4]);
    assert_eq!(Driven::new(gather(vec![Later(5)])).finish(), [5]);
}

#[test]
fn n_futures_that_are_woken_once_each_cost_2n_polls() {
    for n in [1_000, scaled(100_000)] {
        let trace = Mutex::default();
        let all = (0..n).map(|value| Yielder {
            times: 1,
            value,
            trace: &trace,
        });
        let outputs = Driven::new(gather(all.collect::<Vec<_>>())).finish();
        assert!(outputs.into_iter().eq(0..n));
        assert_eq!(trace.into_inner().unwrap().len(), 2 * n);
    }
}

#[test]
fn a_wake_of_one_future_polls_that_one_only() {
    let (keys, all) = gates(100);
    let mut all = Driven::new(gather(all));
    assert!(all.poll().is_pending());
    keys[37].wake();
    assert!(all.poll().is_pending());
    assert!(all.poll().is_pending());
    for (index, key) in keys.iter().enumerate() {
        assert_eq!(key.polls(), if index == 37 { 2 } else { 1 });
        key.open(index);
    }
    assert!(matches!(all.poll(), Poll::Ready(outputs) if outputs.len() == 100));
}

#[test]
fn futures_are_polled_in_the_order_of_their_wakes() {
    let order = Mutex::new(Vec::new());
    let (keys, all) = gates::<()>(5);
    let all = all.into_iter().enumerate().map(|(index, gate)| {
        let order = &order;
        async move {
            gate.await;
            order.lock().unwrap().push(index);
        }
    });
    let mut all = Driven::new(gather(all.collect::<Vec<_>>()));
    assert!(all.poll().is_pending());
    for index in [3, 0, 4, 1] {
        keys[index].open(());
        keys[index].wake();
    }
    assert!(all.poll().is_pending());
    keys[2].open(());
    assert!(all.poll().is_ready());
    assert_eq!(*order.lock().unwrap(), [3, 0, 4, 1, 2]);
}

#[test]
fn a_future_that_wakes_itself_is_polled_once_for_each_poll_of_the_parent() {
    let trace = Mutex::default();
    let endless = Yielder {
        times: usize::MAX,
        value: 7,
        trace: &trace,
    };
    let (key, gate) = gate();
    let mut all = Driven::new(gather((endless, gate)));
    for turn in 1..=5 {
        assert!(all.poll().is_pending());
        assert_eq!(trace.lock().unwrap().len(), turn);
        assert_eq!(all.wakes.get(), turn);
    }
    key.open(());
    assert_eq!(all.wakes.get(), 5, "the parent is awake already");
    assert!(all.poll().is_pending());
    assert_eq!(key.polls(), 2);
}

#[test]
fn the_parent_is_woken_once_between_two_polls() {
    let (keys, all) = gates::<()>(10);
    let mut all = Driven::new(gather(all));
    for round in 1..=3 {
        assert!(all.poll().is_pending());
        keys.iter().for_each(|key| key.wake());
        assert_eq!(all.wakes.get(), round);
    }
}

#[test]
fn the_parents_last_waker_is_the_one_that_is_woken() {
    let (key, gate) = gate::<()>();
    let mut all = pin!(gather([gate]));
    let wakes = [Tally::new(), Tally::new()];
    for tally in &wakes {
        let waker = Waker::from(tally.clone());
        assert!(
            all.as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
    }
    assert_eq!(
        Arc::strong_count(&wakes[0]),
        1,
        "the first waker was let go"
    );
    key.wake();
    assert_eq!([wakes[0].get(), wakes[1].get()], [0, 1]);
}

#[test]
fn the_limit_bounds_how_many_run_at_once() {
    let (running, most) = (Tally::new(), std::cell::Cell::new(0));
    let trace = Mutex::default();
    let work = async |value: usize| {
        let now = running.add();
        most.set(most.get().max(now));
        let value = Yielder {
            times: value % 4,
            value,
            trace: &trace,
        }
        .await;
        running.sub();
        value
    };
    let all = gather((0..100).map(work).collect::<Vec<_>>()).limit(7);
    assert!(Driven::new(all).finish().into_iter().eq(0..100));
    assert_eq!(most.get(), 7);
}

#[test]
fn a_limited_gather_begins_the_next_one_when_one_has_ended() {
    let (keys, all) = gates(4);
    let begun =
        |keys: &[super::tools::Key<_>]| keys.iter().map(|key| key.polls()).collect::<Vec<_>>();
    let mut all = Driven::new(gather(all).limit(2));
    assert!(all.poll().is_pending());
    assert_eq!(begun(&keys), [1, 1, 0, 0]);
    keys[1].open(1);
    assert!(all.poll().is_pending());
    assert_eq!(begun(&keys), [1, 2, 1, 0]);
    keys[3].open(3);
    keys[0].open(0);
    assert!(all.poll().is_pending());
    assert_eq!(begun(&keys), [2, 2, 1, 1]);
    keys[2].open(2);
    assert_eq!(all.poll(), Poll::Ready(vec![0, 1, 2, 3]));
}

#[test]
fn ready_futures_under_a_limit_all_end_in_the_first_poll() {
    let all = (0..1_000).map(ready).collect::<Vec<_>>();
    assert!(Driven::new(gather(all).limit(1)).poll().is_ready());
}

#[test]
#[should_panic(expected = "ask for at least 1")]
fn a_limit_of_zero_is_refused() {
    drop(gather([pending::<()>()]).limit(0));
}

#[test]
#[should_panic(expected = "`gather` was polled again after it had ended")]
fn polling_a_gather_after_its_end_panics() {
    let mut all = Driven::new(gather(()));
    assert!(all.poll().is_ready());
    assert!(all.poll().is_pending());
}

#[test]
fn a_gather_in_a_gather_polls_only_the_leaf_that_was_woken() {
    let (keys, mut leaves) = gates::<u8>(4);
    let right = leaves.split_off(2);
    let mut tree = Driven::new(gather((gather(leaves), gather(right))));
    assert!(tree.poll().is_pending());
    keys[3].wake();
    assert_eq!(tree.wakes.get(), 1);
    assert!(tree.poll().is_pending());
    assert_eq!(
        keys.iter().map(|key| key.polls()).collect::<Vec<_>>(),
        [1, 1, 1, 2]
    );
    (0..).zip(&keys).for_each(|(n, key)| key.open(n));
    assert_eq!(tree.poll(), Poll::Ready((vec![0, 1], vec![2, 3])));
}

#[test]
fn debug_shows_how_many_are_left() {
    let (key, gate) = gate::<()>();
    let mut all = Driven::new(gather((gate, pending::<()>())));
    assert!(all.poll().is_pending());
    key.open(());
    assert!(all.poll().is_pending());
    assert_eq!(
        format!("{:?}", all.future()),
        "Gather { futures: 2, left: 1 }"
    );
}

#[test]
fn a_gather_is_send_when_its_parts_are() {
    fn is_send<T: Send + Sync>(_: &T) {}
    fn is_unpin<T: Unpin>(_: &T) {}
    is_send(&gather((ready(1), ready("a"))));
    is_send(&gather([ready(1)]));
    is_send(&gather(vec![async { 1 }]));
    is_send(&try_gather(vec![async { Ok::<u8, String>(1) }]).limit(3));
    is_send(&crate::combine::as_completed([ready(1)]));
    is_send(&crate::combine::as_completed([ready(1)]).next());
    is_unpin(&gather(vec![async { 1 }]));
    is_unpin(&crate::combine::as_completed([async { 1 }]));
}
