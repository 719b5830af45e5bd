//! Signals of the operating system, see signal(7).
//!
//! [`ctrl_c`] waits for Ctrl-C. [`unix`] listens to any signal, again and again (asyncio:
//! `loop.add_signal_handler`). To cancel the main future on Ctrl-C, as asyncio does, set
//! [`Builder::cancel_on_ctrl_c`](crate::Builder::cancel_on_ctrl_c) instead.
//!
//! A program that stops on Ctrl-C or SIGTERM:
//!
//! ```no_run
//! use std::time::Duration;
//! use wheelhouse::signal::{self, SignalKind};
//! use wheelhouse::{as_completed, run, sleep, spawn};
//!
//! async fn terminated() -> std::io::Result<()> {
//!     signal::unix(SignalKind::terminate())?.recv().await
//! }
//!
//! run(async {
//!     let work = spawn(sleep(Duration::from_secs(3600)));
//!     let mut stop = as_completed([spawn(signal::ctrl_c()), spawn(terminated())]);
//!     stop.next().await;
//!     work.cancel_and_wait().await.ok();
//! });
//! ```
//!
//! # How a signal arrives
//!
//! ```text
//!                                    signal
//!   unix(kind) ──▶ ┌───────────────┐ ──────▶ ┌────────┐ ─┐ signal: still
//!                  │ no signal yet │         │ stored │  │ one stored
//!                  └───────────────┘ ◀────── └────────┘ ◀┘
//!                                     recv
//! ```
//!
//! The signal handler writes a byte to a socket pair, and the event loop waits for the other end. A
//! signal needs no thread, and is noticed as soon as a ready socket.
//!
//! # Guarantees
//! - Each `Signal` of a kind receives the signal, in all runtimes and on all threads.
//! - A `Signal` receives the signals that arrive after it was created, also before its first poll.
//!   Several signals before a poll count as one, as they do in the kernel.
//! - While a task waits for a signal, virtual time does not advance, and no deadlock is reported.
//! - When the last `Signal` of a kind is dropped, the default action is restored (asyncio:
//!   `loop.remove_signal_handler`; tokio does not restore it). After [`ctrl_c`] it is restored when
//!   the runtime ends.
//! - A `Signal` may be moved to another thread and dropped there.
//!
//! # Non-guarantees
//! - Listening overrides an inherited disposition: a program that was started with a signal ignored
//!   receives it when it listens.
//! - The default action is restored only if it was in force when the process first listened. A
//!   signal that was ignored is ignored again, and a signal that another library handles is left to
//!   that library. Real-time signals are ignored.
//! - If another library starts to listen through the crate `signal-hook` after this one, as tokio
//!   does, this crate cannot detect it. After the last `Signal` is dropped, the next signal then
//!   has its default action, which usually ends the process. Keep a `Signal` alive in such a
//!   program.
//! - Each `Signal` has two file descriptors. All `ctrl_c` futures of a runtime share two.

mod kind;
mod listener;
mod waiter;

pub use kind::SignalKind;
pub use listener::{Signal, unix};
pub use waiter::{CtrlC, ctrl_c};
