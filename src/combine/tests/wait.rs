//! `wait`: its modes, the order of `done`, the deadline, and that it cancels nothing.

use super::tools::{Driven, Gate, Key, gate};
use crate::combine::joinable::{Joinable, sealed};
use crate::combine::progress::ReturnWhen;
use crate::combine::watch::{Deadline, Watch};
use crate::combine::{Progress, Waited, wait};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

/// A handle of a task that is not there: `true` means that it failed.
struct Stub {
    name: char,
    gate: Gate<bool>,
    failed: Option<bool>,
    disowned: bool,
    /// What happened to it: `x` for cancelled by its destructor, `-` for left alone.
    fate: std::sync::Arc<std::sync::Mutex<String>>,
}

impl Drop for Stub {
    fn drop(&mut self) {
        let fate = if self.disowned { '-' } else { 'x' };
        self.fate.lock().unwrap().extend([self.name, fate]);
    }
}

impl sealed::Sealed for Stub {}

impl Joinable for Stub {
    fn poll_finished(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let polled = Pin::new(&mut self.gate).poll(cx);
        polled.map(|failed| self.failed = Some(failed))
    }

    fn has_failed(&self) -> bool {
        self.failed.expect("asked before the end")
    }

    fn disown(&mut self) {
        self.disowned = true;
    }
}

/// Some tasks, the keys to end them, and what became of their handles.
struct Bench {
    keys: Vec<Key<bool>>,
    fate: std::sync::Arc<std::sync::Mutex<String>>,
}

impl Bench {
    fn fate(&self) -> String {
        self.fate.lock().unwrap().clone()
    }
}

fn tasks(n: u8) -> (Bench, Vec<Stub>) {
    let fate = std::sync::Arc::default();
    let one = |number| {
        let (key, gate) = gate();
        let name = char::from(b'a' + number);
        let stub = Stub {
            name,
            gate,
            failed: None,
            disowned: false,
            fate: std::sync::Arc::clone(&fate),
        };
        (key, stub)
    };
    let (keys, stubs) = (0..n).map(one).unzip();
    (Bench { keys, fate }, stubs)
}

/// The names of what is done and of what is pending.
fn names<H: std::borrow::Borrow<Stub>>(waited: Poll<Waited<H>>) -> (String, String) {
    let Poll::Ready(waited) = waited else {
        panic!("still waiting")
    };
    let names = |handles: &[H]| handles.iter().map(|handle| handle.borrow().name).collect();
    (names(&waited.done), names(&waited.pending))
}

fn pair(done: &str, pending: &str) -> (String, String) {
    (done.into(), pending.into())
}

#[test]
fn by_default_it_waits_for_all_and_lists_them_in_the_order_of_their_ends() {
    let (bench, tasks) = tasks(3);
    let mut waiting = Driven::new(wait(tasks));
    assert!(waiting.poll().is_pending());
    bench.keys[2].open(false);
    bench.keys[0].open(true);
    assert!(waiting.poll().is_pending());
    bench.keys[1].open(false);
    assert_eq!(names(waiting.poll()), pair("cab", ""));
}

#[test]
fn first_completed_returns_with_all_that_have_ended_by_then() {
    let (bench, tasks) = tasks(4);
    let mut waiting = Driven::new(wait(tasks).first_completed());
    assert!(waiting.poll().is_pending());
    bench.keys[3].open(false);
    bench.keys[1].open(true);
    assert_eq!(names(waiting.poll()), pair("db", "ac"));
}

#[test]
fn first_completed_looks_at_every_task_even_if_the_first_had_ended_before() {
    let (bench, tasks) = tasks(3);
    bench.keys[0].open(false);
    bench.keys[2].open(false);
    assert_eq!(
        names(Driven::new(wait(tasks).first_completed()).poll()),
        pair("ac", "b")
    );
}

#[test]
fn first_failed_passes_over_those_that_ended_well() {
    let (bench, tasks) = tasks(3);
    let mut waiting = Driven::new(wait(tasks).first_failed());
    assert!(waiting.poll().is_pending());
    bench.keys[0].open(false);
    assert!(waiting.poll().is_pending());
    bench.keys[2].open(true);
    assert_eq!(names(waiting.poll()), pair("ac", "b"));
}

#[test]
fn first_failed_returns_when_all_have_ended_and_none_failed() {
    let (bench, tasks) = tasks(2);
    bench.keys.iter().for_each(|key| key.open(false));
    assert_eq!(
        names(Driven::new(wait(tasks).first_failed()).poll()),
        pair("ab", "")
    );
}

#[test]
fn until_is_asked_once_for_each_end_and_not_after_it_said_true() {
    let (bench, tasks) = tasks(4);
    let asked = std::cell::RefCell::new(Vec::new());
    let mut waiting = Driven::new(wait(tasks).until(|so_far| {
        let names: String = so_far.done().iter().map(|task| task.name).collect();
        asked
            .borrow_mut()
            .push((names, so_far.pending(), so_far.failed()));
        so_far.done().len() == 2
    }));
    assert!(waiting.poll().is_pending());
    bench.keys[1].open(true);
    assert!(waiting.poll().is_pending());
    bench.keys[3].open(false);
    bench.keys[0].open(false);
    assert_eq!(names(waiting.poll()), pair("bda", "c"));
    assert_eq!(*asked.borrow(), [("b".into(), 3, 1), ("bd".into(), 2, 1)]);
}

#[test]
fn borrowed_handles_stay_where_they_are() {
    let (bench, mut tasks) = tasks(3);
    bench.keys[1].open(false);
    let waited = Driven::new(wait(&mut tasks).first_completed()).poll();
    let Poll::Ready(waited) = waited else {
        panic!("still waiting")
    };
    assert_eq!((waited.done[0].name, waited.pending.len()), ('b', 2));
    drop(waited);
    drop(Driven::new(wait(tasks.iter_mut().filter(|task| task.failed.is_none()))).poll());
    assert!(tasks.iter().all(|task| !task.disowned));
    assert_eq!(bench.fate(), "");
}

#[test]
fn a_wait_that_is_dropped_leaves_the_tasks_running() {
    let (bench, tasks) = tasks(3);
    let mut waiting = Driven::new(wait(tasks));
    bench.keys[1].open(false);
    assert!(waiting.poll().is_pending());
    drop(waiting);
    assert_eq!(bench.fate(), "a-c-b-");
}

#[test]
fn the_handles_that_are_given_back_belong_to_the_caller() {
    let (bench, tasks) = tasks(2);
    bench.keys[0].open(false);
    drop(Driven::new(wait(tasks).first_completed()).finish());
    assert_eq!(bench.fate(), "axbx");
}

#[test]
fn waiting_for_nothing_returns_at_once_whatever_the_condition() {
    let nothing = || Vec::<Stub>::new();
    assert_eq!(names(Driven::new(wait(nothing())).poll()), pair("", ""));
    assert_eq!(
        names(Driven::new(wait(nothing()).first_completed()).poll()),
        pair("", "")
    );
    assert_eq!(
        names(Driven::new(wait(nothing()).first_failed()).poll()),
        pair("", "")
    );
    assert_eq!(
        names(Driven::new(wait(nothing()).until(|_| false)).poll()),
        pair("", "")
    );
    let bounded = wait(nothing()).timeout(Duration::MAX);
    assert_eq!(names(Driven::new(bounded).poll()), pair("", ""));
}

#[test]
fn a_wake_polls_only_the_handle_that_was_woken() {
    let (bench, tasks) = tasks(20);
    let mut waiting = Driven::new(wait(tasks));
    assert!(waiting.poll().is_pending());
    bench.keys[4].wake();
    assert!(waiting.poll().is_pending());
    let polls: usize = bench.keys.iter().map(|key| key.polls()).sum();
    assert_eq!(polls, 21);
}

/// Waits with a deadline whose timer is `timer`.
async fn with_timer(
    tasks: Vec<Stub>,
    timer: Gate<()>,
    made: &std::cell::Cell<u32>,
) -> Waited<Stub> {
    let when = ReturnWhen::<fn(&Progress<'_, Stub>) -> bool>::AllCompleted;
    let mut watch = Watch::new(tasks, when);
    let mut deadline = pin!(Deadline::After {
        delay: Duration::from_secs(3)
    });
    let mut timer = Some(timer);
    poll_fn(|cx| {
        if watch.poll(cx).is_ready() {
            return Poll::Ready(());
        }
        deadline.as_mut().poll(cx, |delay| {
            assert_eq!(delay, Duration::from_secs(3));
            made.set(made.get() + 1);
            timer.take().expect("one timer is enough")
        })
    })
    .await;
    watch.finish()
}

#[test]
fn the_deadline_returns_the_finished_and_the_pending() {
    let (bench, tasks) = tasks(3);
    let (alarm, timer) = gate();
    let made = Default::default();
    let mut waiting = Driven::new(with_timer(tasks, timer, &made));
    assert!(waiting.poll().is_pending());
    bench.keys[1].open(false);
    assert!(waiting.poll().is_pending());
    alarm.open(());
    assert_eq!(names(waiting.poll()), pair("b", "ac"));
    assert_eq!((made.get(), alarm.drops()), (1, 1));
}

#[test]
fn an_end_and_the_deadline_in_the_same_round_count_as_done() {
    let (bench, tasks) = tasks(2);
    let (alarm, timer) = gate();
    let made = Default::default();
    let mut waiting = Driven::new(with_timer(tasks, timer, &made));
    assert!(waiting.poll().is_pending());
    alarm.open(());
    bench.keys[0].open(false);
    assert_eq!(names(waiting.poll()), pair("a", "b"));
}

#[test]
fn a_wait_that_is_ready_at_once_makes_no_timer() {
    let (bench, tasks) = tasks(1);
    bench.keys[0].open(false);
    let (_alarm, timer) = gate();
    let made = Default::default();
    assert_eq!(
        names(Driven::new(with_timer(tasks, timer, &made)).poll()),
        pair("a", "")
    );
    assert_eq!(made.get(), 0);
}

#[test]
#[should_panic(expected = "`wait` was polled again after it had ended")]
fn polling_a_wait_after_its_end_panics() {
    let mut waiting = Driven::new(wait(Vec::<Stub>::new()));
    assert!(waiting.poll().is_ready());
    assert!(waiting.poll().is_pending());
}

#[test]
fn a_condition_that_panics_leaves_the_tasks_running() {
    let (bench, tasks) = tasks(2);
    bench.keys[0].open(false);
    let mut waiting = Driven::new(wait(tasks).until(|_| panic!("the condition panics")));
    let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| waiting.poll()));
    assert!(polled.is_err());
    drop(waiting);
    assert!(!bench.fate().contains('x'));
}
