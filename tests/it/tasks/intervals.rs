//! Intervals: their grid, the ticks that were missed, and their ends.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::common::CountingWaker;
use futures::StreamExt;
use wheelhouse::time::{Interval, MissedTicks, interval, interval_at, now};
use wheelhouse::{run, sleep, spawn, testing, timeout};

/// So many milliseconds.
const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Takes a tick; the milliseconds from `start` at which it was due, and at which it came.
async fn tick(ticks: &mut Interval, start: Instant) -> (u128, u128) {
    let due = ticks.tick().await;
    ((due - start).as_millis(), (now() - start).as_millis())
}

#[test]
fn the_first_tick_comes_at_once_and_the_others_on_a_grid() {
    testing::run(async {
        let start = now();
        let mut ticks = interval(ms(10));
        for number in 0..5 {
            assert_eq!(tick(&mut ticks, start).await, (number * 10, number * 10));
            sleep(ms(3)).await;
        }
        assert_eq!(ticks.period(), ms(10));
    });
}

#[test]
fn an_interval_may_begin_later_or_have_begun_before() {
    testing::run(async {
        let start = now();
        let mut later = interval_at(start + ms(25), ms(10));
        assert_eq!(tick(&mut later, start).await, (25, 25));
        assert_eq!(tick(&mut later, start).await, (35, 35));
        let mut before = interval_at(start + ms(20), ms(10));
        assert_eq!(tick(&mut before, start).await, (20, 35));
        assert_eq!(tick(&mut before, start).await, (30, 35));
        assert_eq!(tick(&mut before, start).await, (40, 40));
    });
}

#[test]
fn missed_ticks_come_in_a_burst_by_default() {
    testing::run(async {
        let start = now();
        let mut ticks = interval(ms(10));
        assert_eq!(ticks.missed_ticks(), MissedTicks::Burst);
        assert_eq!(tick(&mut ticks, start).await, (0, 0));
        sleep(ms(35)).await;
        for due in [10, 20, 30] {
            assert_eq!(tick(&mut ticks, start).await, (due, 35));
        }
        assert_eq!(tick(&mut ticks, start).await, (40, 40));
    });
}

#[test]
fn missed_ticks_may_be_skipped_and_the_grid_stays() {
    testing::run(async {
        let start = now();
        let mut ticks = interval(ms(10));
        ticks.set_missed_ticks(MissedTicks::Skip);
        assert_eq!(tick(&mut ticks, start).await, (0, 0));
        sleep(ms(35)).await;
        assert_eq!(tick(&mut ticks, start).await, (10, 35));
        assert_eq!(tick(&mut ticks, start).await, (40, 40));
        assert_eq!(tick(&mut ticks, start).await, (50, 50));
        sleep(ms(20)).await;
        assert_eq!(
            tick(&mut ticks, start).await,
            (60, 70),
            "on the grid itself"
        );
        assert_eq!(tick(&mut ticks, start).await, (80, 80));
    });
}

#[test]
fn missed_ticks_may_shift_the_grid() {
    testing::run(async {
        let start = now();
        let mut ticks = interval(ms(10));
        ticks.set_missed_ticks(MissedTicks::Delay);
        assert_eq!(tick(&mut ticks, start).await, (0, 0));
        sleep(ms(35)).await;
        assert_eq!(tick(&mut ticks, start).await, (10, 35));
        assert_eq!(tick(&mut ticks, start).await, (45, 45));
        sleep(ms(3)).await;
        assert_eq!(
            tick(&mut ticks, start).await,
            (55, 55),
            "one in time shifts nothing"
        );
    });
}

#[test]
fn a_tick_whose_future_is_dropped_is_not_lost() {
    testing::run(async {
        let start = now();
        let mut ticks = interval(ms(10));
        tick(&mut ticks, start).await;
        for _ in 0..3 {
            assert!(timeout(ms(3), ticks.tick()).await.is_err());
        }
        assert_eq!(tick(&mut ticks, start).await, (10, 10));
    });
}

#[test]
fn an_interval_can_be_reset() {
    testing::run(async {
        let start = now();
        let mut ticks = interval(ms(10));
        tick(&mut ticks, start).await;
        sleep(ms(4)).await;
        ticks.reset();
        assert_eq!(tick(&mut ticks, start).await, (14, 14));
        assert_eq!(tick(&mut ticks, start).await, (24, 24));
        sleep(ms(50)).await;
        ticks.reset();
        assert_eq!(
            tick(&mut ticks, start).await,
            (84, 84),
            "what was missed is forgotten"
        );
    });
}

#[test]
fn an_interval_is_a_stream_of_its_ticks() {
    testing::run(async {
        let start = now();
        let ticks = interval(ms(5)).take(4);
        let all: Vec<_> = ticks.map(|due| (due - start).as_millis()).collect().await;
        assert_eq!(all, [0, 5, 10, 15]);
    });
}

#[test]
fn an_interval_may_be_carried_from_task_to_task() {
    testing::run(async {
        let start = now();
        let mut ticks = interval(ms(10));
        tick(&mut ticks, start).await;
        let (_, waker) = CountingWaker::new();
        let mut cx = std::task::Context::from_waker(&waker);
        assert!(ticks.poll_tick(&mut cx).is_pending());
        let other = spawn(async move { tick(&mut ticks, start).await });
        assert_eq!(other.await.unwrap(), (10, 10));
    });
}

#[test]
fn an_interval_whose_next_tick_is_too_far_off_waits_for_ever() {
    testing::run(async {
        let mut ticks = interval(Duration::MAX);
        ticks.tick().await;
        let waiting = spawn(async move { ticks.tick().await });
        sleep(Duration::from_secs(86_400)).await;
        assert!(!waiting.is_finished());
        assert!(waiting.cancel_and_wait().await.unwrap_err().is_cancelled());
    });
}

/// An interval that one task waits for and another resets.
fn shared(ticks: Interval) -> (Rc<RefCell<Interval>>, Rc<RefCell<Interval>>) {
    let ticks = Rc::new(RefCell::new(ticks));
    (Rc::clone(&ticks), ticks)
}

#[test]
fn a_task_that_waits_for_an_interval_waits_on_when_another_resets_it() {
    testing::run(async {
        let start = now();
        let (ticks, other) = shared(interval(ms(10)));
        poll_fn(|cx| ticks.borrow_mut().poll_tick(cx)).await;
        drop(spawn(async move {
            sleep(ms(4)).await;
            other.borrow_mut().reset();
        }));
        let due = poll_fn(|cx| ticks.borrow_mut().poll_tick(cx)).await;
        assert_eq!((due - start, now() - start), (ms(14), ms(14)));
    });
}

#[test]
fn a_late_tick_that_was_waited_for_leaves_no_timer_behind() {
    testing::run(async {
        let start = now();
        let (counter, waker) = CountingWaker::new();
        let mut cx = std::task::Context::from_waker(&waker);
        let mut ticks = interval_at(start + ms(10), ms(10));
        assert!(ticks.poll_tick(&mut cx).is_pending());
        sleep(ms(10)).await;
        assert!(ticks.poll_tick(&mut cx).is_ready());
        let before = counter.wakes();
        sleep(ms(50)).await;
        assert_eq!(counter.wakes(), before, "nobody waits for the next tick");
    });
}

#[test]
fn on_the_machines_clock_no_tick_is_early() {
    run(async {
        let mut ticks = interval(Duration::from_micros(300));
        for _ in 0..10 {
            let due = ticks.tick().await;
            assert!(Instant::now() >= due);
        }
    });
}
