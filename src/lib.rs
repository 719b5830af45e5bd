//! Python asyncio's task model on one thread, at the speed of the machine.
//!
//! A program is a tree of tasks on one thread. [`run`] drives them, [`spawn`] starts one, [`sleep`], [`gather`],
//! [`wait`](wait()) and [`JoinHandle::cancel`] do what their namesakes do in asyncio. Nothing needs to be `Send`, so `Rc` and
//! `RefCell` are at home here.
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
//! # Where asyncio's names went
//!
//! | asyncio | here |
//! |---|---|
//! | `asyncio.run(main())`, `Runner` | [`run`], [`Runtime`] |
//! | `create_task(c)`, with a name | [`spawn`], [`task::Builder`] |
//! | `await task` | `handle.await`, a `Result<T, `[`JoinError`]`>` |
//! | `task.cancel(msg)`, `task.done()`, `task.result()` | [`JoinHandle::cancel_with`], [`is_finished`](JoinHandle::is_finished), [`try_join`](JoinHandle::try_join) |
//! | `except CancelledError`, `raise` | [`catch_cancel`], [`Cancelled::resume`] |
//! | `try: … finally: …` with awaits, `async with` | [`finally`], [`finally_with`] |
//! | `shield` | [`shield`], which keeps the awaiter, too |
//! | `sleep`, `timeout`, `wait_for` | [`sleep`], [`timeout`] |
//! | `gather`, `wait`, `as_completed` | [`gather`], [`wait`](wait()), [`as_completed`]; [`try_gather`] leaves no orphans |
//! | `TaskGroup`, `ExceptionGroup` | [`task_group`], [`GroupError`] |
//! | `Lock`, `Event`, `Condition`, `Semaphore`, `Barrier` | [`sync`], which has [`sync::RwLock`] besides |
//! | `Future`; `Queue`, `PriorityQueue`, `LifoQueue` | [`sync::oneshot()`]; [`sync::Queue`] and its siblings |
//! | `call_soon_threadsafe(queue.put_nowait, x)` | [`sync::inbox`] |
//! | `open_connection`, `start_server` | [`net::TcpStream`], [`net::TcpListener`]; [`net::UnixStream`], [`net::UnixListener`] |
//! | `create_datagram_endpoint` | [`net::UdpSocket`], [`net::UnixDatagram`] |
//! | `loop.add_signal_handler`, `KeyboardInterrupt` | [`signal::unix`], [`signal::ctrl_c`], [`Builder::cancel_on_ctrl_c`] |
//! | `to_thread` | [`to_thread`] |
//! | `create_subprocess_exec` | [`process::Command`] |
//! | `contextvars.ContextVar` | [`context_var!`], [`task::ContextVar`] |
//! | `current_task`, `all_tasks` | [`task::current`], [`task::all`] |
//! | `run_coroutine_threadsafe`, `call_soon_threadsafe` | [`Remote::spawn`], [`Remote::call`] |
//! | `IsolatedAsyncioTestCase` | [`testing`], which has virtual time, seeds, and reports of deadlocks besides |
//!
//! How cancelling works, with asyncio's code beside ours, is a chapter of its own: [`guide::cancellation`].
//! Another one says what the crate cannot do: [`guide::limits`].
//!
//! # Guarantees
//!
//! - A task belongs to its runtime: it vanishes neither with its handle nor unnoticed.
//! - Ready tasks run first come, first served. A due timer, a ready socket and a wake from another
//!   thread are seen after at most 64 polls of tasks; behind a flood of what other threads send,
//!   the wake after at most 64 polls for each 64 messages before it.
//! - What is ready at once (a socket, a free lock, a set event, a late tick, a finished task) gives way
//!   when a poll of its task has taken 128 such steps, and starves neither other tasks nor other
//!   branches of a [`gather`].
//! - A cancelled task cleans up before it ends: its innermost [`catch_cancel`] hears first, with awaits at hand. A value
//!   that was produced is not thrown away.
//! - A [`timeout`], [`gather`], [`try_gather`] or [`task_group`] that ends early returns when everything inside has
//!   ended, its clean-ups included, and the awaited tasks whose handles it owned.
//! - A [`shield`] is waited for: by the cancellation, and by the deadline of a timeout around it.
//! - No timer fires early; timers fire in the order of their deadlines.
//! - While a runtime runs, a panic ends the task in which it happens, whatever code it comes from, and nothing else.
//! - Wakers, handles and leaf futures may go to any thread and may outlive their runtime. There they give an error
//!   or a message that says what to do, and lose nothing.
//!
//! # Non-guarantees
//!
//! - A task that does not await is not interrupted: no other task runs meanwhile, and it cannot be cancelled.
//! - A future that foreign code drops (`select!`, a plain `drop`) is dropped, without the clean-up that a
//!   [`catch_cancel`] inside it would have run.
//! - Foreign combinators do not wait for their branches: when one passes a cancellation on, the others are dropped.
//! - A clean-up may take as long as it likes, and whoever cancelled and waits, waits for it: give it a timeout.
//! - Destructors that, while a runtime ends, leave a new waker in a timer or socket each time one is dropped: after 16 rounds what
//!   they left last is leaked.
//! - What other threads send (calls, tasks, wakes, cancellations) waits in one line, of which a
//!   turn of the loop takes 64 messages. Threads that send faster than that make one another wait,
//!   and the line grows. Timers, sockets and tasks wait for those 64 messages only.
//! - Linux is the only platform so far.
//!
//! # The house
//!
//! ```text
//!   testing   guide              F5  virtual time, orders by seed, cancelling at every step, a network; chapters to read
//!   combine   group   compat     F4  gather, try_gather, wait, as_completed; task groups; adapters to other libraries
//!   task   time   net   signal   F3  what users spawn, sleep, connect and stop with
//!   thread   process             F3  functions that block, and programs, elsewhere
//!   fs       stdio               F3  files, and the streams of this process
//!   sync                         F3  locks, events, channels, queues: no runtime needed
//!   runtime                      F2  the loop, the inbox, the thread-local, shutdown
//!   cell   wheel   reactor   scope   F1  a task's memory, timers, readiness, catch points: no runtime needed
//!   util   error                 F0  slab, wait queue, graph of waits, quiet calls, every public error
//! ```
//!
//! A module imports only from floors below it.

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
pub use runtime::{Builder, Remote, RemoteHandle, Runtime, run, try_run};
pub use task::{
    JoinHandle, catch_cancel, finally, finally_with, shield, spawn, try_spawn, yield_now,
};
pub use thread::to_thread;
pub use time::{sleep, sleep_until, timeout, timeout_at};

/// The README's snippets, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
