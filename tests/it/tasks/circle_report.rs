//! Tasks that await each other in a circle in real time (C28): a report on standard error, by a process of its own.
//!
//! Wall time: the report comes after the loop has waited for some real seconds.

use std::cell::RefCell;
use std::env;
use std::future::{Future, pending};
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use wheelhouse::{
    JoinHandle, catch_cancel, finally, gather, run, shield, sleep, spawn, task_group, timeout,
    yield_now,
};

/// Says to a process of this test which case it is.
const ROLE: &str = "WHEELHOUSE_TEST_CIRCLE";

/// Longer than the loop waits before it reports.
const LONG: Duration = Duration::from_millis(6500);

type Boxed = Pin<Box<dyn Future<Output = ()>>>;

/// How a task of a circle awaits the next one.
type Await = fn(JoinHandle<()>) -> Boxed;

async fn plainly(handle: JoinHandle<()>) {
    handle.await.unwrap_or(());
}

/// Spawns so many tasks, each of which awaits the next one, and the last one the first. Returns a handle if one is left.
fn circle(count: usize, how: Await) {
    let handles: Rc<RefCell<Vec<Option<JoinHandle<()>>>>> = Rc::default();
    for number in 0..count {
        let theirs = Rc::clone(&handles);
        let handle = spawn(async move {
            yield_now().await;
            let next = theirs.borrow_mut()[(number + 1) % count].take().unwrap();
            how(next).await;
        });
        handles.borrow_mut().push(Some(handle));
    }
}

/// A case: its name, what runs in it, and how many tasks the report names; 0 for no report.
type Case = (&'static str, fn() -> Boxed, usize);

/// Runs a circle beside a main that waits for ever.
fn beside_main(count: usize, how: Await) -> Boxed {
    Box::pin(async move {
        circle(count, how);
        pending::<()>().await
    })
}

const CASES: &[Case] = &[
    (
        "itself",
        || beside_main(1, |next| Box::pin(plainly(next))),
        1,
    ),
    ("two", || beside_main(2, |next| Box::pin(plainly(next))), 2),
    (
        "three",
        || beside_main(3, |next| Box::pin(plainly(next))),
        3,
    ),
    (
        "hundred",
        || beside_main(100, |next| Box::pin(plainly(next))),
        100,
    ),
    (
        "gather",
        || beside_main(3, |next| Box::pin(async { drop(gather([next]).await) })),
        3,
    ),
    (
        "gather of two",
        || {
            beside_main(2, |next| {
                Box::pin(async { drop(gather((next, async { yield_now().await })).await) })
            })
        },
        2,
    ),
    (
        "catch points",
        || {
            beside_main(2, |next| {
                Box::pin(async {
                    let inner = catch_cancel(finally(plainly(next), async {}));
                    shield(inner).await.unwrap_or(());
                })
            })
        },
        2,
    ),
    (
        "the body of a group",
        || {
            beside_main(2, |next| {
                Box::pin(async { task_group(async |_| plainly(next).await).await.unwrap() })
            })
        },
        2,
    ),
    (
        "children of groups",
        || {
            beside_main(2, |next| {
                Box::pin(async {
                    let grouped = task_group(async |g| drop(g.spawn(plainly(next))));
                    grouped.await.unwrap();
                })
            })
        },
        4,
    ),
    (
        "through a timeout that is over",
        || {
            beside_main(2, |mut next| {
                Box::pin(async move {
                    assert!(timeout(Duration::from_millis(5), &mut next).await.is_err());
                    plainly(next).await;
                })
            })
        },
        2,
    ),
    // From here on something may, or does, break the circle.
    (
        "a timeout that breaks it",
        || {
            beside_main(2, |next| {
                Box::pin(async {
                    timeout(LONG, plainly(next)).await.unwrap_or(());
                })
            })
        },
        0,
    ),
    (
        "a sleep beside it",
        || {
            beside_main(2, |next| {
                Box::pin(async {
                    let next = std::pin::pin!(plainly(next));
                    let limit = std::pin::pin!(sleep(LONG));
                    futures::future::select(next, limit).await.factor_first().0
                })
            })
        },
        0,
    ),
    (
        "an await that was given up",
        || {
            Box::pin(async {
                let slot: Rc<RefCell<Option<JoinHandle<()>>>> = Rc::default();
                let theirs = Rc::clone(&slot);
                let first = spawn(async move {
                    yield_now().await;
                    let mut second = theirs.borrow_mut().take().unwrap();
                    assert!(
                        timeout(Duration::from_millis(5), &mut second)
                            .await
                            .is_err()
                    );
                    // Now it waits for something else, with the handle in its hand.
                    pending::<()>().await;
                    drop(second);
                });
                *slot.borrow_mut() = Some(spawn(async move { drop(first.await) }));
                pending::<()>().await
            })
        },
        0,
    ),
    (
        "no circle",
        || Box::pin(async { drop(spawn(pending::<()>()).await) }),
        0,
    ),
];

/// Runs one case in this process, which another thread ends.
fn run_case(name: &str) {
    thread::spawn(|| {
        thread::sleep(LONG);
        std::process::exit(0);
    });
    let (_, begin, _) = CASES.iter().find(|case| case.0 == name).unwrap();
    run(async { begin().await });
}

#[test]
fn c28_a_circle_of_awaits_is_reported_in_real_time_unless_something_may_break_it() {
    let test = "tasks::circle_report::c28_a_circle_of_awaits_is_reported_in_real_time_unless_something_may_break_it";
    if let Some(name) = env::var_os(ROLE) {
        return run_case(name.to_str().unwrap());
    }
    let children: Vec<_> = CASES
        .iter()
        .map(|(name, ..)| {
            let mut command = Command::new(env::current_exe().unwrap());
            command
                .args(["--exact", test, "--nocapture"])
                .env(ROLE, name);
            command.stdout(Stdio::null()).stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    for ((name, _, count), child) in CASES.iter().zip(children) {
        let output = child.wait_with_output().unwrap();
        let report = String::from_utf8(output.stderr).unwrap();
        if *count == 0 {
            assert_eq!(report, "", "{name}");
            continue;
        }
        assert!(
            report.contains("tasks wait for each other"),
            "{name}: {report:?}"
        );
        let named = report
            .lines()
            .filter(|line| line.starts_with("  task "))
            .count();
        // The first one is named once more, at the end.
        assert_eq!(named, count + 1, "{name}: {report}");
    }
}
