//! The actions of the process on a signal, with listeners and after the last one was dropped.
//!
//! ```text
//!                first Subscription           last one dropped
//!   no handler ────────────────────▶ listened ────────────────▶ default action,
//!   (the kernel's action)            (the actions ◀──────────── by the handler
//!                                    of all listeners)  Subscription
//! ```
//!
//! The handler of signal-hook is never removed, so it must emulate the default action: the first
//! action of each signal does so while `is_unused` is set. It is not added if the signal did not
//! have its default action before, because the program ignored it (as Rust does with SIGPIPE) or
//! another library listens to it.

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

/// The greatest signal number on Linux.
const LAST: i32 = 64;

/// A signal that was listened to at least once.
#[derive(Debug)]
struct SignalEntry {
    /// The number of subscriptions.
    listeners: usize,
    /// Whether there is no subscription. Read by the handler.
    is_unused: Arc<AtomicBool>,
}

/// The signals that were listened to at least once, by number.
static SIGNALS: Mutex<BTreeMap<i32, SignalEntry>> = Mutex::new(BTreeMap::new());

/// Locks the table. No panic can leave it half changed.
fn table() -> MutexGuard<'static, BTreeMap<i32, SignalEntry>> {
    SIGNALS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Listens to a signal until it is dropped, on any thread.
#[derive(Debug)]
pub(crate) struct Subscription {
    actions: Actions,
}

impl Subscription {
    /// Listens to `signal`. Returns a non-blocking socket that becomes readable when it arrives.
    ///
    /// # Errors
    /// Fails with [`ErrorKind::InvalidInput`] if the signal cannot be listened to, and if no
    /// descriptor is left.
    pub(crate) fn new(signal: i32) -> io::Result<(Self, UnixStream)> {
        Self::with(signal, Actions::write)
    }

    /// Listens to `signal` with the actions that `add` adds.
    pub(super) fn with<R>(
        signal: i32,
        add: impl FnOnce(&mut Actions) -> io::Result<R>,
    ) -> io::Result<(Self, R)> {
        if FORBIDDEN.contains(&signal) || !(1..=LAST).contains(&signal) {
            return Err(refused(signal));
        }
        let mut table = table();
        let entry = match table.get_mut(&signal) {
            Some(entry) => entry,
            None => {
                let new = prepare(signal)?;
                table.entry(signal).or_insert(new)
            }
        };
        let mut actions = Actions::none(signal);
        let result = add(&mut actions).map_err(|error| match error.kind() {
            ErrorKind::InvalidInput => refused(signal),
            _ => error,
        })?;
        // Last, so that a signal before the actions are added has its default action and is not
        // lost.
        entry.listeners += 1;
        entry.is_unused.store(false, Ordering::SeqCst);
        Ok((Self { actions }, result))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // Before the actions are removed, for the same reason.
        if let Some(entry) = table().get_mut(&self.actions.signal) {
            entry.listeners -= 1;
            entry
                .is_unused
                .store(entry.listeners == 0, Ordering::SeqCst);
        }
    }
}

/// The actions of the handler, in the order in which they were added. Dropping it removes them.
#[derive(Debug)]
pub(super) struct Actions {
    signal: i32,
    ids: Vec<SigId>,
}

impl Actions {
    fn none(signal: i32) -> Self {
        Self {
            signal,
            ids: Vec::new(),
        }
    }

    /// Adds an action that writes a byte. Returns the socket that receives it.
    pub(super) fn write(&mut self) -> io::Result<UnixStream> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        self.ids.push(pipe::register(self.signal, writer)?);
        Ok(reader)
    }

    /// Adds an action that sets a flag.
    pub(super) fn set(&mut self, flag: &Arc<AtomicBool>) -> io::Result<()> {
        self.ids
            .push(flag::register(self.signal, Arc::clone(flag))?);
        Ok(())
    }

    /// Adds the default action of the signal, taken if the flag is set.
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

/// Adds the emulated default action of a signal before its first subscription.
fn prepare(signal: i32) -> io::Result<SignalEntry> {
    let is_unused = Arc::new(AtomicBool::new(true));
    let is_default = has_default_action(signal).map_err(|_| refused(signal))?;
    // signal-hook does not know the default actions of signals without a name, such as real-time
    // signals.
    if is_default && signal_name(signal).is_some() {
        flag::register_conditional_default(signal, Arc::clone(&is_unused))?;
    }
    Ok(SignalEntry {
        listeners: 0,
        is_unused,
    })
}

/// The error for a signal that cannot be listened to.
#[cold]
fn refused(signal: i32) -> io::Error {
    let why = if FORBIDDEN.contains(&signal) {
        "it cannot be handled, or the program cannot continue after it"
    } else {
        "there is no such signal, or the C library reserves it"
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
    fn the_error_contains_the_signal() {
        for (signal, name) in [(9, "SIGKILL"), (0, "unknown"), (-1, "unknown"), (33, "33")] {
            let error = Subscription::new(signal).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}
