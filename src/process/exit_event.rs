//! The descriptor that becomes readable when a child exits.
//!
//! ```text
//!   of ─┬─ pidfd_open works ─▶ Pidfd
//!       └─ it does not ──────▶ Thread: an eventfd, and a thread that waits
//!                              in waitid(2) and then writes to it
//! ```
//!
//! The thread does not reap the child (`WNOWAIT`). So the process id stays valid until the handle
//! of the child takes the exit status.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::Child;
use std::thread;

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::{Errno, retry_on_intr};
use rustix::process::{Pid, PidfdFlags, WaitId, WaitIdOptions, pidfd_open, waitid};

/// Becomes readable when a child exits.
#[derive(Debug)]
pub(super) enum ExitEvent {
    /// A pidfd, see pidfd_open(2).
    Pidfd(OwnedFd),
    /// An eventfd to which a thread writes that waits for the child.
    Thread(OwnedFd),
}

impl ExitEvent {
    /// Returns the event of a child that has not been reaped.
    ///
    /// # Errors
    /// Fails if no descriptor is left, or no thread where one is needed. The error is `ESRCH` if
    /// another part of the program has reaped the child.
    pub(super) fn of(child: &Child) -> io::Result<Self> {
        match pidfd_of(child) {
            Ok(pidfd) => Ok(Self::Pidfd(pidfd)),
            // No pidfds before Linux 5.3, and in some sandboxes.
            Err(Errno::NOSYS | Errno::PERM | Errno::ACCESS) => Ok(Self::Thread(watched(child)?)),
            Err(error) => Err(error.into()),
        }
    }
}

impl AsFd for ExitEvent {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Pidfd(descriptor) | Self::Thread(descriptor) => descriptor.as_fd(),
        }
    }
}

/// Opens the pidfd of a child that has not been reaped.
pub(super) fn pidfd_of(child: &Child) -> Result<OwnedFd, Errno> {
    // Not `PidfdFlags::NONBLOCK`, which needs Linux 5.10. No call here waits for a pidfd.
    pidfd_open(Pid::from_child(child), PidfdFlags::empty())
}

/// Starts a thread that waits for the child. Returns the eventfd to which it writes then.
fn watched(child: &Child) -> io::Result<OwnedFd> {
    let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    let theirs = event.try_clone()?;
    let pid = Pid::from_child(child);
    let thread = thread::Builder::new().name("wheelhouse-child".into());
    thread.spawn(move || {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        // An error means that the child has been reaped, so it has exited, too.
        retry_on_intr(|| waitid(WaitId::Pid(pid), options)).ok();
        // The counter is 0, so the write does not block.
        rustix::io::write(&theirs, &1_u64.to_ne_bytes()).ok();
    })?;
    Ok(event)
}
