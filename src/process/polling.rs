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

/// The strays of the process.
struct Strays {
    /// Those that no round holds at this moment.
    children: Vec<Child>,
    /// Whether a thread makes rounds.
    has_thread: bool,
}

/// All strays of the process.
static STRAYS: Mutex<Strays> = Mutex::new(Strays {
    children: Vec::new(),
    has_thread: false,
});

/// The strays, which no panic can leave half-changed.
fn strays() -> MutexGuard<'static, Strays> {
    STRAYS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes over a child that could not be watched.
pub(super) fn take(child: Child, watch: Watch) {
    strays().children.push(child);
    resume(watch);
}

/// Starts the thread if there are strays and none could be had before; where there is none again, makes a round.
pub(super) fn resume(watch: Watch) {
    let mut strays = strays();
    if strays.has_thread || strays.children.is_empty() {
        return;
    }
    let thread = thread::Builder::new().name("wheelhouse-stray".into());
    strays.has_thread = thread.spawn(move || patrol(watch)).is_ok();
    let has_thread = strays.has_thread;
    drop(strays);
    if !has_thread {
        make_round(watch);
    }
}

/// Makes rounds until no stray is left.
fn patrol(watch: Watch) {
    let mut pause = FIRST_PAUSE;
    loop {
        thread::sleep(pause);
        pause = LONGEST_PAUSE.min(pause * 2);
        make_round(watch);
        let mut strays = strays();
        if strays.children.is_empty() {
            strays.has_thread = false;
            return;
        }
    }
}

/// Reaps the strays that have ended, and hands over those that can be watched.
fn make_round(watch: Watch) {
    let children = std::mem::take(&mut strays().children);
    let running = children.into_iter().filter_map(|mut child| {
        let runs = matches!(child.try_wait(), Ok(None));
        if runs { watch(child).err() } else { None }
    });
    let running: Vec<_> = running.collect();
    strays().children.extend(running);
}
