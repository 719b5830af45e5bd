//! Sleeping, deadlines, intervals: on the virtual clock to the nanosecond; on the machine's, nothing is early.

use std::future::{Future, pending, poll_fn, ready};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::common::{CountingWaker, Plan, Probe, off_thread, poll_with, turns};
use wheelhouse::testing::Trace;
use wheelhouse::time::{Sleep, now};
use wheelhouse::{
    Elapsed, JoinHandle, Remote, Runtime, catch_cancel, run, sleep, sleep_until, spawn, testing,
    timeout, timeout_at, yield_now,
};

/// So many milliseconds.
const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Polls a sleep with a waker that is woken into nothing.
fn is_over(sleep: &mut Sleep) -> bool {
    poll_with(sleep, &CountingWaker::new().1).is_ready()
}

/// Spawns a task that sleeps and then notes its name.
fn spawn_sleeper(trace: &Trace, name: &'static str, sleep: Sleep) -> JoinHandle<()> {
    let trace = trace.clone();
    spawn(async move {
        sleep.await;
        trace.note(name);
    })
}

#[test]
fn sleeps_end_in_the_order_of_their_deadlines() {
    testing::run(async {
        let trace = Trace::new();
        for (name, length) in [("c", 30), ("a", 10), ("e", 5000), ("b", 20), ("d", 4000)] {
            drop(spawn_sleeper(&trace, name, sleep(ms(length))));
        }
        sleep(ms(10_000)).await;
        trace.expect(["a", "b", "c", "d", "e"]);
    });
}

#[test]
fn sleeps_with_equal_deadlines_end_first_come_first_served() {
    testing::run(async {
        let (trace, at) = (Trace::new(), now() + ms(5));
        for name in ["a", "b", "c", "d"] {
            drop(spawn_sleeper(&trace, name, sleep_until(at)));
        }
        sleep_until(at).await;
        turns(1).await;
        trace.expect(["a", "b", "c", "d"]);
    });
}

#[test]
fn a_sleep_ends_to_the_nanosecond() {
    testing::run(async {
        for length in [1, 999, 1_000, 16_384, 1_000_001, 3_600_000_000_007, 1 << 50] {
            let (start, length) = (now(), Duration::from_nanos(length));
            sleep(length).await;
            assert_eq!(now() - start, length);
        }
    });
}

#[test]
fn the_time_of_a_sleep_counts_from_its_making() {
    testing::run(async {
        let start = now();
        let made = sleep(ms(10));
        assert_eq!(made.deadline(), Some(start + ms(10)));
        sleep(ms(7)).await;
        made.await;
        assert_eq!(now() - start, ms(10));
    });
}

#[test]
fn a_sleep_of_zero_yields_once() {
    testing::run(async {
        let trace = Trace::new();
        for name in ["a", "b"] {
            let trace = trace.clone();
            drop(spawn(async move {
                trace.note(name);
                sleep(Duration::ZERO).await;
                trace.note(name);
            }));
        }
        turns(2).await;
        trace.expect(["a", "b", "a", "b"]);
        let start = now();
        sleep(Duration::ZERO).await;
        assert_eq!(now(), start);
    });
}

#[test]
fn a_moment_that_has_passed_is_over_on_the_next_turn_of_the_loop() {
    testing::run(async {
        let start = now();
        sleep(ms(5)).await;
        // A machine that has not been up for a day may have no such moment.
        let long_past = start.checked_sub(Duration::from_secs(86_400));
        for past in [start, start + ms(5), long_past.unwrap_or(start)] {
            let mut sleep = sleep_until(past);
            assert!(!is_over(&mut sleep), "it gives way even so");
            sleep.await;
        }
        assert_eq!(now() - start, ms(5));
    });
}

#[test]
fn a_deadline_beyond_the_clock_never_comes_and_never_overflows() {
    testing::run(async {
        let far = Instant::now().checked_add(Duration::from_secs(u64::MAX / 4));
        let mut never = sleep(Duration::MAX);
        assert_eq!(never.deadline(), None);
        assert!(!is_over(&mut never));
        let mut nearly = sleep(Duration::from_secs(1 << 40));
        assert!(!is_over(&mut nearly));
        sleep(Duration::from_secs(500 * 365 * 86_400)).await;
        assert!(!is_over(&mut never) && !is_over(&mut nearly));
        assert_eq!(timeout(Duration::MAX, turns(5)).await, Ok(()));
        if let Some(far) = far {
            assert!(!is_over(&mut sleep_until(far)));
            assert_eq!(timeout_at(far, turns(5)).await, Ok(()));
        }
    });
}

#[test]
fn a_sleep_can_be_reset_earlier_later_and_after_its_end() {
    testing::run(async {
        let start = now();
        let mut sleep = sleep(ms(100));
        sleep.reset(start + ms(50));
        (&mut sleep).await;
        assert_eq!(now() - start, ms(50), "before the first poll");
        assert!(sleep.is_elapsed());

        sleep.reset(start + ms(200));
        assert!(!sleep.is_elapsed() && !is_over(&mut sleep));
        sleep.reset(start + ms(150));
        (&mut sleep).await;
        assert_eq!(now() - start, ms(150), "earlier");

        sleep.reset(start + ms(200));
        assert!(!is_over(&mut sleep));
        sleep.reset(start + ms(300));
        wheelhouse::sleep(ms(100)).await;
        assert!(!sleep.is_elapsed() && !is_over(&mut sleep));
        (&mut sleep).await;
        assert_eq!(now() - start, ms(300), "later");
    });
}

#[test]
fn a_sleep_that_is_over_says_so_before_it_is_polled_again() {
    testing::run(async {
        let mut short = sleep(ms(1));
        assert!(!short.is_elapsed());
        assert!(!is_over(&mut short) && !short.is_elapsed());
        sleep(ms(2)).await;
        assert!(short.is_elapsed() && is_over(&mut short));
    });
}

#[test]
fn a_sleep_wakes_the_task_that_polled_it_last() {
    testing::run(async {
        let mut sleep = sleep(ms(5));
        let (first, first_waker) = CountingWaker::new();
        let (second, second_waker) = CountingWaker::new();
        assert!(poll_with(&mut sleep, &first_waker).is_pending());
        assert!(poll_with(&mut sleep, &first_waker).is_pending());
        assert!(poll_with(&mut sleep, &second_waker).is_pending());
        wheelhouse::sleep(ms(10)).await;
        assert_eq!((first.wakes(), second.wakes()), (0, 1));
    });
}

#[test]
fn a_sleep_may_be_carried_from_task_to_task() {
    testing::run(async {
        let start = now();
        let first = spawn(async {
            let mut carried = sleep(ms(50));
            assert!(futures::poll!(&mut carried).is_pending());
            carried
        });
        let mut carried = first.await.unwrap();
        let second = spawn(async move {
            assert!(futures::poll!(&mut carried).is_pending());
            yield_now().await;
            carried.await;
        });
        second.await.unwrap();
        assert_eq!(now() - start, ms(50));
    });
}

#[test]
fn a_timeout_of_zero_polls_its_future_once() {
    testing::run(async {
        assert_eq!(timeout(Duration::ZERO, ready(1)).await, Ok(1));
        assert_eq!(timeout_at(now(), ready(2)).await, Ok(2));
        let (probe, counts) = Probe::new(Plan::ends_at(0));
        assert!(timeout(Duration::ZERO, probe).await.is_err());
        assert_eq!(counts.all().1, 1);
        assert!(counts.all().0 >= 1);
    });
}

#[test]
fn a_timeout_drops_its_future_before_it_says_that_the_time_was_up() {
    testing::run(async {
        let (start, trace) = (now(), Trace::new());
        let guard = trace.note_on_drop("dropped");
        let timed = timeout(ms(30), async move {
            let _guard = guard;
            pending::<()>().await
        });
        assert_eq!(timed.deadline(), Some(start + ms(30)));
        let elapsed: Elapsed = timed.await.unwrap_err();
        trace.note(elapsed.to_string());
        trace.expect(["dropped", "the time was up before the future was done"]);
        assert_eq!(now() - start, ms(30));
    });
}

#[test]
fn a_timeout_whose_future_completes_in_time_returns_its_value_and_drops_it() {
    testing::run(async {
        let (probe, counts) = Probe::new(Plan {
            wakes_itself: true,
            ..Plan::ends_at(3)
        });
        let mut timed = Box::pin(timeout(ms(30), probe));
        let token = (&mut timed).await.unwrap();
        assert_eq!(counts.all(), (3, 1, 0), "dropped though the timeout is not");
        drop((token, timed));
        assert_eq!(timeout(ms(20), sleep(ms(10))).await, Ok(()));
        assert!(timeout(ms(10), sleep(ms(20))).await.is_err());
    });
}

#[test]
fn a_timeout_of_a_borrowed_handle_leaves_its_task_alone() {
    testing::run(async {
        let start = now();
        let mut task = spawn(async {
            catch_cancel(sleep(ms(100)))
                .await
                .expect("nobody cancels it");
            7
        });
        for _ in 0..3 {
            assert!(timeout(ms(10), &mut task).await.is_err());
        }
        assert_eq!(task.await.unwrap(), 7);
        assert_eq!(now() - start, ms(100));
    });
}

#[test]
fn timeouts_inside_one_another_end_with_the_nearest() {
    testing::run(async {
        let start = now();
        let inner = timeout(ms(10), timeout(ms(20), pending::<()>()));
        assert_eq!(timeout(ms(30), inner).await, Ok(Err(elapsed().await)));
        assert_eq!(now() - start, ms(10));
    });
}

/// The error of a timeout.
async fn elapsed() -> Elapsed {
    timeout(Duration::ZERO, pending::<()>()).await.unwrap_err()
}

#[test]
fn very_many_timers_are_cancelled_in_any_order_and_the_others_fire() {
    const TIMERS: u64 = 100_000;
    testing::run(async {
        let (counter, waker) = CountingWaker::new();
        // Distances and the order of removal from two multiplicative walks, each through all residues of a prime.
        let prime = 100_003;
        let mut sleeps: Vec<Option<Sleep>> = (1..=TIMERS)
            .map(|number| Some(sleep(Duration::from_micros(number * 7919 % prime))))
            .collect();
        for sleep in sleeps.iter_mut().flatten() {
            assert!(poll_with(sleep, &waker).is_pending());
        }
        let mut kept = TIMERS;
        for step in 1..prime {
            let index = (step * 4241 % prime) as usize - 1;
            if step % 10 != 0
                && sleeps
                    .get_mut(index)
                    .is_some_and(|slot| slot.take().is_some())
            {
                kept -= 1;
            }
        }
        sleep(Duration::from_secs(1)).await;
        assert_eq!(u64::from(counter.wakes()), kept);
        assert!(kept > 5_000);
        assert!(sleeps.iter().flatten().all(Sleep::is_elapsed));
    });
}

/// Wall time: it is the machine's clock that is tested.
#[test]
fn on_the_machines_clock_nothing_is_early() {
    run(async {
        for micros in [0, 1, 10, 50, 100, 333, 1000, 2500] {
            let (length, start) = (Duration::from_micros(micros), Instant::now());
            sleep(length).await;
            assert!(start.elapsed() >= length, "sleep of {length:?}");
            let deadline = Instant::now() + length;
            sleep_until(deadline).await;
            assert!(Instant::now() >= deadline, "until {length:?} later");
            let start = Instant::now();
            timeout(length, pending::<()>()).await.unwrap_err();
            assert!(start.elapsed() >= length, "timeout of {length:?}");
        }
        let sleepers: Vec<_> = (0..1000)
            .map(|number| {
                let deadline = Instant::now() + Duration::from_micros(number * 13 % 5000);
                spawn(async move {
                    sleep_until(deadline).await;
                    Instant::now() >= deadline
                })
            })
            .collect();
        for sleeper in sleepers {
            assert!(sleeper.await.unwrap());
        }
    });
}

/// Wall time: the other thread does not wait for a virtual clock.
#[test]
fn a_sleep_that_is_dropped_on_another_thread_never_fires() {
    run(async {
        let mut carried = sleep(Duration::from_millis(1));
        let (counter, waker) = CountingWaker::new();
        assert!(poll_with(&mut carried, &waker).is_pending());
        off_thread(move || drop(carried)).await;
        let before = counter.wakes();
        sleep(Duration::from_millis(2)).await;
        assert_eq!(counter.wakes(), before);
    });
}

/// A sleep that one task waits for and others reset.
type Shared = Arc<Mutex<Sleep>>;

/// Waits for it.
async fn wait_for(sleep: &Shared) {
    poll_fn(|cx| Pin::new(&mut *sleep.lock().unwrap()).poll(cx)).await;
}

/// The reset took the waiter's waker out with the timer: a hang.
#[test]
fn a_sleep_that_another_task_resets_ends_at_its_new_deadline() {
    for (length, new) in [(50, 100), (100, 50), (50, 10), (50, 50)] {
        testing::run(async {
            let start = now();
            let sleeping = Shared::new(Mutex::new(sleep(ms(length))));
            let other = Arc::clone(&sleeping);
            drop(spawn(async move {
                sleep(ms(10)).await;
                other.lock().unwrap().reset(start + ms(new));
            }));
            wait_for(&sleeping).await;
            assert_eq!(now() - start, ms(new), "{length} to {new}");
        });
    }
}

#[test]
fn a_sleep_may_be_put_off_again_and_again() {
    testing::run(async {
        let start = now();
        let sleeping = Shared::new(Mutex::new(sleep(ms(5))));
        let other = Arc::clone(&sleeping);
        drop(spawn(async move {
            for _ in 0..100 {
                sleep(ms(4)).await;
                other.lock().unwrap().reset(now() + ms(5));
            }
        }));
        wait_for(&sleeping).await;
        assert_eq!(now() - start, ms(405));
    });
}

#[test]
fn a_reset_in_the_turn_in_which_the_sleep_fires_puts_it_off() {
    testing::run(async {
        let start = now();
        let sleeping = Shared::new(Mutex::new(sleep(ms(10))));
        let other = Arc::clone(&sleeping);
        // This task is woken before the one that waits: its timer is the first of the two.
        drop(spawn(async move {
            sleep_until(start + ms(10)).await;
            other.lock().unwrap().reset(start + ms(30));
        }));
        yield_now().await;
        wait_for(&sleeping).await;
        assert_eq!(now() - start, ms(30));
    });
}

#[test]
fn a_sleep_that_another_thread_resets_ends_at_its_new_deadline() {
    testing::run(async {
        let _real = Remote::current();
        let hour = Duration::from_secs(3600);
        for new in [now(), now() + ms(1)] {
            let sleeping = Shared::new(Mutex::new(sleep(hour)));
            let waiting = spawn({
                let sleeping = Arc::clone(&sleeping);
                async move { wait_for(&sleeping).await }
            });
            yield_now().await;
            off_thread(move || sleeping.lock().unwrap().reset(new)).await;
            waiting.await.unwrap();
        }
    });
}

#[test]
fn a_sleep_that_is_reset_while_no_loop_runs_ends_at_its_new_deadline() {
    let runtime = Runtime::new().unwrap();
    let sleeping = Shared::new(Mutex::new(runtime.block_on(async { sleep(Duration::MAX) })));
    let waiting = runtime.block_on(async {
        let sleeping = Arc::clone(&sleeping);
        let waiting = spawn(async move { wait_for(&sleeping).await });
        yield_now().await;
        waiting
    });
    sleeping.lock().unwrap().reset(Instant::now());
    runtime.block_on(waiting).unwrap();
}
