//! A begun block that is held and not polled while other code runs (C26).
//!
//! A cancellation is thrown at once at the code that runs, as anywhere. At what is held it is thrown when that is polled, and
//! not at all if the turn ends before: then it is as if nothing were held.

use super::differences::{self, Difference};
use super::node::Seq;
use super::world::World;
use super::{Cancel, End, Flow, Here};
use crate::program::{Block, Keep};

/// A held block, and what runs meanwhile.
#[derive(Debug)]
pub(super) struct Hold<'p> {
    name: usize,
    held: Seq<'p>,
    /// What came when it was not polled, and was not thrown yet.
    unheard: Option<Cancel>,
    /// What runs now while it is not polled.
    now: Option<Seq<'p>>,
    others: std::slice::Iter<'p, Block>,
    keep: Keep,
    /// What came last ends what runs now, and has come to what is held, too.
    is_contested: bool,
}

impl<'p> Hold<'p> {
    pub(super) fn new(name: usize, code: (&'p Block, &'p [Block]), keep: Keep) -> Self {
        let (held, others) = code;
        Self {
            name,
            held: Seq::new(held),
            unheard: None,
            now: None,
            others: others.iter(),
            keep,
            is_contested: false,
        }
    }

    pub(super) fn poll(
        &mut self,
        world: &mut World<'p>,
        here: Here,
        armed: &mut Option<Cancel>,
    ) -> Option<End> {
        loop {
            if let Some(now) = &mut self.now {
                let end = now.poll(world, here, armed)?;
                if self.is_contested && world.has_awaited_just_ended() {
                    differences::note(Difference::OneInstant);
                }
                match end {
                    End::Flow(Flow::Next) => self.now = None,
                    end => return Some(end),
                }
            }
            let other = self.others.next();
            if other.is_none() && self.keep == Keep::Drop {
                world.say(format!("dropped {}", self.name), "");
                return Some(End::Flow(Flow::Next));
            }
            match self.poll_held(world, here, armed) {
                Some(End::Flow(Flow::Next)) => {
                    world.say(format!("held {}", self.name), "");
                    return Some(End::Flow(Flow::Next));
                }
                None => match (other, armed.take()) {
                    (Some(other), waits) => {
                        *armed = waits;
                        self.now = Some(Seq::new(other));
                    }
                    // C11: it is suspended, and what waited for that arrives.
                    (None, Some(cancel)) => drop(self.held.throw(&cancel)),
                    (None, None) => return None,
                },
                end => return end,
            }
        }
    }

    /// Polls what is held. What waits for the next suspension goes on waiting, as this is none.
    fn poll_held(
        &mut self,
        world: &mut World<'p>,
        here: Here,
        armed: &mut Option<Cancel>,
    ) -> Option<End> {
        if let Some(cancel) = self.unheard.take() {
            self.held.throw(&cancel);
        }
        let mut let_out = None;
        let ending = here.ending || armed.is_some();
        let end = (self.held).poll(world, Here { ending, ..here }, &mut let_out);
        if let Some(cancel) = let_out {
            *armed = Some(Cancel::merged(armed.take(), cancel));
        }
        end
    }

    pub(super) fn throw(&mut self, cancel: &Cancel) -> bool {
        let Some(now) = &mut self.now else {
            return self.held.throw(cancel);
        };
        let caught = now.throw(cancel);
        if !self.held.would_catch() {
            return caught;
        }
        self.is_contested = !caught;
        self.unheard = Some(Cancel::merged(self.unheard.take(), cancel.clone()));
        true
    }

    pub(super) fn would_catch(&self) -> bool {
        self.held.would_catch() || self.now.as_ref().is_some_and(Seq::would_catch)
    }

    pub(super) fn pass_by(&mut self) {
        match &mut self.now {
            Some(now) => {
                self.unheard = None;
                now.pass_by();
            }
            None => self.held.pass_by(),
        }
    }

    pub(super) fn dead(&self) -> Option<&Cancel> {
        let running = self.now.as_ref().unwrap_or(&self.held);
        running.dead()
    }
}
