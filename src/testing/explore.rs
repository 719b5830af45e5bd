//! Running a test in many orders of its tasks.
//!
//! ```text
//!   explore: seed 0, 1, 2 … ── all pass ──▶ done
//!                │ one fails
//!                ▼
//!   its schedule: the choices other than first come, first served
//!                │ shrink: leave some out, and see whether it still fails
//!                ▼
//!   panic with the smallest that was found, as a line for `replay`
//! ```

use std::future::Future;
use std::panic::Location;

use super::{finish, message, new_runtime};
use crate::cell::Label;
use crate::runtime::{Order, Schedule, refuse_nesting};
use crate::util::{Payload, caught, drop_quietly};

/// How many runs are spent on making a failing schedule smaller.
const SHRINK_RUNS: usize = 400;

/// Runs a test on virtual time once for each seed, its tasks in an order that belongs to the seed, until one fails.
///
/// A test fails by a panic, or by a deadlock, as in [`run`](super::run). The test must not depend on anything else that differs
/// from run to run, such as real time, threads or the addresses of things.
///
/// # Panics
/// When a run fails: with the seed, the message of the run, and a line that [`replay`]s it. Before that the failing order is
/// made as simple as can be found in some hundred runs, whose messages appear on standard error like that of the first.
/// Besides, as [`run`](super::run) does.
///
/// # Examples
/// ```
/// use std::cell::Cell;
/// use std::rc::Rc;
/// use wheelhouse::{spawn, testing, yield_now};
///
/// // Two clients take the last seat; the second should be refused.
/// async fn book(seats: Rc<Cell<u32>>) -> bool {
///     if seats.get() == 0 {
///         return false;
///     }
///     seats.set(seats.get() - 1); // between check and act there must be no await
///     yield_now().await;
///     true
/// }
///
/// testing::explore(0..100, || async {
///     let seats = Rc::new(Cell::new(1));
///     let (a, b) = (spawn(book(seats.clone())), spawn(book(seats)));
///     assert!(a.await.unwrap() != b.await.unwrap());
/// });
/// ```
#[track_caller]
pub fn explore<F, Fut>(seeds: impl IntoIterator<Item = u64>, mut test: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = ()>,
{
    refuse_nesting("testing::explore");
    let location = Location::caller();
    for seed in seeds {
        let (schedule, outcome) = attempt(location, Order::seeded(seed), &mut test);
        let Err(payload) = outcome else { continue };
        let (schedule, payload) = shrink(location, (schedule, payload), &mut test);
        panic!(
            "seed {seed} fails: {}\nto see it again: wheelhouse::testing::replay(\"{}\", ..)",
            message(&payload),
            written(&schedule)
        );
    }
}

/// Runs a test once, by a schedule that [`explore()`](super::explore()) has printed.
///
/// # Panics
/// As the test did when it was explored; and when `schedule` is not one.
///
/// # Examples
/// ```
/// use wheelhouse::{spawn, testing};
///
/// testing::replay("0:1", || async {
///     let tasks = [spawn(async { 1 }), spawn(async { 2 })];
///     for task in tasks {
///         task.await.unwrap();
///     }
/// });
/// ```
#[track_caller]
pub fn replay<F, Fut>(schedule: &str, test: F)
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = ()>,
{
    refuse_nesting("testing::replay");
    let Some(schedule) = read(schedule) else {
        panic!(
            "`{schedule}` is no schedule: pass the text that `testing::explore` printed, such as \"3:1,17:2\""
        )
    };
    let runtime = new_runtime();
    runtime.set_order(Order::scripted(schedule));
    finish(runtime, Label::new(Location::caller(), None), test());
}

/// Runs a test once. Gives the choices that were made, and how it ended.
fn attempt<Fut: Future<Output = ()>>(
    location: &'static Location<'static>,
    order: Order,
    test: &mut impl FnMut() -> Fut,
) -> (Schedule, Result<(), Payload>) {
    let runtime = new_runtime();
    runtime.set_order(order);
    let label = Label::new(location, None);
    let mut schedule = Schedule::new();
    let outcome = caught(|| {
        let driven = runtime.drive(label, test());
        schedule = runtime.schedule();
        driven.unwrap_or_else(|cancelled| crate::runtime::panic_cancelled(&cancelled));
    });
    if outcome.is_err() {
        schedule = runtime.schedule();
    }
    let ended = caught(|| drop(runtime));
    (schedule, outcome.and(ended))
}

/// Leaves out choices as long as the test fails without them.
fn shrink<Fut: Future<Output = ()>>(
    location: &'static Location<'static>,
    mut failing: (Schedule, Payload),
    test: &mut impl FnMut() -> Fut,
) -> (Schedule, Payload) {
    let mut left = SHRINK_RUNS;
    let mut size = failing.0.len();
    while size > 0 {
        let mut start = 0;
        while start < failing.0.len() && left > 0 {
            left -= 1;
            let fewer = without(&failing.0, start, size);
            match attempt(location, Order::scripted(fewer), test) {
                (schedule, Err(payload)) if schedule.len() < failing.0.len() => {
                    drop_quietly(std::mem::replace(&mut failing, (schedule, payload)));
                }
                (_, outcome) => {
                    drop_quietly(outcome);
                    start += size;
                }
            }
        }
        size /= 2;
    }
    failing
}

/// A schedule without `size` choices from the one at `start` on.
fn without(schedule: &Schedule, start: usize, size: usize) -> Schedule {
    let choices = schedule.iter().enumerate();
    let kept = choices.filter(|(at, _)| !(start..start + size).contains(at));
    kept.map(|(_, (number, choice))| (*number, *choice))
        .collect()
}

/// A schedule as text.
fn written(schedule: &Schedule) -> String {
    let choices = schedule.iter();
    let words: Vec<_> = choices
        .map(|(number, choice)| format!("{number}:{choice}"))
        .collect();
    words.join(",")
}

/// A schedule from text.
fn read(text: &str) -> Option<Schedule> {
    let words = text
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty());
    let choices = words.map(|word| {
        let (number, choice) = word.split_once(':')?;
        Some((number.parse().ok()?, choice.parse().ok()?))
    });
    choices.collect()
}
