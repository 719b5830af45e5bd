//! The harness that cancels at every step, tried on futures with a planted fault, and on some
//! without. It is described at `testing::Steps`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use crate::common::{OnDrop, panic_text, turns};
use crate::steps::counting::bytes;
use wheelhouse::testing::{Cut, Step, Steps};
use wheelhouse::{sleep, spawn, yield_now};

/// Takes two items from a queue, yields, and stores them. It loses them if it is dropped in
/// between.
async fn carries(from: Rc<RefCell<VecDeque<u32>>>, to: Rc<RefCell<Vec<u32>>>) {
    yield_now().await;
    while let Some(item) = { from.borrow_mut().pop_front() } {
        yield_now().await;
        to.borrow_mut().push(item);
    }
}

#[test]
fn the_harness_finds_a_future_that_loses_an_item_between_two_awaits() {
    let text = panic_text(|| {
        Steps::of("carries").run(async |step: &Step| {
            let from: Rc<RefCell<VecDeque<u32>>> = Rc::new(RefCell::new([1, 2].into()));
            let to = Rc::default();
            drop(step.cut(carries(Rc::clone(&from), Rc::clone(&to))).await);
            let left = from.borrow().len();
            assert_eq!(to.borrow().len() + left, 2, "items");
        })
    });
    assert!(
        text.starts_with("carries, Cancel at suspension 2: ") && text.contains("items"),
        "{text}"
    );
}

#[test]
fn the_harness_finds_slow_growth() {
    let text = panic_text(|| {
        let kept = RefCell::new(Vec::new());
        Steps::of("keeps")
            .meter("bytes", bytes)
            .run(async |step: &Step| {
                if matches!(step.cut(turns(3)).await, Cut::Dropped) {
                    kept.borrow_mut().push(1_u8);
                }
            })
    });
    assert!(
        text.starts_with("keeps, Drop at suspension 1: ") && text.contains("bytes"),
        "{text}"
    );
}

#[test]
fn the_harness_finds_a_task_that_lives_on() {
    let text = panic_text(|| {
        Steps::of("orphans").run(async |step: &Step| {
            drop(
                step.cut(async {
                    drop(spawn(sleep(Duration::from_secs(1))));
                    yield_now().await;
                })
                .await,
            );
        })
    });
    assert!(
        text.starts_with("orphans, Cancel at suspension 1: a task lives on"),
        "{text}"
    );
}

#[test]
fn the_harness_finds_a_future_that_never_ends() {
    let text = panic_text(|| {
        Steps::of("for ever").run(async |step: &Step| {
            drop(
                step.cut(async {
                    loop {
                        yield_now().await;
                    }
                })
                .await,
            );
        })
    });
    assert!(text.contains("for ever has more than"), "{text}");
}

#[test]
fn a_future_is_polled_as_often_as_the_step_requires() {
    let polls = Cell::new(0);
    let most = Steps::of("counts").run(async |step: &Step| {
        let counted = Rc::new(Cell::new(0));
        let count = Rc::clone(&counted);
        let cut = step.cut(async move {
            for _ in 0..4 {
                count.set(count.get() + 1);
                yield_now().await;
            }
        });
        drop(cut.await);
        polls.set(polls.get().max(counted.get()));
    });
    assert_eq!((most, polls.get()), (4, 4));
}

#[test]
fn a_future_that_never_ends_is_ended_at_as_many_steps_as_asked() {
    let most = Steps::of("for ever")
        .meter("bytes", bytes)
        .most(5)
        .run(async |step: &Step| {
            let gone = Rc::new(Cell::new(false));
            let flag = Rc::clone(&gone);
            let note = OnDrop::new(move || flag.set(true));
            let cut = step.cut(async move {
                let _note = note;
                loop {
                    sleep(Duration::from_millis(1)).await;
                }
            });
            drop::<Cut<()>>(cut.await);
            assert!(gone.get());
        });
    assert_eq!(most, 5);
}
