//! Testing on virtual time. Floor 5.
//!
//! [`run`] drives a future like [`wheelhouse::run`](crate::run), but by a clock that stands still while code runs and
//! jumps to the next deadline when nobody is ready: a sleep of an hour takes microseconds, and a test of timeouts is
//! exact and repeatable.
//!
//! # Guarantees
//! - While a task runs the clock does not move: two looks at [`time::now`](crate::time::now) agree.
//! - The clock never jumps over a deadline.
//! - While something real is in flight (a task waits for a socket or a signal, a [`Remote`](crate::Remote) or a handle of one
//!   exists) the clock does not jump; it goes on with the machine's until that comes.
//! - When nothing can ever happen again the test fails with a report of who waits, instead of hanging.
//!
//! # Non-guarantees
//! - A thread that holds nothing of the runtime but a waker is not seen: give it a [`Remote`](crate::Remote::current).

use std::panic::{Location, resume_unwind};

use crate::cell::Label;
use crate::runtime::{Runtime, panic_cancelled, refuse_nesting};
use crate::util::{caught, drop_quietly};

/// Runs a future, and the tasks that it spawns, on virtual time, and gives its output.
///
/// # Panics
/// With a report of the waiting tasks, when nothing is ready, no timer is set and nothing real is in flight while the
/// future is not done: a deadlock. Besides, as [`wheelhouse::run`](crate::run) does.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use wheelhouse::{sleep, testing, time};
///
/// testing::run(async {
///     let start = time::now();
///     sleep(Duration::from_secs(3600)).await;
///     assert_eq!(time::now() - start, Duration::from_secs(3600));
/// });
/// ```
#[track_caller]
pub fn run<F: Future>(future: F) -> F::Output {
    refuse_nesting("testing::run");
    let runtime = match Runtime::with_virtual_time() {
        Ok(runtime) => runtime,
        Err(error) => panic!("no runtime could be made: {error}"),
    };
    let label = Label::new(Location::caller(), None);
    let outcome = caught(|| runtime.drive(label, future));
    // The others clean up before a panic of the future goes on, or its cancellation becomes one.
    match (outcome, caught(|| drop(runtime))) {
        (Err(payload), ended) => {
            ended.unwrap_or_else(drop_quietly);
            resume_unwind(payload)
        }
        (_, Err(payload)) => resume_unwind(payload),
        (Ok(Err(cancelled)), Ok(())) => panic_cancelled(&cancelled),
        (Ok(Ok(output)), Ok(())) => output,
    }
}
