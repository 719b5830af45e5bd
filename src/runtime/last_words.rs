//! What a runtime still says or flushes when it, or the process, ends: never for longer than a moment.
//!
//! A terminal may be stopped and a pipe full, and a thread that writes there holds the lock of the stream for as long. So the
//! writing is left to a thread of its own, which is waited for for a while and then left behind:
//!
//! ```text
//!   say, flush ─┬─ a thread writes ─┬─ done ────────────▶ go on
//!               │                   └─ PATIENCE is over ─▶ go on without it
//!               └─ no thread can be had: written here, as long as the stream takes more at once
//! ```

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::resume_unwind;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use crate::util::waiting_io::{WaitFor, is_ready_within, until_done, write_all};

/// How long the end waits for a stream.
const PATIENCE: Duration = Duration::from_secs(1);

/// How much is written at once where no thread can be had: what any stream that is ready takes without waiting.
const CRUMB: usize = 64;

/// Writes to standard error. Nobody may be reading, which is no reason to panic in a destructor, as `eprint!` would.
///
/// It goes around the lock of std's handle, which a stuck write may hold.
pub(super) fn say(text: String) {
    let descriptor = io::stderr();
    let text = match with_patience(text, |text| {
        let descriptor = io::stderr();
        let write = |bytes: &[u8]| Ok(rustix::io::write(descriptor.as_fd(), bytes)?);
        write_all(descriptor.as_fd(), text.as_bytes(), write).ok();
    }) {
        Ok(()) => return,
        Err(text) => text,
    };
    for crumb in text.as_bytes().chunks(CRUMB) {
        let is_written =
            is_ready(descriptor.as_fd()) && rustix::io::write(descriptor.as_fd(), crumb).is_ok();
        if !is_written {
            return;
        }
    }
}

/// Writes what `print!` left in the buffer of standard output.
pub(super) fn flush() {
    let write = |()| {
        let descriptor = io::stdout();
        until_done(descriptor.as_fd(), WaitFor::Writable, || {
            descriptor.lock().flush()
        })
        .ok();
    };
    if with_patience((), write).is_err() && is_ready(io::stdout().as_fd()) {
        io::stdout().flush().ok();
    }
}

/// Panics with `text`. Where standard error takes nothing, so that the panic hook would hang, it unwinds without the hook.
#[track_caller]
pub(crate) fn panic_with(text: String) -> ! {
    if is_ready(io::stderr().as_fd()) {
        panic!("{text}");
    }
    resume_unwind(Box::new(text))
}

/// Whether a stream takes something within [`PATIENCE`].
fn is_ready(stream: BorrowedFd<'_>) -> bool {
    is_ready_within(stream, WaitFor::Writable, Some(PATIENCE))
}

/// Runs `work` on a thread of its own, and waits for it for at most [`PATIENCE`]; gives `input` back where no thread can be had.
fn with_patience<T: Clone + Send + 'static>(input: T, work: fn(T)) -> Result<(), T> {
    let (done, is_done) = channel();
    let theirs = input.clone();
    let thread = thread::Builder::new().name("wheelhouse-end".into());
    let spawned = thread.spawn(move || {
        work(theirs);
        done.send(()).ok();
    });
    if spawned.is_err() {
        return Err(input);
    }
    is_done.recv_timeout(PATIENCE).ok();
    Ok(())
}
