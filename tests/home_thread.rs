//! What must not leave its thread does not, not even when runtimes end inside one another.
//!
//! What went wrong: destructors that ran while a runtime was closing could send it a dropped handle from its own thread.
//! That letter came after the last look at the inbox, and the next foreign sender settled it: a `!Send` output was
//! dropped on the sender's thread.

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ThreadId};
use std::time::Duration;

use wheelhouse::{Remote, Runtime, catch_cancel, spawn, yield_now};

/// How often the race is run: without the mend it was lost in a third of the rounds at least.
const ROUNDS: usize = 100;

/// Something that may not leave its thread, and says where it was dropped.
struct Local {
    home: ThreadId,
    dropped_at_home: Rc<Cell<Option<bool>>>,
}

impl Drop for Local {
    fn drop(&mut self) {
        let at_home = thread::current().id() == self.home;
        // Away from home the cell must not be touched: the round finds it empty, and fails.
        if at_home {
            self.dropped_at_home.set(Some(true));
        }
    }
}

/// A runtime with a task that holds `held`, and drops it when the runtime is dropped.
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

/// Sends calls to a runtime until it is told to stop.
fn keep_sending(remote: &Remote, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        drop(remote.call(|| ()));
    }
}

/// Ends a runtime while destructors send it its own handles, two runtimes deep.
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
fn an_output_that_is_not_send_is_dropped_at_home_whoever_else_sends_meanwhile() {
    for _ in 0..ROUNDS {
        let patience = Runtime::builder().shutdown_timeout(Duration::ZERO);
        let runtime = patience.build().unwrap();
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
