//! `cancel_on_ctrl_c`: the first Ctrl-C cancels main, the second ends the process.
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

use super::{SignalPipe, Subscription, drain};
use crate::error::{Cancelled, Reason};
use crate::runtime::shutdown::{SILENCE, has_come, report_stuck_main};
use crate::runtime::{Core, Task, last_words};

/// The state of one runtime.
#[derive(Debug)]
pub(super) struct Interrupt {
    /// Ends the wait of the event loop.
    pipe: SignalPipe,
    /// A Ctrl-C has arrived: the next one ends the process.
    arrived: Arc<AtomicBool>,
    /// Main was cancelled by it.
    delivered: Cell<bool>,
    /// When to report that main, which was cancelled, has not ended.
    silent_until: Cell<Option<Instant>>,
}

impl Interrupt {
    /// Starts to listen.
    fn new(core: &Core) -> io::Result<Self> {
        let arrived = Arc::new(AtomicBool::new(false));
        let (subscription, socket) = Subscription::with(SIGINT, |actions| {
            // In this order, so that the first Ctrl-C does not end the process, and the event loop
            // finds the flag set when it wakes.
            actions.default_if(&arrived)?;
            actions.set(&arrived)?;
            actions.write()
        })?;
        Ok(Self {
            pipe: SignalPipe::new(core, subscription, socket)?,
            arrived,
            delivered: Cell::new(false),
            silent_until: Cell::new(None),
        })
    }

    /// Returns `true` while a Ctrl-C waits for a main to cancel.
    fn is_waiting(&self) -> bool {
        !self.delivered.get() && self.arrived.load(Ordering::SeqCst)
    }

    /// Takes the Ctrl-C that waits. Returns `true` if there was one.
    fn take(&self) -> bool {
        let waits = self.is_waiting();
        if waits {
            self.delivered.set(true);
            // The bytes have only ended the wait. If they stayed, they would fill the socket.
            drain(&self.pipe.socket).ok();
        }
        waits
    }

    /// Resets the state if the Ctrl-C was delivered to an earlier main.
    fn reset_delivered(&self) {
        if self.delivered.get() {
            self.arrived.store(false, Ordering::SeqCst);
            self.delivered.set(false);
            self.silent_until.set(None);
        }
    }

    /// Returns `true`, once, when it is time to report that main has not ended.
    fn take_silence(&self) -> bool {
        let is_over = has_come(self.silent_until.get());
        if is_over {
            self.silent_until.set(None);
        }
        is_over
    }
}

impl Core {
    /// Makes Ctrl-C cancel main.
    pub(crate) fn cancel_on_ctrl_c(&self) -> io::Result<()> {
        let interrupt = Interrupt::new(self)?;
        // The builder calls this once.
        self.signals().interrupt.set(interrupt).ok();
        Ok(())
    }

    /// Called when a main starts.
    pub(crate) fn watch_ctrl_c(&self) {
        if let Some(interrupt) = self.signals().interrupt.get() {
            interrupt.reset_delivered();
        }
    }

    /// Cancels `main` if a Ctrl-C has arrived, and reports it if it has not ended some seconds
    /// later.
    #[inline]
    pub(crate) fn deliver_ctrl_c(&self, main: &Task) {
        if let Some(interrupt) = self.signals().interrupt.get() {
            self.cancel_main(interrupt, main);
        }
    }

    /// The rest of [`deliver_ctrl_c`](Self::deliver_ctrl_c), not inlined.
    fn cancel_main(&self, interrupt: &Interrupt, main: &Task) {
        if interrupt.take() {
            main.cancel(Cancelled::new(Reason::CtrlC, None));
            interrupt.silent_until.set(self.end_wait_after(SILENCE));
        } else if interrupt.take_silence() {
            report_stuck_main(&self.running());
        }
    }

    /// Ends the wait of the event loop after `time`, and returns that moment. Does nothing on
    /// virtual time, where a main that waits for nothing is reported as a deadlock.
    fn end_wait_after(&self, time: Duration) -> Option<Instant> {
        if self.timers.clock().is_virtual() {
            return None;
        }
        let nanos = u64::try_from(time.as_nanos()).ok()?;
        let deadline = self.timers.clock().nanos().saturating_add(nanos);
        // It wakes no task, so main is not polled for it.
        self.timers.insert(deadline, Waker::noop().clone());
        Some(Instant::now() + time)
    }

    /// Returns `true` if this cancellation of main must end the process.
    pub(crate) fn is_end_of_process(&self, cancelled: &Cancelled) -> bool {
        self.signals().interrupt.get().is_some() && *cancelled.reason() == Reason::CtrlC
    }

    /// Called at the end of the runtime: a Ctrl-C that was not delivered has its default action.
    pub(crate) fn let_ctrl_c_through(&self) {
        let interrupt = self.signals().interrupt.get();
        if interrupt.is_some_and(Interrupt::is_waiting) {
            end_process();
        }
    }
}

/// Ends the process by the default action of Ctrl-C.
pub(crate) fn end_process() -> ! {
    // A signal does not flush standard output, so an incomplete line would be lost.
    last_words::flush();
    emulate_default_handler(SIGINT).ok();
    // Not reached, because the signal ends the process. A shell shows the same status.
    exit(128 + SIGINT)
}
