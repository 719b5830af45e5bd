//! `try_gather`: all values, or the first error and nobody left.

use super::tools::{Driven, gate, gates};
use crate::combine::try_gather;
use std::future::ready;
use std::sync::Mutex;
use std::task::Poll;

type Outcome = Result<u8, &'static str>;

#[test]
fn all_values_come_in_argument_order() {
    let (keys, all) = gates::<Outcome>(3);
    let mut all = Driven::new(try_gather(all));
    assert!(all.poll().is_pending());
    keys[2].open(Ok(2));
    keys[0].open(Ok(0));
    assert!(all.poll().is_pending());
    keys[1].open(Ok(1));
    assert_eq!(all.poll(), Poll::Ready(Ok(vec![0, 1, 2])));
}

#[test]
fn tuples_and_arrays_keep_their_shape() {
    let tuple = try_gather((ready(Ok::<_, ()>(1)), ready(Ok("two"))));
    assert_eq!(Driven::new(tuple).finish(), Ok((1, "two")));
    let array = try_gather([ready(Ok::<_, ()>(1)), ready(Ok(2))]);
    assert_eq!(Driven::new(array).finish(), Ok([1, 2]));
}

#[test]
fn the_others_are_gone_when_the_error_is_returned() {
    let (keys, all) = gates::<Outcome>(4);
    let mut all = Driven::new(try_gather(all));
    assert!(all.poll().is_pending());
    keys[3].open(Ok(3));
    keys[1].open(Err("second"));
    assert_eq!(all.poll(), Poll::Ready(Err("second")));
    assert!(keys.iter().all(|key| key.drops() == 1));
    assert_eq!(keys[0].polls(), 1);
}

#[test]
fn the_first_error_in_time_wins_and_the_rest_of_the_round_is_not_polled() {
    let (keys, all) = gates::<Outcome>(3);
    let mut all = Driven::new(try_gather(all));
    assert!(all.poll().is_pending());
    keys[2].open(Err("third"));
    keys[0].open(Err("first"));
    assert_eq!(all.poll(), Poll::Ready(Err("third")));
    assert_eq!(keys[0].polls(), 1);
}

#[test]
fn those_after_a_ready_error_never_begin() {
    let (key, gate) = gate::<Outcome>();
    let mut all = Driven::new(try_gather((ready(Outcome::Err("at once")), gate)));
    assert_eq!(all.poll(), Poll::Ready(Err("at once")));
    assert_eq!((key.polls(), key.drops()), (0, 1));
}

#[test]
fn values_that_were_there_already_are_dropped_before_the_error_is_returned() {
    struct Loud<'a>(&'a Mutex<Vec<&'static str>>);
    impl Drop for Loud<'_> {
        fn drop(&mut self) {
            self.0.lock().unwrap().push("value dropped");
        }
    }
    let trace = Mutex::default();
    let good = async { Ok(Loud(&trace)) };
    let bad = async { Err::<(), _>("failed") };
    let outcome = Driven::new(try_gather((good, bad))).finish();
    trace.lock().unwrap().push(outcome.err().unwrap());
    assert_eq!(*trace.lock().unwrap(), ["value dropped", "failed"]);
}

#[test]
fn a_limited_try_gather_stops_beginning_at_the_first_error() {
    let (keys, all) = gates::<Outcome>(5);
    let mut all = Driven::new(try_gather(all).limit(2));
    assert!(all.poll().is_pending());
    keys[0].open(Ok(0));
    assert!(all.poll().is_pending());
    keys[2].open(Err("third"));
    assert_eq!(all.poll(), Poll::Ready(Err("third")));
    assert_eq!(
        keys.iter().map(|key| key.polls()).collect::<Vec<_>>(),
        [2, 1, 2, 0, 0]
    );
}

#[test]
#[should_panic(expected = "`try_gather` was polled again after it had ended")]
fn polling_a_try_gather_after_its_error_panics() {
    let mut all = Driven::new(try_gather([ready(Outcome::Err("no"))]));
    assert!(all.poll().is_ready());
    assert!(all.poll().is_pending());
}

#[test]
#[should_panic(expected = "`limit(0)`")]
fn a_limit_of_zero_is_refused() {
    drop(try_gather([ready(Outcome::Ok(1))]).limit(0));
}
