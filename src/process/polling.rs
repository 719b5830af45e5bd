//! Orphans that the [reaper](super::reaper) cannot watch, because no descriptor is left or the
//! kernel has no pidfds. They are polled until they have exited.
//!
//! ```text
//!   add ──▶ unwatched ── poll_once: has ended ─────▶ reaped
//!             │  ▲         └─ can be watched again ─▶ the reaper
//!             └──┘ neither
//!
//!   the thread: ensure_thread starts it; it ends when no child is unwatched.
//!   If the system refuses it, each later orphan calls poll_once itself, and
//!   ensure_thread tries again.
//! ```

use std::process::Child;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Passes a child to the reaper; returns the child if it cannot be watched.
type Watch = fn(Child) -> Result<(), Child>;

/// The first pause between two polls; each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The children that are polled.
struct Unwatched {
    /// The children that no `poll_once` holds at this moment.
    children: Vec<Child>,
    /// Whether the thread runs.
    has_thread: bool,
}

/// The unwatched children of the process.
static UNWATCHED: Mutex<Unwatched> = Mutex::new(Unwatched {
    children: Vec::new(),
    has_thread: false,
});

/// Locks the list; no panic leaves it half-changed.
fn unwatched() -> MutexGuard<'static, Unwatched> {
    UNWATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes over a child that could not be watched.
pub(super) fn add(child: Child, watch: Watch) {
    unwatched().children.push(child);
    ensure_thread(watch);
}

/// Starts the thread if it is needed and does not run; polls once if it cannot be started.
pub(super) fn ensure_thread(watch: Watch) {
    let mut unwatched = unwatched();
    if unwatched.has_thread || unwatched.children.is_empty() {
        return;
    }
    let thread = thread::Builder::new().name("wheelhouse-stray".into());
    unwatched.has_thread = thread.spawn(move || poll_until_reaped(watch)).is_ok();
    let has_thread = unwatched.has_thread;
    drop(unwatched);
    if !has_thread {
        poll_once(watch);
    }
}

/// Polls until no child is unwatched.
fn poll_until_reaped(watch: Watch) {
    let mut pause = FIRST_PAUSE;
    loop {
        thread::sleep(pause);
        pause = LONGEST_PAUSE.min(pause * 2);
        poll_once(watch);
        let mut unwatched = unwatched();
        if unwatched.children.is_empty() {
            unwatched.has_thread = false;
            return;
        }
    }
}

/// Reaps the children that have ended, and passes those that can be watched to the reaper.
fn poll_once(watch: Watch) {
    let children = std::mem::take(&mut unwatched().children);
    let running = children.into_iter().filter_map(|mut child| {
        let runs = matches!(child.try_wait(), Ok(None));
        if runs { watch(child).err() } else { None }
    });
    let running: Vec<_> = running.collect();
    unwatched().children.extend(running);
}
