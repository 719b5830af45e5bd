//! A process that forks without `exec`: the worker has copies of all descriptors, and shares the
//! epoll instances.
//!
//! What went wrong: a descriptor that is closed while a copy of it is open stays in the epoll
//! instance, so the thread that reaps orphans was woken again and again. And a worker that dropped
//! a socket removed it from the epoll instance of its parent.
#![allow(unsafe_code, reason = "`fork`, which std does not have")]

use std::fs;
use std::process::Stdio;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::installed::installed;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use wheelhouse::net::{TcpListener, TcpStream};
use wheelhouse::process::Command;
use wheelhouse::{Runtime, gather, run, sleep, timeout};

/// Longer than any test takes. Only a failing test waits so long.
const LONG: Duration = Duration::from_secs(60);

unsafe extern "C" {
    /// See fork(2).
    safe fn fork() -> i32;
    /// See _exit(2).
    safe fn _exit(status: i32) -> !;
}

/// Held by the test that runs: a worker also has copies of the descriptors of other tests.
static ONE: Mutex<()> = Mutex::new(());

/// Waits until no other test runs.
fn alone() -> MutexGuard<'static, ()> {
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A forked process, killed on drop.
struct Worker(Pid);

impl Worker {
    /// Forks; the worker calls `work` and exits.
    fn start(work: impl FnOnce()) -> Self {
        match fork() {
            0 => {
                work();
                _exit(0)
            }
            pid => Self(Pid::from_raw(pid).expect("forked")),
        }
    }

    /// Waits until it has exited by itself.
    fn exits(&self) {
        let begin = Instant::now();
        loop {
            match waitpid(Some(self.0), WaitOptions::NOHANG).expect("a child") {
                Some((_, status)) => return assert_eq!(status.exit_status(), Some(0)),
                None => assert!(begin.elapsed() < LONG, "the worker hangs"),
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // If it has exited, it is reaped here or was reaped before.
        if waitpid(Some(self.0), WaitOptions::NOHANG).is_ok() {
            kill_process(self.0, Signal::KILL).ok();
            waitpid(Some(self.0), WaitOptions::empty()).ok();
        }
    }
}

/// A worker that only holds copies of all descriptors.
fn idle_worker() -> Worker {
    Worker::start(|| {
        loop {
            std::thread::sleep(LONG);
        }
    })
}

/// The CPU time of the thread that reaps orphans, in hundredths of a second.
fn ticks_of_the_reaper() -> u64 {
    let threads = fs::read_dir("/proc/self/task").expect("Linux has this");
    let stats =
        threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("stat")).ok());
    let reaper = stats
        .into_iter()
        .find(|stat| stat.contains("(wheelhouse-reap"));
    let stat = reaper.expect("the first orphan starts the thread");
    let (_, rest) = stat.rsplit_once(") ").expect("a stat");
    let fields: Vec<_> = rest.split(' ').collect();
    fields[11..13]
        .iter()
        .map(|field| field.parse::<u64>().expect("a number"))
        .sum()
}

/// Wall time: the reaper is a thread, which may be busy at any time.
#[test]
fn the_reaper_is_idle_after_an_orphan_exits_while_a_worker_has_a_copy_of_its_pidfd() {
    let _alone = alone();
    run(async {
        let mut cat = Command::new(installed("cat"));
        cat.stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = cat.spawn().unwrap();
        let pid = child.id();
        // It continues without its handle, because its standard input stays open.
        let _stdin = child.stdin.take();
        drop(child);
        let _worker = idle_worker();
        let number = Pid::from_raw(pid.try_into().unwrap()).unwrap();
        kill_process(number, Signal::TERM).unwrap();
        while fs::exists(format!("/proc/{pid}")).unwrap() {
            sleep(Duration::from_millis(1)).await;
        }
        let before = ticks_of_the_reaper();
        sleep(Duration::from_millis(300)).await;
        let ticks = ticks_of_the_reaper() - before;
        assert!(ticks <= 2, "{ticks} hundredths of a second in 30");
    });
}

/// Wall time: the kernel decides when sockets are ready.
#[test]
fn a_worker_that_drops_sockets_does_not_affect_those_of_its_parent() {
    let _alone = alone();
    let runtime = Runtime::new().unwrap();
    let mut listener = Some(runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap());
    // Forks outside the event loop, and then inside it.
    Worker::start(|| drop(listener.take())).exits();
    let works = async |listener: &TcpListener| {
        let address = listener.local_addr().unwrap();
        let both = gather((TcpStream::connect(address), listener.accept()));
        let (client, served) = timeout(LONG, both).await.expect("both succeed in time");
        (client.unwrap(), served.unwrap())
    };
    runtime.block_on(async {
        let mut listener = listener.take();
        works(listener.as_ref().unwrap()).await;
        Worker::start(|| drop(listener.take())).exits();
        works(listener.as_ref().unwrap()).await;
    });
}
