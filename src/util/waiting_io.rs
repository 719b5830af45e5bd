//! Calls on a descriptor that are to block, whatever its flags are: for threads that may wait.
//!
//! `O_NONBLOCK` belongs to the open file, which other processes share (a terminal, a pipe), so any of them
//! may set it at any time. A call that "would block" waits in `poll(2)` here and is made again.

use std::io::{self, ErrorKind};
use std::os::fd::BorrowedFd;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// The pause where the kernel cannot wait for a descriptor, or calls one ready that is not.
const PAUSE: Duration = Duration::from_millis(5);

/// What the kernel waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WaitFor {
    /// Until a read would not block.
    Readable,
    /// Until a write would not block.
    Writable,
}

impl WaitFor {
    /// The kernel's flag.
    fn flag(self) -> PollFlags {
        match self {
            Self::Readable => PollFlags::IN,
            Self::Writable => PollFlags::OUT,
        }
    }
}

/// Makes `call` until it succeeds or fails for another reason than a signal or a flag.
///
/// # Errors
/// Those of `call`, but neither `Interrupted` nor `WouldBlock`.
pub(crate) fn until_done<T>(
    fd: BorrowedFd<'_>,
    what: WaitFor,
    mut call: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    let mut has_waited = false;
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                // Ready, and then not: another process was quicker, or the device does not tell.
                if has_waited {
                    thread::sleep(PAUSE);
                }
                is_ready_within(fd, what, None);
                has_waited = true;
            }
            outcome => return outcome,
        }
    }
}

/// Writes all bytes by `call`, which writes some of them.
///
/// # Errors
/// Those of `call`, as above; `WriteZero` when it takes nothing.
pub(crate) fn write_all(
    fd: BorrowedFd<'_>,
    mut bytes: &[u8],
    mut call: impl FnMut(&[u8]) -> io::Result<usize>,
) -> io::Result<()> {
    while !bytes.is_empty() {
        match until_done(fd, WaitFor::Writable, || call(bytes))? {
            0 => return Err(ErrorKind::WriteZero.into()),
            count => bytes = &bytes[count..],
        }
    }
    Ok(())
}

/// Waits until a descriptor is ready or has an error to give, for at most `patience`; returns `false` when it is not.
pub(crate) fn is_ready_within(
    fd: BorrowedFd<'_>,
    what: WaitFor,
    patience: Option<Duration>,
) -> bool {
    let end = patience.map(|patience| Instant::now() + patience);
    loop {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(
            &mut [PollFd::from_borrowed_fd(fd, what.flag())],
            timeout.as_ref(),
        ) {
            Ok(0) => return false,
            Ok(_) => return true,
            Err(Errno::INTR) => {}
            // `poll` is refused where the process may not open a descriptor (`RLIMIT_NOFILE` is 0).
            Err(_) => {
                thread::sleep(left.map_or(PAUSE, |left| left.min(PAUSE)));
                return true;
            }
        }
    }
}
