//! Children whose handle is dropped while neither a descriptor nor a thread is left to wait for
//! them.
//!
//! What went wrong: the thread that reaps was given up for good, and each later orphan occupied a
//! thread of the pool for its whole life.

use std::fs as std_fs;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use wheelhouse::process::{Child, Command};
use wheelhouse::{run, sleep};

use crate::again::by_itself;
use crate::installed::installed;
use crate::system::threads::{no_more_threads, threads};

/// A child that runs until its handle is dropped.
pub(crate) fn lasting() -> Child {
    let mut command = Command::new(installed("cat"));
    command.stdin(Stdio::piped()).spawn().unwrap()
}

/// Calls `f` while no descriptor can be opened.
fn without_descriptors(f: impl FnOnce()) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = |current| setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
    limit(Some(60));
    let all: Vec<_> = std::iter::from_fn(|| std_fs::File::open("/dev/null").ok()).collect();
    f();
    drop(all);
    limit(maximum);
}

/// Waits until this process has no child, not even a zombie.
pub(crate) async fn all_gone() {
    let children = || std_fs::read_to_string("/proc/thread-self/children").unwrap();
    while !children().trim().is_empty() {
        sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn orphans_are_reaped_although_no_descriptor_was_left_when_they_were_dropped() {
    let test = "system::orphans::orphans_are_reaped_although_no_descriptor_was_left_when_they_were_dropped";
    by_itself(test, || {
        run(async {
            let first: Vec<_> = (0..5).map(|_| lasting()).collect();
            without_descriptors(|| drop(first));
            all_gone().await;
            // They share one thread, as usual.
            let later: Vec<_> = (0..20).map(|_| lasting()).collect();
            let before = threads();
            drop(later);
            assert!(threads() <= before + 2, "{} and {before}", threads());
            all_gone().await;
        });
    });
}

#[test]
fn without_a_thread_too_orphans_are_reaped_when_the_next_one_is_dropped() {
    let test =
        "system::orphans::without_a_thread_too_orphans_are_reaped_when_the_next_one_is_dropped";
    by_itself(test, || {
        run(async {
            let (one, other, last) = (lasting(), lasting(), lasting());
            no_more_threads();
            without_descriptors(|| drop((one, other)));
            drop(last);
            crate::system::threads::allow(None);
            assert!(
                Command::new(installed("true"))
                    .status()
                    .await
                    .unwrap()
                    .success()
            );
            all_gone().await;
        });
    });
}
