//! Output at the end of a runtime or of the process, which never blocks for longer than a moment.
//!
//! A terminal may be stopped and a pipe full, and a thread that writes there then holds the lock of
//! the stream. So a thread of its own writes, and the caller waits for it for a limited time:
//!
//! ```text
//!   write_stderr, ─┬─ a thread writes ─┬─ done ──────────────────────▶ return
//!   flush_stdout   │                   └─ not within WRITE_TIMEOUT ──▶ return
//!                  └─ no thread: write here, as long as the stream is writable
//! ```

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::resume_unwind;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use crate::util::waiting_io::{WaitFor, is_ready_within, until_done, write_all};

/// How long the end of a runtime waits for a stream.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);

/// The size of one write without a thread. A stream that is writable takes as much without
/// blocking.
const CHUNK: usize = 64;

/// Writes to standard error. Does not fail if nothing reads it: `eprint!` would panic, even in a
/// destructor.
///
/// Does not take the lock of the handle of `std`, which a blocked write may hold.
pub(super) fn write_stderr(text: String) {
    let descriptor = io::stderr();
    let written = within_timeout(text, |text| {
        let descriptor = io::stderr();
        let write = |bytes: &[u8]| Ok(rustix::io::write(descriptor.as_fd(), bytes)?);
        write_all(descriptor.as_fd(), text.as_bytes(), write).ok();
    });
    let Err(text) = written else { return };
    for chunk in text.as_bytes().chunks(CHUNK) {
        let is_written =
            is_writable(descriptor.as_fd()) && rustix::io::write(descriptor.as_fd(), chunk).is_ok();
        if !is_written {
            return;
        }
    }
}

/// Writes what `print!` has left in the buffer of standard output.
pub(super) fn flush_stdout() {
    let flush = |()| {
        let descriptor = io::stdout();
        until_done(descriptor.as_fd(), WaitFor::Writable, || {
            descriptor.lock().flush()
        })
        .ok();
    };
    if within_timeout((), flush).is_err() && is_writable(io::stdout().as_fd()) {
        io::stdout().flush().ok();
    }
}

/// Panics with `text`. If standard error is blocked, so that the panic hook would block, unwinds
/// without the hook.
#[track_caller]
pub(crate) fn panic_with(text: String) -> ! {
    if is_writable(io::stderr().as_fd()) {
        panic!("{text}");
    }
    resume_unwind(Box::new(text))
}

/// Returns `true` if a stream is writable within [`WRITE_TIMEOUT`].
fn is_writable(stream: BorrowedFd<'_>) -> bool {
    is_ready_within(stream, WaitFor::Writable, Some(WRITE_TIMEOUT))
}

/// Runs `work` on a new thread, and waits for at most [`WRITE_TIMEOUT`] until it has ended.
///
/// # Errors
/// Returns `input` if the system has no thread.
fn within_timeout<T: Clone + Send + 'static>(input: T, work: fn(T)) -> Result<(), T> {
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
    is_done.recv_timeout(WRITE_TIMEOUT).ok();
    Ok(())
}
