//! A value that is not `Send` is dropped on its own thread, even when runtimes end inside one
//! another.
//!
//! What went wrong: destructors that ran while a runtime closed could send it a message, a dropped
//! handle, from its own thread. The message came after the last check of the queue, and the next
//! thread that sent one processed it: an output that is not `Send` was dropped on that thread.

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ThreadId};
use std::time::Duration;

use wheelhouse::{Remote, Runtime, catch_cancel, spawn, yield_now};

/// The number of runs. Without the fix at least a third of them failed.
const ROUNDS: usize = 100;

/// A value that must not leave its thread, and records whether it was dropped there.
struct Local {
    home: ThreadId,
    dropped_at_home: Rc<Cell<Option<bool>>>,
}

impl Drop for Local {
    fn drop(&mut self) {
        let at_home = thread::current().id() == self.home;
        // On another thread the cell must not be accessed. It stays empty, and the test fails.
        if at_home {
            self.dropped_at_home.set(Some(true));
        }
    }
}

/// A runtime with a task that drops `held` when the runtime is dropped.
fn runtime_with<T: 'static>(held: T) -> Runtime {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        spawn(async move {
            let _held = held;
            pending::<()>().await;
        });
        yield_now().await;
    });
    runtime
}

/// Sends calls to a runtime until `stop` is set.
fn keep_sending(remote: &Remote, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        drop(remote.call(|| ()));
    }
}

/// Drops a runtime while destructors in two nested runtimes drop handles of its tasks.
fn end(runtime: Runtime, dropped_at_home: &Rc<Cell<Option<bool>>>) {
    let dropped_at_home = Rc::clone(dropped_at_home);
    let finished = runtime.block_on(async move {
        let home = thread::current().id();
        let task = spawn(async move {
            Local {
                home,
                dropped_at_home,
            }
        });
        yield_now().await;
        task
    });
    let inner = runtime_with(finished);
    let holder = runtime.block_on(async move {
        let task = spawn(async move { inner });
        yield_now().await;
        task
    });
    let outer = runtime_with(holder);
    runtime.block_on(async move {
        spawn(async move {
            let _outer = outer;
            loop {
                catch_cancel(pending::<()>()).await.unwrap_err();
            }
        });
        yield_now().await;
    });
    drop(runtime);
}

#[test]
fn an_output_that_is_not_send_is_dropped_on_its_thread_while_other_threads_send() {
    for _ in 0..ROUNDS {
        let builder = Runtime::builder().shutdown_timeout(Duration::ZERO);
        let runtime = builder.build().unwrap();
        let (remote, stop) = (runtime.remote(), AtomicBool::new(false));
        let dropped_at_home = Rc::new(Cell::new(None));
        thread::scope(|scope| {
            scope.spawn(|| keep_sending(&remote, &stop));
            end(runtime, &dropped_at_home);
            stop.store(true, Ordering::Relaxed);
        });
        assert_eq!(dropped_at_home.get(), Some(true));
    }
}
