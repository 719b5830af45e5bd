//! Panics wherever a user's code runs: in a poll, a destructor, an output's destructor, a waker.

use super::tools::{Bomb, Driven, Key, Yielder, gate, gates};
use crate::combine::{gather, try_gather};
use std::collections::VecDeque;
use std::future::{Future, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

/// Runs `f`, which must panic with a number.
fn number_of_panic<T>(f: impl FnOnce() -> T) -> usize {
    let outcome = catch_unwind(AssertUnwindSafe(f));
    let payload = outcome.err().expect("no panic");
    *payload.downcast().expect("not a number")
}

/// A future that holds a bomb and never ends.
async fn keep(bomb: Bomb<'_>) -> Bomb<'_> {
    pending::<()>().await;
    bomb
}

fn bombs<'a>(armed: &[bool], trace: &'a Mutex<VecDeque<usize>>) -> Vec<Bomb<'a>> {
    let numbered = armed.iter().enumerate();
    numbered
        .map(|(number, &armed)| Bomb {
            number,
            armed,
            trace,
        })
        .collect()
}

#[test]
fn a_panicking_future_drops_the_others_and_its_panic_goes_on() {
    for index in 0..3 {
        let (keys, gates): (Vec<Key<()>>, Vec<_>) = gates(3);
        let all = gates.into_iter().enumerate().map(|(n, gate)| async move {
            gate.await;
            if n == index {
                std::panic::panic_any(n);
            }
        });
        let mut all = Driven::new(gather(all.collect::<Vec<_>>()));
        assert!(all.poll().is_pending());
        keys[index].open(());
        assert_eq!(number_of_panic(|| all.poll()), index);
        assert!(keys.iter().all(|key| key.drops() == 1));
        keys.iter().for_each(|key| key.wake());
        assert!(
            catch_unwind(AssertUnwindSafe(|| all.poll())).is_err(),
            "polled after a panic"
        );
    }
}

#[test]
fn a_panicking_branch_of_try_gather_drops_the_others_and_its_panic_goes_on() {
    let (key, gate) = gate::<Result<(), ()>>();
    let bad = async { std::panic::panic_any::<usize>(9) };
    let bad = async {
        bad.await;
        Ok::<(), ()>(())
    };
    let mut all = Driven::new(try_gather((gate, bad)));
    assert_eq!(number_of_panic(|| all.poll()), 9);
    assert_eq!((key.polls(), key.drops()), (1, 1));
}

#[test]
fn a_destructor_that_panics_when_its_future_ends_drops_the_others() {
    struct Ends<'a>(Bomb<'a>);
    impl Future for Ends<'_> {
        type Output = usize;
        fn poll(self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<usize> {
            Poll::Ready(self.0.number)
        }
    }
    let trace = Mutex::default();
    let all = bombs(&[false, true, false], &trace).into_iter().map(Ends);
    let mut all = Driven::new(gather(all.collect::<Vec<_>>()));
    assert_eq!(number_of_panic(|| all.poll()), 1);
    drop(all);
    assert_eq!(*trace.lock().unwrap(), [0, 1, 2]);
}

#[test]
fn each_future_is_dropped_although_every_destructor_panics() {
    for begun in [false, true] {
        let trace = Mutex::default();
        let all = bombs(&[true; 5], &trace)
            .into_iter()
            .map(keep)
            .collect::<Vec<_>>();
        let mut all = Driven::new(gather(all));
        if begun {
            assert!(all.poll().is_pending());
        }
        assert_eq!(number_of_panic(|| drop(all)), 0, "the first panic goes on");
        assert_eq!(*trace.lock().unwrap(), [0, 1, 2, 3, 4]);
    }
}

#[test]
fn the_same_holds_for_a_tuple_and_for_an_array() {
    let trace = Mutex::default();
    let bomb = |number| {
        keep(Bomb {
            number,
            armed: true,
            trace: &trace,
        })
    };
    assert_eq!(
        number_of_panic(|| drop(gather((bomb(0), bomb(1), bomb(2))))),
        0
    );
    assert_eq!(number_of_panic(|| drop(gather([bomb(3), bomb(4)]))), 3);
    assert_eq!(*trace.lock().unwrap(), [0, 1, 2, 3, 4]);
}

#[test]
fn outputs_whose_destructors_panic_are_all_dropped() {
    let trace = Mutex::default();
    let mut armed = bombs(&[true; 3], &trace).into_iter();
    let mut next = || ready(armed.next().unwrap());
    let mut all = Driven::new(gather((next(), next(), next(), pending::<()>())));
    assert!(all.poll().is_pending());
    assert_eq!(number_of_panic(|| drop(all)), 0);
    assert_eq!(*trace.lock().unwrap(), [0, 1, 2]);
}

#[test]
fn a_panicking_future_beats_the_panics_of_the_destructors() {
    let trace = Mutex::default();
    let mut all: Vec<_> = bombs(&[true; 3], &trace)
        .into_iter()
        .map(|bomb| Some(keep(bomb)))
        .collect();
    all.insert(1, None);
    let all = all.into_iter().map(async |kept| match kept {
        Some(kept) => drop(kept.await),
        None => std::panic::panic_any(77_usize),
    });
    let mut all = Driven::new(gather(all.collect::<Vec<_>>()));
    assert_eq!(number_of_panic(|| all.poll()), 77);
    assert_eq!(*trace.lock().unwrap(), [0, 1, 2]);
}

#[test]
fn an_error_gives_way_to_the_panic_of_a_destructor() {
    let trace = Mutex::default();
    let kept = keep(Bomb {
        number: 5,
        armed: true,
        trace: &trace,
    });
    let good = async {
        drop(kept.await);
        Ok::<(), ()>(())
    };
    let bad = async { Err::<(), ()>(()) };
    let mut all = Driven::new(try_gather((good, bad)));
    assert_eq!(number_of_panic(|| all.poll()), 5);
    assert!(
        catch_unwind(AssertUnwindSafe(|| all.poll())).is_err(),
        "polled after a panic"
    );
}

#[test]
fn destructors_that_panic_while_a_panic_unwinds_do_not_end_the_program() {
    let trace = Mutex::default();
    let number = number_of_panic(|| {
        let mut all = Driven::new(gather(
            bombs(&[true; 3], &trace)
                .into_iter()
                .map(keep)
                .collect::<Vec<_>>(),
        ));
        assert!(all.poll().is_pending());
        std::panic::panic_any(42_usize);
    });
    assert_eq!(number, 42);
    assert_eq!(*trace.lock().unwrap(), [0, 1, 2]);
}

#[test]
fn a_panic_of_the_parents_waker_reaches_the_caller_of_wake_and_nothing_is_lost() {
    struct Angry;
    impl Wake for Angry {
        fn wake(self: Arc<Self>) {
            std::panic::panic_any(3_usize);
        }
    }
    let (key, gate) = gate();
    let mut all = std::pin::pin!(gather([gate]));
    let angry = Waker::from(Arc::new(Angry));
    assert!(
        all.as_mut()
            .poll(&mut Context::from_waker(&angry))
            .is_pending()
    );
    let waker = key.waker();
    assert_eq!(number_of_panic(|| waker.wake()), 3);
    key.open("still here");
    let polled = all.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(polled, Poll::Ready(["still here"]));
}

#[test]
fn a_future_that_panics_under_a_limit_leaves_the_rest_unpolled() {
    let trace = Mutex::default();
    let all = (0..4).map(|value| {
        let trace = &trace;
        async move {
            Yielder {
                times: 1,
                value,
                trace,
            }
            .await;
            std::panic::panic_any(value);
        }
    });
    let mut all = Driven::new(gather(all.collect::<Vec<_>>()).limit(2));
    assert!(all.poll().is_pending());
    assert_eq!(number_of_panic(|| drop::<Poll<Vec<()>>>(all.poll())), 0);
    assert_eq!(*trace.lock().unwrap(), [0, 1, 0]);
}
