//! The CPU clocks, and percentiles of what was measured with any clock.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// The CPU time that the calling thread has used.
pub(crate) fn of_thread() -> Duration {
    read(ClockId::ThreadCPUTime)
}

/// The CPU time that all threads of the process have used.
pub(crate) fn of_process() -> Duration {
    read(ClockId::ProcessCPUTime)
}

/// Reads a clock that starts at zero.
fn read(clock: ClockId) -> Duration {
    let now = clock_gettime(clock);
    let seconds = u64::try_from(now.tv_sec).expect("CPU clocks do not run backwards");
    let nanos = u32::try_from(now.tv_nsec).expect("nanoseconds fit");
    Duration::new(seconds, nanos)
}

/// The value below which `percent` of `sorted` lie.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() - 1) * percent / 100]
}

/// Microseconds with their fraction.
pub(crate) fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// Allows as many open files as the system lets this user have.
pub(crate) fn raise_file_limit() {
    let limits = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limits.maximum,
        maximum: limits.maximum,
    };
    setrlimit(Resource::Nofile, raised).expect("the soft limit may grow to the hard one");
}
