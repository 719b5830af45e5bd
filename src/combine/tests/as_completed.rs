//! `as_completed`: the order of arrival, `next`, `len`, the stream's end.

use super::tools::{Driven, Yielder, gates};
use crate::combine::as_completed;
use futures_core::{FusedStream, Stream};
use std::future::ready;
use std::pin::{Pin, pin};
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

#[test]
fn outputs_come_in_the_order_in_which_they_arrive() {
    let (keys, all) = gates(4);
    let mut stream = as_completed(all);
    let mut order = Vec::new();
    let mut reader = Driven::new(async {
        while let Some(value) = stream.next().await {
            order.push(value);
        }
    });
    assert!(reader.poll().is_pending());
    keys[2].open(2);
    keys[0].open(0);
    assert!(reader.poll().is_pending());
    keys[3].open(3);
    assert!(reader.poll().is_pending());
    keys[1].open(1);
    assert!(reader.poll().is_ready());
    drop(reader);
    assert_eq!(order, [2, 0, 3, 1]);
}

#[test]
fn all_begin_with_the_first_poll_even_if_one_is_ready() {
    let (keys, all) = gates(3);
    keys[0].open(0);
    let mut stream = as_completed(all);
    assert_eq!(Driven::new(stream.next()).finish(), Some(0));
    assert!(keys.iter().all(|key| key.polls() == 1));
}

#[test]
fn len_counts_the_outputs_that_were_not_returned() {
    let (keys, all) = gates(3);
    let mut stream = as_completed(all);
    assert_eq!((stream.len(), stream.size_hint()), (3, (3, Some(3))));
    keys.iter().enumerate().for_each(|(n, key)| key.open(n));
    for left in [2, 1, 0] {
        assert!(Driven::new(stream.next()).finish().is_some());
        assert_eq!(stream.len(), left);
    }
    assert!(stream.is_empty() && stream.is_terminated());
}

#[test]
fn after_the_end_the_stream_returns_none() {
    let mut stream = as_completed([ready(1)]);
    let got = [(); 4].map(|()| Driven::new(stream.next()).finish());
    assert_eq!(got, [Some(1), None, None, None]);
    let mut nothing = as_completed(Vec::<std::future::Ready<u8>>::new());
    assert!(nothing.is_empty());
    assert_eq!(Driven::new(nothing.next()).finish(), None);
}

#[test]
fn a_next_that_is_dropped_loses_nothing() {
    let (keys, all) = gates(2);
    let mut stream = as_completed(all);
    assert!(Driven::new(stream.next()).poll().is_pending());
    keys[1].open("b");
    assert_eq!(Driven::new(stream.next()).poll(), Poll::Ready(Some("b")));
    drop(stream.next());
    keys[0].open("a");
    assert_eq!(Driven::new(stream.next()).poll(), Poll::Ready(Some("a")));
}

#[test]
fn dropping_the_stream_drops_the_futures_and_the_unfetched_outputs() {
    use std::sync::Arc;
    let value = Arc::new(());
    let (keys, all) = gates(3);
    let mut stream = as_completed(all);
    keys.iter().take(2).for_each(|key| key.open(value.clone()));
    assert!(Driven::new(stream.next()).poll().is_ready());
    assert_eq!(Arc::strong_count(&value), 2);
    drop(stream);
    assert_eq!(Arc::strong_count(&value), 1);
    assert!(keys.iter().all(|key| key.drops() == 1));
}

#[test]
fn a_future_that_wakes_itself_for_ever_does_not_hold_the_others_up() {
    let trace = Mutex::default();
    let racers = [usize::MAX, 2, 1].map(|times| Yielder {
        times,
        value: times,
        trace: &trace,
    });
    let mut stream = as_completed(racers);
    assert_eq!(Driven::new(stream.next()).finish(), Some(1));
    assert_eq!(Driven::new(stream.next()).finish(), Some(2));
    assert!(Driven::new(stream.next()).poll().is_pending());
}

#[test]
fn it_works_through_the_stream_trait() {
    let mut stream = pin!(as_completed([ready(1), ready(2)]));
    let mut cx = Context::from_waker(Waker::noop());
    let mut poll = || Pin::as_mut(&mut stream).poll_next(&mut cx);
    assert_eq!(
        [poll(), poll(), poll()],
        [
            Poll::Ready(Some(1)),
            Poll::Ready(Some(2)),
            Poll::Ready(None)
        ]
    );
}

#[test]
fn a_panic_ends_the_stream() {
    let (keys, all) = gates::<u8>(2);
    keys[0].open(0);
    let racers = all.into_iter().enumerate().map(|(n, gate)| async move {
        assert!(n == 0, "the second one panics");
        gate.await
    });
    let mut stream = as_completed(racers);
    let mut poll = || {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            Driven::new(stream.next()).poll()
        }))
    };
    assert!(poll().is_err());
    assert!(matches!(poll(), Ok(Poll::Ready(None))));
    assert_eq!(stream.len(), 0);
    assert!(keys.iter().all(|key| key.drops() == 1));
}
