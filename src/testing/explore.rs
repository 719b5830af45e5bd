//! Runs of a test in many orders of its tasks.
//!
//! ```text
//!   explore: seed 0, 1, 2 … ── all pass ──▶ done
//!                │ one fails
//!                ▼
//!   its schedule: the choices that differ from first come, first served
//!                │ shrink: leaves choices out while the test still fails
//!                ▼
//!   panic with the smallest failing schedule, as a line for `replay`
//! ```

use std::future::Future;
use std::panic::Location;

use super::{finish, message, new_runtime};
use crate::cell::Label;
use crate::runtime::{Order, Schedule, refuse_nesting};
use crate::util::{Payload, caught, drop_quietly};

/// The number of runs that `shrink` may use.
const SHRINK_RUNS: usize = 400;

/// Runs a test once for each seed, on virtual time, until one run fails.
///
/// The seed determines the order in which ready tasks run, and the results of
/// [`choose`](super::choose). A test fails by a panic or a deadlock, as in [`run`](super::run). It
/// must not depend on anything else that differs between runs, such as real time, threads or memory
/// addresses.
///
/// # Panics
/// If a run fails. The message contains the seed, the message of the run, and a line that
/// [`replay`]s it. Before that, `explore` simplifies the failing order in up to 400 more runs;
/// their panic messages appear on standard error, too.
///
/// It also panics like [`run`](super::run).
///
/// # Examples
/// ```
/// use std::cell::Cell;
/// use std::rc::Rc;
/// use wheelhouse::{spawn, testing, yield_now};
///
/// // Two clients want the last seat; the second must be refused.
/// async fn book(seats: Rc<Cell<u32>>) -> bool {
///     if seats.get() == 0 {
///         return false;
///     }
///     seats.set(seats.get() - 1); // no await between the check and this
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
            format_schedule(&schedule)
        );
    }
}

/// Runs a test once, in the order that a message of [`explore()`](super::explore()) contains.
///
/// # Panics
/// If the test fails, and if `schedule` is not the text of a schedule.
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
    let Some(schedule) = parse_schedule(schedule) else {
        panic!(
            "`{schedule}` is not a schedule: pass the text that `testing::explore` printed, such as \"3:1,17:2\""
        )
    };
    let runtime = new_runtime();
    runtime.set_order(Order::scripted(schedule));
    finish(runtime, Label::new(Location::caller(), None), test());
}

/// Runs a test once, and returns the choices that were made and the outcome.
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

/// Leaves out choices while the test still fails without them.
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

/// Returns the schedule without the `size` choices from index `start` on.
fn without(schedule: &Schedule, start: usize, size: usize) -> Schedule {
    let choices = schedule.iter().enumerate();
    let kept = choices.filter(|(at, _)| !(start..start + size).contains(at));
    kept.map(|(_, (number, choice))| (*number, *choice))
        .collect()
}

/// Formats a schedule.
fn format_schedule(schedule: &Schedule) -> String {
    let choices = schedule.iter();
    let words: Vec<_> = choices
        .map(|(number, choice)| format!("{number}:{choice}"))
        .collect();
    words.join(",")
}

/// Parses a schedule.
fn parse_schedule(text: &str) -> Option<Schedule> {
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
