//! Orphans that the [reaper](super::reaper) could not watch, because descriptors had run out or the kernel has no pidfds: asked from time to time whether they
//! have ended.
//!
//! ```text
//!   take ──▶ stray ── a round: ended ──────────────▶ reaped
//!              │ ▲      └─ can be watched again ───▶ the reaper's
//!              └─┘ neither
//!
//!   the thread: started for the first stray ── no stray is left ──▶ ended
//!               refused by the system ──▶ each later orphan makes a round itself, and asks for the thread again
//! ```

use std::process::Child;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Has the reaper watch a child; returns the child where that fails.
type Watch = fn(Child) -> Result<(), Child>;

/// The first pause between two rounds; each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The unwatched of the process.
struct Unwatched {
    /// Those that no round holds at this moment.
    children: Vec<Child>,
    /// Whether a thread makes rounds.
    has_thread: bool,
}

/// All unwatched of the process.
static UNWATCHED: Mutex<Unwatched> = Mutex::new(Unwatched {
    children: Vec::new(),
    has_thread: false,
});

/// The unwatched, which no panic can leave half-changed.
fn unwatched() -> MutexGuard<'static, Unwatched> {
    UNWATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes over a child that could not be watched.
pub(super) fn add(child: Child, watch: Watch) {
    unwatched().children.push(child);
    ensure_thread(watch);
}

/// Starts the thread if there are unwatched and none could be had before; where there is none again, makes a round.
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

/// Makes rounds until no stray is left.
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

/// Reaps the unwatched that have ended, and hands over those that can be watched.
fn poll_once(watch: Watch) {
    let children = std::mem::take(&mut unwatched().children);
    let running = children.into_iter().filter_map(|mut child| {
        let runs = matches!(child.try_wait(), Ok(None));
        if runs { watch(child).err() } else { None }
    });
    let running: Vec<_> = running.collect();
    unwatched().children.extend(running);
}
