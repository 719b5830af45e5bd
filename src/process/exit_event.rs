//! The descriptor that is readable when a child has ended.
//!
//! ```text
//!   of ─┬─ pidfd_open ──────────────────────────▶ Pidfd
//!       └─ the kernel has none, or forbids it ──▶ Thread: an eventfd, and a thread in `waitid` that writes to it
//! ```
//!
//! The thread reaps nothing: it leaves the status to the child's handle, and so the number stays the child's until that takes it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::Child;
use std::thread;

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::{Errno, retry_on_intr};
use rustix::process::{Pid, PidfdFlags, WaitId, WaitIdOptions, pidfd_open, waitid};

/// Readable when a child has ended.
#[derive(Debug)]
pub(super) enum ExitEvent {
    /// The process itself, as a descriptor.
    Pidfd(OwnedFd),
    /// An eventfd to which a thread writes that waits for the child.
    Thread(OwnedFd),
}

impl ExitEvent {
    /// Returns the event of a child that was not reaped.
    ///
    /// # Errors
    /// When descriptors have run out, or threads where one is needed. `ESRCH`, when another part of the program has reaped it.
    pub(super) fn of(child: &Child) -> io::Result<Self> {
        match pidfd_of(child) {
            Ok(pidfd) => Ok(Self::Pidfd(pidfd)),
            // Before Linux 5.3; in a sandbox.
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

/// Opens the pidfd of a child that was not reaped.
pub(super) fn pidfd_of(child: &Child) -> Result<OwnedFd, Errno> {
    // `PidfdFlags::NONBLOCK` came with Linux 5.10 only; nobody waits in a call for a pidfd here.
    pidfd_open(Pid::from_child(child), PidfdFlags::empty())
}

/// Starts a thread that waits for a child's end, and returns the eventfd to which it writes then.
fn watched(child: &Child) -> io::Result<OwnedFd> {
    let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    let theirs = event.try_clone()?;
    let pid = Pid::from_child(child);
    let thread = thread::Builder::new().name("wheelhouse-child".into());
    thread.spawn(move || {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        // An error means that it has been reaped, which is an end, too.
        retry_on_intr(|| waitid(WaitId::Pid(pid), options)).ok();
        // The counter is at zero, so there is room for one.
        rustix::io::write(&theirs, &1_u64.to_ne_bytes()).ok();
    })?;
    Ok(event)
}
