//! Testing on virtual time, and in many orders. Floor 5.
//!
//! [`run`] drives a future like [`wheelhouse::run`](crate::run), but by a clock that stands still while code runs and
//! jumps to the next deadline when nobody is ready: a sleep of an hour takes microseconds, and a test of timeouts is
//! exact and repeatable.
//!
//! | to test | there is |
//! |---|---|
//! | code that sleeps, times out, retries | [`run`], [`advance`], [`settle`] |
//! | that no order of the tasks breaks it | [`explore()`], which finds a failing order, and [`replay`], which repeats it |
//! | that no slow, cut or broken connection breaks it | [`net`], a network in memory |
//! | what is left to chance, so that it is repeated, too | [`choose()`] |
//! | that no cancellation breaks it | [`cancel_at_every_step`]; [`Steps`], to look at the world after each |
//! | what happened, in which order, and when | [`Trace`] |
//! | why it hangs | nothing to call: the report of a deadlock says who waits for what, and who holds that |
//!
//! # Guarantees
//! - While a task runs the clock does not move: two looks at [`time::now`](crate::time::now) agree.
//! - The clock never jumps over a deadline.
//! - While something real is in flight (a task waits for a socket or a signal, a [`Remote`](crate::Remote) or a handle of one
//!   exists) the clock does not jump; it goes on with the machine's until that comes.
//! - When nothing can ever happen again the test fails with a report of who waits for what, and who holds that, instead of
//!   hanging.
//!
//! # Non-guarantees
//! - A thread that holds nothing of the runtime but a waker is not seen: give it a [`Remote`](crate::Remote::current).
//! - The report of a deadlock knows the waits and holds of [`sync`](crate::sync), awaited handles and groups, not what foreign
//!   code waits for. A permit, or a guard of a lock, that was moved to another task counts as with the one that took it.
//! - Who stops waiting for a socket, after a timeout for example, counts as waiting until that socket is used again or closed:
//!   the clock goes on with the machine's meanwhile, and does not jump.

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
use crate::util::{Payload, caught, drop_quietly};

/// Runs a future, and the tasks that it spawns, on virtual time, and gives its output.
///
/// # Panics
/// With a report, when nothing is ready, no timer is set and nothing real is in flight while the future is not done: a
/// deadlock. The report names each task, where it was spawned, what it waits for and where that was made, who holds that,
/// and, if they wait for each other in a circle, the circle:
///
/// ```text
/// deadlock: the main task is not done, no task is ready, no timer is set and nothing is in flight. Waiting:
///   task 1, spawned at src/bank.rs:40:5
///     awaits task 2 "pays", task 3 "draws"
///   task 2 "pays", spawned at src/bank.rs:43:20
///     holds the lock "account 1", made at src/bank.rs:12:9
///     waits for the lock "account 2", made at src/bank.rs:12:9, held by task 3 "draws"
///   …
/// In a circle:
///   task 2 "pays" waits for the lock "account 2", held by
///   task 3 "draws", which waits for the lock "account 1", held by
///   task 2 "pays"
/// ```
///
/// The names come from [`task::Builder::name`](crate::task::Builder::name) and from `named`, which whatever can be waited for
/// in [`sync`](crate::sync) has, as [`Lock::named`](crate::sync::Lock::named). Who holds a lock is the task that took it
/// while the test ran. Outside of tests nothing is written down, and nothing but a look at a flag is paid for it.
///
/// Besides, as [`wheelhouse::run`](crate::run) does.
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

/// A runtime on virtual time.
fn new_runtime() -> Runtime {
    match Runtime::with_virtual_time() {
        Ok(runtime) => runtime,
        Err(error) => panic!("no runtime could be made: {error}"),
    }
}

/// Runs a future and ends the runtime.
fn finish<F: Future>(runtime: Runtime, label: Label, future: F) -> F::Output {
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

/// What a panic said.
fn message(payload: &Payload) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&'static str>().copied());
    text.unwrap_or("a panic without text")
}

/// Lets the other tasks run until none of them is ready, without any time passing.
///
/// What they wait for, a timer or a socket, is left alone. A task that yields for ever is always ready, and keeps this
/// from ending.
///
/// # Cancel safety
/// Dropping it loses nothing.
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
        if with("testing::settle", |core| !core.is_somebody_ready()) {
            return;
        }
    }
}

/// Chooses one of so many, by the seed of the run: a number from 0 to `count` - 1.
///
/// Without a seed it is 0, and so it is where a choice does not matter to a fault that [`explore()`] has found: let 0 stand for what is
/// usual. [`replay`] chooses the same again.
///
/// # Panics
/// Outside of a runtime, and when `count` is 0.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use wheelhouse::{sleep, testing};
///
/// testing::explore(0..10, || async {
///     let delay = testing::choose(1000) as u64;
///     sleep(Duration::from_millis(delay)).await;
///     // and then, let something go wrong
/// });
/// ```
#[track_caller]
pub fn choose(count: usize) -> usize {
    assert!(count > 0, "there is nothing to choose from");
    with("testing::choose", |core| core.choose(count))
}

/// Lets time pass, with all that becomes due on the way, and the tasks [`settle`] after it.
///
/// On the virtual clock no real time passes. The clock moves by itself, too, when nobody is ready; this is for tests
/// that look at what has happened at a certain moment.
///
/// # Cancel safety
/// Dropping it loses nothing.
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
