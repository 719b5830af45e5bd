//! The places where code waits, at which a cancellation is thrown.

use super::differences::{self, Difference};
use super::world::{World, told};
use super::{Cancel, End, Flow, Here};

/// What is waited for.
#[derive(Debug)]
pub(super) enum Wait {
    /// The clock: the sleep's name, and its end.
    Sleep(usize, u64),
    /// One turn; `true` when that was given.
    Yield(bool),
    /// A task; `true` when its cancellation is to be resumed (C22).
    Await(usize, bool),
}

/// A wait in progress.
#[derive(Debug)]
pub(super) struct Leaf {
    wait: Wait,
    /// What was thrown here.
    thrown: Option<Cancel>,
    /// What was thrown since the last look.
    fresh: Option<Cancel>,
    /// The awaited task is waited for, because it was cancelled with its awaiter (C21).
    draining: bool,
}

impl Leaf {
    pub(super) fn new(wait: Wait) -> Self {
        Self {
            wait,
            thrown: None,
            fresh: None,
            draining: false,
        }
    }

    pub(super) fn throw(&mut self, cancel: &Cancel) {
        self.thrown = Some(Cancel::merged(self.thrown.take(), cancel.clone()));
        self.fresh = Some(Cancel::merged(self.fresh.take(), cancel.clone()));
    }

    /// What has cut the code here, if something has.
    pub(super) fn dead(&self) -> Option<&Cancel> {
        self.thrown.as_ref()
    }

    pub(super) fn poll(
        &mut self,
        world: &mut World<'_>,
        here: Here,
        armed: &mut Option<Cancel>,
    ) -> Option<End> {
        if self.thrown.is_none()
            && let Some(end) = self.ready(world, here)
        {
            return Some(end);
        }
        // C11: what a shield has let out arrives at the next suspension, which is this.
        if let Some(cancel) = armed.take() {
            self.throw(&cancel);
        }
        let cancel = self.thrown.clone()?;
        if let Wait::Await(task, _) = self.wait
            && world.has_just_ended(task)
            && (self.fresh.is_some() || !self.draining)
        {
            differences::note(Difference::OneInstant);
        }
        (!self.drains(world, here)).then_some(End::Cut(cancel))
    }

    /// C21: the cancellation goes into the task that is awaited; it comes back when that has ended.
    fn drains(&mut self, world: &mut World<'_>, here: Here) -> bool {
        let Wait::Await(task, _) = self.wait else {
            return false;
        };
        if let Some(cause) = self.fresh.take() {
            let waits = world.abandon(task, here.task, &cause);
            self.draining |= waits;
        }
        if self.draining && world.outcome(task, here).is_some() {
            world.forget_drain(task, here.task);
            self.draining = false;
        }
        self.draining
    }

    fn ready(&mut self, world: &mut World<'_>, here: Here) -> Option<End> {
        match &mut self.wait {
            Wait::Sleep(name, until) if world.now() >= *until => {
                world.say(format!("slept {name}"), "");
            }
            Wait::Sleep(_, until) => {
                world.wake_at(*until, here.task);
                return None;
            }
            Wait::Yield(given) => {
                if !std::mem::replace(given, true) {
                    world.wake(here.task);
                    return None;
                }
            }
            Wait::Await(task, resume) => {
                let end = world.outcome(*task, here)?;
                if *resume && matches!(end, End::Cut(_)) && world.has_group_just_ended(*task) {
                    differences::note(Difference::OneInstant);
                }
                let (how, why) = told(&end);
                world.say(format!("await {task}: {how}"), &why);
                return Some(match end {
                    End::Cut(cancel) if *resume => End::Cut(cancel),
                    _ => End::Flow(Flow::Next),
                });
            }
        }
        Some(End::Flow(Flow::Next))
    }
}
