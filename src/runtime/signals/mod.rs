//! The signals that a runtime itself handles: Ctrl-C, for `ctrl_c` and for
//! [`cancel_on_ctrl_c`](super::Builder::cancel_on_ctrl_c). The module [`signal`](mod@crate::signal)
//! has what users await.
//!
//! ```text
//!   kernel ─▶ handler of signal-hook, ─┬─ a byte into a socket ─▶ an edge in
//!             on any thread            │                          the reactor
//!                                      └─ a flag (`interrupt` only)
//! ```
//!
//! The handler does nothing else. The bytes say only *that* a signal came: a reader reads all of
//! them, so several signals become one. Only the count of listeners in [`subscription`] is global.

mod ctrl_c;
mod interrupt;
mod pipe;
mod subscription;

use std::cell::OnceCell;
use std::io;
use std::task::{Poll, Waker};

use super::io::Io;
use super::task_types::Task;
use super::timers::Timers;
use crate::error::{Cancelled, Reason};
use ctrl_c::CtrlC;
use interrupt::Interrupt;
pub(crate) use interrupt::end_process;
pub(crate) use pipe::drain;
pub(crate) use subscription::Subscription;

/// The signals that a runtime handles, each from its first use until the runtime ends.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    /// What `ctrl_c` waits for.
    ctrl_c: OnceCell<CtrlC>,
    /// What cancels the main future.
    interrupt: OnceCell<Interrupt>,
}

impl Signals {
    /// Returns what a new waiter of `ctrl_c` records. The first call starts to listen.
    pub(crate) fn wait_for_ctrl_c(&self, io: &Io) -> io::Result<u64> {
        Ok(self.ctrl_c(io)?.taken())
    }

    /// Polls for the next Ctrl-C of a waiter that has recorded `since`.
    pub(crate) fn poll_ctrl_c(&self, io: &Io, since: u64, waker: &Waker) -> Poll<io::Result<()>> {
        self.ctrl_c(io)?.poll(io, since, waker)
    }

    fn ctrl_c(&self, io: &Io) -> io::Result<&CtrlC> {
        if let Some(ctrl_c) = self.ctrl_c.get() {
            return Ok(ctrl_c);
        }
        let new = CtrlC::new(io)?;
        Ok(self.ctrl_c.get_or_init(|| new))
    }

    /// Makes a Ctrl-C cancel the main future.
    pub(super) fn cancel_on_ctrl_c(&self, io: &Io) -> io::Result<()> {
        let interrupt = Interrupt::new(io)?;
        // Called once, by the builder.
        self.interrupt.set(interrupt).ok();
        Ok(())
    }

    /// Prepares for a new main future.
    pub(super) fn begin_main(&self) {
        if let Some(interrupt) = self.interrupt.get() {
            interrupt.forget_delivered();
        }
    }

    /// Cancels `main` if a Ctrl-C has come. Reports `running`, the tasks that have not ended, if
    /// `main` has not ended some seconds later.
    #[inline]
    pub(super) fn deliver_ctrl_c(
        &self,
        main: &Task,
        timers: &Timers,
        running: impl FnOnce() -> Vec<Task>,
    ) {
        if let Some(interrupt) = self.interrupt.get() {
            interrupt.deliver(main, timers, running);
        }
    }

    /// Returns `true` if a main future that ended as `cancelled` ends the process.
    pub(super) fn is_end_of_process(&self, cancelled: &Cancelled) -> bool {
        self.interrupt.get().is_some() && *cancelled.reason() == Reason::CtrlC
    }

    /// Ends the process if a Ctrl-C has come that cancelled no main future. Called when the runtime
    /// has ended.
    pub(super) fn end_process_if_pending(&self) {
        if self.interrupt.get().is_some_and(Interrupt::is_pending) {
            end_process();
        }
    }
}
