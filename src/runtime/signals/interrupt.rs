//! `cancel_on_ctrl_c`: the first Ctrl-C cancels the main future, the second ends the process.
//!
//! ```text
//!              Ctrl-C             main is cancelled, now or when
//!   ┌───────┐ ─────────▶ ┌─────────┐  the next one starts  ┌───────────┐
//!   │ quiet │            │ arrived │ ────────────────────▶ │ delivered │
//!   └───────┘            └─────────┘                       └───────────┘
//!       ▲                     │                              │      │
//!       │                     │ Ctrl-C, or the runtime       │      │
//!       │                     │ is dropped                   │      │
//!       │                     ▼                 Ctrl-C       │      │
//!       │              the process ends ◀────────────────────┘      │
//!       └───────────────── the next main starts ────────────────────┘
//! ```
//!
//! The signal handler sets `arrived`, the event loop `delivered`. The handler itself ends the
//! process on a second Ctrl-C, so that works in a task that never awaits, too, and in a clean-up
//! that never ends. About such a clean-up the event loop prints a report after some seconds.

use std::cell::Cell;
use std::io;
use std::process::exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;
use std::time::{Duration, Instant};

use signal_hook::consts::SIGINT;
use signal_hook::low_level::emulate_default_handler;

use super::Subscription;
use super::pipe::SignalPipe;
use crate::error::{Cancelled, Reason};
use crate::runtime::final_output;
use crate::runtime::io::Io;
use crate::runtime::stuck::{REPORT_DELAY, has_come, report_stuck_main};
use crate::runtime::task_types::Task;
use crate::runtime::timers::Timers;

/// The Ctrl-C of a runtime that cancels the main future.
#[derive(Debug)]
pub(super) struct Interrupt {
    /// Unparks the loop.
    pipe: SignalPipe,
    /// A Ctrl-C has come: the next one ends the process.
    arrived: Arc<AtomicBool>,
    /// It has cancelled a main future.
    delivered: Cell<bool>,
    /// When to report that this main future has not ended.
    report_at: Cell<Option<Instant>>,
}

impl Interrupt {
    /// Starts to listen.
    pub(super) fn new(io: &Io) -> io::Result<Self> {
        let arrived = Arc::new(AtomicBool::new(false));
        let (subscription, socket) = Subscription::with(SIGINT, |actions| {
            // In this order: the first Ctrl-C does not end the process, and the flag is set before
            // the loop is unparked.
            actions.default_if(&arrived)?;
            actions.set(&arrived)?;
            actions.write()
        })?;
        Ok(Self {
            pipe: SignalPipe::new(io, subscription, socket)?,
            arrived,
            delivered: Cell::new(false),
            report_at: Cell::new(None),
        })
    }

    /// Returns `true` if a Ctrl-C has come that cancelled no main future.
    pub(super) fn is_pending(&self) -> bool {
        !self.delivered.get() && self.arrived.load(Ordering::SeqCst)
    }

    /// Cancels `main` if a Ctrl-C is pending, or reports `running` some time after that.
    pub(super) fn deliver(
        &self,
        main: &Task,
        timers: &Timers,
        running: impl FnOnce() -> Vec<Task>,
    ) {
        if self.take_pending() {
            main.cancel(Cancelled::new(Reason::CtrlC, None));
            self.report_at.set(unpark_after(timers, REPORT_DELAY));
        } else if has_come(self.report_at.get()) {
            self.report_at.set(None);
            report_stuck_main(&running());
        }
    }

    /// Returns `true` if a Ctrl-C was pending, and marks it as delivered.
    fn take_pending(&self) -> bool {
        let is_pending = self.is_pending();
        if is_pending {
            self.delivered.set(true);
            // The bytes have unparked the loop. They would fill the socket in time.
            self.pipe.drain().ok();
        }
        is_pending
    }

    /// Forgets a Ctrl-C that has cancelled an earlier main future.
    pub(super) fn forget_delivered(&self) {
        if self.delivered.get() {
            self.arrived.store(false, Ordering::SeqCst);
            self.delivered.set(false);
            self.report_at.set(None);
        }
    }
}

/// Makes the loop run after some time, and returns that moment. On virtual time, where a main
/// future that waits for nothing is a deadlock, returns `None`.
fn unpark_after(timers: &Timers, time: Duration) -> Option<Instant> {
    if timers.clock().is_virtual() {
        return None;
    }
    // The timer wakes no task: main is not polled for it.
    timers.insert(timers.clock().after(time), Waker::noop().clone());
    Some(Instant::now() + time)
}

/// Ends the process as Ctrl-C would have without a handler.
pub(crate) fn end_process() -> ! {
    // The signal does not run what an exit runs, so an incomplete line would be lost.
    final_output::flush_stdout();
    emulate_default_handler(SIGINT).ok();
    // Not reached, since the signal ends the process. A shell would show the same status.
    exit(128 + SIGINT)
}
