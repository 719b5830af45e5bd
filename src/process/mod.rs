//! Child processes. Floor 3.
//!
//! [`Command`] is std's builder with awaits: [`spawn`](Command::spawn) gives a [`Child`] (asyncio:
//! `asyncio.create_subprocess_exec`), [`output`](Command::output) and [`status`](Command::status) run a program to its end. The
//! pipes read and write by the traits of `futures::io`.
//!
//! ```text
//!   Command ── spawn ──▶ Child: a pidfd in the reactor ── wait ──▶ reaped, ExitStatus
//!                          │ dropped                                 ▲
//!                          ├─ to be killed: SIGKILL ─┐               │ its end is seen on the pidfd
//!                          └─ else: it runs on ──────┴─▶ the reaper: one thread of the process, for orphans
//! ```
//!
//! # Guarantees
//! - No child becomes a zombie for longer than it takes to hear of its end, whatever becomes of its handle, its runtime, or the
//!   thread on which they are dropped.
//! - A signal goes to the child and to no other process that got its number: it is sent by the pidfd.
//!   Where the kernel has none (before Linux 5.3, in some sandboxes) it is sent by the number, which is the child's until the
//!   handle has taken its status.
//! - The loop hears of a child's end by a descriptor: a pidfd, or where there is none, one to which a thread writes that waits
//!   for the child. No signal handler is set, and children of other libraries are left alone.
//!
//! # Non-guarantees
//! - Starting a program (`fork` and `exec`) happens on the loop's thread, as in asyncio; it takes about a millisecond.
//! - A process that ignores SIGCHLD (`SIG_IGN`, which may be inherited from who started it), or that waits for any child
//!   (`waitpid(-1)`), takes the statuses away: a wait then gives the error `ECHILD`, and so may a start `ESRCH`, when the program
//!   was quick. No wait hangs for that.
//! - Only the child is killed, not what it has started. [`Command::process_group`] makes a group that can be signalled as one.

mod child;
mod command;
mod exit_event;
mod pipes;
mod polling;
mod reaper;

pub use child::Child;
pub use command::Command;
pub use pipes::{ChildStderr, ChildStdin, ChildStdout};
