//! Bugs that show only in some orders of the tasks, planted, found by exploring seeds, made small
//! and replayed.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use crate::common::{panic_text, panics_saying};
use wheelhouse::{gather, spawn, task_group, testing, yield_now};

/// The text of the failure, and the schedule in it.
fn found<Fut: Future<Output = ()>>(test: impl Fn() -> Fut) -> (String, String) {
    let text = panic_text(|| testing::explore(0..1000, &test));
    let schedule = text
        .split("replay(\"")
        .nth(1)
        .expect("it says how to see it again");
    let schedule = schedule.split('"').next().expect("a quoted text");
    (text.clone(), schedule.to_owned())
}

/// Checks that the test passes first come, first served, that exploring finds its fault and
/// replaying shows it again.
fn finds<Fut: Future<Output = ()>>(fault: &str, test: impl Fn() -> Fut) -> String {
    testing::run(test());
    let (text, schedule) = found(&test);
    assert!(text.contains(fault), "{text}");
    for _ in 0..3 {
        panics_saying(&[fault], || testing::replay(&schedule, &test));
    }
    schedule
}

/// An event that loses a waiter that comes between check and registration.
#[derive(Default)]
struct Leaky {
    set: Cell<bool>,
    waiter: RefCell<Option<Waker>>,
}

impl Leaky {
    async fn wait(&self) {
        if self.set.get() {
            return;
        }
        yield_now().await; // the fault: it may be set here
        let mut registered = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut registered, true) {
                return Poll::Ready(());
            }
            *self.waiter.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn set(&self) {
        self.set.set(true);
        self.waiter.take().into_iter().for_each(Waker::wake);
    }
}

#[test]
fn a_lost_wake_up_is_found_and_reported_as_a_deadlock() {
    let schedule = finds("deadlock", || async {
        let event = Rc::new(Leaky::default());
        let (setter, waiter) = (Rc::clone(&event), Rc::clone(&event));
        let setting = spawn(async move { setter.set() });
        let waiting = spawn(async move { waiter.wait().await });
        setting.await.unwrap();
        waiting.await.unwrap();
    });
    assert_eq!(
        schedule.split(',').count(),
        1,
        "one reordering is enough: {schedule}"
    );
}

#[test]
fn a_check_then_act_race_between_two_tasks_is_found() {
    finds("sold twice", || async {
        let seats = Rc::new(Cell::new(1_i32));
        let book = |turns: usize| {
            let seats = Rc::clone(&seats);
            spawn(async move {
                crate::common::turns(turns).await;
                if seats.get() > 0 {
                    yield_now().await; // the fault: another task may check here
                    seats.set(seats.get() - 1);
                }
            })
        };
        let (first, second) = (book(0), book(3));
        first.await.unwrap();
        second.await.unwrap();
        assert!(seats.get() >= 0, "sold twice");
    });
}

#[test]
#[expect(clippy::await_holding_refcell_ref, reason = "the planted fault")]
fn a_borrow_held_over_an_await_is_found() {
    finds("already borrowed", || async {
        let shared = Rc::new(RefCell::new(0));
        let holds = Rc::clone(&shared);
        let holder = spawn(async move {
            let mut held = holds.borrow_mut();
            yield_now().await; // the fault: another task may borrow here
            *held += 1;
        });
        let late = spawn(async move {
            crate::common::turns(2).await;
            *shared.borrow_mut() += 1;
        });
        holder.await.unwrap();
        if let Err(error) = late.await {
            std::panic::resume_unwind(Box::new(format!("{error}")));
        }
    });
}

#[test]
fn a_program_without_a_race_passes_in_every_order() {
    let runs = Cell::new(0);
    testing::explore(0..200, || async {
        runs.set(runs.get() + 1);
        let sum = Cell::new(0);
        task_group(async |g| {
            let sum = &sum;
            for n in 1..=5 {
                g.spawn(async move {
                    yield_now().await;
                    sum.set(sum.get() + n);
                });
            }
        })
        .await
        .unwrap();
        assert_eq!(sum.get(), 15);
        assert_eq!(gather([1, 2, 3].map(|n| async move { n })).await, [1, 2, 3]);
    });
    assert_eq!(runs.get(), 200);
}

#[test]
fn a_malformed_schedule_panics_with_a_message() {
    for wrong in ["x", "1", "1:", "1:2;3:4", "-1:2"] {
        panics_saying(&["not a schedule", wrong, "explore"], || {
            testing::replay(wrong, || async {})
        });
    }
    testing::replay("", || async {});
    testing::replay(" 3:1, 4:2 ", || async {});
}

#[test]
fn settle_waits_until_no_task_is_ready_and_advance_lets_time_pass() {
    use std::time::Duration;
    use wheelhouse::{sleep, time};
    testing::run(async {
        let count = Rc::new(Cell::new(0));
        let counter = Rc::clone(&count);
        let task = spawn(async move {
            for _ in 0..10 {
                crate::common::turns(7).await;
                counter.set(counter.get() + 1);
                sleep(Duration::from_secs(1)).await;
            }
        });
        let start = time::now();
        testing::settle().await;
        assert_eq!((count.get(), time::now()), (1, start));
        testing::advance(Duration::from_millis(2500)).await;
        assert_eq!(count.get(), 3);
        testing::advance(Duration::from_millis(500)).await;
        assert_eq!(count.get(), 4, "what is due at the very end has happened");
        task.cancel();
    });
}
