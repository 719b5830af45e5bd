//! Signals: real ones, sent to real processes.
//!
//! A signal belongs to the whole process, so each test runs its other half in a process of its own: this binary again,
//! told to run that one test only. The two keep in step by the lines that the other half prints, never by time.
//!
//! Wall time: signals come from the kernel, and processes end when they do.

mod cancel_main;
mod ctrl_c;
#[path = "../common/installed.rs"]
mod installed;
mod listeners;
mod program;

use rustix::process::{Signal, getpid, kill_process};
use std::io;
use wheelhouse::signal::{self, SignalKind};

/// More polls than the loop makes before it has looked at the sockets twice.
const LOOKED: usize = 200;

/// Sends a signal to this process.
fn send_to_myself(signal: Signal) {
    kill_process(getpid(), signal).expect("a process may signal itself");
}

/// Hears of the same signals as the others, after them: what it has heard, they have.
struct Witness(signal::Signal);

impl Witness {
    /// Listens to Ctrl-C. Made after those for whom it stands.
    fn of_ctrl_c() -> Self {
        Self(signal::unix(SignalKind::interrupt()).expect("it can be listened to"))
    }

    /// Waits until the signal was dealt with by the handler, whatever thread that ran on.
    async fn hear(&mut self) -> io::Result<()> {
        self.0.recv().await
    }

    /// Has a Ctrl-C happen, and waits for that.
    async fn press(&mut self) {
        send_to_myself(Signal::INT);
        self.hear().await.expect("it is at home");
    }
}
