//! The process exits while a runtime runs.
//!
//! The C library's `exit` runs the destructors of the thread's thread-locals on top of the stack that called it. A `Runtime` in a
//! thread-local was dropped there and dropped the futures that were being polled further down: a use after free, from
//! safe code. The main future in such a runtime made it abort instead of exiting with its code.
//!
//! Each case runs in a process of its own, which must exit with [`CODE`], and drop nothing that is in use.

use std::env;
use std::future::pending;
use std::process::{Command, exit};
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread;
use std::time::Duration;

use crate::common::{OnDrop, poll_with, turns};
use wheelhouse::{
    Remote, Runtime, catch_cancel, gather, sleep, spawn, task, task_group, to_thread, try_spawn,
    yield_now,
};

/// Says to a process of this test which case it is.
const ROLE: &str = "WHEELHOUSE_TEST_EXIT";

/// What each process exits with.
const CODE: i32 = 7;

thread_local! {
    /// The runtime of a case.
    static RUNTIME: Runtime = Runtime::new().unwrap();
    /// One that is not driven when the process exits.
    static IDLE: Runtime = Runtime::new().unwrap();
}

/// Drives the thread's runtime.
fn drive<F: Future>(future: F) -> F::Output {
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// Says that it was dropped.
struct Loud(
    &'static str,
    #[expect(dead_code, reason = "freed twice, it would be seen")] Box<u8>,
);

impl Loud {
    fn new(name: &'static str) -> Self {
        Self(name, Box::new(0))
    }
}

impl Drop for Loud {
    fn drop(&mut self) {
        println!("dropped {}", self.0);
    }
}

/// Exits in the middle of a poll, with a value that is used up although the future as it was suspended last has it.
async fn exits() {
    let used_up = Loud::new("used up");
    yield_now().await;
    drop(used_up);
    exit(CODE)
}

/// Exits when it is dropped.
fn exits_when_dropped() -> OnDrop<impl FnOnce()> {
    let used = Loud::new("used up");
    OnDrop::new(move || {
        drop(used);
        exit(CODE)
    })
}

fn in_main() {
    drive(exits());
}

fn in_a_task() {
    drive(async { drop(spawn(exits())) });
    drive(pending::<()>());
}

fn in_a_branch() {
    drive(async {
        gather((exits(), pending::<()>())).await;
    });
}

fn in_a_child_of_a_group() {
    drive(async {
        drop(spawn(async {
            let lent = Loud::new("lent");
            task_group(async |group| -> () {
                drop(group.spawn(async {
                    exits().await;
                    std::hint::black_box(&lent);
                }));
                pending().await
            })
            .await
            .unwrap();
        }));
        pending::<()>().await;
    });
}

fn in_a_clean_up() {
    drive(async {
        let task = spawn(async {
            catch_cancel(pending::<()>()).await.unwrap_err();
            exits().await;
        });
        turns(2).await;
        drop(task.cancel_and_wait().await);
    });
}

fn in_the_destructor_of_a_cancelled_task() {
    drive(async {
        let task = spawn(async {
            let _exits = exits_when_dropped();
            pending::<()>().await;
        });
        turns(2).await;
        drop(task.cancel_and_wait().await);
    });
}

fn in_the_destructor_of_main() {
    let main = async {
        let _exits = exits_when_dropped();
        task::current().cancel_handle().cancel();
        pending::<()>().await;
    };
    drop(RUNTIME.with(|runtime| runtime.try_block_on(main)));
}

fn in_the_destructor_of_an_output() {
    drive(async {
        drop(spawn(async { exits_when_dropped() }));
        pending::<()>().await;
    });
}

fn in_a_shutdown_at_the_end_of_a_thread() {
    let thread = thread::spawn(|| {
        drive(async {
            drop(spawn(async {
                catch_cancel(pending::<()>()).await.unwrap_err();
                exits().await;
            }));
            turns(2).await;
        });
    });
    thread.join().unwrap();
}

fn in_a_destructor_at_the_end_of_a_thread() {
    let thread = thread::spawn(|| {
        drive(async {
            drop(spawn(async {
                let _exits = exits_when_dropped();
                pending::<()>().await;
            }));
            turns(2).await;
        });
    });
    thread.join().unwrap();
}

fn in_a_waker_that_the_loop_wakes() {
    struct Exits;
    impl Wake for Exits {
        fn wake(self: Arc<Self>) {
            drop(Loud::new("used up"));
            exit(CODE)
        }
    }
    drive(async {
        let mut nap = sleep(Duration::from_millis(1));
        assert!(poll_with(&mut nap, &Waker::from(Arc::new(Exits))).is_pending());
        pending::<()>().await;
    });
}

fn in_a_call_from_another_thread() {
    drive(async {
        let remote = Remote::current();
        thread::spawn(move || {
            remote.call(|| {
                drop(Loud::new("used up"));
                exit(CODE)
            })
        });
        pending::<()>().await;
    });
}

fn on_a_thread_of_the_pool() {
    drive(async {
        let _used = Loud::new("on a stack that goes on");
        let () = to_thread(|| {
            drop(Loud::new("used up"));
            exit(CODE)
        })
        .await;
    });
}

fn on_another_thread() {
    thread::spawn(|| {
        drop(Loud::new("used up"));
        exit(CODE)
    });
    drive(pending::<()>());
}

fn beside_an_idle_runtime_whose_tasks_are_dropped() {
    let idle = Loud::new("idle");
    IDLE.with(|runtime| {
        runtime.block_on(async {
            drop(spawn(async move {
                let _idle = idle;
                pending::<()>().await;
            }));
            turns(2).await;
        });
    });
    drive(exits());
}

/// The driven runtime is not the innermost one: another one is being dropped inside of it.
fn in_the_end_of_another_runtime_inside() {
    drive(async {
        let other = Runtime::new().unwrap();
        drop(other.remote().spawn(|| async {
            let _exits = exits_when_dropped();
            pending::<()>().await;
        }));
        drop(other);
        exits().await;
    });
}

/// What destructors of thread-locals and handlers of the exit ask of the runtime finds it as the task left it.
fn with_a_thread_local_that_asks_the_runtime() {
    thread_local! {
        static ASKS: OnDrop<fn()> = OnDrop::new(asks);
    }
    fn asks() {
        let tasks = task::all();
        assert_eq!(tasks.len(), 2);
        assert!(try_spawn(pending::<()>()).is_ok());
        println!("asked");
    }
    drive(async {
        ASKS.with(|_| ());
        drop(spawn(exits()));
        pending::<()>().await;
    });
}

/// A case, by its name.
macro_rules! cases {
    ($($case:ident)*) => { [$((stringify!($case), $case as fn())),*] };
}

/// All cases.
const CASES: [(&str, fn()); 17] = cases![
    in_main
    in_a_task
    in_a_branch
    in_a_child_of_a_group
    in_a_clean_up
    in_the_destructor_of_a_cancelled_task
    in_the_destructor_of_main
    in_the_destructor_of_an_output
    in_a_shutdown_at_the_end_of_a_thread
    in_a_destructor_at_the_end_of_a_thread
    in_a_waker_that_the_loop_wakes
    in_a_call_from_another_thread
    on_a_thread_of_the_pool
    on_another_thread
    beside_an_idle_runtime_whose_tasks_are_dropped
    in_the_end_of_another_runtime_inside
    with_a_thread_local_that_asks_the_runtime
];

#[test]
fn a_process_that_exits_while_a_runtime_runs_has_its_code_and_drops_nothing_in_use() {
    if let Some(name) = env::var_os(ROLE) {
        let (_, case) = CASES.iter().find(|(case, _)| name == *case).unwrap();
        case();
        unreachable!("{name:?} did not exit");
    }
    let this = env::current_exe().unwrap();
    let test = thread::current().name().unwrap().to_owned();
    for (name, _) in CASES {
        let mut again = Command::new(&this);
        again.args(["--exact", &test, "--nocapture"]);
        let output = again.env(ROLE, name).output().unwrap();
        let (said, errors) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        let case = format!("{name}: {}\n{said}\n{errors}", output.status);
        assert_eq!(output.status.code(), Some(CODE), "{case}");
        assert_eq!(said.matches("dropped used up").count(), 1, "{case}");
        assert!(!said.contains("dropped lent"), "{case}");
        assert_eq!(
            said.contains("dropped idle"),
            name.contains("idle"),
            "{case}"
        );
        assert_eq!(said.contains("asked"), name.contains("that_asks"), "{case}");
    }
}
