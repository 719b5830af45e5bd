//! Gathers and groups: scopes with several concurrent parts.

use super::differences::{self, Difference};
use super::node::Seq;
use super::world::World;
use super::{Cancel, End, Flow, Here};
use crate::program::Stmt;

/// One of those that run side by side.
#[derive(Debug)]
struct Member<'p> {
    /// The child's number; `None` for a branch, and for the body of a group.
    child: Option<usize>,
    /// What it does; `None` when it has ended.
    seq: Option<Seq<'p>>,
    /// It was cancelled before it began (C1).
    stillborn: Option<Cancel>,
}

impl Member<'_> {
    /// It has begun and not ended.
    fn is_running(&self) -> bool {
        self.seq.as_ref().is_some_and(Seq::has_begun)
    }

    /// It has not begun.
    fn is_waiting(&self) -> bool {
        self.seq.as_ref().is_some_and(|seq| !seq.has_begun())
    }
}

/// A gather or a group.
#[derive(Debug)]
pub(super) struct Join<'p> {
    stmt: &'p Stmt,
    scope: usize,
    members: Vec<Member<'p>>,
    /// What the gather or group itself cancelled its members with.
    own: Option<Cancel>,
    /// What came from outside, to go on when all have cleaned up (C15).
    outer: Option<Cancel>,
    /// The cancellation from outside that no code in here can catch: everything was dropped.
    whole: Option<Cancel>,
    /// Members have failed.
    failed: bool,
    /// How the body of the group ended; `None` when it was cut down.
    body: Option<Flow>,
    begun: bool,
    /// The body has been hit from outside since the last turn.
    hit_body: bool,
}

impl<'p> Join<'p> {
    pub(super) fn new(stmt: &'p Stmt, world: &mut World<'p>, here: Here) -> Self {
        let scope = world.open(Some(here.scope));
        let branch = |block| Member {
            child: None,
            seq: Some(Seq::new(block)),
            stillborn: None,
        };
        let members = match stmt {
            Stmt::Group(_, children, body) => {
                for (task, _) in children {
                    world.bear(*task, Some(here.task), Some(scope));
                }
                let children = children.iter().map(|(task, block)| Member {
                    child: Some(*task),
                    ..branch(block)
                });
                [branch(body)].into_iter().chain(children).collect()
            }
            _ => stmt.blocks().into_iter().map(branch).collect(),
        };
        Self {
            stmt,
            scope,
            members,
            own: None,
            outer: None,
            whole: None,
            failed: false,
            body: None,
            begun: false,
            hit_body: false,
        }
    }

    pub(super) fn would_catch(&self) -> bool {
        let mut running = self.members.iter().filter_map(|member| member.seq.as_ref());
        running.any(|seq| seq.has_begun() && seq.would_catch())
    }

    pub(super) fn pass_by(&mut self) {
        let members = self.members.iter_mut();
        let running = members.filter_map(|member| member.seq.as_mut());
        running.for_each(Seq::pass_by);
    }

    pub(super) fn dead(&self) -> Option<&Cancel> {
        self.whole.as_ref()
    }

    pub(super) fn throw(&mut self, cancel: &Cancel) -> bool {
        if self.group().is_some() {
            if self.own.is_some() || self.outer.is_some() || self.whole.is_some() {
                differences::note(Difference::GroupHitAgain);
            }
            self.hit_body = self.members[0].seq.is_some();
        }
        let caught = self.throw_at_members(cancel);
        let place = if caught {
            &mut self.outer
        } else {
            &mut self.whole
        };
        *place = Some(Cancel::merged(place.take(), cancel.clone()));
        caught
    }

    fn throw_at_members(&mut self, cancel: &Cancel) -> bool {
        let mut caught = false;
        for member in &mut self.members {
            match &mut member.seq {
                Some(seq) if seq.has_begun() => {
                    member
                        .child
                        .into_iter()
                        .for_each(|child| cancel.tell(child));
                    let first = seq.dead().filter(|_| member.child.is_some());
                    let cancel = cancel.again(first);
                    caught |= seq.throw(&cancel);
                }
                Some(_) => drop(member.stillborn.get_or_insert(cancel.clone())),
                None => {}
            }
        }
        caught
    }

    pub(super) fn poll(
        &mut self,
        world: &mut World<'p>,
        here: Here,
        armed: &mut Option<Cancel>,
    ) -> Option<End> {
        if let Some(name) = self.group()
            && world.is_stopped(name)
        {
            self.cancel(world, "the group was cancelled");
        }
        // What waits for the next suspension is each branch's, if it suspends; a child is born
        // cancelled.
        let inside = if std::mem::replace(&mut self.begun, true) {
            None
        } else {
            armed.clone()
        };
        if let Some(cancel) = &inside {
            let children = self
                .members
                .iter_mut()
                .filter(|member| member.child.is_some());
            children.for_each(|child| child.stillborn = Some(cancel.clone()));
        }
        if self.turns(world, here, &inside) {
            self.outer = self.outer.take().or(armed.take());
            // Those that had to wait will never begin.
            if let Some(cancel) = self.outer.clone().filter(|_| self.limit().is_some()) {
                let waiting = self.members.iter_mut().filter(|member| member.is_waiting());
                waiting.for_each(|member| member.stillborn = Some(cancel.clone()));
                self.turns(world, here, &None);
            }
        }
        if std::mem::take(&mut self.hit_body) && self.members[0].seq.is_some() {
            differences::note(Difference::GroupBodyFirst);
        }
        let all_ended = self.members.iter().all(|member| member.seq.is_none());
        if all_ended && self.group().is_some() && world.is_cancelled(here) {
            differences::note(Difference::OneInstant);
        }
        all_ended.then(|| self.ended(world))
    }

    /// Gives each member a turn. If one has cancelled the others, starts again from the first, so
    /// that all of them are cancelled before any of them continues. `armed` is there for their
    /// first suspension. Returns `true` if it hit one.
    fn turns(&mut self, world: &mut World<'p>, here: Here, armed: &Option<Cancel>) -> bool {
        let (mut index, mut begun, mut taken) = (0, 0, false);
        while index < self.members.len() {
            let armed = armed.clone().filter(|_| index >= begun);
            let mut inside = armed.clone();
            let end = self.member_turn(world, here, index, &mut inside);
            let is_child = self.members[index].child.is_some();
            taken |= armed.is_some() && (is_child || inside.is_none());
            let all_again = end.is_some_and(|end| self.member_ended(world, index, end));
            index += 1;
            begun = begun.max(index);
            if all_again {
                index = 0;
            }
        }
        taken
    }

    fn member_turn(
        &mut self,
        world: &mut World<'p>,
        here: Here,
        index: usize,
        armed: &mut Option<Cancel>,
    ) -> Option<End> {
        let group = self.group();
        let running = self.members.iter().filter(|member| member.is_running());
        let is_full = self.limit().is_some_and(|limit| running.count() >= limit);
        let member = &mut self.members[index];
        if is_full && member.is_waiting() && member.stillborn.is_none() {
            return None;
        }
        let seq = member.seq.as_mut()?;
        let inside = Here {
            group: group.or(here.group),
            ..here.inside(self.scope)
        };
        match (member.child, member.stillborn.take()) {
            (_, Some(cancel)) => Some(End::Cut(cancel)),
            (Some(task), None) => {
                let exposed = inside.exposed + 1;
                let here = Here {
                    task,
                    exposed,
                    ..inside
                };
                let here = here.inside(world.scope_of(task));
                world.turn_of(here, seq)
            }
            (None, None) => seq.poll(world, inside, armed),
        }
    }

    /// A member has ended; `true` when others were cancelled by that.
    fn member_ended(&mut self, world: &mut World<'p>, index: usize, end: End) -> bool {
        let child = self.members[index].child;
        self.members[index].seq = None;
        let mut again = false;
        match (&end, child) {
            // C22: out of a branch or body comes what is not ours, and the others are cancelled
            // with it.
            (End::Cut(cancel), None) if self.is_news(cancel) => {
                if matches!(self.stmt, Stmt::Gather(..)) {
                    differences::note(Difference::GatherPassesForeign);
                }
                self.outer = Some(cancel.clone());
                self.throw_at_members(&Cancel {
                    scope: self.scope,
                    level: world.level(self.scope),
                    ..cancel.clone()
                });
                again = true;
            }
            (End::Flow(Flow::Fail), _) if !matches!(self.stmt, Stmt::Gather(..)) => {
                self.failed = true;
                if child.is_some() && self.members[0].seq.is_none() {
                    differences::note(Difference::GroupFailsAfterBody);
                }
                self.cancel(world, "a sibling failed");
                again = true;
            }
            (End::Flow(flow), None) => self.body = Some(*flow),
            _ => {}
        }
        if let Some(task) = child {
            world.finish(task, end);
        }
        again
    }

    /// Returns `true` if the cancellation of a branch is neither ours nor a known one.
    fn is_news(&self, cancel: &Cancel) -> bool {
        !cancel.is(self.own.as_ref()) && self.outer.is_none() && self.whole.is_none()
    }

    /// Cancels the members, unless they were cancelled.
    fn cancel(&mut self, world: &mut World<'p>, why: &str) {
        if self.own.is_some() || self.outer.is_some() || self.whole.is_some() {
            return;
        }
        let cancel = world.new_cancel(why, self.scope);
        self.own = Some(cancel.clone());
        self.throw_at_members(&cancel);
    }

    /// How many members may run at once, if that is bounded.
    fn limit(&self) -> Option<usize> {
        match self.stmt {
            Stmt::TryGather(_, limit, _) if *limit > 0 => Some(*limit),
            _ => None,
        }
    }

    /// The name of the group, if it is one.
    fn group(&self) -> Option<usize> {
        match self.stmt {
            Stmt::Group(name, ..) => Some(*name),
            _ => None,
        }
    }

    /// All members have ended. A cancellation from outside propagates, whatever else there was
    /// (C14, C15).
    fn ended(&mut self, world: &mut World<'p>) -> End {
        let children = self.members.iter().filter_map(|member| member.child);
        children.for_each(|child| world.end_group_of(child));
        if let Some(cancel) = self.whole.take().or(self.outer.take()) {
            if self.failed {
                differences::note(Difference::GroupFailsWhenCancelled);
            }
            return End::Cut(cancel);
        }
        let (said, flow) = match (self.stmt, self.body) {
            (Stmt::TryGather(name, ..), _) if self.failed => {
                (format!("try failed {name}"), Flow::Fail)
            }
            (Stmt::Gather(name, _) | Stmt::TryGather(name, ..), _) => {
                (format!("gathered {name}"), Flow::Next)
            }
            (Stmt::Group(name, ..), _) if self.failed => {
                (format!("group failed {name}"), Flow::Next)
            }
            (Stmt::Group(name, ..), None) => (format!("group cancelled {name}"), Flow::Next),
            (Stmt::Group(name, ..), Some(Flow::Next)) => (format!("group {name}"), Flow::Next),
            (_, flow) => return End::Flow(flow.unwrap_or(Flow::Next)),
        };
        world.say(said, "");
        End::Flow(flow)
    }
}
