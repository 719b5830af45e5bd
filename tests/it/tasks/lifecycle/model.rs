//! What a task must do, said a second time and without a runtime: the expectation of the cross
//! product.

use super::{Cancel, Case, Handle, Plan, Wakes};

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With its value.
    Value,
    /// By the panic of a poll.
    PollPanic,
    /// By the panic of its destructor, while it was cancelled.
    DropPanic,
    /// Cancelled, for the first reason that was given.
    Cancelled(Why),
}

/// Why a task was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Somebody asked.
    Asked,
    /// Whoever awaited it has gone.
    AwaiterGone,
    /// The runtime ended.
    Shutdown,
}

/// A task as it should be.
#[derive(Debug)]
pub(crate) struct Model {
    /// What its future does.
    plan: Plan,
    /// How often it was polled.
    polls: u32,
    /// Whether it stands in the run queue.
    pub(crate) ready: bool,
    /// Whether a wake from another thread is on its way.
    mail: bool,
    /// The cancellation that waits.
    cancel: Option<Why>,
    /// How it ended.
    pub(crate) end: Option<End>,
    /// Whether its handle exists.
    handle: bool,
    /// Whether a task awaits it through the handle.
    awaited: bool,
    /// How often that task was woken.
    pub(crate) joiner_wakes: u32,
    /// Whether the result was taken or dropped.
    settled: bool,
}

impl Model {
    /// A task that was just spawned.
    pub(crate) fn new(case: Case) -> Self {
        Self {
            plan: case.plan(),
            polls: 0,
            ready: true,
            mail: false,
            cancel: None,
            end: None,
            handle: true,
            awaited: false,
            joiner_wakes: 0,
            settled: false,
        }
    }

    /// Polls, drops of the future, drops of the output.
    pub(crate) fn counts(&self) -> (u32, u32, u32) {
        let ended = self.end.is_some();
        let output_gone = self.end == Some(End::Value) && self.settled;
        (self.polls, u32::from(ended), u32::from(output_gone))
    }

    /// Somebody cancels it; what `cancel` says.
    pub(crate) fn cancel(&mut self, why: Why) -> bool {
        if self.end.is_some() {
            return false;
        }
        self.cancel.get_or_insert(why);
        self.ready = true;
        true
    }

    /// Somebody wakes it at home.
    pub(crate) fn wake(&mut self) {
        self.ready |= self.end.is_none();
    }

    /// Somebody wakes it on another thread.
    pub(crate) fn post(&mut self) {
        self.mail |= self.end.is_none();
    }

    /// Its turn in the run queue, if it stands there.
    pub(crate) fn turn(&mut self) {
        if !std::mem::take(&mut self.ready) || self.end.is_some() {
            return;
        }
        match self.cancel.take() {
            Some(_) if self.plan.drop_panics => self.finish(End::DropPanic),
            Some(why) => self.finish(End::Cancelled(why)),
            None => self.poll(),
        }
    }

    /// One turn of the loop that takes the mail in.
    pub(crate) fn turn_with_mail(&mut self) {
        self.turn();
        if std::mem::take(&mut self.mail) {
            self.wake();
        }
        self.turn();
    }

    /// One poll.
    fn poll(&mut self) {
        self.polls += 1;
        if self.plan.cancels_itself && self.polls == 1 {
            self.cancel(Why::Asked);
        }
        match (self.polls == self.plan.ends_at, self.plan.panics) {
            (true, true) => self.finish(End::PollPanic),
            (true, false) => self.finish(End::Value),
            (false, _) => self.ready |= self.plan.wakes_itself,
        }
    }

    /// It ends.
    fn finish(&mut self, end: End) {
        self.end = Some(end);
        self.ready = false;
        self.settled = !self.handle;
        if std::mem::take(&mut self.awaited) {
            self.joiner_wakes += 1;
        }
    }

    /// The handle is awaited or asked. Returns `true` if that returns the result.
    pub(crate) fn ask(&mut self, awaits: bool) -> Option<End> {
        match self.end {
            None => self.awaited |= awaits,
            Some(_) => self.settled = true,
        }
        self.end
    }

    /// The handle is dropped.
    pub(crate) fn drop_handle(&mut self) {
        self.handle = false;
        if self.end.is_some() {
            self.settled = true;
        } else if std::mem::take(&mut self.awaited) {
            self.cancel(Why::AwaiterGone);
        }
    }

    /// The handle is detached.
    pub(crate) fn detach(&mut self) {
        self.awaited = false;
        self.drop_handle();
    }

    /// The runtime ends.
    pub(crate) fn shut_down(&mut self) {
        self.cancel(Why::Shutdown);
        self.turn();
    }
}

/// All cases whose future ends in this way.
pub(crate) fn cases(ends_at: u32, panics: bool, drop_panics: bool) -> Vec<Case> {
    let mut all = Vec::new();
    for handle in Handle::ALL {
        for cancel in Cancel::ALL {
            for wakes in Wakes::ALL {
                all.push(Case {
                    ends_at,
                    panics,
                    drop_panics,
                    handle,
                    cancel,
                    wakes,
                });
            }
        }
    }
    all
}
