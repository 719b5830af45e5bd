//! `cancel_on_ctrl_c`: the first Ctrl-C cancels main, the second ends the process.
//!
//! ```text
//!              Ctrl-C: came                            main cancelled: told
//!   ┌───────┐ ─────────────▶ ┌──────┐ ─────────────────────────────────────────▶ ┌──────┐
//!   │ quiet │                │ came │   at once, or when the next main begins     │ told │
//!   └───────┘                └──────┘                                             └──────┘
//!       ▲                      │  │                                                │   │
//!       │                      │  └── the runtime is dropped: the process ends     │   │
//!       │                      └── Ctrl-C: the process ends ◀── Ctrl-C ────────────┘   │
//!       └──────────────────────────────── the next main begins ────────────────────────┘
//! ```
//!
//! `came` is set by the handler, `told` by the loop. What a second Ctrl-C does, the handler does: so it works while
//! the loop is stuck in a task that never awaits, or in a clean-up that never ends. Of the latter the loop says so on
//! standard error after some seconds.

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
    /// Ends the loop's sleep.
    ear: SignalPipe,
    /// A Ctrl-C came: the next one ends the process.
    came: Arc<AtomicBool>,
    /// Main was told of it.
    told: Cell<bool>,
    /// When it is to be said that main, which was told, has not ended.
    silent_until: Cell<Option<Instant>>,
}

impl Interrupt {
    /// Listens from now on.
    fn new(core: &Core) -> io::Result<Self> {
        let came = Arc::new(AtomicBool::new(false));
        let (subscription, socket) = Subscription::with(SIGINT, |actions| {
            // In this order: the first Ctrl-C is not its own second one, and the loop that wakes finds the flag set.
            actions.default_if(&came)?;
            actions.set(&came)?;
            actions.write()
        })?;
        Ok(Self {
            ear: SignalPipe::new(core, subscription, socket)?,
            came,
            told: Cell::new(false),
            silent_until: Cell::new(None),
        })
    }

    /// True while a Ctrl-C waits for a main to be told.
    fn is_waiting(&self) -> bool {
        !self.told.get() && self.came.load(Ordering::SeqCst)
    }

    /// Takes the Ctrl-C that waits, if one does.
    fn take(&self) -> bool {
        let waits = self.is_waiting();
        if waits {
            self.told.set(true);
            // The bytes were for the sleep only; left there, they would fill the socket in time.
            drain(&self.ear.socket).ok();
        }
        waits
    }

    /// Forgets a Ctrl-C that an earlier main was told of.
    fn forget_told(&self) {
        if self.told.get() {
            self.came.store(false, Ordering::SeqCst);
            self.told.set(false);
            self.silent_until.set(None);
        }
    }

    /// Returns `true`, once, when main was told some time ago.
    fn take_silence(&self) -> bool {
        let is_over = has_come(self.silent_until.get());
        if is_over {
            self.silent_until.set(None);
        }
        is_over
    }
}

impl Core {
    /// From now on a Ctrl-C cancels main.
    pub(crate) fn cancel_on_ctrl_c(&self) -> io::Result<()> {
        let interrupt = Interrupt::new(self)?;
        // It is called once, by whoever makes the runtime.
        self.signals().interrupt.set(interrupt).ok();
        Ok(())
    }

    /// A new main begins.
    pub(crate) fn watch_ctrl_c(&self) {
        if let Some(interrupt) = self.signals().interrupt.get() {
            interrupt.forget_told();
        }
    }

    /// Cancels `main` if a Ctrl-C came, and says so when it has not ended some seconds later.
    #[inline]
    pub(crate) fn deliver_ctrl_c(&self, main: &Task) {
        if let Some(interrupt) = self.signals().interrupt.get() {
            self.tell_main(interrupt, main);
        }
    }

    /// Does what [`deliver_ctrl_c`](Self::deliver_ctrl_c) says.
    fn tell_main(&self, interrupt: &Interrupt, main: &Task) {
        if interrupt.take() {
            main.cancel(Cancelled::new(Reason::CtrlC, None));
            interrupt.silent_until.set(self.end_sleep_after(SILENCE));
        } else if interrupt.take_silence() {
            report_stuck_main(&self.running());
        }
    }

    /// Ends the loop's sleep after some time, and returns that moment. Does nothing on virtual time,
    /// where a main for which nothing comes is a deadlock.
    fn end_sleep_after(&self, time: Duration) -> Option<Instant> {
        if self.timers.clock().is_virtual() {
            return None;
        }
        let nanos = u64::try_from(time.as_nanos()).ok()?;
        let deadline = self.timers.clock().nanos().saturating_add(nanos);
        // It wakes no task: main is not polled for it.
        let nobody = Waker::noop().clone();
        self.timers.insert(deadline, nobody);
        Some(Instant::now() + time)
    }

    /// True when a main that ended so is to end the process.
    pub(crate) fn is_end_of_process(&self, cancelled: &Cancelled) -> bool {
        self.signals().interrupt.get().is_some() && *cancelled.reason() == Reason::CtrlC
    }

    /// The runtime has ended: a Ctrl-C that no main was told of takes its usual course.
    pub(crate) fn let_ctrl_c_through(&self) {
        let interrupt = self.signals().interrupt.get();
        if interrupt.is_some_and(Interrupt::is_waiting) {
            end_process();
        }
    }
}

/// Ends the process as Ctrl-C would have, had nobody listened.
pub(crate) fn end_process() -> ! {
    // A line that is not complete would be lost: a signal runs nothing of what an exit runs.
    last_words::flush();
    emulate_default_handler(SIGINT).ok();
    // Not reached, as the signal ends the process; a shell would show the same status.
    exit(128 + SIGINT)
}
