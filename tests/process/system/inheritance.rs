//! Threads and child processes do not inherit the CPUs and the timer slack of a runtime's thread.

use std::num::NonZeroU64;
use std::thread;
use std::time::Duration;

use rustix::thread::{
    CpuSet, current_timer_slack, sched_getaffinity, sched_setaffinity, set_current_timer_slack,
};
use wheelhouse::process::Command;
use wheelhouse::{run, sleep, to_thread};

use crate::again::by_itself;
use crate::installed::installed;

/// The CPUs of this thread.
fn cpus() -> u32 {
    sched_getaffinity(None).unwrap().count()
}

/// Restricts this thread to one CPU.
fn pin() {
    let all = sched_getaffinity(None).unwrap();
    let first = (0..CpuSet::MAX_CPU).find(|cpu| all.is_set(*cpu)).unwrap();
    let mut one = CpuSet::new();
    one.set(first);
    sched_setaffinity(None, &one).unwrap();
}

/// They used to be pinned, too, for all runtimes of the process.
#[test]
fn the_threads_of_the_pool_run_on_all_cpus_of_the_process() {
    let test = "system::inheritance::the_threads_of_the_pool_run_on_all_cpus_of_the_process";
    by_itself(test, || {
        let all = cpus();
        pin();
        assert_eq!(cpus(), 1);
        assert_eq!(run(async { to_thread(cpus).await }), all);
    });
}

#[test]
fn the_threads_of_the_pool_have_the_default_timer_slack() {
    let test = "system::inheritance::the_threads_of_the_pool_have_the_default_timer_slack";
    by_itself(test, || {
        rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(7)).unwrap();
        let slack = run(async { to_thread(current_timer_slack).await });
        assert_eq!(slack, Ok(50_000));
    });
}

/// A program that prints its timer slack.
const SAY: [&str; 2] = ["-c", "cat /proc/self/timerslack_ns"];

/// It was a nanosecond, for them and for everything that they start, which costs power.
#[test]
fn threads_and_children_of_a_task_have_the_timer_slack_of_before_the_runtime() {
    let test = "system::inheritance::threads_and_children_of_a_task_have_the_timer_slack_of_before_the_runtime";
    by_itself(test, || {
        let before = current_timer_slack();
        let line = format!("{}\n", before.unwrap());
        run(async {
            // Long and short waits, some of which lower the slack.
            for micros in [10, 40, 60, 2_000, 10] {
                sleep(Duration::from_micros(micros)).await;
                assert_eq!(current_timer_slack(), before);
                let thread = thread::spawn(current_timer_slack).join().unwrap();
                assert_eq!(thread, before);
                let ours = Command::new(installed("sh"))
                    .args(SAY)
                    .output()
                    .await
                    .unwrap();
                let std = std::process::Command::new(installed("sh"))
                    .args(SAY)
                    .output()
                    .unwrap();
                for said in [ours.stdout, std.stdout] {
                    assert_eq!(String::from_utf8(said).unwrap(), line);
                }
            }
        });
    });
}

#[test]
fn a_timer_slack_that_the_user_sets_is_not_changed() {
    let test = "system::inheritance::a_timer_slack_that_the_user_sets_is_not_changed";
    by_itself(test, || {
        let set = |nanos| set_current_timer_slack(NonZeroU64::new(nanos)).unwrap();
        let waits = async || {
            for micros in [10, 70, 2_000] {
                sleep(Duration::from_micros(micros)).await;
            }
        };
        set(123_456);
        run(async {
            waits().await;
            assert_eq!(current_timer_slack(), Ok(123_456));
            // Less and more than at the start of the runtime.
            for nanos in [1_000, 987_654] {
                set(nanos);
                waits().await;
                assert_eq!(current_timer_slack(), Ok(nanos));
            }
        });
        assert_eq!(current_timer_slack(), Ok(987_654));
    });
}
