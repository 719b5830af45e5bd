//! Blocking calls on a descriptor, whether or not it is non-blocking. For threads that may block.
//!
//! `O_NONBLOCK` belongs to the open file. Other processes may share that (a terminal, a pipe) and
//! set the flag at any time. So a call that returns `WouldBlock` is repeated after a wait in
//! `poll(2)`. Layer 0.

use std::io::{self, ErrorKind};
use std::os::fd::BorrowedFd;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// The pause if `poll(2)` cannot wait for a descriptor, or reports one ready that is not.
const PAUSE: Duration = Duration::from_millis(5);

/// What to wait for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WaitFor {
    Readable,
    Writable,
}

impl WaitFor {
    fn flag(self) -> PollFlags {
        match self {
            Self::Readable => PollFlags::IN,
            Self::Writable => PollFlags::OUT,
        }
    }
}

/// Repeats `call` until it returns neither `Interrupted` nor `WouldBlock`.
///
/// # Errors
/// The other errors of `call`.
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
                // Not ready after a wait: another process was faster, or the device does not
                // support `poll(2)`.
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

/// Writes all bytes by repeated calls of `call`, which writes some of them.
///
/// # Errors
/// The errors of `call`, except `Interrupted` and `WouldBlock`; `WriteZero` if it writes nothing.
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

/// Waits until a descriptor is ready or has an error. Returns `false` if it is neither within
/// `limit`.
pub(crate) fn is_ready_within(fd: BorrowedFd<'_>, what: WaitFor, limit: Option<Duration>) -> bool {
    let end = limit.map(|limit| Instant::now() + limit);
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
            // `poll` fails if the process may not open a descriptor (`RLIMIT_NOFILE` is 0).
            Err(_) => {
                thread::sleep(left.map_or(PAUSE, |left| left.min(PAUSE)));
                return true;
            }
        }
    }
}
