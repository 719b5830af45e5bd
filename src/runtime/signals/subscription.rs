//! What the process does on a signal while somebody listens to it, and when nobody does any more.
//!
//! ```text
//!   never listened to ── first Subscription ──▶ listened to ◀─── Subscription ───┐
//!     the kernel's own action                     the subscriptions' actions       │
//!                                                  │ last Subscription dropped     │
//!                                                  └──▶ the default action, by the handler
//! ```
//!
//! signal-hook's handler stays in place for good, so it has to play the default action itself: an action that does
//! so while `nobody` listens is the first of each signal. It is left out where the signal did not have its default action
//! before us, because the program ignored it (as Rust does SIGPIPE) or another library listens to it.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use signal_hook::SigId;
use signal_hook::consts::FORBIDDEN;
use signal_hook::flag;
use signal_hook::low_level::{pipe, signal_name, unregister};

use crate::util::has_default_action;

/// The highest number of a signal on Linux.
const LAST: i32 = 64;

/// What is known of a signal that was listened to at least once.
#[derive(Debug)]
struct Known {
    /// How many subscriptions it has.
    listeners: usize,
    /// True while that is none. Read by the handler.
    nobody: Arc<AtomicBool>,
}

/// The signals that were listened to at least once, by number.
static KNOWN: Mutex<BTreeMap<i32, Known>> = Mutex::new(BTreeMap::new());

/// The table, which no panic can leave half-changed.
fn table() -> MutexGuard<'static, BTreeMap<i32, Known>> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Listens to a signal until it is dropped, on any thread.
#[derive(Debug)]
pub(crate) struct Subscription {
    /// What happens on the signal.
    actions: Actions,
}

impl Subscription {
    /// Listens to `signal`; gives what becomes readable when it comes, without blocking.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for what cannot be listened to; no descriptors left.
    pub(crate) fn new(signal: i32) -> io::Result<(Self, UnixStream)> {
        Self::with(signal, Actions::write)
    }

    /// Listens to `signal` with the actions that `add` gives it.
    pub(super) fn with<R>(
        signal: i32,
        add: impl FnOnce(&mut Actions) -> io::Result<R>,
    ) -> io::Result<(Self, R)> {
        if FORBIDDEN.contains(&signal) || !(1..=LAST).contains(&signal) {
            return Err(refused(signal));
        }
        let mut known = table();
        let known = match known.get_mut(&signal) {
            Some(known) => known,
            None => {
                let new = know(signal)?;
                known.entry(signal).or_insert(new)
            }
        };
        let mut actions = Actions::none(signal);
        let result = add(&mut actions).map_err(|error| match error.kind() {
            ErrorKind::InvalidInput => refused(signal),
            _ => error,
        })?;
        // Last: until the actions are there the signal is to take its usual course, and not to be lost.
        known.listeners += 1;
        known.nobody.store(false, Ordering::SeqCst);
        Ok((Self { actions }, result))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // Before the actions go, for the same reason.
        if let Some(known) = table().get_mut(&self.actions.signal) {
            known.listeners -= 1;
            known.nobody.store(known.listeners == 0, Ordering::SeqCst);
        }
    }
}

/// What the handler does on a signal, in the order in which it was added. Dropping it takes all of it back.
#[derive(Debug)]
pub(super) struct Actions {
    /// The signal.
    signal: i32,
    /// The actions.
    ids: Vec<SigId>,
}

impl Actions {
    /// No action yet.
    fn none(signal: i32) -> Self {
        Self {
            signal,
            ids: Vec::new(),
        }
    }

    /// Adds: write a byte to what this gives the other end of.
    pub(super) fn write(&mut self) -> io::Result<UnixStream> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        self.ids.push(pipe::register(self.signal, writer)?);
        Ok(reader)
    }

    /// Adds: set a flag.
    pub(super) fn set(&mut self, flag: &Arc<AtomicBool>) -> io::Result<()> {
        self.ids
            .push(flag::register(self.signal, Arc::clone(flag))?);
        Ok(())
    }

    /// Adds: the signal's default action, if the flag is set.
    pub(super) fn default_if(&mut self, flag: &Arc<AtomicBool>) -> io::Result<()> {
        self.ids.push(flag::register_conditional_default(
            self.signal,
            Arc::clone(flag),
        )?);
        Ok(())
    }
}

impl Drop for Actions {
    fn drop(&mut self) {
        for id in self.ids.drain(..) {
            unregister(id);
        }
    }
}

/// Prepares a signal that is listened to for the first time.
fn know(signal: i32) -> io::Result<Known> {
    let nobody = Arc::new(AtomicBool::new(true));
    let is_default = has_default_action(signal).map_err(|_| refused(signal))?;
    // Of a signal without a name, as the real-time ones, signal-hook does not know the default action.
    if is_default && signal_name(signal).is_some() {
        flag::register_conditional_default(signal, Arc::clone(&nobody))?;
    }
    Ok(Known {
        listeners: 0,
        nobody,
    })
}

/// What asking for a signal gives that nobody can listen to.
#[cold]
fn refused(signal: i32) -> io::Error {
    let why = if FORBIDDEN.contains(&signal) {
        "the system does not allow it, or the program could not go on after it"
    } else {
        "there is no such signal, or the C library keeps it for itself"
    };
    let name = signal_name(signal).unwrap_or("unknown");
    io::Error::new(
        ErrorKind::InvalidInput,
        format!("signal {signal} ({name}) cannot be listened to: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_signal() {
        for (signal, name) in [(9, "SIGKILL"), (0, "unknown"), (-1, "unknown"), (33, "33")] {
            let error = Subscription::new(signal).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}
