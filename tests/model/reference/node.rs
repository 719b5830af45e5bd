//! The running statement, with everything inside it.

use super::differences::{self, Difference};
use super::hold::Hold;
use super::join::Join;
use super::leaf::{Leaf, Wait};
use super::world::World;
use super::{Cancel, End, FOREIGN, Flow, Here};
use crate::program::{Block, Stmt, Then};

/// One statement after the other.
#[derive(Debug)]
pub(super) struct Seq<'p> {
    block: &'p Block,
    at: usize,
    begun: bool,
    now: Option<Box<Node<'p>>>,
}

impl<'p> Seq<'p> {
    pub(super) fn new(block: &'p Block) -> Self {
        Self {
            block,
            at: 0,
            begun: false,
            now: None,
        }
    }

    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Goes on as far as it can. `armed` is a cancellation that waits for the next suspension.
    pub(super) fn poll(
        &mut self,
        world: &mut World<'p>,
        here: Here,
        armed: &mut Option<Cancel>,
    ) -> Option<End> {
        self.begun = true;
        loop {
            let mut node = match self.now.take() {
                Some(node) => node,
                None => {
                    let Some(stmt) = self.block.get(self.at) else {
                        return Some(End::Flow(Flow::Next));
                    };
                    self.at += 1;
                    match begin(stmt, world, here) {
                        Ok(node) => Box::new(node),
                        Err(Flow::Next) => continue,
                        Err(flow) => return Some(End::Flow(flow)),
                    }
                }
            };
            match node.poll(world, here, armed) {
                None => {
                    self.now = Some(node);
                    return None;
                }
                Some(End::Flow(Flow::Next)) => {}
                Some(end) => return Some(end),
            }
        }
    }

    /// Throws a cancellation at all that waits in here; `true` when a catch point or a shield deals
    /// with it.
    pub(super) fn throw(&mut self, cancel: &Cancel) -> bool {
        self.now.as_mut().is_some_and(|node| node.throw(cancel))
    }

    /// Returns `true` if a catch point or a shield in here would deal with a cancellation.
    pub(super) fn would_catch(&self) -> bool {
        self.now.as_ref().is_some_and(|node| node.would_catch())
    }

    /// C26: a turn has ended. Code that was not polled in it receives nothing.
    pub(super) fn pass_by(&mut self) {
        if let Some(node) = &mut self.now {
            node.pass_by();
        }
    }

    /// What has cut all the code in here: nothing of it runs any more, it only waits for dropped
    /// handles' tasks (C21).
    pub(super) fn dead(&self) -> Option<&Cancel> {
        self.now.as_ref().and_then(|node| node.dead())
    }
}

/// A statement that has begun and not ended.
#[derive(Debug)]
enum Node<'p> {
    Leaf(Leaf),
    Catch(Catch<'p>),
    Shield(Shield<'p>),
    Timeout(Timeout<'p>),
    Join(Join<'p>),
    Hold(Hold<'p>),
}

/// Begins a statement; one that never waits is done at once.
fn begin<'p>(stmt: &'p Stmt, world: &mut World<'p>, here: Here) -> Result<Node<'p>, Flow> {
    Ok(match stmt {
        Stmt::Sleep(name, micros) => {
            Node::Leaf(Leaf::new(Wait::Sleep(*name, world.now() + micros)))
        }
        Stmt::Yield => Node::Leaf(Leaf::new(Wait::Yield(false))),
        Stmt::Await(task) | Stmt::AwaitResume(task) => {
            if !world.take_handle(*task) {
                world.say(format!("await {task}: none"), "");
                return Err(Flow::Next);
            }
            let resume = matches!(stmt, Stmt::AwaitResume(_));
            Node::Leaf(Leaf::new(Wait::Await(*task, resume)))
        }
        Stmt::Catch(_, body, ..) | Stmt::Finally(_, body, _) => Node::Catch(Catch {
            stmt,
            now: Caught::Body(Seq::new(body)),
        }),
        Stmt::Shield(name, body) => Node::Shield(Shield::new(*name, body)),
        Stmt::Timeout(name, micros, body) => Node::Timeout(Timeout {
            name: *name,
            scope: world.open(Some(here.scope)),
            until: world.now() + micros,
            own: None,
            outer: None,
            body: Seq::new(body),
        }),
        Stmt::Gather(..) | Stmt::TryGather(..) | Stmt::Group(..) => {
            Node::Join(Join::new(stmt, world, here))
        }
        Stmt::Hold(name, held, others, keep) => Node::Hold(Hold::new(*name, (held, others), *keep)),
        Stmt::Log(_) | Stmt::Cancel(_) | Stmt::CancelGroup | Stmt::Spawn(..) => {
            act(stmt, world, here);
            return Err(Flow::Next);
        }
        Stmt::Return => return Err(Flow::Return),
        Stmt::Fail => return Err(Flow::Fail),
    })
}

/// Does what takes no time.
fn act<'p>(stmt: &'p Stmt, world: &mut World<'p>, here: Here) {
    match stmt {
        Stmt::Log(name) => world.say(format!("log {name}"), ""),
        Stmt::Spawn(task, body) => world.spawn(*task, body),
        Stmt::Cancel(task) => {
            let why = format!("by {}", here.task);
            let said = world.cancel(*task, &why);
            let said = said.map_or("none".to_owned(), |said| said.to_string());
            world.say(format!("cancel {task}: {said}"), "");
        }
        _ => {
            if let Some(group) = here.group {
                world.stop_group(group, here.task);
            }
        }
    }
}

impl<'p> Node<'p> {
    fn poll(
        &mut self,
        world: &mut World<'p>,
        here: Here,
        armed: &mut Option<Cancel>,
    ) -> Option<End> {
        match self {
            Self::Leaf(leaf) => leaf.poll(world, here, armed),
            Self::Catch(catch) => catch.poll(world, here, armed),
            Self::Shield(shield) => shield.poll(world, here, armed),
            Self::Timeout(timeout) => timeout.poll(world, here, armed),
            Self::Join(join) => join.poll(world, here, armed),
            Self::Hold(hold) => hold.poll(world, here, armed),
        }
    }

    fn throw(&mut self, cancel: &Cancel) -> bool {
        match self {
            Self::Leaf(leaf) => {
                leaf.throw(cancel);
                false
            }
            Self::Catch(catch) => catch.throw(cancel),
            Self::Shield(shield) => {
                // C11, C23: it waits.
                let held = shield.held.take();
                shield.held = Some(Cancel::merged(held, cancel.clone()));
                true
            }
            Self::Timeout(timeout) => timeout.throw(cancel),
            Self::Join(join) => join.throw(cancel),
            Self::Hold(hold) => hold.throw(cancel),
        }
    }

    fn would_catch(&self) -> bool {
        match self {
            Self::Leaf(_) => false,
            Self::Catch(catch) => match &catch.now {
                Caught::Handler(_, handler) => handler.would_catch(),
                Caught::Body(_) | Caught::Cleanup(..) => true,
            },
            Self::Shield(_) => true,
            Self::Timeout(timeout) => timeout.body.would_catch(),
            Self::Join(join) => join.would_catch(),
            Self::Hold(hold) => hold.would_catch(),
        }
    }

    fn pass_by(&mut self) {
        match self {
            Self::Leaf(_) => {}
            Self::Catch(catch) => match &mut catch.now {
                Caught::Body(seq) | Caught::Handler(_, seq) => seq.pass_by(),
                Caught::Cleanup(_, shield) => shield.body.pass_by(),
            },
            Self::Shield(shield) => shield.body.pass_by(),
            Self::Timeout(timeout) => timeout.body.pass_by(),
            Self::Join(join) => join.pass_by(),
            Self::Hold(hold) => hold.pass_by(),
        }
    }

    fn dead(&self) -> Option<&Cancel> {
        match self {
            Self::Leaf(leaf) => leaf.dead(),
            Self::Catch(catch) => match &catch.now {
                Caught::Handler(_, handler) => handler.dead(),
                Caught::Body(_) | Caught::Cleanup(..) => None,
            },
            Self::Shield(_) => None,
            Self::Timeout(timeout) => {
                let dead = timeout.body.dead();
                dead.filter(|cancel| !cancel.is(timeout.own.as_ref()))
            }
            Self::Join(join) => join.dead(),
            Self::Hold(hold) => hold.dead(),
        }
    }
}

/// A catch point, or `finally`, which is built on it.
#[derive(Debug)]
struct Catch<'p> {
    stmt: &'p Stmt,
    now: Caught<'p>,
}

/// How far a catch point has got.
#[derive(Debug)]
enum Caught<'p> {
    Body(Seq<'p>),
    /// The code after a caught cancellation.
    Handler(Cancel, Seq<'p>),
    /// The clean-up of a `finally` after the body's end.
    Cleanup(End, Shield<'p>),
}

impl<'p> Catch<'p> {
    fn poll(
        &mut self,
        world: &mut World<'p>,
        here: Here,
        armed: &mut Option<Cancel>,
    ) -> Option<End> {
        loop {
            let next = match &mut self.now {
                Caught::Body(body) => {
                    let end = body.poll(world, here, armed)?;
                    match self.caught(end, world, armed) {
                        Ok(next) => next,
                        Err(end) => return Some(end),
                    }
                }
                Caught::Handler(cancel, handler) => {
                    let end = handler.poll(world, here, armed)?;
                    let resumes = matches!(self.stmt, Stmt::Catch(_, _, _, Then::Resume));
                    // C6, C7: swallowed, or passed on with the same reason.
                    return Some(match end {
                        End::Flow(Flow::Next) if resumes => End::Cut(cancel.clone()),
                        end => end,
                    });
                }
                Caught::Cleanup(end, cleanup) => {
                    return Some(match cleanup.poll(world, here, armed)? {
                        End::Flow(_) => end.clone(),
                        cut @ End::Cut(_) => cut,
                    });
                }
            };
            self.now = next;
        }
    }

    /// The body has ended: what runs next, or the end.
    fn caught(
        &self,
        end: End,
        world: &mut World<'p>,
        armed: &mut Option<Cancel>,
    ) -> Result<Caught<'p>, End> {
        // What arrives at a catch point at once arrives as one.
        let end = match end {
            End::Cut(cancel) => End::Cut(cancel.joined(armed.take())),
            flow @ End::Flow(_) => flow,
        };
        match (self.stmt, end) {
            (Stmt::Catch(name, _, handler, _), End::Cut(cancel)) => {
                world.say(format!("caught {name}"), &cancel.why);
                Ok(Caught::Handler(cancel, Seq::new(handler)))
            }
            (Stmt::Finally(name, _, cleanup), end) => {
                Ok(Caught::Cleanup(end, Shield::new(*name, cleanup)))
            }
            (_, flow) => Err(flow),
        }
    }

    fn throw(&mut self, cancel: &Cancel) -> bool {
        match &mut self.now {
            // C8: a catch point further in, or else this one.
            Caught::Body(body) => {
                body.throw(cancel);
                true
            }
            // C9: the clean-up is ordinary code, and is hit again.
            Caught::Handler(_, handler) => handler.throw(cancel),
            Caught::Cleanup(_, cleanup) => {
                let held = cleanup.held.take();
                cleanup.held = Some(Cancel::merged(held, cancel.clone()));
                true
            }
        }
    }
}

/// A shield.
#[derive(Debug)]
struct Shield<'p> {
    name: usize,
    body: Seq<'p>,
    /// What came from outside, and waits.
    held: Option<Cancel>,
}

impl<'p> Shield<'p> {
    fn new(name: usize, body: &'p Block) -> Self {
        Self {
            name,
            body: Seq::new(body),
            held: None,
        }
    }

    fn poll(
        &mut self,
        world: &mut World<'p>,
        here: Here,
        armed: &mut Option<Cancel>,
    ) -> Option<End> {
        // What waits for the next suspension comes from outside too.
        if let Some(cancel) = armed.take() {
            self.held = Some(Cancel::merged(self.held.take(), cancel));
        }
        let mut inner = None;
        let here = Here {
            ending: false,
            exposed: 0,
            ..here
        };
        let end = self.body.poll(world, here, &mut inner)?;
        // C11: the value is given, and the cancellation arrives at the next suspension.
        *armed = match (self.held.take(), inner) {
            (held, Some(inner)) => Some(Cancel::merged(held, inner)),
            (held, None) => held,
        };
        if matches!(end, End::Flow(Flow::Next)) {
            world.say(format!("shielded {}", self.name), "");
        }
        Some(end)
    }
}

/// A timeout.
#[derive(Debug)]
struct Timeout<'p> {
    name: usize,
    scope: usize,
    until: u64,
    /// What it cancelled its body with, when the time was up.
    own: Option<Cancel>,
    /// What came from further out, and was caught inside.
    outer: Option<Cancel>,
    body: Seq<'p>,
}

impl<'p> Timeout<'p> {
    fn poll(
        &mut self,
        world: &mut World<'p>,
        here: Here,
        armed: &mut Option<Cancel>,
    ) -> Option<End> {
        loop {
            // C24: the body comes first.
            let waited = armed.clone();
            let is_due = world.now() >= self.until;
            let mut inside = here.inside(self.scope);
            inside.ending |= is_due && self.own.is_none();
            if let Some(end) = self.body.poll(world, inside, armed) {
                let ended = self.ended(end, world);
                // What it did not need of its own ends with it.
                armed.take_if(|cancel| cancel.is(self.own.as_ref()));
                return Some(ended);
            }
            // A catch point inside has received what waited for a suspension.
            if let (Some(cancel), None) = (waited, &armed) {
                self.note(&cancel);
            }
            if !is_due {
                world.wake_at(self.until, here.task);
                return None;
            }
            // It fires once; not when one further out is about to (C27); and not when all of its body
            // has been dropped from further out, and itself with it.
            if self.own.is_some() || here.ending || world.is_cancelled(here) {
                return None;
            }
            if self.body.dead().is_some() {
                differences::note(Difference::DroppedTimeoutFires);
                return None;
            }
            let cancel = world.new_cancel("the time was up", self.scope);
            self.own = Some(cancel.clone());
            if self.body.throw(&cancel) {
                // What deals with it does so when it is polled next, in another turn.
                world.wake(here.task);
                return None;
            }
        }
    }

    fn ended(&self, end: End, world: &mut World<'p>) -> End {
        match end {
            End::Cut(cancel) if cancel.is(self.own.as_ref()) => match &self.outer {
                // C13: it was not the time alone.
                Some(outer) => End::Cut(outer.clone()),
                None => {
                    world.say(format!("elapsed {}", self.name), "");
                    End::Flow(Flow::Next)
                }
            },
            // C14, C22: not ours.
            End::Cut(cancel) => {
                if self.own.is_some() && cancel.level == FOREIGN {
                    differences::note(Difference::TimeoutTakesForeign);
                }
                End::Cut(cancel)
            }
            // C12: a value is a value.
            End::Flow(flow) => {
                if flow == Flow::Next {
                    world.say(format!("in time {}", self.name), "");
                }
                End::Flow(flow)
            }
        }
    }

    fn throw(&mut self, cancel: &Cancel) -> bool {
        let caught = self.body.throw(cancel);
        if caught {
            self.note(cancel);
        }
        caught
    }

    /// One from further out is dealt with inside: of several that from furthest out counts, and of
    /// those from one scope the latest, because an earlier one may have been swallowed since.
    fn note(&mut self, cancel: &Cancel) {
        let outranks = |old: &Cancel| old.level < cancel.level;
        self.outer = self.outer.take().filter(outranks);
        self.outer.get_or_insert(cancel.clone());
    }
}
