//! Where children go whose handle was dropped before they ended: somebody has to take note of their end, or they stay zombies.
//!
//! ```text
//!   adopt ─┬─ has ended ──▶ reaped at once
//!          ├─ runs ──▶ its pidfd in the epoll of one thread, which was made for the first orphan ── it ended ──▶ reaped
//!          └─ runs, and no pidfd or thread can be had ──▶ polling
//! ```
//!
//! A thread and not a task: an orphan may outlive every runtime.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::event::epoll::{self, EventFlags};
use rustix::io::Errno;
use rustix::process::{Pid, getpid};

use super::exit_event::pidfd_of;
use super::polling;

/// What the thread listens to. By edges, so that what cannot be reaped yet (a debugger holds it),
/// or is a copy that a forked process closes late, does not keep the thread busy.
const EDGES: EventFlags = EventFlags::IN.union(EventFlags::ET);

/// The orphans that run.
struct Orphans {
    /// The process whose they are. A forked one has a copy of all this, and no thread.
    process: Pid,
    /// What the thread waits for.
    epoll: OwnedFd,
    /// Who they are, by process number.
    children: Mutex<BTreeMap<u64, Orphan>>,
}

/// One of them.
struct Orphan {
    /// The handle of std.
    child: Child,
    /// What tells of its end.
    pidfd: OwnedFd,
}

/// All orphans of the process; `None` until there was a first one that could be watched.
static ORPHANS: Mutex<Option<Arc<Orphans>>> = Mutex::new(None);

/// Takes over a child.
pub(super) fn adopt(mut child: Child) {
    polling::ensure_thread(watch);
    if !matches!(child.try_wait(), Ok(None)) {
        return;
    }
    if let Err(child) = watch(child) {
        polling::add(child, watch);
    }
}

/// Has the thread wait for a child's end; gives the child back where that cannot be.
fn watch(child: Child) -> Result<(), Child> {
    // The pidfd first: without one the thread would have nothing to wait for.
    let Ok(pidfd) = pidfd_of(&child) else {
        return Err(child);
    };
    let Some(orphans) = orphans() else {
        return Err(child);
    };
    let number = u64::from(child.id());
    let mut children = orphans
        .children
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let data = epoll::EventData::new_u64(number);
    if epoll::add(&orphans.epoll, &pidfd, data, EDGES).is_err() {
        return Err(child);
    }
    children.insert(number, Orphan { child, pidfd });
    Ok(())
}

/// The orphans, with a thread that waits for them; `None` where that cannot be had now.
fn orphans() -> Option<Arc<Orphans>> {
    let mut orphans = ORPHANS.lock().unwrap_or_else(PoisonError::into_inner);
    let ours = |orphans: &Arc<Orphans>| orphans.process == getpid();
    if !orphans.as_ref().is_some_and(ours) {
        *orphans = start();
    }
    orphans.clone()
}

/// Makes the thread.
fn start() -> Option<Arc<Orphans>> {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).ok()?;
    let children = Mutex::default();
    let orphans = Arc::new(Orphans {
        process: getpid(),
        epoll,
        children,
    });
    let theirs = Arc::clone(&orphans);
    let thread = thread::Builder::new().name("wheelhouse-reaper".into());
    thread.spawn(move || reap(&theirs)).ok()?;
    Some(orphans)
}

/// Reaps for ever.
fn reap(orphans: &Orphans) {
    let mut events = Vec::with_capacity(64);
    loop {
        events.clear();
        match epoll::wait(
            &orphans.epoll,
            rustix::buffer::spare_capacity(&mut events),
            None,
        ) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return,
        }
        for event in &events {
            let number = event.data.u64();
            let mut children = orphans
                .children
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let Some(orphan) = children.get_mut(&number) else {
                continue;
            };
            // If somebody else took note of it before us, its number may be another's by now, who runs.
            if !matches!(orphan.child.try_wait(), Ok(None)) {
                // Before it is closed: it stays in the epoll while a forked process has a copy.
                epoll::delete(&orphans.epoll, &orphan.pidfd).ok();
                children.remove(&number);
            }
        }
    }
}
