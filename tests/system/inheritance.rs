//! What threads and children do not inherit of the thread that drives a runtime.

use rustix::thread::{CpuSet, current_timer_slack, sched_getaffinity, sched_setaffinity};
use wheelhouse::{run, to_thread};

use crate::again::by_itself;

/// The CPUs of this thread.
fn cpus() -> u32 {
    sched_getaffinity(None).unwrap().count()
}

/// Lets this thread run on one CPU only.
fn pin() {
    let all = sched_getaffinity(None).unwrap();
    let first = (0..CpuSet::MAX_CPU).find(|cpu| all.is_set(*cpu)).unwrap();
    let mut one = CpuSet::new();
    one.set(first);
    sched_setaffinity(None, &one).unwrap();
}

/// They were pinned, too, for this and for every other runtime of the process.
#[test]
fn the_threads_of_a_pinned_runtime_s_pool_run_on_the_process_s_cpus() {
    let test = "inheritance::the_threads_of_a_pinned_runtime_s_pool_run_on_the_process_s_cpus";
    by_itself(test, || {
        let all = cpus();
        pin();
        assert_eq!(cpus(), 1);
        assert_eq!(run(async { to_thread(cpus).await }), all);
    });
}

#[test]
fn the_threads_of_the_pool_have_the_kernel_s_timer_slack() {
    let test = "inheritance::the_threads_of_the_pool_have_the_kernel_s_timer_slack";
    by_itself(test, || {
        rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(7)).unwrap();
        let slack = run(async { to_thread(current_timer_slack).await });
        assert_eq!(slack, Ok(50_000));
    });
}
