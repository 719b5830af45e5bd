//! The system refuses to start threads, as under `RLIMIT_NPROC` or `pids.max` of a container.
//!
//! What went wrong: the event loop and the pool of the crate `blocking` used 100 % of a CPU,
//! without end.

use std::collections::BTreeSet;
use std::fs as std_fs;
use std::io;
use std::thread;
use std::time::Duration;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use rustix::process::{Resource, Rlimit, Uid, getrlimit, setrlimit};
use rustix::thread::set_thread_res_uid;
use wheelhouse::net::TcpStream;
use wheelhouse::{fs, gather, run, sleep, spawn, stdio, timeout, to_thread};

use crate::again::by_itself;

/// A user other than root, to which limits apply.
const OTHER_USER: u32 = 54_322;

/// Sets how many threads and processes this user may have.
pub(crate) fn allow(threads: Option<u64>) {
    let maximum = getrlimit(Resource::Nproc).maximum;
    let current = threads.or(maximum);
    setrlimit(Resource::Nproc, Rlimit { current, maximum }).unwrap();
}

/// Makes it impossible to start threads from this one.
pub(crate) fn no_more_threads() {
    allow(Some(0));
    // The limit does not apply to root.
    if rustix::process::getuid().is_root() {
        let user = Uid::from_raw(OTHER_USER);
        set_thread_res_uid(user, user, user).unwrap();
    }
    let refused = thread::Builder::new().spawn(|| ()).map(drop).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::WouldBlock, "{refused}");
}

/// Fails unless the error says that there is no thread, and is not `WouldBlock`.
#[track_caller]
fn says_so<T>(what: &str, outcome: io::Result<T>) {
    let Err(error) = outcome else {
        panic!("{what} succeeded");
    };
    assert!(
        error.to_string().contains("needs a thread"),
        "{what}: {error}"
    );
    assert_ne!(error.kind(), io::ErrorKind::WouldBlock, "{what}");
}

/// The number of threads of this process.
pub(crate) fn threads() -> usize {
    std_fs::read_dir("/proc/self/task").unwrap().count()
}

#[test]
fn without_threads_every_call_fails_with_a_message_and_the_event_loop_continues() {
    let test = "system::threads::without_threads_every_call_fails_with_a_message_and_the_event_loop_continues";
    by_itself(test, || {
        run(async {
            let open = fs::File::from_std(std_fs::File::open("/dev/zero").unwrap());
            no_more_threads();
            let mut file = open;
            for _ in 0..3 {
                let error = spawn(to_thread(|| ())).await.unwrap_err();
                assert!(error.to_string().contains("needs a thread"), "{error}");
                says_so("fs::read", fs::read("/dev/null").await);
                says_so("File::open", fs::File::open("/dev/null").await);
                says_so("a read", file.read(&mut [0; 8]).await);
                says_so("a seek", io_seek(&mut file).await);
                says_so("a name", TcpStream::connect("localhost:9").await);
                says_so("stdin", stdio::stdin().read(&mut [0; 8]).await);
                let mut out = stdio::stdout();
                let written = out.write_all(b"x").await;
                says_so("stdout", written.and(out.flush().await));
                sleep(Duration::from_millis(1)).await;
            }
            // When threads can be started again, calls succeed.
            allow(None);
            assert_eq!(to_thread(|| 7).await, 7);
            file.read_exact(&mut [0; 8]).await.unwrap();
        });
    });
}

async fn io_seek(file: &mut fs::File) -> io::Result<u64> {
    futures::io::AsyncSeekExt::seek(file, io::SeekFrom::Start(0)).await
}

#[test]
fn functions_run_on_the_threads_that_exist() {
    let test = "system::threads::functions_run_on_the_threads_that_exist";
    by_itself(test, || {
        run(async {
            let only = to_thread(|| thread::current().id()).await;
            no_more_threads();
            let jobs = (0..20).map(|_| to_thread(|| thread::current().id()));
            let jobs = gather(jobs.collect::<Vec<_>>());
            let ran_on: BTreeSet<_> = jobs.await.iter().map(|id| format!("{id:?}")).collect();
            assert_eq!(ran_on, BTreeSet::from([format!("{only:?}")]));
        });
    });
}

/// It used to be listed among the functions that a runtime waits for.
#[test]
fn a_function_that_waits_for_the_only_thread_can_be_cancelled() {
    let test = "system::threads::a_function_that_waits_for_the_only_thread_can_be_cancelled";
    by_itself(test, || {
        run(async {
            let (end, ended) = std::sync::mpsc::channel::<()>();
            let (begin, begun) = std::sync::mpsc::channel();
            let busy = spawn(to_thread(move || {
                begin.send(()).unwrap();
                ended.recv().ok();
            }));
            wheelhouse::yield_now().await;
            begun.recv().unwrap();
            no_more_threads();
            let waits = timeout(Duration::from_millis(5), to_thread(|| ()));
            assert!(waits.await.is_err());
            drop(end);
            busy.await.unwrap();
            to_thread(|| ()).await;
        });
    });
}

#[test]
fn idle_threads_end() {
    let test = "system::threads::idle_threads_end";
    by_itself(test, || {
        let before = threads();
        run(async {
            let barrier = std::sync::Arc::new(std::sync::Barrier::new(8));
            let meet = |_| {
                let barrier = barrier.clone();
                to_thread(move || barrier.wait().is_leader())
            };
            gather((0..8).map(meet).collect::<Vec<_>>()).await;
            assert!(threads() >= before + 8);
            while threads() > before {
                sleep(Duration::from_millis(10)).await;
            }
            to_thread(|| ()).await;
        });
    });
}

#[test]
fn a_function_that_never_returns_does_not_delay_the_end_of_the_process() {
    let test =
        "system::threads::a_function_that_never_returns_does_not_delay_the_end_of_the_process";
    by_itself(test, || {
        let limit = Duration::from_millis(5);
        let runtime = wheelhouse::Runtime::builder().shutdown_timeout(limit);
        runtime.build().unwrap().block_on(async {
            spawn(to_thread(|| {
                loop {
                    thread::park()
                }
            }))
            .detach();
            sleep(Duration::from_millis(20)).await;
        });
    });
}
