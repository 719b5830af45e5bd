//! Child processes.
//!
//! [`Command`] is the builder of `std::process`, with async methods: [`output`](Command::output)
//! and [`status`](Command::status) run a program until it exits, and [`spawn`](Command::spawn)
//! returns a [`Child`] (asyncio: `asyncio.create_subprocess_exec`). The pipes of a child implement
//! the traits of `futures::io`.
//!
//! A program that filters text:
//!
//! ```
//! use std::process::Stdio;
//!
//! use futures::io::AsyncWriteExt;
//! use wheelhouse::process::Command;
//!
//! # fn main() -> std::io::Result<()> {
//! wheelhouse::run(async {
//!     let mut child = Command::new("tr")
//!         .args(["a-z", "A-Z"])
//!         .stdin(Stdio::piped())
//!         .stdout(Stdio::piped())
//!         .spawn()?;
//!     let mut stdin = child.stdin.take().expect("it is piped");
//!     stdin.write_all(b"hello").await?;
//!     drop(stdin); // the program reads the end of its input
//!     let output = child.wait_with_output().await?;
//!     assert_eq!(output.stdout, b"HELLO");
//!     Ok(())
//! })
//! # }
//! ```
//!
//! # Guarantees
//! - Each child is reaped soon after it exits, also if its handle or its runtime was dropped
//!   before, on any thread. So no zombies accumulate.
//! - A signal reaches the child and no other process that got its process id: it is sent through a
//!   pidfd (pidfd_send_signal(2)). Without pidfds (before Linux 5.3, and in some sandboxes) it is
//!   sent to the process id, which stays valid until the handle takes the exit status.
//! - No signal handler is installed, and children of other libraries are left alone. The event loop
//!   waits for a child by a descriptor: a pidfd, or without pidfds an eventfd to which a thread
//!   writes.
//!
//! # Non-guarantees
//! - A program is started (`fork` and `exec`) on the thread of the event loop, as in asyncio. This
//!   takes about a millisecond.
//! - If the process ignores SIGCHLD (`SIG_IGN`, which may be inherited), or another part of it
//!   waits for any child (`waitpid(-1)`), exit statuses are lost. [`Child::wait`] then returns the
//!   error `ECHILD`, and [`Command::spawn`] may return `ESRCH`. Neither hangs.
//! - Killing a child does not kill the processes that it has started. [`Command::process_group`]
//!   creates a group to which a signal can be sent as a whole.

mod child;
mod command;
mod exit_event;
mod pipes;
mod polling;
mod reaper;

pub use child::Child;
pub use command::Command;
pub use pipes::{ChildStderr, ChildStdin, ChildStdout};
