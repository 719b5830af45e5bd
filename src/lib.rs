//! An async runtime for Linux that runs all tasks on one thread and follows Python asyncio's task
//! model.
//!
//! [`run`] runs a future and the tasks that it [`spawn`]s. [`sleep`], [`gather`], [`wait`](wait())
//! and [`JoinHandle::cancel`] do what asyncio's functions of these names do. Futures need not be
//! `Send`, so tasks can share `Rc` and `RefCell`.
//!
//! ```
//! use std::time::Duration;
//! use wheelhouse::{gather, run, sleep, spawn};
//!
//! async fn say_after(millis: u64, what: &str) -> usize {
//!     sleep(Duration::from_millis(millis)).await;
//!     println!("{what}");
//!     what.len()
//! }
//!
//! run(async {
//!     let task = spawn(say_after(20, "world"));
//!     let hello = say_after(10, "hello").await;
//!     assert_eq!((hello, task.await.unwrap()), (5, 5));
//!
//!     // Several at once, in the calling task, so they may borrow:
//!     let word = String::from("together");
//!     let lengths = gather((say_after(5, &word), say_after(5, &word))).await;
//!     assert_eq!(lengths, (8, 8));
//! });
//! ```
//!
//! # asyncio's names
//!
//! | asyncio | here |
//! |---|---|
//! | `asyncio.run(main())`, `Runner` | [`run`], [`Runtime`] |
//! | `create_task(c)`, with a name | [`spawn`], [`task::Builder`] |
//! | `await task` | `handle.await`, a `Result<T, `[`JoinError`]`>` |
//! | `task.cancel(msg)`, `task.done()`, `task.result()` | [`JoinHandle::cancel_with`], [`is_finished`](JoinHandle::is_finished), [`try_join`](JoinHandle::try_join) |
//! | `except CancelledError`, `raise` | [`catch_cancel`], [`Cancelled::resume`] |
//! | `try: … finally: …` with awaits, `async with` | [`finally`], [`finally_with`] |
//! | `shield` | [`shield`], whose awaiter waits for its end |
//! | `sleep`, `timeout`, `wait_for` | [`sleep`], [`timeout`] |
//! | `gather`, `wait`, `as_completed` | [`gather`], [`wait`](wait()), [`as_completed`]; [`try_gather`], which leaves no tasks behind |
//! | `TaskGroup`, `ExceptionGroup` | [`task_group`], [`GroupError`] |
//! | `Lock`, `Event`, `Condition`, `Semaphore`, `Barrier` | the same names in [`sync`]; also [`sync::RwLock`] |
//! | `Future`; `Queue`, `PriorityQueue`, `LifoQueue` | [`sync::oneshot()`]; [`sync::Queue`], [`sync::PriorityQueue`], [`sync::LifoQueue`] |
//! | `call_soon_threadsafe(queue.put_nowait, x)` | [`sync::inbox`] |
//! | `open_connection`, `start_server` | [`net::TcpStream`], [`net::TcpListener`]; [`net::UnixStream`], [`net::UnixListener`] |
//! | `create_datagram_endpoint` | [`net::UdpSocket`], [`net::UnixDatagram`] |
//! | `loop.add_reader`, `add_writer`; `connect_read_pipe` | [`net::Registered`]; [`net::pipe()`] |
//! | `loop.getaddrinfo` | [`net::lookup_host`] |
//! | `loop.add_signal_handler`, `KeyboardInterrupt` | [`signal::unix`], [`signal::ctrl_c`], [`Builder::cancel_on_ctrl_c`] |
//! | `to_thread` | [`to_thread`] |
//! | `create_subprocess_exec` | [`process::Command`] |
//! | `contextvars.ContextVar` | [`context_var!`], [`task::ContextVar`] |
//! | `current_task`, `all_tasks` | [`task::current`], [`task::all`] |
//! | `run_coroutine_threadsafe`, `call_soon_threadsafe` | [`Remote::spawn`], [`Remote::call`] |
//! | `IsolatedAsyncioTestCase` | [`testing`], with virtual time, seeds, and reports of deadlocks |
//!
//! The chapter [`guide::cancellation`] explains cancellation, next to asyncio's code. The chapter
//! [`guide::limits`] lists what the crate cannot do.
//!
//! # Guarantees
//!
//! - The runtime owns every task. A task whose handle is dropped before it was awaited continues to
//!   run.
//! - Ready tasks run first come, first served. The runtime checks timers, sockets and wakes from
//!   other threads at least once in 64 polls of tasks. A wake behind a backlog of messages from
//!   other threads waits for at most 64 polls per 64 messages before it.
//! - An operation that is ready at once (a ready socket, a free lock, a set event, a late tick, a
//!   finished task) yields when a poll of its task has taken 128 such steps. So it starves neither
//!   other tasks nor other branches of a [`gather`].
//! - A cancelled task can clean up, with awaits, before it ends: its innermost [`catch_cancel`]
//!   catches the cancellation first. A value that was already produced is not lost.
//! - A [`timeout`], [`gather`], [`try_gather`] or [`task_group`] that ends early returns only when
//!   everything inside has ended, including clean-ups and the awaited tasks whose handles it owned.
//! - Cancellations and timeouts wait for a [`shield`] to finish.
//! - No timer fires early. Timers fire in the order of their deadlines.
//! - While the runtime runs, a panic ends only the task in which it happens.
//! - Wakers, handles and leaf futures may move to any thread and may outlive their runtime. If they
//!   cannot work there, they return an error or panic with a message that says what to do; no data
//!   is lost.
//!
//! # Non-guarantees
//!
//! - A task that does not await is not interrupted: no other task runs meanwhile, and it cannot be
//!   cancelled.
//! - A future that third-party code drops (`select!`, a plain `drop`) ends without the clean-up
//!   that a [`catch_cancel`] inside it would have run.
//! - Third-party combinators do not wait for their branches: when one branch propagates a
//!   cancellation, the others are dropped.
//! - A clean-up may take arbitrarily long, and the code that waits for the cancelled task waits for
//!   it, too. Put a timeout around it.
//! - If destructors register a new waker with a timer or socket each time one is dropped while a
//!   runtime shuts down, the runtime stops after 16 rounds and leaks the wakers that remain.
//! - Messages from other threads (calls, tasks, wakes, cancellations) wait in one queue, of which a
//!   turn of the loop takes 64. If threads send faster than that, the queue grows and messages are
//!   delayed; timers, sockets and tasks are not delayed by more than 64 messages.
//! - Linux is the only supported platform.

// The layers. A module imports only from lower ones.
//
//   L5  testing  guide                         virtual time, simulated network; chapters
//   L4  combine  group  compat                 gather, wait; task groups; adapters
//   L3  task  time  net  fs  stdio             what programs spawn, sleep and connect with
//       process  signal  thread                child processes, signals, blocking functions
//   L2  runtime                                scheduler, timers, I/O, shutdown
//   L1  cell  wheel  reactor  scope            task memory, timers, readiness, scopes
//       sync                                   locks, queues, channels; need no runtime
//   L0  util  error                            slab, wait queue, wait graph; errors

mod cell;
pub mod combine;
#[cfg(any(feature = "hyper", feature = "tokio-io"))]
pub mod compat;
mod error;
pub mod fs;
pub mod group;
pub mod guide;
pub mod net;
pub mod process;
mod reactor;
mod runtime;
mod scope;
pub mod signal;
pub mod stdio;
pub mod sync;
pub mod task;
pub mod testing;
pub mod thread;
pub mod time;
mod util;
mod wheel;

pub use combine::{as_completed, gather, try_gather, wait};
pub use error::{Cancelled, Elapsed, GroupError, JoinError, NoRuntime, Panic, Reason};
pub use group::{TaskGroup, task_group};
pub use runtime::{Builder, Remote, RemoteHandle, Runtime, Turn, run, try_run};
pub use task::{
    JoinHandle, catch_cancel, finally, finally_with, shield, spawn, try_spawn, yield_now,
};
pub use thread::to_thread;
pub use time::{sleep, sleep_until, timeout, timeout_at};

/// The README's snippets, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
