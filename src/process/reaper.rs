//! Reaps orphans: children that were still running when their handle was dropped. Without it they
//! would stay zombies.
//!
//! ```text
//!   adopt ─┬─ has exited ───────▶ reaped at once
//!          ├─ runs ─────────────▶ a thread waits for its pidfd, then reaps it
//!          └─ no pidfd, thread ─▶ polling
//! ```
//!
//! All orphans share one thread, which the first one starts. A task would not do, because an orphan
//! may outlive every runtime.

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

/// Edge-triggered: a child that cannot be reaped yet (a debugger holds it), or a pidfd of which a
/// forked process has a copy, must not keep the thread busy.
const EDGES: EventFlags = EventFlags::IN.union(EventFlags::ET);

/// The orphans that have not exited.
struct Orphans {
    /// The process that started the thread. A forked process has a copy of this, but no thread.
    process: Pid,
    /// What the thread waits for.
    epoll: OwnedFd,
    /// By process id.
    children: Mutex<BTreeMap<u64, Orphan>>,
}

struct Orphan {
    child: Child,
    /// Readable when it has exited.
    pidfd: OwnedFd,
}

/// The orphans of this process; `None` before the first one that could be watched.
static ORPHANS: Mutex<Option<Arc<Orphans>>> = Mutex::new(None);

pub(super) fn adopt(mut child: Child) {
    polling::ensure_thread(watch);
    if !matches!(child.try_wait(), Ok(None)) {
        return;
    }
    if let Err(child) = watch(child) {
        polling::add(child, watch);
    }
}

/// Makes the thread wait for a child. Returns the child if that is not possible.
fn watch(child: Child) -> Result<(), Child> {
    // First the pidfd: without one the thread would have nothing to wait for.
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

/// Returns the orphans, and starts the thread if there is none. `None` if that is not possible now.
fn orphans() -> Option<Arc<Orphans>> {
    let mut orphans = ORPHANS.lock().unwrap_or_else(PoisonError::into_inner);
    let ours = |orphans: &Arc<Orphans>| orphans.process == getpid();
    if !orphans.as_ref().is_some_and(ours) {
        *orphans = start();
    }
    orphans.clone()
}

/// Starts the thread.
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

/// The main loop of the thread.
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
            // If another part of the program has reaped it, its process id may belong to a new
            // process.
            if !matches!(orphan.child.try_wait(), Ok(None)) {
                // Removed before it is closed, because it stays in the epoll instance while a
                // forked process has a copy.
                epoll::delete(&orphans.epoll, &orphan.pidfd).ok();
                children.remove(&number);
            }
        }
    }
}
