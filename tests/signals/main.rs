//! Signals, sent to real processes.
//!
//! A signal concerns the whole process, so each test has a second half in a child process: the same
//! binary, which runs only that test. The halves synchronize by the lines that the child prints.
//!
//! Wall time: the kernel delivers signals, and processes exit at any time.

mod cancel_main;
mod cancel_steps;
#[path = "../common/mod.rs"]
mod common;
mod ctrl_c;
#[path = "../common/installed.rs"]
mod installed;
mod listeners;
mod program;
#[path = "../steps/mod.rs"]
mod steps;

use rustix::process::{Signal, getpid, kill_process};
use std::io;
use wheelhouse::signal::{self, SignalKind};

#[global_allocator]
static ALLOCATOR: steps::counting::Counting = steps::counting::Counting;

/// More polls than the event loop makes before it has checked the sockets twice.
const LOOKED: usize = 200;

/// Sends a signal to this process.
fn send_to_myself(signal: Signal) {
    kill_process(getpid(), signal).expect("a process may signal itself");
}

/// Receives the same signals as other listeners, after them. When it has received a signal, all
/// have.
struct Witness(signal::Signal);

impl Witness {
    /// Listens to Ctrl-C. Must be created after the other listeners.
    fn of_ctrl_c() -> Self {
        Self(signal::unix(SignalKind::interrupt()).expect("it can be listened to"))
    }

    /// Waits until the signal handler has run, on whichever thread.
    async fn receive(&mut self) -> io::Result<()> {
        self.0.recv().await
    }

    /// Sends a Ctrl-C and waits until it has arrived.
    async fn press(&mut self) {
        send_to_myself(Signal::INT);
        self.receive().await.expect("it is in its runtime");
    }
}
