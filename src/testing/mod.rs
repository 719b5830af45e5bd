//! Tests of asynchronous code, on virtual time and with many task orders.
//!
//! ```
//! use std::time::Duration;
//! use wheelhouse::{sleep, testing, time, timeout};
//!
//! // The body of a function with `#[test]`:
//! testing::run(async {
//!     let start = time::now();
//!     let slow_answer = sleep(Duration::from_secs(3600));
//!     assert!(timeout(Duration::from_secs(60), slow_answer).await.is_err());
//!     // Exactly one minute by the virtual clock, and some microseconds of real time.
//!     assert_eq!(time::now() - start, Duration::from_secs(60));
//! });
//! ```
//!
//! [`run`] drives a future like [`wheelhouse::run`](crate::run), but on a virtual clock. The clock
//! stands still while code runs, and jumps to the next deadline when all tasks wait.
//!
//! | to test | use |
//! |---|---|
//! | code that sleeps, times out or retries | [`run`], [`advance`], [`settle`] |
//! | that the code works in every order of its tasks | [`explore()`], which finds a failing order, and [`replay`], which repeats it |
//! | that the code survives slow, partitioned and broken connections | [`net`], a network in memory |
//! | random input that a failing seed reproduces | [`choose()`] |
//! | that a future can be cancelled at any point | [`cancel_at_every_step`]; [`Steps`], to check the state after each |
//! | what happened, in which order, and when | [`Trace`] |
//!
//! A test that deadlocks fails with a report of which task waits for what, and which task holds it.
//!
//! # Guarantees
//! - The clock does not move while a task runs: two calls of [`time::now`](crate::time::now) return
//!   the same instant.
//! - The clock never jumps past a deadline.
//! - The clock does not jump while the program waits for something real: while a task waits for a
//!   socket, a thread or a signal, or a [`Remote`](crate::Remote) exists. It then advances like the
//!   machine's clock.
//! - If no task can ever be woken again, the test fails with a report instead of hanging.
//!
//! # Limits
//! - If another thread has nothing of the runtime but a waker, the runtime does not know that it
//!   will be woken. Give the thread a [`Remote`](crate::Remote::current).
//! - The report of a deadlock contains waits for and holds of the types in [`sync`](crate::sync),
//!   for tasks, groups and sockets. It does not contain what third-party code waits for. A permit
//!   or guard that was moved to another task counts as held by the task that acquired it.
//! - A socket that a task has stopped waiting for, for example after a timeout, counts as waited
//!   for until it is used again or closed. Until then, the clock does not jump.

mod explore;
pub mod net;
mod steps;
mod trace;

pub use explore::{explore, replay};
pub use steps::{Cut, CutMode, Step, Steps, cancel_at_every_step};
pub use trace::{NoteOnDrop, Trace};

use std::panic::{Location, resume_unwind};
use std::time::Duration;

use crate::cell::Label;
use crate::runtime::{Runtime, panic_cancelled, refuse_nesting, with};
use crate::task::yield_now;
use crate::time::sleep;
use crate::util::{Payload, caught, drop_quietly, text_of};

/// Runs a future, and the tasks that it spawns, on virtual time, and returns its output.
///
/// # Panics
/// If there is a deadlock: the future is not done, no task is ready, no timer is set, and the
/// program waits for nothing outside. The panic's message reports which tasks exist, where they
/// were spawned, what they hold and wait for, and the cycle, if there is one:
///
/// ```text
/// deadlock: the main task is not done, no task is ready, no timer is set and nothing is in flight. Waiting:
///   task 1, spawned at src/bank.rs:40:5
///     awaits task 2 "pays", task 3 "draws"
///   task 2 "pays", spawned at src/bank.rs:43:20
///     holds the lock "account 1", made at src/bank.rs:12:9
///     waits for the lock "account 2", made at src/bank.rs:12:9, held by task 3 "draws"
///   …
/// In a cycle:
///   task 2 "pays" waits for the lock "account 2", held by
///   task 3 "draws", which waits for the lock "account 1", held by
///   task 2 "pays"
/// ```
///
/// The names come from [`task::Builder::name`](crate::task::Builder::name) and from the method
/// `named` of the types in [`sync`](crate::sync), such as
/// [`Lock::named`](crate::sync::Lock::named). Holds and waits are recorded only during a test.
///
/// It also panics like [`wheelhouse::run`](crate::run): if main panics or was cancelled, or if a
/// runtime is running on this thread.
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
#[doc(alias = "autojump_clock")]
#[doc(alias = "IsolatedAsyncioTestCase")]
#[doc(alias = "MockClock")]
#[doc(alias = "start_paused")]
#[track_caller]
pub fn run<F: Future>(future: F) -> F::Output {
    refuse_nesting("testing::run");
    let label = Label::new(Location::caller(), None);
    finish(new_runtime(), label, future)
}

fn new_runtime() -> Runtime {
    match Runtime::with_virtual_time() {
        Ok(runtime) => runtime,
        Err(error) => panic!("no runtime could be made: {error}"),
    }
}

/// Runs a future, and drops the runtime.
fn finish<F: Future>(runtime: Runtime, label: Label, future: F) -> F::Output {
    let outcome = caught(|| runtime.drive(label, future));
    // The other tasks clean up before a panic or cancellation of the future is resumed.
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

/// Returns the message of a panic.
fn message(payload: &Payload) -> &str {
    text_of(&**payload).unwrap_or("a panic whose payload is not text")
}

/// Waits until no other task is ready. No time passes.
///
/// The tasks may still wait for timers or sockets afterwards. `settle` does not return while a task
/// yields in an endless loop, since such a task is always ready.
///
/// # Cancel safety
/// Dropping the future loses nothing.
///
/// # Panics
/// Outside of a runtime.
///
/// # Examples
/// ```
/// use wheelhouse::{spawn, testing, yield_now};
///
/// testing::run(async {
///     let task = spawn(async { yield_now().await });
///     testing::settle().await;
///     assert!(task.is_finished());
/// });
/// ```
#[doc(alias = "wait_all_tasks_blocked")]
pub async fn settle() {
    loop {
        yield_now().await;
        if with("testing::settle", |core| core.scheduler.is_idle()) {
            return;
        }
    }
}

/// Returns a number from 0 to `count` - 1, chosen by the seed of the run.
///
/// Returns 0 if the run has no seed. [`replay`] makes the same choices again. When [`explore()`]
/// simplifies a failure, it sets choices to 0 that do not matter for it; so let 0 stand for the
/// normal case.
///
/// # Panics
/// If `count` is 0, and outside of a runtime.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use wheelhouse::{sleep, testing};
///
/// testing::explore(0..10, || async {
///     let delay = testing::choose(1000) as u64;
///     sleep(Duration::from_millis(delay)).await;
///     // … then inject a fault
/// });
/// ```
#[track_caller]
pub fn choose(count: usize) -> usize {
    assert!(
        count > 0,
        "testing::choose: the count is 0, so there is nothing to choose from"
    );
    with("testing::choose", |core| core.scheduler.choose(count))
}

/// Lets time pass, runs everything that becomes due, and then [`settle`]s.
///
/// On a virtual clock no real time passes. The virtual clock also advances without this function,
/// when all tasks wait; `advance` is for tests that check the state at a certain time.
///
/// # Cancel safety
/// Dropping the future loses nothing.
///
/// # Panics
/// Outside of a runtime.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use wheelhouse::{sleep, spawn, testing};
///
/// testing::run(async {
///     let task = spawn(async { sleep(Duration::from_secs(60)).await });
///     testing::advance(Duration::from_secs(59)).await;
///     assert!(!task.is_finished());
///     testing::advance(Duration::from_secs(1)).await;
///     assert!(task.is_finished());
/// });
/// ```
pub async fn advance(duration: Duration) {
    sleep(duration).await;
    settle().await;
}
